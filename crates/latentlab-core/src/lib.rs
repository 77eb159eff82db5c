//! The vocabulary every other crate speaks: batch, loss, phase, model, registry.
//!
//! A training step is a list of [`Phase`]s. A phase names the parameters that move, how often it is
//! due, and the [`Loss`] they go down. An autoencoder has one phase, a GAN has two, a GAN with a
//! lazy gradient penalty three; one loop runs them all. Nothing in the loop knows a model, and
//! nothing in a model knows an optimizer.
//!
//! A model of one parameter for each pixel, which learns the mean image:
//!
//! ```
//! use candle_core::{DType, Device};
//! use latentlab_core::{
//!     DataInfo, GenerativeModel, ImageShape, Loss, ModelSpec, Phase, Registry, Result, ValueRange,
//! };
//! use latentlab_tensor::{Init, ParamBuilder, ParamStore, Parameter};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(default, deny_unknown_fields)]
//! struct MeanConfig {}
//!
//! struct Mean(Parameter);
//!
//! impl GenerativeModel for Mean {
//!     fn phases(&self) -> Vec<Phase<'_>> {
//!         let loss = |batch: &latentlab_core::Batch, _: &mut _| {
//!             let error = batch.images.broadcast_sub(&self.0.value())?;
//!             Ok(Loss::new(error.sqr()?.mean_all()?))
//!         };
//!         vec![Phase::new("mean", loss).moving("")]
//!     }
//! }
//!
//! impl ModelSpec for Mean {
//!     const NAME: &'static str = "mean";
//!     const SUMMARY: &'static str = "the mean image";
//!     type Config = MeanConfig;
//!
//!     fn build(_: &MeanConfig, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
//!         Ok(Self(params.parameter("mean", data.shape.batch(1), Init::ZEROS)?))
//!     }
//! }
//!
//! let registry = Registry::default().with(|registry: &mut Registry| registry.add::<Mean>())?;
//! let shape = ImageShape { channels: 1, height: 2, width: 2 };
//! let data = DataInfo { shape, range: ValueRange::Unit, classes: None, mean: vec![0.5; 4] };
//! let store = ParamStore::new(0, DType::F32, &Device::Cpu);
//! let model = registry.get("mean")?.build(&toml::Table::new(), &data, &store.root())?;
//! assert_eq!(model.phases()[0].name, "mean");
//! assert_eq!(store.paths(), ["mean"]);
//! # Ok::<(), latentlab_core::Error>(())
//! ```

mod batch;
mod capability;
mod data;
mod error;
mod model;
pub mod numbers;
mod phase;
mod registry;
mod table;

pub use batch::Batch;
pub use capability::{Classify, Criticise, Elbo, Likelihood, Reconstruct, Sample};
pub use data::{BatchSource, DataInfo, ImageShape, ValueRange};
pub use error::{Error, Result, nearest};
pub use model::{GenerativeModel, ModelSpec};
pub use phase::{Loss, Phase, Step, Term};
pub use registry::{Entry, Plugin, Registry};
pub use table::{from_table, merge};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
