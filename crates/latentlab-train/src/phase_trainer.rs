//! The training step of every model: its phases, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Tensor;
use latentlab_core::{Batch, Error as CoreError, GenerativeModel, Loss, Phase, Step};
use latentlab_tensor::{Error as TensorError, ParamStore, Parameter, Rng};

use crate::{
    Ema, Error, Gradients, Optimizer, PhaseReport, Result, StepReport, TrainConfig, Trainer,
    gradients,
};

/// Trains any model by running its phases: each one's loss, its gradient, its group's optimizer.
#[derive(Debug)]
pub struct PhaseTrainer {
    store: ParamStore,
    groups: BTreeMap<&'static str, Group>,
    accumulate: usize,
    ema: Option<Ema>,
    seed: u64,
    total_steps: u64,
    steps: u64,
    coverage: Option<Coverage>,
}

/// The parameters below one prefix and their optimizer.
#[derive(Debug)]
struct Group {
    parameters: Vec<(String, Parameter)>,
    optimizer: Optimizer,
    phases: Vec<&'static str>,
}

/// What has run and been reached by a gradient so far, until every phase has run once.
#[derive(Debug, Default)]
struct Coverage {
    phases: BTreeSet<&'static str>,
    paths: BTreeSet<(&'static str, String)>,
}

impl PhaseTrainer {
    /// A trainer of `model`, whose parameters are in `store`, for a run of `total_steps`.
    ///
    /// The randomness of phase `p` in step `k` is the stream `(seed, "phase/p", k)`.
    ///
    /// # Errors
    /// If two phases have one name, a phase has no parameters to move, `config` has optimizers for
    /// a group that does not exist, or one of its values cannot work.
    pub fn new(
        model: &dyn GenerativeModel,
        store: &ParamStore,
        config: &TrainConfig,
        total_steps: u64,
        seed: u64,
    ) -> Result<Self> {
        if config.accumulate == 0 {
            return Err(CoreError::config("accumulate", "must be at least 1").into());
        }
        let mut groups = BTreeMap::<&'static str, Group>::new();
        let mut names = BTreeSet::new();
        for phase in model.phases() {
            let error = |problem: String| Error::Phase {
                phase: phase.name.to_owned(),
                problem,
            };
            if !names.insert(phase.name) {
                return Err(error("appears twice in the model's list".to_owned()));
            }
            if !groups.contains_key(phase.params) {
                let parameters = store.parameters(phase.params);
                if parameters.is_empty() {
                    let problem = format!("moves `{}`, where no parameter is", phase.params);
                    return Err(error(problem));
                }
                let optimizer = Optimizer::new(&parameters, config.optimizer_of(phase.params)?)?;
                let phases = Vec::new();
                groups.insert(
                    phase.params,
                    Group {
                        parameters,
                        optimizer,
                        phases,
                    },
                );
            }
            groups
                .entry(phase.params)
                .and_modify(|group| group.phases.push(phase.name));
        }
        let mut named = config.optimizers.keys();
        if let Some(name) = named.find(|name| !groups.contains_key(name.as_str())) {
            let known = groups.keys().copied();
            return Err(CoreError::unknown("group of parameters", name, known).into());
        }
        Ok(Self {
            store: store.clone(),
            groups,
            accumulate: config.accumulate,
            ema: None,
            seed,
            total_steps,
            steps: 0,
            coverage: Some(Coverage::default()),
        })
    }

    /// Updates `ema` at the end of every step.
    pub fn with_ema(self, ema: Ema) -> Self {
        Self {
            ema: Some(ema),
            ..self
        }
    }

    /// The optimizer of the parameters below `group`.
    pub fn optimizer(&self, group: &str) -> Option<&Optimizer> {
        self.groups.get(group).map(|group| &group.optimizer)
    }

    fn run(&mut self, phase: &Phase<'_>, batch: &Batch, number: u64) -> Result<PhaseReport> {
        let Some(group) = self.groups.get_mut(phase.params) else {
            let problem = "is not one of the phases that training began with".to_owned();
            return Err(Error::Phase {
                phase: phase.name.to_owned(),
                problem,
            });
        };
        let rng = Rng::stream(self.seed, &format!("phase/{}", phase.name), number);
        self.store.train_only(phase.params);
        let (loss, gradients) = descend(
            phase,
            batch,
            self.accumulate,
            &mut Step { number, rng },
            &group.parameters,
        )?;
        if let Some(coverage) = &mut self.coverage {
            coverage.phases.insert(phase.name);
            let paths = gradients.keys().map(|path| (phase.params, path.clone()));
            coverage.paths.extend(paths);
        }
        let factor = group
            .optimizer
            .config()
            .schedule
            .factor(number, self.total_steps);
        let grad_norm = group.optimizer.step(gradients, factor)?;
        Ok(PhaseReport {
            name: phase.name,
            total: loss.total,
            terms: loss.terms,
            grad_norm,
        })
    }

