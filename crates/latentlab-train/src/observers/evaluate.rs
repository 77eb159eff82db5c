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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::Scene;

    #[test]
    fn measurements_enter_the_record_when_due_and_at_the_end() {
        let scene = Scene::new();
        let evaluate = |_: &dyn GenerativeModel, step| {
            Ok(vec![("step/squared".to_owned(), (step * step) as f64)])
        };
        let mut observer = Evaluate {
            every: 40,
            evaluate: Box::new(evaluate),
        };
        for (step, expected) in [(39, None), (40, Some(1600.0)), (100, Some(10_000.0))] {
            let mut record = Record::new(step, 0.0);
            scene.observe(&mut observer, step, &mut record).unwrap();
            assert_eq!(record.get("step/squared"), expected);
        }
    }

    #[test]
    fn a_failed_measurement_ends_the_run() {
        let evaluate =
            |_: &dyn GenerativeModel, _| Err(latentlab_core::Error::Data("no images".to_owned()));
        let mut observer = Evaluate {
            every: 1,
            evaluate: Box::new(evaluate),
        };
        let seen = Scene::new().observe(&mut observer, 1, &mut Record::new(1, 0.0));
        assert_eq!(seen.unwrap_err().to_string(), "no images");
    }
}
