//! Parameters that a run begins with, taken from a checkpoint of another run.

use std::path::{Path, PathBuf};

use latentlab_train::warm_start;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{Error, Result, Session, run_dir::read_toml, run_model::snapshot_of};

/// The key of an experiment file.
const KEY: &str = "init_from";

/// Where the initial parameters of a run come from. `init_from = "DIR"` is short for
/// `init_from.run = "DIR"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InitFrom {
    /// The run directory whose checkpoint they are taken from; also that of a run that diverged, or
    /// was trained on other data. The optimizer begins anew.
    pub run: PathBuf,
    /// Take only the parameters at or below this path, such as `encoder`; all of them without it.
    pub only: String,
    /// Take the checkpoint that is marked as the best instead of the latest.
    pub best: bool,
    /// Take the averaged parameters, where that run keeps an average.
    pub averaged: bool,
    /// SHA-256 of the parameters that are taken, as a safetensors file. Written when the run begins,
    /// so that it cannot be reproduced from others; may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What `run.json` says of parameters that were taken from another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The run directory, as it was named.
    pub run: PathBuf,
    /// The step of its checkpoint.
    pub step: u64,
    /// How many parameters were taken.
    pub parameters: usize,
    /// SHA-256 of those parameters, as a safetensors file.
    pub sha256: String,
}

/// Writes `init_from = "DIR"` out as a table, so that overrides can be laid over it.
pub fn spell_out(table: &mut Table) {
    if let Some(value) = table.get_mut(KEY)
        && value.is_str()
    {
        let run = std::mem::replace(value, Value::Table(Table::new()));
        *value = Value::Table(Table::from_iter([("run".to_owned(), run)]));
    }
}

/// Gives the models of `session` the parameters that its experiment asks for, and writes their hash
/// into it. None, if it asks for none.
///
/// # Errors
/// If that run has no such checkpoint, or its parameters are not those of the model, with a list of
/// what differs; if they are others than those the experiment was run with.
pub fn initialise(session: &mut Session) -> Result<Option<Taken>> {
    let Some(config) = &mut session.experiment.init_from else {
        return Ok(None);
    };
    let snapshot = snapshot_of(&config.run, config.best)?;
    let tensors = match (config.averaged, snapshot.ema) {
        (false, _) => snapshot.params,
        (true, Some(averaged)) => averaged,
        (true, None) => {
            let problem = format!("the run in {} keeps no average", config.run.display());
            return Err(latentlab_core::Error::config(format!("{KEY}.averaged"), problem).into());
        }
    };
    let sha256 = warm_start(&session.store, &tensors, &config.only).map_err(|error| {
        let (theirs, ours) = (model_of(&config.run), &session.experiment.model.name);
        match theirs {
            Some(theirs) if theirs != *ours => wrong(format!(
                "the run in {} is a `{theirs}`, this one a `{ours}`; of a part that both have take \
                 `{KEY}.only`: {error}",
                config.run.display()
            )),
            _ => error.into(),
        }
    })?;
    if let Some(average) = &session.average {
        warm_start(&average.store, &tensors, &config.only)?;
    }
    if let Some(before) = config.sha256.as_ref().filter(|before| **before != sha256) {
        return Err(wrong(format!(
            "the parameters in {} are not those that the run began with: their SHA-256 is {sha256}, \
             not {before}; name the run as it was, or leave `{KEY}.sha256` out",
            config.run.display()
        )));
    }
    config.sha256 = Some(sha256.clone());
    Ok(Some(Taken {
        run: config.run.clone(),
        step: snapshot.step,
        parameters: session.store.group(&config.only).len(),
        sha256,
    }))
}

/// The name of the model of a run, if that can be told.
fn model_of(run: &Path) -> Option<String> {
    let config = read_toml(&run.join("config.toml")).ok()?;
    Some(config.get("model")?.get("name")?.as_str()?.to_owned())
}

fn wrong(problem: String) -> Error {
    latentlab_core::Error::config(KEY, problem).into()
}
