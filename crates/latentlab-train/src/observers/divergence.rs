//! Ends a run whose losses explode or whose numbers are no longer finite.

use std::path::Path;

use latentlab_core::Phase;

use super::{Observer, View, explosion::Explosion, first_losses::FirstLosses, read};
use crate::{Error, LossHistory, Record, Result, StopReason};

/// Fails in the step in which a loss is not finite, in which an optimizer saw that a parameter no
/// longer is, or by whose record a loss has exploded; every `every` steps it looks at all parameters
/// itself.
///
/// Placed after [`Scalars`](super::Scalars), whose losses it reads, and before those who evaluate and
/// draw, with their interval, it says what is wrong before they stumble over it.
/// [`Checkpoints`](super::Checkpoints) looks at the parameters itself.
///
/// # When a loss has exploded
///
/// A recorded loss has exploded where its absolute value exceeds `factor` times the largest absolute
/// value in the early part of the phase's history (its loss in the first step in which it ran, and the
/// first quarter to half of the records since), which is taken to be at least 1; or where it exceeds
/// 10^19, whose square no `f32` can hold. A phase has diverged when five of its records in a row have
/// exploded, or when the last record of the run has, whatever ends it.
///
/// So a spike is no divergence, losses may start near zero, swing over orders of magnitude and cross
/// zero, and with the usual factor a loss that grows as the seventh power of the step is left alone, as
/// that of an unbounded critic may. The decision follows from the first losses and the records alone.
#[derive(Debug)]
pub struct Divergence {
    /// Steps between two looks at the parameters; losses are looked at in every step.
    every: u64,
    explosion: Explosion,
    first: FirstLosses,
}

impl Divergence {
    /// Looks at all parameters every `every` steps; the loss explodes at `factor` times its past
    /// ([`EXPLOSION`](super::EXPLOSION) is the usual one, 0 lets it grow).
    ///
    /// What the losses were before the first record is known to this session only; a run that is to
    /// be resumed [keeps](Self::open) it.
    pub fn new(every: u64, factor: f64) -> Self {
        Self {
            every,
            explosion: Explosion::new(factor),
            first: FirstLosses::default(),
        }
    }

    /// The same for a run that keeps the losses of the first step in which each phase ran in `file`,
    /// and goes on after `step`.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn open(every: u64, factor: f64, file: &Path, step: u64) -> Result<Self> {
        let first = FirstLosses::open(file, step)?;
        let mut explosion = Explosion::new(factor);
        first
            .iter()
            .for_each(|(phase, loss)| explosion.begin(phase, loss));
        Ok(Self {
            every,
            explosion,
            first,
        })
    }
}

impl Divergence {
    /// Whether training may go on by the records so far, the last of which is of this step with these
    /// losses.
    fn require_calm(&self, view: &View<'_>, losses: &[(&str, f64)]) -> Result<()> {
        for phase in view.model.phases() {
            if self.explosion.has_diverged(phase.name, view.is_over()) {
                let history = self.explosion.history(phase.name);
                let now = losses.iter().find(|(name, _)| *name == phase.name);
                let loss = now.map(|(_, loss)| *loss);
                return Err(diverged(phase.name, view.step, None, loss, history));
            }
        }
        Ok(())
    }
}

impl Observer for Divergence {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        let mut losses = Vec::new();
        for phase in &view.report.phases {
            let loss = read(&phase.total)?;
            if !loss.is_finite() || !phase.finite {
                let parameter = first_bad(view, phase.name)?;
                let history = self.explosion.history(phase.name);
                return Err(diverged(
                    phase.name,
                    view.step,
                    parameter,
                    Some(loss),
                    history,
                ));
            }
            losses.push((phase.name, loss));
        }
        let unknown = losses
            .iter()
            .filter(|(phase, _)| !self.explosion.knows(phase));
        let unknown: Vec<(&str, f64)> = unknown.copied().collect();
        self.first.note(view.step, &unknown)?;
        for (phase, loss) in unknown {
            self.explosion.begin(phase, loss);
        }
        if !record.is_empty() {
            self.explosion.count(record);
            self.require_calm(view, &losses)?;
        }
        if view.is_kept(self.every) {
            require_finite(view)?;
        }
        Ok(None)
    }

    fn ended(&mut self, view: &View<'_>) -> Result<()> {
        let losses = view.report.phases.iter();
        let losses = losses.map(|phase| Ok((phase.name, read(&phase.total)?)));
        self.require_calm(view, &losses.collect::<Result<Vec<_>>>()?)
    }

    fn replay(&mut self, record: &Record) {
        self.explosion.count(record);
    }
}

