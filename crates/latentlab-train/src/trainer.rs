//! The one trait of a training algorithm, and what it reports.

use std::collections::BTreeMap;

use candle_core::Tensor;
use latentlab_core::{Batch, GenerativeModel, Term};

use crate::Result;

/// An algorithm that trains a model step by step.
///
/// [`PhaseTrainer`](crate::PhaseTrainer) runs any model's phases; another implementation is the way
/// out for an algorithm that phases cannot express. It is never needed to add a model.
pub trait Trainer {
    /// Advances the model by one step on one batch.
    fn step(&mut self, model: &dyn GenerativeModel, batch: &Batch) -> Result<StepReport>;

    /// Number of steps taken.
    fn steps(&self) -> u64;

    /// Everything beside the parameters and the number of steps that the next step depends on, by
    /// path (`discriminator/exp_avg/discriminator.0.weight`), for a checkpoint.
    fn state(&self) -> Result<BTreeMap<String, Tensor>>;

    /// Continues after `steps` steps with what [`state`](Self::state) returned then.
    ///
    /// # Errors
    /// Lists every tensor that is missing, extra, of another shape or type; the trainer is then as
    /// it was.
    fn restore(&mut self, steps: u64, state: &BTreeMap<String, Tensor>) -> Result<()>;
}

/// What happened in one step. The scalars stay on the device until an observer reads them.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: u64,
    /// The phases that were due, in order.
    pub phases: Vec<PhaseReport>,
}

/// What one phase of a step did.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// The phase's name.
    pub name: &'static str,
    /// The loss that its parameters went down, before they moved; a scalar `[]`.
    pub total: Tensor,
    /// The loss's named terms, scalars `[]` that are computed when they are read.
    pub terms: Vec<(&'static str, Term)>,
    /// Euclidean norm of the group's gradient before clipping, a scalar `[]`; computed only where
    /// `clip_norm` is set.
    pub grad_norm: Option<Tensor>,
    /// Whether all that it moved is finite still. On the CPU the optimizers look while they move it;
    /// elsewhere nobody does, and it is taken to be.
    pub finite: bool,
}
