//! Records the losses.

use super::{Observer, View, read};
use crate::{Record, Result, StopReason};

/// Records each phase's `<phase>/loss`, `<phase>/<term>` and `<phase>/grad_norm` every `every`
/// steps.
///
/// The values are those of the step, not averages, so that a resumed run records the same. A phase
/// that is not due in the step is not in the record.
#[derive(Debug)]
pub struct Scalars {
    /// Steps between two records.
    pub every: u64,
}

impl Observer for Scalars {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if view.is_due(self.every) {
            for phase in &view.report.phases {
                record.insert(format!("{}/loss", phase.name), read(&phase.total)?);
                for (term, value) in &phase.terms {
                    record.insert(format!("{}/{term}", phase.name), read(value)?);
                }
                if let Some(norm) = &phase.grad_norm {
                    record.insert(format!("{}/grad_norm", phase.name), read(norm)?);
                }
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
    fn losses_terms_and_norms_are_recorded_when_due_and_at_the_end() {
        let scene = Scene::new();
        let mut scalars = Scalars { every: 30 };
        for (step, due) in [
            (29, false),
            (30, true),
            (60, true),
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
}
