//! The training step of every model: its phases, one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use candle_core::Tensor;
use latentlab_core::{Batch, Error as CoreError, GenerativeModel, Phase, Step};
use latentlab_tensor::{Error as TensorError, ParamStore, Parameter, Rng, is_below, once};

use crate::{
    Ema, Error, Optimizer, PhaseReport, Result, StepReport, TrainConfig, Trainer,
    coverage::Coverage, descent::descend, optimizer::mismatches,
};

/// Trains any model by running its phases: each one's loss, its gradient, its group's optimizer.
#[derive(Debug)]
pub struct PhaseTrainer {
    store: ParamStore,
    groups: BTreeMap<&'static str, Group>,
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
            if let Some(prepared) = phase.prepares
                && store.parameters(prepared).is_empty()
            {
                return Err(error(format!(
                    "prepares `{prepared}`, where no parameter is"
                )));
            }
            if let Entry::Vacant(place) = groups.entry(phase.params) {
                let parameters = store.parameters(phase.params);
                if parameters.is_empty() {
                    let problem = format!("moves `{}`, where no parameter is", phase.params);
                    return Err(error(problem));
                }
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
        Ok(Self {
            store: store.clone(),
            groups,
            accumulate: config.accumulate,
            ema: None,
            averaged: BTreeSet::new(),
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
        self.store.train_only_groups(groups);
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
        let due: Vec<&Phase<'_>> = phases.iter().filter(|phase| phase.is_due(step)).collect();
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
        if let Some(coverage) = &self.coverage
            && coverage.is_complete(&phases, &self.store)?
        {
            self.coverage = None;
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
mod tests {
    use candle_core::{DType, Device, Module};
    use latentlab_core::{BatchSource, Loss};
    use latentlab_tensor::layers::{Linear, linear};

    use super::*;
    use crate::{
        EmaConfig,
        toy::{Points, Toy},
    };

    /// A model with one layer and the given phases on it.
    struct Single {
        layer: Linear,
        phases: fn(&Single) -> Vec<Phase<'_>>,
    }

    impl GenerativeModel for Single {
        fn phases(&self) -> Vec<Phase<'_>> {
            (self.phases)(self)
        }
    }

    fn config(text: &str) -> TrainConfig {
        toml::from_str(text).unwrap()
    }

    fn single(phases: fn(&Single) -> Vec<Phase<'_>>) -> (Single, ParamStore) {
        let store = ParamStore::new(1, DType::F64, &Device::Cpu);
        let layer = linear(2, 1, &store.root().at("layer")).unwrap();
        (Single { layer, phases }, store)
    }

    fn refusal(phases: fn(&Single) -> Vec<Phase<'_>>, text: &str) -> String {
        let (model, store) = single(phases);
        let error = PhaseTrainer::new(&model, &store, &config(text), 10, 1).unwrap_err();
        error.to_string()
    }

    fn square<'a>(model: &'a Single, name: &'static str) -> Phase<'a> {
        Phase::new(name, |batch, _| {
            let output = model.layer.forward(&batch.images)?;
            Ok(Loss::new(output.sqr()?.mean_all()?).term("mean", &output.mean_all()?))
        })
    }

    fn plain(model: &Single) -> Vec<Phase<'_>> {
        vec![square(model, "layer")]
    }

    fn batch() -> Batch {
        let images = Rng::stream(1, "test", 0)
            .normal((7, 2), DType::F64, &Device::Cpu)
            .unwrap();
        Batch {
            images,
            labels: None,
        }
    }

    #[test]
    fn a_phase_moves_its_own_group_only() {
        let (model, store) = Toy::new();
        let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
        let bytes = |group: &str| -> Vec<Vec<f32>> {
            let values = store.group(group).into_iter();
            values
                .map(|(_, p)| p.var().flatten_all().unwrap().to_vec1().unwrap())
                .collect()
        };
        let phases = model.phases();
        for (phase, moves, stays) in [
            (0, "discriminator", "generator"),
            (2, "generator", "discriminator"),
        ] {
            let (moving, staying) = (bytes(moves), bytes(stays));
            let batch = Points.batch(0).unwrap();
            let carried = &mut VecDeque::new();
            let moves_later = false;
            trainer
                .run(&phases[phase], &batch, 1, carried, moves_later)
                .unwrap();
            assert_ne!(bytes(moves), moving);
            assert_eq!(bytes(stays), staying);
        }
    }

    #[test]
    fn averages_taken_in_the_optimizers_pass_are_those_of_a_pass_of_their_own() {
        let averages = |within: bool| -> Vec<Vec<f32>> {
            let ((model, store), (_, averaged)) = (Toy::new(), Toy::new());
            let config = EmaConfig {
                decay: 0.9,
                warmup: 2,
                ramp: false,
            };
            let ema = || Ema::new(&store, &averaged, config).unwrap();
            let mut trainer = PhaseTrainer::new(&model, &store, &TrainConfig::default(), 10, 1);
            if within {
                trainer = trainer.map(|trainer| trainer.with_ema(ema()));
            }
            let mut trainer = trainer.unwrap();
            for step in 1..=7 {
                trainer.step(&model, &Points.batch(step).unwrap()).unwrap();
                if !within {
                    ema().update(step).unwrap();
                }
            }
            let tensors = averaged.tensors().into_values();
            let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
            tensors.map(values).collect()
        };
        assert_eq!(averages(true), averages(false));
    }

    #[test]
    fn groups_overlap_where_one_is_a_part_of_the_other() {
        for (a, b, expected) in [
            ("", "generator", true),
            ("generator", "generator", true),
            ("generator.0", "generator", true),
            ("generator", "generator2", false),
            ("generator", "discriminator", false),
        ] {
            assert_eq!(
                (overlap(a, b), overlap(b, a)),
                (expected, expected),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn phases_run_in_order_when_they_are_due() {
        let (model, store) = Toy::new();
        let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
        for step in 1..=6 {
            let report = trainer.step(&model, &Points.batch(step).unwrap()).unwrap();
            let names: Vec<&str> = report.phases.iter().map(|phase| phase.name).collect();
            assert_eq!((report.step, trainer.steps()), (step, step));
            match step % 3 {
                0 => assert_eq!(names, ["discriminator", "slope", "generator"]),
                _ => assert_eq!(names, ["discriminator", "generator"]),
            }
        }
    }

    #[test]
    fn the_schedule_sets_the_pace_of_each_step() {
        let (model, store) = single(plain);
        let text = "optimizer = { name = 'sgd', schedule = { name = 'linear' } }";
        let mut trainer = PhaseTrainer::new(&model, &store, &config(text), 2, 1).unwrap();
        let mut moves = Vec::new();
        for _ in 0..3 {
            let before = store.tensors()["layer.bias"].copy().unwrap();
            trainer.step(&model, &batch()).unwrap();
            let after = &store.tensors()["layer.bias"];
            let moved = (after - before).unwrap().abs().unwrap().sum_all().unwrap();
            moves.push(moved.to_scalar::<f64>().unwrap());
        }
        // Factors 1, ½ and, after the last step, 0; the gradient hardly changes in between.
        assert!((moves[1] / moves[0] - 0.5).abs() < 0.05, "{moves:?}");
        assert_eq!(moves[2], 0.0);
    }

    #[test]
    fn a_loss_that_is_cut_off_from_a_parameter_ends_the_run() {
        let (model, store) = single(|model| {
            let cut = Phase::new("layer", |batch, _| {
                let output = model.layer.forward(&batch.images)?.detach();
                let bias = model.layer.bias().expect("there is one").value();
                Ok(Loss::new(output.broadcast_add(&bias)?.sqr()?.mean_all()?))
            });
            vec![cut]
        });
        let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
        let message = trainer.step(&model, &batch()).unwrap_err().to_string();
        assert!(message.starts_with("parameter `layer.weight` got no gradient from phase `layer`"));
    }

    #[test]
    fn phases_that_cannot_be_trained_are_refused() {
        assert_eq!(
            refusal(
                |model| vec![square(model, "layer"), square(model, "layer")],
                ""
            ),
            "phase `layer` appears twice in the model's list"
        );
        assert_eq!(
            refusal(|model| vec![square(model, "decoder")], ""),
            "phase `decoder` moves `decoder`, where no parameter is"
        );
        assert_eq!(
            refusal(
                |model| vec![square(model, "layer").preparing("decoder")],
                ""
            ),
            "phase `layer` prepares `decoder`, where no parameter is"
        );
    }

    #[test]
    fn a_configuration_that_cannot_work_is_refused() {
        assert_eq!(
            refusal(plain, "optimizers.lyaer.lr = 1.0"),
            "no group of parameters named `lyaer`, did you mean `layer`?; known: layer"
        );
        assert_eq!(
            refusal(plain, "accumulate = 0"),
            "`accumulate`: must be at least 1"
        );
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
        let (model, store) = single(plain);
        let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
        trainer.step(&model, &batch()).unwrap();
        let mut state = trainer.state().unwrap();
        state.remove("layer/exp_avg/layer.bias").unwrap();
        let message = trainer.restore(9, &state).unwrap_err().to_string();
        assert_eq!(
            message,
            "1 tensor(s) do not fit:\n  `layer/exp_avg/layer.bias`: missing"
        );
        assert_eq!(trainer.steps(), 1);
    }
}
