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
