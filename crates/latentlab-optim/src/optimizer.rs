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

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

use candle_core::{DType, Device, Tensor};
use latentlab_tensor::{Error as TensorError, Parameter, TensorProblem};

use crate::{Averages, Gradients, gradients};
use latentlab_core::Result;
use update::{Move, Slots, Update};

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

/// What an update did.
pub struct Moved {
    /// The norm of the gradients before clipping, a scalar `[]`, where it was asked for.
    pub norm: Option<Tensor>,
    /// Whether everything is finite still, as far as was looked.
    pub finite: bool,
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
    pub fn step(&mut self, gradients: Gradients, factor: f64) -> Result<Option<Tensor>> {
        Ok(self.step_with(gradients, factor, None)?.norm)
    }

    /// [`step`](Self::step), in which the averages of what moves take it in.
    pub fn step_with(
        &mut self,
        mut gradients: Gradients,
        factor: f64,
        averages: Option<Averages<'_>>,
    ) -> Result<Moved> {
        let norm = match self.config.clip_norm {
            Some(max_norm) => gradients::clip_norm(&mut gradients, max_norm)?,
            None => None,
        };
        let mut moves = Vec::new();
        for entry in &mut self.entries {
            let Some(gradient) = gradients.get(&entry.path) else {
                continue;
            };
            entry.count += 1;
            moves.push(Move {
                parameter: entry.parameter.var(),
                gradient,
                slots: &mut entry.slots,
                average: averages.and_then(|averages| averages.of(&entry.path)),
                count: entry.count,
            });
        }
        let update = Update {
            rule: &self.config.rule,
            lr: self.config.lr * factor,
            limit: self.config.clip_value,
            decay: averages.map_or(0.0, Averages::decay),
            spoiled: &AtomicBool::new(false),
        };
        update.run(moves)?;
        Ok(Moved {
            norm,
            finite: !update.spoiled.load(Ordering::Relaxed),
        })
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
pub fn mismatches(
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

#[cfg(test)]
mod tests {
    use latentlab_tensor::{Init, ParamStore};

    use super::*;

    fn optimizer(text: &str) -> (ParamStore, Optimizer) {
        let store = ParamStore::new(0, DType::F64, &Device::Cpu);
        store.root().parameter("x", 3, Init::ZEROS).unwrap();
        let start = Tensor::new(&[1.0, -2.0, 0.5], &Device::Cpu).unwrap();
        store.get("x").unwrap().set(&start).unwrap();
        let config = OptimizerConfig::from_table("optimizer", &text.parse().unwrap()).unwrap();
        let optimizer = Optimizer::new(&store.parameters(""), config).unwrap();
        (store, optimizer)
    }

    /// Step `k` (from 0) down the loss `Σ (k + 1) c x² + sin x` with `c = (1, 0.1, 10)`.
    fn descend(store: &ParamStore, optimizer: &mut Optimizer, steps: std::ops::Range<usize>) {
        for k in steps {
            let x = store.get("x").unwrap().value();
            let c = Tensor::new(&[1.0, 0.1, 10.0], &Device::Cpu).unwrap();
            let bowl = ((x.sqr().unwrap() * c).unwrap() * (k + 1) as f64).unwrap();
            let loss = (bowl + x.sin().unwrap()).unwrap().sum_all().unwrap();
            let mut gradients = Gradients::new();
            let backward = loss.backward().unwrap();
            gradients::accumulate(&mut gradients, &backward, &store.parameters("")).unwrap();
            optimizer.step(gradients, 1.0).unwrap();
        }
    }

    fn values(store: &ParamStore) -> Vec<f64> {
        store.tensors()["x"].to_vec1().unwrap()
    }

    const RULES: [&str; 10] = [
        "name = 'adam'\nlr = 0.1",
        "name = 'adam'\nlr = 0.1\nbeta1 = 0.5\nbeta2 = 0.9\neps = 1e-3\nweight_decay = 0.2",
        "name = 'adamw'\nlr = 0.1",
        "name = 'adamw'\nlr = 0.1\nbeta1 = 0.5\nbeta2 = 0.9\neps = 1e-3\nweight_decay = 0.2",
        "name = 'rmsprop'\nlr = 0.1",
        "name = 'rmsprop'\nlr = 0.1\nalpha = 0.9\neps = 1e-3\nmomentum = 0.5\nweight_decay = 0.2",
        "name = 'rmsprop'\nlr = 0.1\ncentered = true",
        "name = 'rmsprop'\nlr = 0.1\nalpha = 0.9\neps = 1e-3\ncentered = true\nmomentum = 0.5\n\
         weight_decay = 0.2",
        "name = 'sgd'\nlr = 0.01",
        "name = 'sgd'\nlr = 0.01\nmomentum = 0.9\nweight_decay = 0.2",
    ];

    // torch.set_default_dtype(torch.float64)
    // def run(rule, **config):
    //     x = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    //     optimizer = rule([x], **config)
    //     for k in range(3):
    //         optimizer.zero_grad()
    //         ((k + 1) * x * x * torch.tensor([1.0, 0.1, 10.0]) + x.sin()).sum().backward()
    //         optimizer.step()
    //     return x
    // with the rules above, in their order, for example
    // run(torch.optim.Adam, lr=0.1, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.2)
    #[test]
    fn three_steps_of_every_rule_lead_where_they_lead_in_pytorch() {
        let reference = [
            [0.7034235160089716, -1.7004019527812804, 0.20178044251663918],
            [0.6885179597123059, -1.6934774891463413, 0.190385171082053],
            [0.7007061492807564, -1.6946796924005705, 0.20056113161123057],
            [0.6357354731492671, -1.5810072970143312, 0.16764023896369018],
            [0.0583212981447076, -0.8143889490456635, -0.3567380060778118],
            [
                -0.10513528745917171,
                -0.9735361142390575,
                -0.16225839574139364,
            ],
            [
                0.06162246352833539,
                -0.8111180758831726,
                -0.3549597445487772,
            ],
            [
                -0.18600554337069894,
                -0.9016219373283134,
                -0.17794048235480697,
            ],
            [0.8682198418389727, -1.96392854706303, 0.08044918354003927],
            [
                0.7753297843579035,
                -1.9171946484624194,
                -0.19847411714350938,
            ],
        ];
        for (rule, reference) in RULES.iter().zip(reference) {
            let (store, mut optimizer) = optimizer(rule);
            descend(&store, &mut optimizer, 0..3);
            for (have, want) in values(&store).iter().zip(reference) {
                assert!((have - want).abs() < 1e-12, "{rule}: {have} is not {want}");
            }
        }
    }

    #[test]
    fn a_restored_optimizer_goes_on_bit_by_bit() {
        for rule in RULES {
            let (store, mut straight) = optimizer(rule);
            descend(&store, &mut straight, 0..5);
            let expected = values(&store);

            let (store, mut before) = optimizer(rule);
            descend(&store, &mut before, 0..2);
            let (_, mut after) = optimizer(rule);
            after.restore(&before.state().unwrap()).unwrap();
            after.entries[0].parameter = store.get("x").unwrap();
            descend(&store, &mut after, 2..5);
            assert_eq!(values(&store), expected, "{rule}");
        }
    }

    #[test]
    fn the_state_has_pytorchs_names() {
        let names = |rule| -> Vec<String> {
            let (_, optimizer) = optimizer(rule);
            optimizer.state().unwrap().into_keys().collect()
        };
        assert_eq!(names(RULES[0]), ["exp_avg/x", "exp_avg_sq/x", "step/x"]);
        assert_eq!(
            names(RULES[5]),
            ["momentum_buffer/x", "square_avg/x", "step/x"]
        );
        assert_eq!(
            names(RULES[7]),
            ["grad_avg/x", "momentum_buffer/x", "square_avg/x", "step/x"]
        );
        assert_eq!(names(RULES[8]), ["step/x"]);
    }

    #[test]
    fn the_state_of_another_rule_is_refused_with_a_list() {
        let (_, adam) = optimizer(RULES[0]);
        let (_, mut sgd) = optimizer(RULES[9]);
        assert_eq!(
            sgd.restore(&adam.state().unwrap()).unwrap_err().to_string(),
            "3 tensor(s) do not fit:\n  `exp_avg/x`: not part of the optimizer's state\n  \
             `exp_avg_sq/x`: not part of the optimizer's state\n  `momentum_buffer/x`: missing"
        );
    }

    #[test]
    fn parameters_without_a_gradient_stay_where_they_are() {
        let (store, mut optimizer) = optimizer(RULES[3]);
        let before = values(&store);
        optimizer.step(Gradients::new(), 1.0).unwrap();
        assert_eq!(values(&store), before);
    }

    #[test]
    fn the_norm_is_reported_and_the_values_are_clamped_where_asked_for() {
        let (store, mut optimizer) = optimizer("clip_norm = 1.0\nclip_value = 0.75");
        let gradient = Tensor::new(&[3.0, 0.0, 4.0], &Device::Cpu).unwrap();
        let gradients = Gradients::from([("x".to_owned(), gradient)]);
        let norm = optimizer.step(gradients, 1.0).unwrap().unwrap();
        assert_eq!(norm.to_scalar::<f64>().unwrap(), 5.0);
        assert_eq!(values(&store)[..2], [0.75, -0.75]);
    }
}
