//! The training step of every model: its phases, one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use candle_core::Tensor;
use latentlab_core::{Batch, Error as CoreError, GenerativeModel, Phase, Step};
use latentlab_tensor::{Error as TensorError, ParamStore, Parameter, Rng, is_below, once};

use crate::{
    Error, PhaseReport, Result, StepReport, TrainConfig, Trainer, coverage::Coverage,
    descent::descend, frozen::Frozen,
};
use latentlab_optim::{Ema, Optimizer, mismatches};

/// Trains any model by running its phases: each one's loss, its gradient, its group's optimizer.
#[derive(Debug)]
pub struct PhaseTrainer {
    store: ParamStore,
    groups: BTreeMap<&'static str, Group>,
    frozen: Frozen,
    /// Steps that are taken before a phase first runs.
    begin: BTreeMap<String, u64>,
    accumulate: usize,
    ema: Option<Ema>,
    /// Parameters whose average has taken them in, in the step under way.
    averaged: BTreeSet<String>,
    seed: u64,
    total_steps: u64,
    steps: u64,
    /// Until every phase has run once.
    coverage: Option<Coverage>,
}

/// The parameters below one prefix and their optimizer.
#[derive(Debug)]
struct Group {
    parameters: Vec<(String, Parameter)>,
    optimizer: Optimizer,
}

impl PhaseTrainer {
    /// A trainer of `model`, whose parameters are in `store`, for a run of `total_steps`.
    ///
    /// The randomness of phase `p` in step `k` is the stream `(seed, "phase/p", k)`.
    ///
    /// # Errors
    /// If two phases have one name, a phase has no parameters to move, `config` has optimizers for
    /// a group that does not exist, freezes what is not there or everything, lets a phase begin that
    /// does not exist, or one of its values cannot work.
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
        let frozen = Frozen::new(store, &config.freeze)?;
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
            if let Some(prepared) = phase.prepares
                && store.parameters(prepared).is_empty()
            {
                return Err(error(format!(
                    "prepares `{prepared}`, where no parameter is"
                )));
            }
            if let Entry::Vacant(place) = groups.entry(phase.params) {
                let mut parameters = store.parameters(phase.params);
                if parameters.is_empty() {
                    let problem = format!("moves `{}`, where no parameter is", phase.params);
                    return Err(error(problem));
                }
                parameters.retain(|(path, _)| !frozen.holds(path));
                let optimizer = Optimizer::new(&parameters, config.optimizer_of(phase.params)?)?;
                place.insert(Group {
                    parameters,
                    optimizer,
                });
            }
        }
        let mut named = config.optimizers.keys();
        if let Some(name) = named.find(|name| !groups.contains_key(name.as_str())) {
            let known = groups.keys().copied();
            return Err(CoreError::unknown("group of parameters", name, known).into());
        }
        if let Some(name) = config
            .begin
            .keys()
            .find(|name| !names.contains(name.as_str()))
        {
            return Err(CoreError::unknown("phase", name, names).into());
        }
        if !groups.is_empty() && groups.values().all(|group| group.parameters.is_empty()) {
            let problem = "leaves nothing to train: every parameter is at or below these paths";
            return Err(CoreError::config("freeze", problem).into());
        }
        Ok(Self {
            store: store.clone(),
            groups,
            frozen,
            begin: config.begin.clone(),
            accumulate: config.accumulate,
            ema: None,
            averaged: BTreeSet::new(),
            seed,
            total_steps,
            steps: 0,
            coverage: Some(Coverage::default()),
        })
    }

    /// Updates `ema` at the end of every step. What is frozen it copies, so that it stays the same to
    /// the bit.
    pub fn with_ema(self, ema: Ema) -> Self {
        let ema = ema.copying(|path| self.frozen.holds(path));
        Self {
            ema: Some(ema),
            ..self
        }
    }

    /// Whether a phase ever runs: not if all that it moves is frozen.
    fn runs(&self, phase: &Phase<'_>) -> bool {
        let group = self.groups.get(phase.params);
        group.is_none_or(|group| !group.parameters.is_empty())
    }

    /// Whether a phase runs in step `step`.
    fn is_due(&self, phase: &Phase<'_>, step: u64) -> bool {
        let begin = self.begin.get(phase.name).copied().unwrap_or(0);
        step > begin && phase.is_due(step) && self.runs(phase)
    }

    /// The optimizer of the parameters below `group`.
    pub fn optimizer(&self, group: &str) -> Option<&Optimizer> {
        self.groups.get(group).map(|group| &group.optimizer)
    }

    /// Runs one phase; `moves_later` tells whether another phase of the step moves parameters of
    /// its group again.
    fn run(
        &mut self,
        phase: &Phase<'_>,
        batch: &Batch,
        number: u64,
        carried: &mut VecDeque<Tensor>,
        moves_later: bool,
    ) -> Result<PhaseReport> {
        let Some(Group {
            parameters,
            optimizer,
        }) = self.groups.get_mut(phase.params)
        else {
            let problem = "is not one of the phases that training began with".to_owned();
            return Err(Error::Phase {
                phase: phase.name.to_owned(),
                problem,
            });
        };
        let rng = Rng::stream(self.seed, &format!("phase/{}", phase.name), number);
        let mut step = Step {
            carried: std::mem::take(carried),
            ..Step::new(number, rng)
        };
        let groups = [phase.params].into_iter().chain(phase.prepares);
        let groups = groups.flat_map(|group| self.frozen.around(&self.store, group));
        let groups: Vec<String> = groups.collect();
        self.store
            .train_only_groups(groups.iter().map(String::as_str));
        let descended = descend(phase, batch, self.accumulate, &mut step, parameters);
        let (loss, gradients) = descended.map_err(|error| match error {
            Error::Core(source) => Error::Step {
                phase: phase.name.to_owned(),
                step: number,
                source: Box::new(source),
            },
            other => other,
        })?;
        *carried = step.carried;
        if let Some(coverage) = &mut self.coverage {
            coverage.note(phase, &gradients);
        }
        let factor = optimizer.config().schedule.factor(number, self.total_steps);
        let averages = match (&self.ema, moves_later) {
            (Some(ema), false) => {
                self.averaged.extend(gradients.keys().cloned());
                Some(ema.averages(number))
            }
            _ => None,
        };
        let moved = optimizer.step_with(gradients, factor, averages)?;
        let (name, total, terms) = (phase.name, loss.total, loss.terms);
        Ok(PhaseReport {
            name,
            total,
            terms,
            grad_norm: moved.norm,
            finite: moved.finite,
        })
    }
}

