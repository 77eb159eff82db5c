//! Autoencoders, variational autoencoders and generative adversarial networks, and the classifier
//! whose features judge them.
//!
//! Each model is one file that could be printed: its parts, its phases, what the trained model can
//! do; a long configuration has a file of its own. The networks they are made of are those of
//! `latentlab-nn`, the distribution of a pixel lives in `observation`. [`plugin`] registers them all;
//! a model outside of this crate registers the same way.
//!
//! ```
//! use latentlab_core::Registry;
//!
//! let registry = Registry::default().with(latentlab_models::plugin)?;
//! let names: Vec<_> = registry.iter().map(|entry| entry.name).collect();
//! assert_eq!(names, ["ae", "classifier", "gan", "vae"]);
//! # Ok::<(), latentlab_core::Error>(())
//! ```

mod ae;
mod classifier;
mod gan;
mod observation;
mod vae;

pub use ae::{Autoencoder, AutoencoderConfig};
pub use classifier::{Classifier, ClassifierConfig};
pub use gan::{Gan, GanConfig, GeneratorOutput, Penalty, PenaltyKind, Prior};
pub use observation::{Observation, OutputBias};
pub use vae::{Vae, VaeConfig};

use latentlab_core::{Registry, Result};

/// Registers every model of this crate.
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.add::<Autoencoder>()?;
    registry.add::<Classifier>()?;
    registry.add::<Gan>()?;
    registry.add::<Vae>()
}

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
