//! Parameters that a run begins with, taken from a checkpoint of another run.

use std::{collections::BTreeMap, path::PathBuf};

use candle_core::Tensor;
use latentlab_core::nearest;
use latentlab_tensor::{ParamStore, encode_tensors};
use latentlab_train::Snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::{Error, Result, Session, run_model::snapshot_of};

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
pub(crate) fn spell_out(table: &mut Table) {
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
pub(crate) fn initialise(session: &mut Session) -> Result<Option<Taken>> {
    let Some(config) = &mut session.experiment.init_from else {
        return Ok(None);
    };
    let snapshot = snapshot_of(&config.run, config.best)?;
    let step = snapshot.step;
    let taken = chosen(config, snapshot, &session.store)?;
    let digest = Sha256::digest(encode_tensors(&taken)?);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(before) = config.sha256.as_ref().filter(|before| **before != sha256) {
        return Err(wrong(format!(
            "the parameters in {} are not those that the run began with: their SHA-256 is {sha256}, \
             not {before}; name the run as it was, or leave `{KEY}.sha256` out",
            config.run.display()
        )));
    }
    config.sha256 = Some(sha256.clone());
    let (parameters, run) = (taken.len(), config.run.clone());
    let mut all = BTreeMap::new();
    if !config.only.is_empty() {
        for (path, tensor) in session.store.tensors() {
            all.insert(path, tensor.copy()?);
        }
    }
    all.extend(taken);
    let differs = |error: latentlab_tensor::Error| {
        wrong(format!(
            "the parameters in {} are those of another model: {error}",
            run.display()
        ))
    };
    session.store.load(&all).map_err(differs)?;
    if let Some(average) = &session.average {
        average.store.load(&all).map_err(differs)?;
    }
    Ok(Some(Taken {
        run,
        step,
        parameters,
        sha256,
    }))
}

/// Those tensors of a checkpoint that are asked for; `store` is what they are put into.
fn chosen(
    config: &InitFrom,
    snapshot: Snapshot,
    store: &ParamStore,
) -> Result<BTreeMap<String, Tensor>> {
    let all = match (config.averaged, snapshot.ema) {
        (false, _) => snapshot.params,
        (true, Some(averaged)) => averaged,
        (true, None) => {
            let problem = format!("the run in {} keeps no average", config.run.display());
            return Err(latentlab_core::Error::config(format!("{KEY}.averaged"), problem).into());
        }
    };
    if config.only.is_empty() {
        return Ok(all);
    }
    let below = |path: &String| is_below(path, &config.only);
    let ours = store.tensors();
    let taken: BTreeMap<_, _> = all.into_iter().filter(|(path, _)| below(path)).collect();
    let missing: Vec<&String> = ours
        .keys()
        .filter(|path| below(path) && !taken.contains_key(*path))
        .collect();
    if let Some(first) = missing.first() {
        let problem = format!(
            "the run in {} has no parameter `{first}` ({} are missing in all)",
            config.run.display(),
            missing.len()
        );
        return Err(latentlab_core::Error::config(format!("{KEY}.only"), problem).into());
    }
    if !ours.keys().any(below) {
        let groups: Vec<&str> = ours.keys().map(|path| top(path)).collect();
        let hint = nearest(&config.only, groups.iter().copied());
        let hint = hint.map(|near| format!(", did you mean `{near}`?"));
        let mut groups = groups;
        groups.dedup();
        let problem = format!(
            "the model has no parameters at or below `{}`{}; it has: {}",
            config.only,
            hint.unwrap_or_default(),
            groups.join(", ")
        );
        return Err(latentlab_core::Error::config(format!("{KEY}.only"), problem).into());
    }
    Ok(taken)
}

fn is_below(path: &str, group: &str) -> bool {
    let rest = path.strip_prefix(group);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first part of a parameter's path.
fn top(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

fn wrong(problem: String) -> Error {
    latentlab_core::Error::config(KEY, problem).into()
}
