//! What a run has saved and no longer has: how that is known, and the way out.

use std::path::Path;

use super::{CheckpointStore, Snapshot, store::BEST};
use crate::{Error, Record, Result};

impl CheckpointStore {
    /// The latest checkpoint of a run that is known to have saved one at step `saved` or later (0: not
    /// known), for example by [`surely_saved`](crate::observers::surely_saved).
    ///
    /// # Errors
    /// As [`latest`](Self::latest), and if none is there although one was saved: steps are not taken
    /// again from the first without a word.
    pub fn latest_of(&self, saved: u64) -> Result<Option<Snapshot>> {
        let latest = self.latest()?;
        if latest.is_some() || saved == 0 {
            return Ok(latest);
        }
        let problem = format!(
            "holds no checkpoint, though one was saved at step {saved} or later; put the folder back \
             as it was, or start a new run in another directory"
        );
        Err(Error::Lost {
            file: self.directory.clone(),
            problem,
        })
    }

    /// Whether `records`, those of the file `metrics`, hold that of the best checkpoint, which was
    /// marked for a number in it. It is to be asked for before a run goes on: without that record
    /// another checkpoint would become the best.
    ///
    /// # Errors
    /// If not, with the way out.
    pub fn require_record_of_best(&self, metrics: &Path, records: &[Record]) -> Result<()> {
        let Some(best) = self.best_step()? else {
            return Ok(());
        };
        if records.iter().any(|record| record.step == best) {
            return Ok(());
        }
        let problem = format!(
            "has no record of step {best}, whose checkpoint is marked as the best by one; put the \
             file back as it was, or remove {} to let another checkpoint become the best",
            self.directory.join(BEST).display()
        );
        Err(Error::Lost {
            file: metrics.to_owned(),
            problem,
        })
    }

    /// What to do about a pointer that is damaged.
    pub(super) fn way_out_of(&self, pointer: &str) -> Result<String> {
        let mut steps = self.steps()?;
        steps.retain(|step| self.load(*step).is_ok());
        Ok(match (pointer, steps.last()) {
            (BEST, _) => "remove the file to let another checkpoint become the best".to_owned(),
            (_, None) => {
                "no checkpoint is intact: put them back as they were, or start a new run in \
                          another directory"
                    .to_owned()
            }
            (_, Some(newest)) => {
                format!("remove the file to go on from the newest intact checkpoint, step {newest}")
            }
        })
    }
}
