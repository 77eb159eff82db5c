//! The n-th operation on the file system fails, for every n of a whole run, its report included.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{Experiment, chain, library, reproduction::compare, train::Plan};
use latentlab_train::disk::{Extent, Full, with_full_disk};
use toml::Table;

use crate::{Error, Result, registry};

/// How far a failing operation comes, and whether all later ones fail as well, as when the machine
/// stops.
const TROUBLES: [(Extent, bool); 6] = [
    (Extent::None, false),
    (Extent::None, true),
    (Extent::Half, false),
    (Extent::Half, true),
    (Extent::All, false),
    (Extent::All, true),
];

/// What came of the faults.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Operations that a whole run performs.
    pub operations: usize,
    /// Runs with a fault.
    pub injected: usize,
    /// What was lost or said wrongly.
    pub lost: Vec<String>,
    /// Some of what was said.
    pub said: Vec<String>,
}

/// Lets every `stride`-th operation of a run in `folder` fail, each in six ways.
///
/// # Errors
/// If a run fails without a fault.
pub fn every_operation(folder: &Path, stride: usize) -> Result<Faults> {
    let registry = registry()?;
    let whole = folder.join("whole");
    let (outcome, operations) = with_full_disk(None, || begin_or_resume(&registry, &whole));
    outcome?;
    let mut found = Faults {
        operations: operations.len(),
        ..Faults::default()
    };
    for at in (0..operations.len()).step_by(stride.max(1)) {
        for (extent, for_good) in TROUBLES {
            let run = folder.join("run");
            let full = Full {
                at,
                extent,
                for_good,
            };
            let attempt = || begin_or_resume(&registry, &run);
            let (outcome, _) = with_full_disk(Some(full), attempt);
            let (operation, path) = &operations[at];
            let path = path.strip_prefix(&whole).unwrap_or(path);
            let what = format!("{operation:?} {at} of {}, {extent:?}", path.display());
            found.injected += 1;
            match outcome {
                Ok(()) => found.lost.push(format!("{what}: nothing is said")),
                Err(error) => {
                    let words = said(&error);
                    let named = words.contains(&*path.to_string_lossy());
                    if !(named && words.contains("No space left on device")) {
                        found.lost.push(format!("{what}: {words}"));
                    }
                    if at % 40 == 0 && (extent, for_good) == (Extent::Half, false) {
                        let words = words.replace(&*folder.to_string_lossy(), "…");
                        found.said.push(format!("{operation:?}: {words}"));
                    }
                }
            }
            match begin_or_resume(&registry, &run) {
                Err(error) => found
                    .lost
                    .push(format!("{what}, resumed: {}", said(&error))),
                Ok(()) => {
                    for (file, difference) in compare(&whole, &run)?.different {
                        let file = file.display();
                        found.lost.push(format!("{what}: {file} {difference}"));
                    }
                }
            }
            fs::remove_dir_all(&run).map_err(Error::file(&run))?;
        }
    }
    Ok(found)
}

fn begin_or_resume(registry: &Registry, run: &Path) -> Result<()> {
    let interrupted = AtomicBool::new(false);
    if run.join("run.json").is_file() {
        runner(registry, &interrupted).resume(run, &Table::new())?;
        return Ok(());
    }
    let file = library::find("gan-dice")?.table;
    let short = toml::toml! {
        steps = 6
        batch_size = 8
        metrics.every = 1
        samples.every = 3
        evaluate = { every = 3, images = 64 }
        checkpoint.every = 2
    };
    let plan = Plan {
        name: "faults",
        experiment: Experiment::resolve(&file, &short, registry)?,
        overrides: short,
        out: Some(run),
        run_name: None,
        argv: Vec::new(),
    };
    runner(registry, &interrupted).start(plan)?;
    Ok(())
}

fn said(error: &Error) -> String {
    chain(error).join(": ")
}
