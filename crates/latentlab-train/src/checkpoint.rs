//! The whole state of a run, and how it is kept.

mod manifest;
mod missing;
mod retention;
mod store;

pub(crate) use manifest::sha256;
pub use retention::Retention;
pub use store::CheckpointStore;

use std::{collections::BTreeMap, path::Path};

use candle_core::Tensor;
use latentlab_tensor::{ParamStore, decode_tensors, encode_tensors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result, Trainer, View};

/// The version of the layout of a checkpoint.
const SCHEMA: u32 = 1;

const PARAMS: &str = "params.safetensors";
const EMA: &str = "ema.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";
/// The files that a checkpoint can have.
const FILES: [&str; 4] = [PARAMS, EMA, OPTIMIZER, STATE];

/// Everything that the steps after `step` depend on.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of steps taken.
    pub step: u64,
    /// The run's seed.
    pub seed: u64,
    /// What else the owner of the run wants to find again.
    pub extra: Value,
    /// The model's parameters and buffers, by path.
    pub params: BTreeMap<String, Tensor>,
    /// The averaged model's, if there is one.
    pub ema: Option<BTreeMap<String, Tensor>>,
    /// What [`Trainer::state`] returned.
    pub optimizer: BTreeMap<String, Tensor>,
}

/// The contents of `state.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    step: u64,
    seed: u64,
    extra: Value,
}

impl Snapshot {
    /// The state after the step that `view` shows. Copies: later steps leave it alone.
    pub fn take(view: &View<'_>, seed: u64, extra: Value) -> Result<Self> {
        Ok(Self {
            step: view.trainer.steps(),
            seed,
            extra,
            params: copies(view.store)?,
            ema: view.averaged.map(copies).transpose()?,
            optimizer: view.trainer.state()?,
        })
    }

    /// Puts the state back. `averaged` is the averaged model's store, if the run has one.
    ///
    /// # Errors
    /// Lists the tensors that are missing, extra, or of another shape or type.
    pub fn restore(
        &self,
        store: &ParamStore,
        averaged: Option<&ParamStore>,
        trainer: &mut dyn Trainer,
    ) -> Result<()> {
        match (averaged, &self.ema) {
            (None, None) => {}
            (Some(averaged), Some(ema)) => averaged.load(ema)?,
            (wanted, _) => {
                let problem = match wanted {
                    Some(_) => "missing: the checkpoint's run kept no average of the parameters",
                    None => "left over: this run keeps no average of the parameters",
                };
                return Err(Error::Checkpoint {
                    file: EMA.into(),
                    problem: problem.to_owned(),
                });
            }
        }
        store.load(&self.params)?;
        trainer.restore(self.step, &self.optimizer)
    }

    /// The files of the checkpoint, by name; the same state gives the same bytes.
    fn to_files(&self) -> Result<BTreeMap<&'static str, Vec<u8>>> {
        let state = State {
            schema: SCHEMA,
            step: self.step,
            seed: self.seed,
            extra: self.extra.clone(),
        };
        let mut json = serde_json::to_vec_pretty(&state).expect("numbers and JSON are JSON");
        json.push(b'\n');
        let mut files = BTreeMap::from([
            (PARAMS, encode_tensors(&self.params)?),
            (OPTIMIZER, encode_tensors(&self.optimizer)?),
            (STATE, json),
        ]);
        if let Some(ema) = &self.ema {
            files.insert(EMA, encode_tensors(ema)?);
        }
        Ok(files)
    }

    /// The snapshot of the files of a checkpoint; `directory` is where errors say they are.
    fn from_files(directory: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let error = |name: &str, problem: String| {
            let file = directory.join(name);
            Error::Checkpoint { file, problem }
        };
        let bytes = |name: &str| {
            files
                .get(name)
                .ok_or_else(|| error(name, "missing from the checkpoint".to_owned()))
        };
        let tensors = |name: &str| {
            decode_tensors(bytes(name)?).map_err(|problem| error(name, problem.to_string()))
        };
        let state: State = serde_json::from_slice(bytes(STATE)?)
            .map_err(|problem| error(STATE, problem.to_string()))?;
        if state.schema != SCHEMA {
            let have = state.schema;
            let problem = format!("has schema version {have}, this build reads {SCHEMA}");
            return Err(error(STATE, problem));
        }
        Ok(Self {
            step: state.step,
            seed: state.seed,
            extra: state.extra,
            params: tensors(PARAMS)?,
            ema: files.contains_key(EMA).then(|| tensors(EMA)).transpose()?,
            optimizer: tensors(OPTIMIZER)?,
        })
    }
}

fn copies(store: &ParamStore) -> Result<BTreeMap<String, Tensor>> {
    let tensors = store.tensors().into_iter();
    tensors
        .map(|(path, tensor)| Ok((path, tensor.copy()?)))
        .collect()
}
