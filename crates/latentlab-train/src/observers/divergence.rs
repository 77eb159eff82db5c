//! Ends a run whose numbers are no longer finite.

use super::{Observer, View, read};
use crate::{Error, Record, Result, StopReason};

/// Fails in the step in which a loss is not finite, and every `every` steps if a parameter is not.
///
/// Placed before [`Checkpoints`](super::Checkpoints), with the same interval, it keeps broken
/// parameters from being saved.
#[derive(Debug)]
pub struct Divergence {
    /// Steps between two looks at the parameters; losses are looked at in every step.
    pub every: u64,
}

impl Observer for Divergence {
    fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        for phase in &view.report.phases {
            let loss = read(&phase.total)?;
            if !loss.is_finite() {
                let parameter = view.store.first_non_finite()?;
                return Err(diverged(phase.name, view.step, parameter, loss));
            }
        }
        if view.is_due(self.every)
            && let Some(parameter) = view.store.first_non_finite()?
        {
            let (phase, loss) = phase_that_moved(&parameter, view)?;
            return Err(diverged(&phase, view.step, Some(parameter), loss));
        }
        Ok(None)
    }
}

/// The phase of this step to blame for a parameter, with its loss.
fn phase_that_moved(parameter: &str, view: &View<'_>) -> Result<(String, f64)> {
    let phases = view.model.phases();
    let moved = |name: &str| {
        let phase = phases.iter().find(|phase| phase.name == name);
        phase.is_some_and(|phase| {
            view.store
                .group(phase.params)
                .iter()
                .any(|(path, _)| path == parameter)
        })
    };
    match view.report.phases.iter().find(|phase| moved(phase.name)) {
        Some(phase) => Ok((phase.name.to_owned(), read(&phase.total)?)),
        None => Ok(("none of this step's".to_owned(), f64::NAN)),
    }
}

fn diverged(phase: &str, step: u64, parameter: Option<String>, loss: f64) -> Error {
    Error::Diverged {
        phase: phase.to_owned(),
        step,
        parameter,
        loss,
    }
}
