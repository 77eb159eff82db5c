//! Who looks at each step: one observer, one concern. None of them changes the training.

mod checkpoints;
mod collapse;
mod divergence;
mod evaluate;
mod explosion;
mod first_losses;
mod metrics_file;
mod pictures;
mod progress;
mod scalars;
#[cfg(test)]
mod scene;
mod stop_config;
mod stop_rules;
mod tensorboard;

use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use latentlab_core::GenerativeModel;
use latentlab_tensor::ParamStore;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use checkpoints::{Checkpoints, surely_saved};
pub use collapse::{ACTIVE_UNITS, Collapse, FAKE_ACCURACY, REAL_ACCURACY, SAMPLE_SPREAD};
pub use divergence::Divergence;
pub use evaluate::Evaluate;
pub use explosion::EXPLOSION;
pub use metrics_file::{MetricsFile, read_metrics};
pub use pictures::{Pictures, numbered_pictures};
pub use progress::Progress;
pub use scalars::Scalars;
pub use stop_config::{Equilibrium, Patience, StopConfig};
pub use stop_rules::{FAKE_PROBABILITY, REAL_PROBABILITY, StopRules};
pub use tensorboard::TensorBoard;

use crate::{Record, Result, StepReport, StopReason, Trainer};

/// Looks at each step, and may stop the run.
pub trait Observer {
    /// Sees one step. What it finds out goes into the record, where later observers read it.
    ///
    /// # Errors
    /// An error ends the run at once.
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>>;

    /// Sees a step once more that became the last by what a later observer found there, before those
    /// after that one see it.
    ///
    /// # Errors
    /// An error ends the run at once.
    fn ended(&mut self, view: &View<'_>) -> Result<()> {
        let _ = view;
        Ok(())
    }

    /// Why the run ends at the last step taken, as far as can be told without looking at it: from
    /// the time spent training, and from the records replayed. Asked before the first step of a
    /// session and after each step, before anybody sees it.
    fn verdict(&self, elapsed: Duration) -> Option<StopReason> {
        let _ = elapsed;
        None
    }

    /// Sees the record of an earlier step when a run is resumed, so that what an observer
    /// remembers is a function of the records.
    fn replay(&mut self, record: &Record) {
        let _ = record;
    }
}

/// What an observer may look at after a step.
pub struct View<'a> {
    /// Number of the step, from 1.
    pub step: u64,
    /// The step that the run is to end after.
    pub steps: u64,
    /// What the step did.
    pub report: &'a StepReport,
    /// The model in training.
    pub model: &'a dyn GenerativeModel,
    /// The model to evaluate and draw: the averaged one if there is one.
    pub shown: &'a dyn GenerativeModel,
    /// The parameters of `model`.
    pub store: &'a ParamStore,
    /// The parameters of `shown`, where these are an average.
    pub averaged: Option<&'a ParamStore>,
    /// The trainer after the step.
    pub trainer: &'a dyn Trainer,
    /// Time spent training.
    pub elapsed: Duration,
    /// Why this step is the last, if it is.
    pub ending: Option<StopReason>,
}

impl View<'_> {
    /// Whether the run ends here for good. An interruption is not the end: the run goes on later as
    /// if it had not been.
    pub fn is_over(&self) -> bool {
        self.ending
            .is_some_and(|reason| reason != StopReason::Interrupted)
    }

    /// Whether something done every `every` steps (0: never) and at the end is due; nothing that an
    /// uninterrupted run would not have left is.
    pub fn is_due(&self, every: u64) -> bool {
        self.is_over() || (every > 0 && self.step.is_multiple_of(every))
    }

    /// Whether the state of the run must be kept, every `every` steps and whenever it ends.
    pub fn is_kept(&self, every: u64) -> bool {
        self.ending.is_some() || self.is_due(every)
    }
}

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Low ones.
    Min,
    /// High ones.
    Max,
}

impl Goal {
    /// Whether `value` is better than `best`; no number is worse than any.
    pub fn improves(self, value: f64, best: Option<f64>) -> bool {
        match (self, best) {
            (_, None) => !value.is_nan(),
            (Self::Min, Some(best)) => value < best,
            (Self::Max, Some(best)) => value > best,
        }
    }
}

/// The value of a scalar on the device.
fn read(scalar: &Tensor) -> Result<f64> {
    // In this order: not every device has f64.
    let scalar = scalar.to_device(&Device::Cpu)?;
    Ok(scalar.to_dtype(DType::F64)?.to_scalar()?)
}
