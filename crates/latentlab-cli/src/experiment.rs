//! `latentlab experiment`: runs one.

use std::path::PathBuf;

use clap::Args;
use latentlab_core::{Registry, merge};
use latentlab_report::runner;
use toml::Table;

use super::{Changes, interruption::Interruption, say};
use latentlab_run::{
    Experiment, Result, Status,
    library::{self, Source},
    train::Plan,
};

/// Arguments of `experiment`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An embedded experiment (see `latentlab list`) or the path of a TOML file
    #[arg(value_name = "NAME|FILE.toml")]
    experiment: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// The run directory; runs/<experiment>/<id> without it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to call the run: runs/<experiment>/NAME, and in lists and comparisons
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    name: Option<String>,
    /// A few steps only, to see that everything works
    #[arg(long)]
    smoke: bool,
}

impl Arguments {
    pub(super) fn threads(&self, registry: &Registry) -> Result<usize> {
        Ok(self.resolve(registry)?.1.threads)
    }

    /// The experiment's name and file, resolved, and what the command line changed in it.
    fn resolve(&self, registry: &Registry) -> Result<(Source, Experiment, Table)> {
        let source = library::find(&self.experiment)?;
        let mut changes = self.changes.table()?;
        if self.smoke {
            // What is wrong with the whole of it is told before a part is tried.
            Experiment::resolve(&source.table, &changes, registry)?;
            let mut smoke = smoke();
            merge(&mut smoke, &changes);
            changes = smoke;
        }
        let experiment = Experiment::resolve(&source.table, &changes, registry)?;
        Ok((source, experiment, changes))
    }
}

/// A name that can be that of a directory, and stands in one column of a list.
fn run_name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_alphanumeric() || "-_.+=,".contains(letter);
    match text.chars().all(fits) && !text.is_empty() && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err(
            "a name has letters, digits and -_.+=, only, and does not begin with a dot; for \
                      another place use --out"
                .to_owned(),
        ),
    }
}

/// What `--smoke` changes: little training, everything else once or twice.
fn smoke() -> Table {
    toml::toml! {
        steps = 6
        batch_size = 8
        metrics.every = 1
        samples.every = 3
        evaluate.every = 3
        evaluate.images = 256
        checkpoint.every = 2
        expect = []
    }
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let (source, experiment, overrides) = arguments.resolve(registry)?;
    let interruption = Interruption::watch()?;
    let run = runner(registry, interruption.asked()).start(Plan {
        name: &source.name,
        experiment,
        overrides,
        out: arguments.out.as_deref(),
        run_name: arguments.name.as_deref(),
        argv: super::argv(),
    })?;
    say(run.closing_words());
    Ok(exit_code(run.summary.status, &interruption))
}

/// What the process exits with after a run that ended without an error.
pub(super) fn exit_code(status: Status, interruption: &Interruption) -> u8 {
    match status {
        Status::Interrupted => interruption.exit_code(),
        _ => 0,
    }
}
