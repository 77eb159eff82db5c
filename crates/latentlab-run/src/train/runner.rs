//! Starting runs and taking them up again, for a program that may watch them.

use std::sync::atomic::AtomicBool;

use latentlab_core::Registry;
use latentlab_train::{Record, observers::Observer};

use super::Summary;
use crate::{Result, RunDir, RunRecord, Session};

/// What takes part in a run beside training, records and checkpoints.
pub trait Hook {
    /// Observers of a run that begins or goes on. They see each step after it was evaluated, and before
    /// its record and its checkpoint are written.
    ///
    /// # Errors
    /// An error ends the run before it begins.
    fn observers(&self, session: &Session, directory: &RunDir) -> Result<Vec<Box<dyn Observer>>> {
        let _ = (session, directory);
        Ok(Vec::new())
    }

    /// Called when a run has ended, however it did, and its summary is written.
    ///
    /// # Errors
    /// An error is the run's, unless it ended with another one.
    fn ended(&self, run: &EndedRun<'_>) -> Result<()> {
        let _ = run;
        Ok(())
    }
}

/// A run that has ended.
#[derive(Clone, Copy)]
pub struct EndedRun<'a> {
    /// The model with its last parameters, and the data.
    pub session: &'a Session,
    /// Where it was trained.
    pub directory: &'a RunDir,
    /// `run.json`.
    pub record: &'a RunRecord,
    /// `summary.json`.
    pub summary: &'a Summary,
    /// `metrics.jsonl`.
    pub records: &'a [Record],
    /// Why it ended, free of anything that two runs with one seed do not share.
    pub words: &'a str,
}

/// Starts runs and takes them up again.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    /// The models there are.
    pub registry: &'a Registry,
    /// Set, it ends a run after the step that is under way.
    pub interrupted: &'a AtomicBool,
    /// Who takes part in each run, in this order.
    pub hooks: &'a [&'a dyn Hook],
}

impl<'a> Runner<'a> {
    /// A runner of runs in which nobody else takes part: they have records and checkpoints, no
    /// pictures and no report.
    pub fn new(registry: &'a Registry, interrupted: &'a AtomicBool) -> Self {
        Self {
            registry,
            interrupted,
            hooks: &[],
        }
    }
}
