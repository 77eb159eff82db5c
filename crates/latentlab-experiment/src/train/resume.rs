//! Taking a run up again: with which experiment, and what may have changed in it.

use std::path::Path;

use latentlab_core::Registry;
use toml::{Table, Value};

use super::CONFIG;
use crate::{
    Error, Experiment, Result, RunRecord,
    config::is_harmless,
    overrides::{Difference, differences},
    run_dir::required,
};

/// The experiment that a run directory was made with.
pub fn read_experiment(directory: &Path, registry: &Registry) -> Result<Experiment> {
    let file = required(directory, CONFIG)?;
    let text = std::fs::read_to_string(&file).map_err(Error::file(&file))?;
    let table: Table = text.parse().map_err(|error| Error::format(&file, error))?;
    let experiment = Experiment::resolve(&table, &Table::new(), registry);
    experiment.map_err(|error| match error {
        Error::Model(unknown @ latentlab_core::Error::Unknown { kind: "model", .. }) => {
            Error::Argument(foreign(directory, &unknown.to_string()))
        }
        error => error,
    })
}

/// Why a run of a model that is not registered cannot be opened, and by what it can.
fn foreign(directory: &Path, problem: &str) -> String {
    let made_by = RunRecord::read(directory).ok();
    let made_by = made_by.and_then(|record| record.argv.into_iter().next());
    let program = match &made_by {
        Some(program) => format!("`{program}`, which made the run"),
        None => "the program that made the run".to_owned(),
    };
    format!(
        "{}: {problem}; the model is one from outside of this program, so open the run with {program}",
        directory.display()
    )
}

/// The experiment of a run directory with `changes` laid over it, and how it then differs.
///
/// # Errors
/// If a difference would change what is computed.
pub fn resumable(
    directory: &Path,
    changes: &Table,
    registry: &Registry,
) -> Result<(Experiment, Vec<Difference>)> {
    let before = read_experiment(directory, registry)?.to_table()?;
    let experiment = Experiment::resolve(&before, changes, registry)?;
    let found = differences(&before, &experiment.to_table()?);
    let steps_matter = optimizers(&before).any(ends_with_the_run);
    let harmful: Vec<String> = found
        .iter()
        .filter(|found| !is_harmless(&found.key) || (found.key == "steps" && steps_matter))
        .map(|Difference { key, before, after }| format!("  {key}: {before} before, now {after}"))
        .collect();
    if harmful.is_empty() {
        return Ok((experiment, found));
    }
    let hint = match steps_matter {
        true => " (`steps` too, once no schedule ends with the run: give it `steps` of its own)",
        false => "",
    };
    Err(Error::Argument(format!(
        "{} cannot go on with another configuration:\n{}\nstart a new run for that; only what is \
         recorded, how long it goes on, on which device and how many threads may change{hint}",
        directory.display(),
        harmful.join("\n"),
    )))
}

/// The optimizer of all groups, and those of single groups.
fn optimizers(experiment: &Table) -> impl Iterator<Item = &Value> {
    let single = experiment.get("optimizers").and_then(Value::as_table);
    let single = single.into_iter().flat_map(|table| table.values());
    experiment.get("optimizer").into_iter().chain(single)
}

/// Whether the learning rate of an optimizer follows the length of the run.
fn ends_with_the_run(optimizer: &Value) -> bool {
    let schedule = optimizer.get("schedule");
    schedule.is_some_and(|schedule| {
        let name = schedule.get("name").and_then(Value::as_str);
        matches!(name, Some("linear" | "cosine")) && schedule.get("steps").is_none()
    })
}
