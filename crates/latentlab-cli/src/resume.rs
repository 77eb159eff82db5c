//! `latentlab resume`: takes a run up again.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use latentlab_core::Registry;
use latentlab_report::runner;

use super::{Changes, experiment::exit_code, interruption::Interruption, say};
use latentlab_run::{
    Result,
    train::{self, Reschedule},
};

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory
    #[arg(value_name = "DIR")]
    run: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// What becomes of learning rates that were to end with the run, where --steps lets it go on
    #[arg(long)]
    schedule: Option<Schedule>,
}

/// The choices of `--schedule`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Schedule {
    /// The schedules end with the new number of steps, as if they had done so from the start
    Stretch,
    /// The schedules begin anew, warm-up included, after the steps that are taken
    Restart,
}

impl Arguments {
    fn reschedule(&self) -> Option<Reschedule> {
        self.schedule.map(|schedule| match schedule {
            Schedule::Stretch => Reschedule::Stretch,
            Schedule::Restart => Reschedule::Restart,
        })
    }

    pub(super) fn threads(&self, registry: &Registry) -> Result<usize> {
        let changes = self.changes.table()?;
        let (experiment, _) = train::resumable(&self.run, &changes, self.reschedule(), registry)?;
        Ok(experiment.threads)
    }
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let interruption = Interruption::watch()?;
    let changes = arguments.changes.table()?;
    let run = runner(registry, interruption.asked()).resume_with(
        &arguments.run,
        &changes,
        arguments.reschedule(),
    )?;
    say(run.closing_words());
    Ok(exit_code(run.summary.status, &interruption))
}