/// The first parameter that is not finite: among those of the phase, if there is one.
fn first_bad(view: &View<'_>, phase: &str) -> Result<Option<String>> {
    let phases = view.model.phases();
    let phase = phases.iter().find(|one| one.name == phase);
    let own = phase.map(|phase| view.store.first_non_finite_below(phase.params));
    Ok(match own.transpose()?.flatten() {
        Some(path) => Some(path),
        None => view.store.first_non_finite()?,
    })
}

/// Whether the model may be kept.
///
/// # Errors
/// If a value of the model or of its average is not finite, with a phase that moves it.
pub(super) fn require_finite(view: &View<'_>) -> Result<()> {
    let stores = [
        Some((view.store, "")),
        view.averaged.map(|store| (store, "ema/")),
    ];
    for (store, place) in stores.into_iter().flatten() {
        let Some(path) = store.first_non_finite()? else {
            continue;
        };
        let phases = view.model.phases();
        let moves = |phase: &&Phase<'_>| {
            let group = view.store.group(phase.params);
            group.iter().any(|(moved, _)| *moved == path)
        };
        let report = |phase: &Phase<'_>| {
            let mut reports = view.report.phases.iter();
            reports.find(|report| report.name == phase.name)
        };
        // Rather a phase of this step: its loss is known.
        let mut due = phases.iter().filter(|phase| report(phase).is_some());
        let phase = due.find(moves).or(phases.iter().find(moves));
        let loss = phase.and_then(report).map(|report| read(&report.total));
        let name = phase.map_or("unknown", |phase| phase.name);
        let parameter = Some(format!("{place}{path}"));
        return Err(diverged(
            name,
            view.step,
            parameter,
            loss.transpose()?,
            None,
        ));
    }
    Ok(())
}

fn diverged(
    phase: &str,
    step: u64,
    parameter: Option<String>,
    loss: Option<f64>,
    history: Option<LossHistory>,
) -> Error {
    Error::Diverged {
        phase: phase.to_owned(),
        step,
        parameter,
        loss,
        history: history.map(Box::new),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        StepReport,
        observers::{EXPLOSION, scene::Scene},
    };

    fn message(scene: &Scene, every: u64, step: u64) -> Option<String> {
        let mut divergence = Divergence::new(every, EXPLOSION);
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
        scene.spoil("discriminator.weight");
        scene.spoil("generator.bias");
        let message = message(&scene, 0, 7).unwrap();
        assert!(message.contains("loss is NaN, first bad parameter `discriminator.weight`"));
    }

    #[test]
    fn a_bad_parameter_ends_the_run_when_due_although_the_loss_is_finite() {
        let scene = Scene::new();
        scene.spoil("discriminator.bias");
        assert_eq!(message(&scene, 10, 9), None);
        let message = message(&scene, 10, 10).unwrap();
        assert!(message.contains("loss is 0.5, first bad parameter `discriminator.bias`"));
    }

    #[test]
    fn a_bad_average_is_named_as_such_with_the_phase_that_moves_it() {
        let (live, average) = (Scene::new(), Scene::new());
        average.spoil("generator.bias");
        let report = StepReport {
            step: 3,
            phases: Vec::new(),
        };
        let error = require_finite(&View {
            step: 3,
            steps: 9,
            report: &report,
            model: &live.model,
            shown: &average.model,
            store: &live.store,
            averaged: Some(&average.store),
            trainer: &live.trainer,
            elapsed: Duration::ZERO,
            ending: None,
        });
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with(
                "phase `generator` diverged at step 3: first bad parameter `ema/generator.bias`;"
            ),
            "{message}"
        );
    }
}
