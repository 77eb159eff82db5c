//! One training loop for every generative model, exactly resumable.

mod checkpoint;
mod config;
mod durable;
mod ema;
mod error;
mod gradients;
pub mod observers;
pub mod optimizer;
mod parallel;
mod phase_trainer;
pub mod picture;
mod record;
mod run;
mod schedule;
#[cfg(test)]
mod toy;
mod trainer;

pub use checkpoint::{CheckpointStore, Snapshot};
pub use config::TrainConfig;
pub use ema::{Ema, EmaConfig};
pub use error::{Error, Result};
pub use gradients::Gradients;
pub use observers::{Observer, View};
pub use optimizer::{Optimizer, OptimizerConfig, Rule};
pub use phase_trainer::PhaseTrainer;
pub use picture::Picture;
pub use record::Record;
pub use run::{Outcome, Run, StopReason, run};
pub use schedule::Schedule;
pub use trainer::{PhaseReport, StepReport, Trainer};
