//! Records the losses.

use std::collections::BTreeMap;

use super::{Observer, View, read};
use crate::{PhaseReport, Record, Result, StopReason};

/// What the key of a phase's loss ends in.
const LOSS: &str = "/loss";

/// Records each phase's `<phase>/loss`, `<phase>/<term>` and `<phase>/grad_norm` once in every
/// `every` steps and at the end: a phase of every step at the multiples of `every`, a rare one in
/// the first step in which it runs from there on.
///
/// The values are those of the step, not averages, so that a resumed run records the same.
#[derive(Debug)]
pub struct Scalars {
    every: u64,
    /// The last step in which a phase was recorded.
    last: BTreeMap<String, u64>,
}

impl Scalars {
    /// Records once in every `every` steps; 0 records the last step only.
    pub fn new(every: u64) -> Self {
        Self {
            every,
            last: BTreeMap::new(),
        }
    }

    fn is_due(&self, phase: &str, step: u64) -> bool {
        let last = self.last.get(phase).copied().unwrap_or(0);
        self.every > 0 && step / self.every > last / self.every
    }
}

impl Observer for Scalars {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        for phase in &view.report.phases {
            if view.is_over() || self.is_due(phase.name, view.step) {
                insert(phase, record)?;
                self.last.insert(phase.name.to_owned(), view.step);
            }
        }
        Ok(None)
    }

    fn replay(&mut self, record: &Record) {
        for phase in record.iter().filter_map(|(key, _)| key.strip_suffix(LOSS)) {
            self.last.insert(phase.to_owned(), record.step);
        }
    }
}

fn insert(phase: &PhaseReport, record: &mut Record) -> Result<()> {
    let name = phase.name;
    record.insert(format!("{name}{LOSS}"), read(&phase.total)?);
    for (term, value) in &phase.terms {
        record.insert(format!("{name}/{term}"), read(&value.value()?)?);
    }
    if let Some(norm) = &phase.grad_norm {
        record.insert(format!("{name}/grad_norm"), read(norm)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::Scene;

    #[test]
    fn losses_terms_and_norms_are_recorded_when_due_and_at_the_end() {
        let scene = Scene::new();
        let mut scalars = Scalars::new(30);
        for (step, due) in [
            (29, false),
            (30, true),
            (60, true),
            (90, true),
            (99, false),
            (100, true),
        ] {
            let mut record = Record::new(step, 0.0);
            scene.observe(&mut scalars, step, &mut record).unwrap();
            let found: Vec<(&str, f64)> = record.iter().collect();
            let expected = [
                ("discriminator/grad_norm", 2.0),
                ("discriminator/loss", 0.5),
                ("discriminator/real", 0.25),
            ];
            assert_eq!(found, if due { &expected[..] } else { &[] }, "step {step}");
        }
    }

    #[test]
    fn a_rare_phase_is_recorded_when_it_runs_first_also_after_a_resumption() {
        let mut scalars = Scalars::new(10);
        let due: Vec<u64> = (1..=40)
            .filter(|step| step % 7 == 0)
            .filter(|step| {
                let due = scalars.is_due("generator", *step);
                if due {
                    let mut record = Record::new(*step, 0.0);
                    record.insert("generator/loss", 1.0);
                    scalars.replay(&record);
                }
                due
            })
            .collect();
        assert_eq!(due, [14, 21, 35]);
    }
}
