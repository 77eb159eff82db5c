//! `latentlab papers`: trains what papers trained, and holds it to their figures.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use latentlab_core::Registry;

use super::{interruption::Interruption, say};
use crate::published::{self, Comparison, Results};
use latentlab_run::{Result, Status};

/// Arguments of `papers`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Papers to reproduce (see --list); all without it, the shortest first
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Train and write nothing: judge the runs that have ended, and fail if a figure is missed or a
    /// run is missing
    #[arg(long)]
    check: bool,
    /// Print names, hours on two cores and titles
    #[arg(long, conflicts_with = "check")]
    list: bool,
    /// Where the runs are kept, to go on after a stop
    #[arg(long, value_name = "DIR", default_value = "runs/papers")]
    runs: PathBuf,
    /// Where papers.md is written
    #[arg(long, value_name = "DIR", default_value = "docs")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<u8> {
    let chosen = published::chosen(&arguments.names)?;
    if arguments.list {
        for paper in chosen {
            say(format!(
                "{:<14} {:>5} h  {}",
                paper.name, paper.hours, paper.title
            ));
        }
        return Ok(0);
    }
    if arguments.check {
        return check(arguments, &chosen, registry);
    }
    let all = published::all()?;
    let interruption = Interruption::watch()?;
    let argv = super::argv();
    for paper in &chosen {
        let announce = |words: &str| {
            // There is nobody to tell if stderr cannot be written.
            let _ = writeln!(io::stderr(), "{words}");
        };
        let status = paper.train(
            &arguments.runs,
            &argv,
            registry,
            interruption.asked(),
            announce,
        )?;
        if status == Status::Interrupted {
            say("interrupted; the same command goes on from here");
            return Ok(interruption.exit_code());
        }
        let results = Results::read(paper, &arguments.runs, registry)?;
        let comparisons = results.compare(paper);
        published::write_page(paper, &results, &comparisons, &all, &arguments.out)?;
        tell(&paper.name, &comparisons);
    }
    say(format!("see {}", arguments.out.join("papers.md").display()));
    Ok(0)
}

/// Judges what has ended. Fails with 1 where something is missed or missing.
fn check(arguments: &Arguments, chosen: &[published::Paper], registry: &Registry) -> Result<u8> {
    let mut all_well = true;
    for paper in chosen {
        let results = Results::read(paper, &arguments.runs, registry)?;
        let comparisons = results.compare(paper);
        let (name, count) = (&paper.name, paper.count());
        match &results.missing[..] {
            [] => tell(name, &comparisons),
            [first, ..] => {
                let (missing, first) = (results.missing.len(), first.display());
                if missing < count {
                    tell(name, &comparisons);
                }
                say(format!(
                    "{name}: {missing} of {count} runs have not ended, first {first}; `papers \
                     {name}` makes them"
                ));
            }
        }
        let is_well = |comparison: &Comparison| comparison.outcome.is_well();
        all_well &= results.missing.is_empty() && comparisons.iter().all(is_well);
    }
    Ok(u8::from(!all_well))
}

fn tell(name: &str, comparisons: &[Comparison]) {
    for comparison in comparisons {
        say(format!("{name}: {comparison}"));
    }
}
