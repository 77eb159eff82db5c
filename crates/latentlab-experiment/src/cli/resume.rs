//! `latentlab resume`: takes a run up again.

use std::path::PathBuf;

use clap::Args;
use latentlab_core::Registry;

use super::{Changes, experiment::exit_code, interruption::Interruption, say};
use crate::{Result, train};

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory
    #[arg(value_name = "DIR")]
    run: PathBuf,
    #[command(flatten)]
    changes: Changes,
}

impl Arguments {
    pub(super) fn threads(&self, registry: &Registry) -> Result<usize> {
        let (experiment, _) = train::resumable(&self.run, &self.changes.table()?, registry)?;
        Ok(experiment.threads)
    }
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let interruption = Interruption::watch()?;
    let changes = arguments.changes.table()?;
    let run = train::resume(&arguments.run, &changes, registry, interruption.asked())?;
    say(run.closing_words());
    Ok(exit_code(run.summary.status, &interruption))
}
