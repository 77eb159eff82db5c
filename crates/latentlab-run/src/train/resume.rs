//! Taking a run up again: with which experiment, and what may have changed in it.

use std::path::Path;

use latentlab_core::Registry;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::CONFIG;
use crate::{
    Error, Experiment, Result, RunRecord,
    config::is_harmless,
    data_info,
    overrides::{Difference, differences},
    run_dir::{read_toml, required},
    run_model::snapshot_of,
};

/// The experiment that a run directory was made with.
pub fn read_experiment(directory: &Path, registry: &Registry) -> Result<Experiment> {
    let mut table = read_toml(&required(directory, CONFIG)?)?;
    keep_older_meaning(directory, &mut table);
    let experiment = Experiment::resolve(&table, &Table::new(), registry);
    experiment.map_err(|error| match error {
        Error::Model(unknown @ latentlab_core::Error::Unknown { kind: "model", .. }) => {
            Error::Argument(foreign(directory, &unknown.to_string()))
        }
        error => error,
    })
}

/// Writes into the file of a run what keys that are newer than the run meant when it was made.
fn keep_older_meaning(directory: &Path, table: &mut Table) {
    latentlab_optim::keep_older_meaning(table);
    let name = table
        .get("data")
        .and_then(|data| data.get("name")?.as_str());
    let is_older = !directory.join(data_info::FILE).exists() && name != Some("mnist");
    if let Some(Value::Table(evaluate)) = table.get_mut("evaluate")
        && is_older
        && evaluate.get("features").and_then(Value::as_str) == Some("auto")
    {
        evaluate.insert("features".to_owned(), "none".into());
    }
    if let Some(Value::Table(data)) = table.get_mut("data") {
        latentlab_data::keep_older_meaning(data);
    }
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

/// What becomes of learning rates that were to end with a run that goes on beyond its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reschedule {
    /// The schedules end with the new number of steps, as if they had done so from the start.
    Stretch,
    /// The schedules begin anew, warm-up included, after the steps that are taken.
    Restart,
}

/// The experiment of a run directory with `changes` laid over it and its schedules changed, and how
/// it then differs.
///
/// # Errors
/// If a difference would change what is computed.
pub fn resumable(
    directory: &Path,
    changes: &Table,
    reschedule: Option<Reschedule>,
    registry: &Registry,
) -> Result<(Experiment, Vec<Difference>)> {
    let before = read_experiment(directory, registry)?;
    let ends = before.training().ends_with_the_run()?;
    let before = before.to_table()?;
    let mut experiment = Experiment::resolve(&before, changes, registry)?;
    if let Some(reschedule) = reschedule {
        change_schedules(directory, &mut experiment, reschedule)?;
    }
    let found = differences(&before, &experiment.to_table()?);
    let allowed = |key: &str| match reschedule {
        Some(_) => is_harmless(key) || is_of_a_schedule(key),
        None => is_harmless(key) && !(key == "steps" && ends),
    };
    let harmful: Vec<&Difference> = found.iter().filter(|found| !allowed(&found.key)).collect();
    if harmful.is_empty() {
        return Ok((experiment, found));
    }
    // A run whose rate does not end with it may have any number of steps.
    if let [only] = harmful[..]
        && only.key == "steps"
    {
        return Err(Error::Argument(format!(
            "the learning rate of {} ends with the run: with another number of steps say what becomes \
             of it, `--schedule stretch` (it ends with the new number of steps, as if it had done so \
             from the start) or `--schedule restart` (it begins anew after the steps that are taken)",
            directory.display()
        )));
    }
    let harmful = harmful.into_iter();
    let harmful: Vec<String> = harmful
        .map(|Difference { key, before, after }| format!("  {key}: {before} before, now {after}"))
        .collect();
    Err(Error::Argument(format!(
        "{} cannot go on with another configuration:\n{}\nstart a new run for that, which can take \
         over the parameters of this one with `init_from`; only what is recorded, how long it goes \
         on, where the data lie, on which device and how many threads may change",
        directory.display(),
        harmful.join("\n"),
    )))
}

fn change_schedules(
    directory: &Path,
    experiment: &mut Experiment,
    reschedule: Reschedule,
) -> Result<()> {
    let taken = snapshot_of(directory, false)?.step;
    if taken >= experiment.steps {
        let problem =
            format!("--schedule: all {taken} steps are taken; give more of them with --steps");
        return Err(Error::Argument(problem));
    }
    let training = experiment.training();
    let changed = training.with_schedules(|schedule| match reschedule {
        Reschedule::Stretch => schedule.stretched(),
        Reschedule::Restart => schedule.restarted(taken),
    })?;
    if !changed.ends_with_the_run()? {
        let problem = "--schedule: no learning rate of this run ends; leave it out";
        return Err(Error::Argument(problem.to_owned()));
    }
    experiment.optimizer = changed.optimizer;
    experiment.optimizers = changed.optimizers;
    Ok(())
}

/// Whether a key is one of a schedule of the optimizer of all groups, or of that of one group.
fn is_of_a_schedule(key: &str) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    matches!(
        parts[..],
        ["optimizer", "schedule", ..] | ["optimizers", _, "schedule", ..]
    )
}
