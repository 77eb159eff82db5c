//! Ends a run whose numbers are no longer finite.

use super::{Observer, View, read};
use crate::{Error, PhaseReport, Record, Result, StopReason};

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
        if view.is_kept(self.every)
            && let Some(parameter) = view.store.first_non_finite()?
            && let Some(phase) = phase_to_blame(&parameter, view)
        {
            let loss = read(&phase.total)?;
            return Err(diverged(phase.name, view.step, Some(parameter), loss));
        }
        Ok(None)
    }
}

/// The first phase of this step that moves a parameter, or else the first phase.
fn phase_to_blame<'a>(parameter: &str, view: &View<'a>) -> Option<&'a PhaseReport> {
    let phases = view.model.phases();
    let moves = |report: &&PhaseReport| {
        let phase = phases.iter().find(|phase| phase.name == report.name);
        let group = phase.map(|phase| view.store.group(phase.params));
        group.is_some_and(|group| group.iter().any(|(path, _)| path == parameter))
    };
    let reports = &view.report.phases;
    reports.iter().find(moves).or(reports.first())
}

fn diverged(phase: &str, step: u64, parameter: Option<String>, loss: f64) -> Error {
    Error::Diverged {
        phase: phase.to_owned(),
        step,
        parameter,
        loss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::Scene;

    fn spoil(scene: &Scene, path: &str) {
        let parameter = scene.store.get(path).unwrap();
        let value = (parameter.var().as_detached_tensor() * f64::NAN).unwrap();
        parameter.set(&value).unwrap();
    }

    fn message(scene: &Scene, every: u64, step: u64) -> Option<String> {
        let mut divergence = Divergence { every };
        let seen = scene.observe(&mut divergence, step, &mut Record::new(step, 0.0));
        seen.err().map(|error| error.to_string())
    }

    #[test]
    fn finite_numbers_are_left_alone() {
        assert_eq!(message(&Scene::new(), 1, 1), None);
    }

    #[test]
    fn a_loss_that_is_not_finite_ends_the_run_in_any_step() {
        let scene = Scene {
            loss: f64::INFINITY,
            ..Scene::new()
        };
        let message = message(&scene, 0, 7).unwrap();
        assert!(message.starts_with("phase `discriminator` diverged at step 7: loss is inf;"));
    }

    #[test]
    fn the_first_bad_parameter_is_named() {
        let scene = Scene {
            loss: f64::NAN,
            ..Scene::new()
        };
        spoil(&scene, "discriminator.weight");
        spoil(&scene, "generator.bias");
        let message = message(&scene, 0, 7).unwrap();
        assert!(message.contains("loss is NaN, first bad parameter `discriminator.weight`"));
    }

    #[test]
    fn a_bad_parameter_ends_the_run_when_due_although_the_loss_is_finite() {
        let scene = Scene::new();
        spoil(&scene, "discriminator.bias");
        assert_eq!(message(&scene, 10, 9), None);
        let message = message(&scene, 10, 10).unwrap();
        assert!(message.contains("loss is 0.5, first bad parameter `discriminator.bias`"));
    }
}
