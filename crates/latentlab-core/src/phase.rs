//! A phase: which parameters move, how often, down which loss.

use std::{collections::VecDeque, fmt, rc::Rc};

use candle_core::Tensor;
use latentlab_tensor::Rng;

use crate::{Batch, Result};

/// A scalar to minimise, and the named scalars a reader wants to see beside it.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The scalar that the phase's parameters go down.
    pub total: Tensor,
    /// Scalars for the record, without gradient.
    pub terms: Vec<(&'static str, Term)>,
}

/// A scalar for the record, computed when somebody reads it: most steps are not recorded.
#[derive(Clone)]
pub struct Term(Rc<dyn Fn() -> Result<Tensor>>);

impl Term {
    /// What `compute` will return, a scalar without gradient.
    ///
    /// It is called after the parameters have moved, at every reading: what depends on them must be
    /// computed before. What it holds is kept until the step's report is dropped.
    pub fn new(compute: impl Fn() -> Result<Tensor> + 'static) -> Self {
        Self(Rc::new(compute))
    }

    /// Computes the scalar.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn value(&self) -> Result<Tensor> {
        Ok((self.0)()?.detach())
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Term")
    }
}

impl Loss {
    /// A loss without further terms.
    pub fn new(total: Tensor) -> Self {
        Self {
            total,
            terms: Vec::new(),
        }
    }

    /// Adds a scalar to the record; it carries no gradient.
    pub fn term(self, name: &'static str, value: &Tensor) -> Self {
        let value = value.detach();
        self.term_later(name, move || Ok(value.clone()))
    }

    /// Adds a scalar that is computed only in the steps that are recorded, see [`Term::new`].
    pub fn term_later(
        mut self,
        name: &'static str,
        compute: impl Fn() -> Result<Tensor> + 'static,
    ) -> Self {
        self.terms.push((name, Term::new(compute)));
        self
    }
}

/// The moment a loss is computed at, and its randomness.
#[derive(Debug)]
pub struct Step {
    /// Number of the step, from 1.
    pub number: u64,
    /// The stream of this step and phase: a pure function of the seed, so resuming is exact.
    pub rng: Rng,
    /// What a phase leaves for later phases of the same step, which would compute it again; empty
    /// when a step begins.
    pub carried: VecDeque<Tensor>,
}

impl Step {
    /// A step to which no phase has left anything.
    pub fn new(number: u64, rng: Rng) -> Self {
        Self {
            number,
            rng,
            carried: VecDeque::new(),
        }
    }
}

type Objective<'m> = Box<dyn Fn(&Batch, &mut Step) -> Result<Loss> + 'm>;

/// One entry in a model's list of what a training step does.
pub struct Phase<'m> {
    /// Unique in the model; heads the phase's records (`generator/loss`).
    pub name: &'static str,
    /// Path prefix of the parameters that move, and the key of their optimizer. Phases with the
    /// same prefix share one optimizer.
    pub params: &'static str,
    /// Path prefix of parameters that do not move, but whose graph is built all the same, for a
    /// later phase of the step.
    pub prepares: Option<&'static str>,
    /// Due at the steps that this number divides.
    pub every: u64,
    objective: Objective<'m>,
}

impl<'m> Phase<'m> {
    /// A phase due at every step that moves the parameters below the path of its own name.
    pub fn new(
        name: &'static str,
        objective: impl Fn(&Batch, &mut Step) -> Result<Loss> + 'm,
    ) -> Self {
        Self {
            name,
            params: name,
            prepares: None,
            every: 1,
            objective: Box::new(objective),
        }
    }

    /// Moves the parameters below `params` instead; the empty prefix means all.
    pub fn moving(self, params: &'static str) -> Self {
        Self { params, ..self }
    }

    /// Builds the graph of the parameters below `params` too, without moving them: what was
    /// computed with them may be [carried](Step::carried) to the phase that does.
    pub fn preparing(self, params: &'static str) -> Self {
        Self {
            prepares: Some(params),
            ..self
        }
    }

    /// Is due at the steps that `every` divides (a value of 0 is taken as 1).
    pub fn every(self, every: u64) -> Self {
        Self {
            every: every.max(1),
            ..self
        }
    }

    /// Whether the phase runs in step `number`.
    pub fn is_due(&self, number: u64) -> bool {
        number.is_multiple_of(self.every)
    }

    /// The loss on a batch.
    pub fn loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        (self.objective)(batch, step)
    }
}

impl fmt::Debug for Phase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phase")
            .field("name", &self.name)
            .field("params", &self.params)
            .field("prepares", &self.prepares)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_due_at_the_multiples_of_its_interval() {
        let phase = Phase::new("r1", |batch, _| Ok(Loss::new(batch.images.sum_all()?))).every(4);
        let due: Vec<u64> = (1..=9).filter(|number| phase.is_due(*number)).collect();
        assert_eq!(due, [4, 8]);
    }
}
