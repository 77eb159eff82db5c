//! What a rule remembers of one parameter, and one update of both: in a single pass over the
//! memory on the CPU, by composed operations elsewhere.

use std::sync::Mutex;

use candle_core::{CpuStorage, DType, Device, InplaceOp2, Layout, Shape, Tensor, Var};
use latentlab_tensor::vectorised;
use num_traits::Float;

use super::{Rule, rule::At};
use crate::{
    Result,
    parallel::{self, Chunk},
};

/// The state of one parameter: up to two values for each of its elements.
#[derive(Debug)]
pub(super) enum Slots {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
    Composed(Vec<Tensor>),
}

impl Slots {
    /// `count` slots of zeros for `parameter`.
    pub(super) fn zeros(count: usize, parameter: &Var) -> Result<Self> {
        let zeros = parameter.zeros_like()?.detach();
        Self::new(&vec![&zeros; count], parameter)
    }

    /// The slots with given values, tensors in the shape of `parameter`.
    pub(super) fn new(values: &[&Tensor], parameter: &Var) -> Result<Self> {
        Ok(match (parallel::in_place(parameter), parameter.dtype()) {
            (true, DType::F32) => Self::F32(each(values, |slot| slot.flatten_all()?.to_vec1())?),
            (true, _) => Self::F64(each(values, |slot| slot.flatten_all()?.to_vec1())?),
            (false, _) => Self::Composed(each(values, |slot| {
                slot.to_device(parameter.device())?.copy()
            })?),
        })
    }

    /// Copies of the slots in the parameter's shape.
    pub(super) fn tensors(&self, shape: &Shape) -> Result<Vec<Tensor>> {
        match self {
            Self::F32(slots) => each(slots, |slot| Tensor::from_slice(slot, shape, &Device::Cpu)),
            Self::F64(slots) => each(slots, |slot| Tensor::from_slice(slot, shape, &Device::Cpu)),
            Self::Composed(slots) => each(slots, Tensor::copy),
        }
    }

    /// Moves `parameter` by `rule`; `count` is the number of this update, from 1.
    pub(super) fn update(
        &mut self,
        rule: &Rule,
        lr: f64,
        count: u64,
        parameter: &Var,
        gradient: &Tensor,
    ) -> Result<()> {
        let at = At { lr, count };
        if let Self::Composed(slots) = self {
            let moved = rule.compose(at, &parameter.as_detached_tensor(), gradient, slots)?;
            return Ok(parameter.set(&moved)?);
        }
        let slots = Mutex::new(self);
        let update = Update { rule, at, slots };
        Ok(parameter.inplace_op2(&gradient.contiguous()?, &update)?)
    }
}

fn each<A, B>(slots: &[A], convert: impl Fn(&A) -> candle_core::Result<B>) -> Result<Vec<B>> {
    Ok(slots
        .iter()
        .map(convert)
        .collect::<candle_core::Result<_>>()?)
}

/// candle's in-place operations change one tensor, so the slots travel inside the operation.
struct Update<'a> {
    rule: &'a Rule,
    at: At,
    slots: Mutex<&'a mut Slots>,
}

impl Update<'_> {
    fn run<T: Float + Send + Sync>(
        &self,
        parameter: &mut [T],
        gradient: &[T],
        slots: &mut [Vec<T>],
        update: fn(&Rule, At, Chunk<'_, T>),
    ) {
        parallel::chunks(parameter, gradient, slots, |chunk| {
            update(self.rule, self.at, chunk);
        });
    }
}

vectorised! {
    fn update_f32(rule: &Rule, at: At, chunk: Chunk<'_, f32>) {
        rule.update(at, chunk);
    }

    fn update_f64(rule: &Rule, at: At, chunk: Chunk<'_, f64>) {
        rule.update(at, chunk);
    }
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "optimizer"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        parameter_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let to = parallel::range(parameter_layout)?;
        let from = parallel::range(gradient_layout)?;
        let mut slots = self.slots.lock().expect("no holder of the lock panics");
        match (parameter, gradient, &mut **slots) {
            (CpuStorage::F32(parameter), CpuStorage::F32(gradient), Slots::F32(slots)) => {
                self.run(&mut parameter[to], &gradient[from], slots, update_f32);
            }
            (CpuStorage::F64(parameter), CpuStorage::F64(gradient), Slots::F64(slots)) => {
                self.run(&mut parameter[to], &gradient[from], slots, update_f64);
            }
            _ => candle_core::bail!("a parameter and its gradient differ in type"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use latentlab_tensor::Rng;

    use super::*;
    use crate::optimizer::{RmsProp, Sgd};

    /// The greatest relative distance between the two paths after five updates.
    fn distance(rule: &Rule, dtype: DType) -> f64 {
        let mut rng = Rng::stream(5, "test", 0);
        let start = rng.normal((50, 7), dtype, &Device::Cpu).unwrap();
        let [one_pass, composed] =
            [0, 1].map(|_| Var::from_tensor(&start.copy().unwrap()).unwrap());
        let mut slots = Slots::zeros(rule.slots().len(), &one_pass).unwrap();
        let zeros = vec![start.zeros_like().unwrap(); rule.slots().len()];
        let mut composed_slots = Slots::Composed(zeros);
        for count in 1..=5 {
            let gradient = rng
                .normal((7, 50), dtype, &Device::Cpu)
                .unwrap()
                .t()
                .unwrap();
            slots
                .update(rule, 0.1, count, &one_pass, &gradient)
                .unwrap();
            composed_slots
                .update(rule, 0.1, count, &composed, &gradient)
                .unwrap();
        }
        let distance = (one_pass.as_tensor() - composed.as_tensor())
            .unwrap()
            .abs()
            .unwrap();
        let scale = (composed.abs().unwrap() + 1.0).unwrap();
        let relative = (distance / scale).unwrap().max_all().unwrap();
        relative.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn one_pass_and_composed_operations_agree_for_every_rule_and_type() {
        for name in Rule::NAMES {
            let mut rules = vec![Rule::named(name).unwrap()];
            match rules[0].clone() {
                Rule::RmsProp(rule) => rules.push(Rule::RmsProp(RmsProp {
                    momentum: 0.5,
                    ..rule
                })),
                Rule::Sgd(rule) => rules.push(Rule::Sgd(Sgd {
                    momentum: 0.5,
                    ..rule
                })),
                _ => {}
            }
            for rule in rules {
                assert!(distance(&rule, DType::F64) < 1e-13, "{rule:?}");
                assert!(distance(&rule, DType::F32) < 1e-5, "{rule:?}");
            }
        }
    }
}
