//! Data sets in memory, and endless seeded streams of batches from them.
//!
//! A [`DataConfig`] names a source: MNIST, which comes with the crate, IDX files, a folder of images,
//! an `.npz` file, drawn pictures, or samples of a known distribution. [`Dataset::open`] reads it whole; a [`Loader`]
//! draws training batches, and [`Dataset::batches`] goes through a split once for evaluation. Batch k
//! of a loader is a pure function of the seed and k, so that a run resumes exactly where it stopped.
//!
//! ```
//! use std::sync::Arc;
//!
//! use candle_core::Device;
//! use latentlab_core::BatchSource;
//! use latentlab_data::{DataConfig, Dataset, Loader, Split};
//!
//! let config = DataConfig::from_table(&toml::toml! { name = "mnist" binarise = "dynamic" })?;
//! let digits = Arc::new(Dataset::open(&config)?);
//! assert_eq!(digits.len(Split::Test), 10_000);
//!
//! let mut batches = Loader::new(digits, 128, 7, config.options.workers, &Device::Cpu)?;
//! let batch = batches.batch(0)?;
//! assert_eq!(batch.images.dims(), [128, 1, 28, 28]);
//! # Ok::<(), latentlab_core::Error>(())
//! ```

mod array;
mod binarise;
mod config;
mod dataset;
mod dice;
mod error;
mod fingerprint;
mod flip;
mod folder;
mod idx;
mod images;
mod loader;
mod mnist;
mod npy;
mod npz;
mod older;
mod order;
mod parts;
mod pixels;
mod points;
mod prefetch;
mod shapes;
mod share;
mod shift;
mod source;
mod split;
mod summary;
mod synthetic;

pub use binarise::Binarise;
pub use config::{DataConfig, Options};
pub use dataset::{Dataset, Split};
pub use dice::DICE;
pub use error::{Error, Result};
pub use folder::{Background, Fit, Folder, Grey, Orientation};
pub use idx::Idx;
pub use loader::Loader;
pub use mnist::Mnist;
pub use npz::{Keys, Npz};
pub use older::keep_older_meaning;
pub use pixels::{Layout, Scale};
pub use points::{
    GRID_DEVIATION, RING_DEVIATION, SPIRAL_DEVIATION, grid_modes, ring_modes, spiral_point,
};
pub use shapes::Shapes;
pub use source::{Source, names_and_summaries, schema};
pub use split::SplitRule;
pub use summary::{Class, Note, Summary};
pub use synthetic::Synthetic;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
