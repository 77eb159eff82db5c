//! One training loop for every generative model, exactly resumable.
//!
//! A [`Trainer`] takes steps, [`run`] repeats them, [`observers`] look at each. A [`PhaseTrainer`]
//! trains whatever has phases:
//!
//! ```
//! use std::{sync::atomic::AtomicBool, time::Duration};
//!
//! use candle_core::{DType, Device, Module};
//! use latentlab_core::{Batch, BatchSource, GenerativeModel, Loss, Phase, Result};
//! use latentlab_nn::{Linear, linear};
//! use latentlab_tensor::{ParamStore, Rng};
//! use latentlab_train::{PhaseTrainer, Run, TrainConfig, Trainer, run};
//!
//! /// A linear autoencoder of points in space, through two numbers.
//! struct Tiny {
//!     encoder: Linear,
//!     decoder: Linear,
//! }
//!
//! impl GenerativeModel for Tiny {
//!     fn phases(&self) -> Vec<Phase<'_>> {
//!         let reconstruct = Phase::new("reconstruct", |batch, _| {
//!             let points = batch.images.flatten_from(1)?; // [N, 3]
//!             let back = self.decoder.forward(&self.encoder.forward(&points)?)?;
//!             Ok(Loss::new((back - points)?.sqr()?.sum(1)?.mean_all()?))
//!         });
//!         vec![reconstruct.moving("")] // all parameters
//!     }
//! }
//!
//! struct Points;
//!
//! impl BatchSource for Points {
//!     fn batch(&mut self, index: u64) -> Result<Batch> {
//!         let mut rng = Rng::stream(0, "points", index);
//!         let images = rng.normal((32, 3, 1, 1), DType::F32, &Device::Cpu)?;
//!         Ok(Batch { images, labels: None })
//!     }
//! }
//!
//! # fn main() -> latentlab_train::Result<()> {
//! let store = ParamStore::new(7, DType::F32, &Device::Cpu);
//! let params = store.root();
//! let model = Tiny {
//!     encoder: linear(3, 2, &params.at("encoder"))?,
//!     decoder: linear(2, 3, &params.at("decoder"))?,
//! };
//! let config: TrainConfig = toml::from_str("optimizer.lr = 0.01").unwrap();
//! let mut trainer = PhaseTrainer::new(&model, &store, &config, 200, 7)?;
//! let loss = |trainer: &mut PhaseTrainer| -> latentlab_train::Result<f32> {
//!     let report = trainer.step(&model, &Points.batch(0)?)?;
//!     Ok(report.phases[0].total.to_scalar()?)
//! };
//! let before = loss(&mut trainer)?;
//! let outcome = run(Run {
//!     model: &model,
//!     shown: &model,
//!     store: &store,
//!     averaged: None,
//!     trainer: &mut trainer,
//!     data: &mut Points,
//!     observers: &mut [],
//!     steps: 200,
//!     interrupted: &AtomicBool::new(false),
//!     clock: &|| Duration::ZERO,
//! })?;
//! assert_eq!(outcome.to_string(), "all steps taken at step 200");
//! // Two numbers hold two thirds of the variance, which is 3.
//! assert!(loss(&mut trainer)? < 1.5 && before > 2.0);
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod config;
mod coverage;
mod descent;
pub mod disk;
pub mod durable;
mod error;
mod frozen;
pub mod observers;
mod phase_trainer;
mod record;
mod run;
#[cfg(test)]
mod toy;
mod trainer;
mod warm_start;

pub use checkpoint::{CheckpointStore, Retention, Snapshot};
pub use config::TrainConfig;
pub use error::{Error, LossHistory, Result};
pub use observers::{Observer, View};
pub use phase_trainer::PhaseTrainer;
pub use record::Record;
pub use run::{Outcome, Run, StopReason, run};
pub use trainer::{PhaseReport, StepReport, Trainer};
pub use warm_start::warm_start;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