    /// Once every phase has run, each parameter must have got a gradient from one that moves it.
    ///
    /// Not sooner: a phase need not reach all of its group. A gradient penalty, for one, does not
    /// depend on the last bias.
    fn check_coverage(&mut self) -> Result<()> {
        let Some(coverage) = &self.coverage else {
            return Ok(());
        };
        let phases = self.groups.values().flat_map(|group| &group.phases);
        if !phases
            .into_iter()
            .all(|name| coverage.phases.contains(name))
        {
            return Ok(());
        }
        for (prefix, group) in &self.groups {
            for (path, _) in &group.parameters {
                if !coverage.paths.contains(&(*prefix, path.clone())) {
                    let phases = group.phases.clone();
                    return Err(Error::Unreached {
                        path: path.clone(),
                        phases,
                    });
                }
            }
        }
        self.coverage = None;
        Ok(())
    }
}

impl Trainer for PhaseTrainer {
    fn step(&mut self, model: &dyn GenerativeModel, batch: &Batch) -> Result<StepReport> {
        let step = self.steps + 1;
        let mut phases = Vec::new();
        for phase in model.phases().iter().filter(|phase| phase.is_due(step)) {
            phases.push(self.run(phase, batch, step)?);
        }
        if let Some(ema) = &self.ema {
            ema.update(step)?;
        }
        self.check_coverage()?;
        self.steps = step;
        Ok(StepReport { step, phases })
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for (prefix, group) in &self.groups {
            for (path, tensor) in group.optimizer.state()? {
                state.insert(join(prefix, &path), tensor);
            }
        }
        Ok(state)
    }

    fn restore(&mut self, steps: u64, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let problems = crate::optimizer::mismatches(&self.state()?, state);
        if !problems.is_empty() {
            return Err(TensorError::Mismatch { problems }.into());
        }
        for (prefix, group) in &mut self.groups {
            let own = group.optimizer.state()?;
            let own = own
                .into_keys()
                .map(|path| (state[&join(prefix, &path)].clone(), path));
            group
                .optimizer
                .restore(&own.map(|(tensor, path)| (path, tensor)).collect())?;
        }
        self.steps = steps;
        Ok(())
    }
}

/// `discriminator/exp_avg/discriminator.0.weight`; the group of all parameters has no name.
fn join(prefix: &str, path: &str) -> String {
    match prefix {
        "" => path.to_owned(),
        prefix => format!("{prefix}/{path}"),
    }
}

/// The loss of a phase on a batch and its gradient, computed on `parts` of the batch in turn.
///
/// Both are means over the parts, weighted by the parts' sizes.
fn descend(
    phase: &Phase<'_>,
    batch: &Batch,
    parts: usize,
    step: &mut Step,
    parameters: &[(String, Parameter)],
) -> Result<(Loss, Gradients)> {
    let mut gradients = Gradients::new();
    let mut mean: Option<Loss> = None;
    let size = batch.size()? as f64;
    for part in batch.chunks(parts)? {
        let share = part.size()? as f64 / size;
        let loss = phase.loss(&part, step)?;
        let weighted = (loss.total * share)?;
        gradients::add(&mut gradients, &weighted.backward()?, parameters)?;
        let terms = loss.terms.into_iter();
        let terms = terms.map(|(name, value)| Ok((name, (value * share)?)));
        let part = Loss {
            total: weighted.detach(),
            terms: terms.collect::<Result<_>>()?,
        };
        mean = Some(match mean {
            None => part,
            Some(mean) => sum(mean, part)?,
        });
    }
    let problem = || "got an empty batch".to_owned();
    let empty = || Error::Phase {
        phase: phase.name.to_owned(),
        problem: problem(),
    };
    Ok((mean.ok_or_else(empty)?, gradients))
}

fn sum(a: Loss, b: Loss) -> Result<Loss> {
    let terms = a.terms.into_iter().zip(b.terms);
    let terms = terms.map(|((name, a), (_, b))| Ok((name, (a + b)?)));
    Ok(Loss {
        total: (a.total + b.total)?,
        terms: terms.collect::<Result<_>>()?,
    })
}
