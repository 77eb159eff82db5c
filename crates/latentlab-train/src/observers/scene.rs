//! What an observer's test looks at: a model after a step with given losses.

use std::time::Duration;

use candle_core::{Device, Tensor};
use latentlab_core::Term;
use latentlab_tensor::ParamStore;

use super::{Observer, View};
use crate::{
    PhaseReport, PhaseTrainer, Record, Result, StepReport, StopReason, TrainConfig, Trainer,
    toy::Toy,
};

/// The last step of every scene.
pub(crate) const STEPS: u64 = 100;

/// A model and its trainer. A step takes one second.
pub(crate) struct Scene {
    pub(crate) model: Toy,
    pub(crate) store: ParamStore,
    pub(crate) trainer: PhaseTrainer,
    /// Loss of the phase `discriminator` in each step.
    pub(crate) loss: f64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (model, store) = Toy::new();
        let trainer = PhaseTrainer::new(&model, &store, &TrainConfig::default(), STEPS, 1);
        let trainer = trainer.expect("the toy model can be trained");
        Self {
            model,
            store,
            trainer,
            loss: 0.5,
        }
    }

    /// Lets the trainer believe that it has taken `steps` steps.
    pub(crate) fn trainer_at(&mut self, steps: u64) {
        let state = self.trainer.state().expect("on the CPU");
        self.trainer.restore(steps, &state).expect("its own state");
    }

    /// Makes a parameter NaN.
    pub(crate) fn spoil(&self, path: &str) {
        let parameter = self.store.get(path).expect("a parameter of the model");
        let nan = parameter.var().as_detached_tensor() * f64::NAN;
        let set = parameter.set(&nan.expect("on the CPU"));
        set.expect("of the same shape");
    }

    /// Lets `observer` see step `step`, the last one if that is its number.
    pub(crate) fn observe(
        &self,
        observer: &mut dyn Observer,
        step: u64,
        record: &mut Record,
    ) -> Result<Option<StopReason>> {
        let scalar = |value: f64| Tensor::new(value as f32, &Device::Cpu).expect("on the CPU");
        let report = StepReport {
            step,
            phases: vec![PhaseReport {
                name: "discriminator",
                total: scalar(self.loss),
                terms: vec![("real", Term::new(move || Ok(scalar(0.25))))],
                grad_norm: Some(scalar(2.0)),
                finite: true,
            }],
        };
        let view = View {
            step,
            steps: STEPS,
            report: &report,
            model: &self.model,
            shown: &self.model,
            store: &self.store,
            averaged: None,
            trainer: &self.trainer,
            elapsed: Duration::from_secs(step),
            ending: (step == STEPS).then_some(StopReason::Steps),
        };
        observer.observe(&view, record)
    }

    /// What `observer` answers to a record of `step` that holds these numbers.
    pub(crate) fn answer(
        &self,
        observer: &mut dyn Observer,
        step: u64,
        values: &[(&str, f64)],
    ) -> Option<StopReason> {
        let mut record = record(step, values);
        self.observe(observer, step, &mut record)
            .expect("the observer does not fail")
    }
}

/// A record with these numbers.
pub(crate) fn record(step: u64, values: &[(&str, f64)]) -> Record {
    let mut record = Record::new(step, step as f64);
    for (name, value) in values {
        record.insert(*name, *value);
    }
    record
}
