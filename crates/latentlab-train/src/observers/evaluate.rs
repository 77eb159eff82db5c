//! Measures the model now and then.

use latentlab_core::GenerativeModel;

use super::{Observer, View};
use crate::{Record, Result, StopReason};

/// Measurements of a model after a step, by name.
type Measure =
    Box<dyn FnMut(&dyn GenerativeModel, u64) -> latentlab_core::Result<Vec<(String, f64)>>>;

/// Records what `evaluate` finds of the shown model every `every` steps and at the end.
pub struct Evaluate {
    /// Steps between two evaluations.
    pub every: u64,
    /// Measures the model; the second argument is the number of the step.
    pub evaluate: Measure,
}

impl Observer for Evaluate {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if view.is_due(self.every) {
            for (name, value) in (self.evaluate)(view.shown, view.step)? {
                record.insert(name, value);
            }
        }
        Ok(None)
    }
}
