//! The vocabulary every other crate speaks: batch, loss, phase, model, registry.
//!
//! A training step is a list of [`Phase`]s. A phase names the parameters that move, how often it is
//! due, and the [`Loss`] they go down. An autoencoder has one phase, a GAN has two, a GAN with a
//! lazy gradient penalty three; one loop runs them all. Nothing in the loop knows a model, and
//! nothing in a model knows an optimizer.

mod batch;
mod capability;
mod data;
mod error;
mod model;
mod phase;
mod registry;

pub use batch::Batch;
pub use capability::{Criticise, Elbo, Likelihood, Reconstruct, Sample};
pub use data::{BatchSource, DataInfo, ImageShape, ValueRange};
pub use error::{Error, Result, nearest};
pub use model::{GenerativeModel, ModelSpec};
pub use phase::{Loss, Phase, Step};
pub use registry::{Entry, Plugin, Registry, merge};