impl Trainer for PhaseTrainer {
    fn step(&mut self, model: &dyn GenerativeModel, batch: &Batch) -> Result<StepReport> {
        let step = self.steps + 1;
        let phases = model.phases();
        let due = phases.iter().filter(|phase| self.is_due(phase, step));
        let due: Vec<&Phase<'_>> = due.collect();
        let mut carried = VecDeque::new();
        self.averaged.clear();
        let run = |(index, phase): (usize, &&Phase<'_>)| {
            let mut later = due[index + 1..].iter();
            let moves_later = later.any(|later| overlap(later.params, phase.params));
            self.run(phase, batch, step, &mut carried, moves_later)
        };
        let reports = once(|| due.iter().enumerate().map(run).collect::<Result<_>>())?;
        if let Some(ema) = &self.ema {
            ema.update_others(step, &self.averaged)?;
        }
        if let Some(coverage) = &self.coverage {
            let running: Vec<&Phase<'_>> = phases.iter().filter(|phase| self.runs(phase)).collect();
            let moved = |phase: &Phase<'_>| {
                let group = self.groups.get(phase.params).into_iter();
                let parameters = group.flat_map(|group| &group.parameters);
                parameters.map(|(path, _)| path.clone()).collect()
            };
            if coverage.is_complete(&running, moved)? {
                self.coverage = None;
            }
        }
        self.steps = step;
        Ok(StepReport {
            step,
            phases: reports,
        })
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
        let problems = mismatches(&self.state()?, state);
        if !problems.is_empty() {
            return Err(TensorError::Mismatch { problems }.into());
        }
        for (prefix, Group { optimizer, .. }) in &mut self.groups {
            let paths = optimizer.state()?.into_keys();
            let own = paths.map(|path| (path.clone(), state[&join(prefix, &path)].clone()));
            optimizer.restore(&own.collect())?;
        }
        self.steps = steps;
        Ok(())
    }
}

/// Whether two groups may have a parameter in common: one is the other, or a part of it.
fn overlap(a: &str, b: &str) -> bool {
    is_below(a, b) || is_below(b, a)
}

/// `discriminator/exp_avg/discriminator.0.weight`; the group of all parameters has no name.
fn join(prefix: &str, path: &str) -> String {
    match prefix {
        "" => path.to_owned(),
        prefix => format!("{prefix}/{path}"),
    }
}

#[cfg(test)]
mod tests;
