//! One group of parameters and the rule that moves it.

mod adam;
mod config;
mod rmsprop;
mod rule;
mod sgd;
mod update;

pub use adam::{Adam, AdamW};
pub use config::OptimizerConfig;
pub use rmsprop::RmsProp;
pub use rule::Rule;
pub use sgd::Sgd;

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};
use latentlab_tensor::{Error as TensorError, Parameter, TensorProblem};

use crate::{Gradients, Result, gradients};
use update::Slots;

/// Moves a group of parameters down their gradients, and remembers what its rule needs.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    entries: Vec<Entry>,
}

/// One parameter with its part of the optimizer's state.
#[derive(Debug)]
struct Entry {
    path: String,
    parameter: Parameter,
    /// Updates so far. Kept for each parameter, as PyTorch does: a phase need not reach them all.
    count: u64,
    slots: Slots,
}

impl Optimizer {
    /// An optimizer of `parameters` that has not taken a step.
    pub fn new(parameters: &[(String, Parameter)], config: OptimizerConfig) -> Result<Self> {
        let entries = parameters
            .iter()
            .map(|(path, parameter)| {
                Ok(Entry {
                    path: path.clone(),
                    parameter: parameter.clone(),
                    count: 0,
                    slots: Slots::zeros(config.rule.slots().len(), parameter.var())?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { config, entries })
    }

    /// Moves every parameter that has a gradient, and returns the norm of the gradients before
    /// clipping, a scalar `[]`, if the configuration asks for clipping.
    ///
    /// `factor` multiplies the learning rate; see [`Schedule`](crate::Schedule).
    pub fn step(&mut self, mut gradients: Gradients, factor: f64) -> Result<Option<Tensor>> {
        let norm = match self.config.clip_norm {
            Some(max_norm) => gradients::clip_norm(&mut gradients, max_norm)?,
            None => None,
        };
        let lr = self.config.lr * factor;
        for entry in &mut self.entries {
            let Some(gradient) = gradients.get(&entry.path) else {
                continue;
            };
            entry.count += 1;
            let var = entry.parameter.var();
            entry
                .slots
                .update(&self.config.rule, lr, entry.count, var, gradient)?;
            if let Some(limit) = self.config.clip_value {
                var.set(&var.as_detached_tensor().clamp(-limit, limit)?)?;
            }
        }
        Ok(norm)
    }

    /// The configuration.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// The state by PyTorch's names: `step/<path>` (updates so far, `[]`, `f64`) and what the rule
    /// keeps, in the parameter's shape (`exp_avg/<path>`). Copies: later steps leave them alone.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for entry in &self.entries {
            let count = Tensor::new(entry.count as f64, &Device::Cpu)?;
            state.insert(format!("step/{}", entry.path), count);
            let slots = entry.slots.tensors(entry.parameter.var().shape())?;
            for (name, slot) in self.config.rule.slots().iter().zip(slots) {
                state.insert(format!("{name}/{}", entry.path), slot);
            }
        }
        Ok(state)
    }

    /// Takes over what [`state`](Self::state) returned.
    ///
    /// # Errors
    /// Lists every tensor that is missing, extra, or of another shape or type; the optimizer is
    /// then as it was.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let problems = mismatches(&self.state()?, state);
        if !problems.is_empty() {
            return Err(TensorError::Mismatch { problems }.into());
        }
        for entry in &mut self.entries {
            let count = &state[&format!("step/{}", entry.path)];
            entry.count = count.to_dtype(DType::F64)?.to_scalar::<f64>()? as u64;
            let names = self.config.rule.slots().iter();
            let slots: Vec<&Tensor> = names
                .map(|name| &state[&format!("{name}/{}", entry.path)])
                .collect();
            entry.slots = Slots::new(&slots, entry.parameter.var())?;
        }
        Ok(())
    }
}

/// How `given` differs from `expected` in its paths, shapes and types; sorted by path.
pub(crate) fn mismatches(
    expected: &BTreeMap<String, Tensor>,
    given: &BTreeMap<String, Tensor>,
) -> Vec<TensorProblem> {
    let paths: BTreeSet<&String> = expected.keys().chain(given.keys()).collect();
    let problem = |path: &String| match (expected.get(path), given.get(path)) {
        (Some(_), None) => Some("missing".to_owned()),
        (None, _) => Some("not part of the optimizer's state".to_owned()),
        (Some(want), Some(have)) if want.dims() != have.dims() => Some(format!(
            "shape {:?}, expected {:?}",
            have.dims(),
            want.dims()
        )),
        (Some(want), Some(have)) if want.dtype() != have.dtype() => Some(format!(
            "type {:?}, expected {:?}",
            have.dtype(),
            want.dtype()
        )),
        _ => None,
    };
    let problems = paths.into_iter().filter_map(|path| {
        let path = path.clone();
        problem(&path).map(|problem| TensorProblem { path, problem })
    });
    problems.collect()
}
