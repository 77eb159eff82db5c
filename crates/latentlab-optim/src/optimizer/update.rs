//! What a rule remembers of each parameter, and one update of a group: in a single pass over the
//! memory of all on the CPU, by composed operations elsewhere.

use std::{
    cell::RefCell,
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use candle_core::{CpuStorage, DType, Device, Layout, Shape, Storage, Tensor, Var};
use latentlab_kernels::vectorised;
use num_traits::Float;

use super::{Rule, rule::At};
use crate::{
    ema::{blend, blend_composed},
    parallel::{
        self, Arrays, Element, SLOTS, TOGETHER, for_each_chunk, real, storage_of, with_memory,
    },
};
use latentlab_core::Result;

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
}

fn each<A, B>(slots: &[A], convert: impl Fn(&A) -> candle_core::Result<B>) -> Result<Vec<B>> {
    Ok(slots
        .iter()
        .map(convert)
        .collect::<candle_core::Result<_>>()?)
}

/// One parameter in an update.
pub(super) struct Move<'a> {
    pub(super) parameter: &'a Var,
    pub(super) gradient: &'a Tensor,
    pub(super) slots: &'a mut Slots,
    pub(super) average: Option<&'a Var>,
    /// The number of this update, from 1.
    pub(super) count: u64,
}

/// What is done to every parameter of an update.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub(super) rule: &'a Rule,
    pub(super) lr: f64,
    /// Parameters are clamped to ± this value afterwards.
    pub(super) limit: Option<f64>,
    /// The decay of the averages, which take in the parameters last.
    pub(super) decay: f64,
    /// Set where a parameter stops being finite. What is moved by composed operations is not looked
    /// at: that would wait for the device.
    pub(super) spoiled: &'a AtomicBool,
}

impl Update<'_> {
    /// Moves all parameters, and updates what is remembered and averaged of them.
    pub(super) fn run(self, moves: Vec<Move<'_>>) -> Result<()> {
        let (mut single, mut double) = (InPlace::new(), InPlace::new());
        let run_f32 = |at: At, arrays: Arrays<'_, f32>| update_f32(self, at, arrays);
        let run_f64 = |at: At, arrays: Arrays<'_, f64>| update_f64(self, at, arrays);
        for Move {
            parameter,
            gradient,
            slots,
            average,
            count,
        } in moves
        {
            let at = At { lr: self.lr, count };
            match slots {
                Slots::F32(slots) => single.push(parameter, gradient, slots, average, at)?,
                Slots::F64(slots) => double.push(parameter, gradient, slots, average, at)?,
                Slots::Composed(slots) => {
                    self.compose(at, parameter, gradient, slots, average)?;
                }
            }
            if single.parameters.len() == TOGETHER {
                std::mem::replace(&mut single, InPlace::new()).run(run_f32)?;
            }
            if double.parameters.len() == TOGETHER {
                std::mem::replace(&mut double, InPlace::new()).run(run_f64)?;
            }
        }
        single.run(run_f32)?;
        double.run(run_f64)
    }

    fn compose(
        self,
        at: At,
        parameter: &Var,
        gradient: &Tensor,
        slots: &mut [Tensor],
        average: Option<&Var>,
    ) -> Result<()> {
        let before = parameter.as_detached_tensor();
        let mut moved = self.rule.compose(at, &before, gradient, slots)?;
        if let Some(limit) = self.limit {
            moved = moved.clamp(-limit, limit)?;
        }
        parameter.set(&moved)?;
        if let Some(average) = average {
            blend_composed(self.decay, average, &moved)?;
        }
        Ok(())
    }
}

/// The parameters of one type whose memory is worked on, and what comes with each.
struct InPlace<'a, T> {
    parameters: Vec<&'a Tensor>,
    gradients: Vec<Tensor>,
    slots: Vec<&'a mut Vec<Vec<T>>>,
    averages: Vec<Option<&'a Tensor>>,
    at: Vec<At>,
}

impl<'a, T: Element> InPlace<'a, T> {
    fn new() -> Self {
        Self {
            parameters: Vec::new(),
            gradients: Vec::new(),
            slots: Vec::new(),
            averages: Vec::new(),
            at: Vec::new(),
        }
    }

    fn push(
        &mut self,
        parameter: &'a Var,
        gradient: &Tensor,
        slots: &'a mut Vec<Vec<T>>,
        average: Option<&'a Var>,
        at: At,
    ) -> Result<()> {
        self.parameters.push(parameter.as_tensor());
        self.gradients.push(gradient.contiguous()?);
        self.slots.push(slots);
        self.averages.push(average.map(Var::as_tensor));
        self.at.push(at);
        Ok(())
    }

    /// Calls `update` for all parts of all parameters, on all threads.
    fn run(self, update: impl Fn(At, Arrays<'_, T>) + Sync) -> Result<()> {
        let Self {
            mut parameters,
            gradients,
            slots,
            averages,
            at,
        } = self;
        let gradients = apart(gradients, &parameters)?;
        let guards: Vec<_> = gradients.iter().map(Tensor::storage_and_layout).collect();
        let sources = guards.iter().map(|(storage, layout)| match &**storage {
            Storage::Cpu(storage) => memory::<T>(storage, layout),
            _ => candle_core::bail!("a parameter and its gradient are on different devices"),
        });
        let sources = sources.collect::<candle_core::Result<Vec<&[T]>>>()?;
        let count = parameters.len();
        parameters.extend(averages.iter().flatten());
        let slots = RefCell::new(slots);
        with_memory(&parameters, &|mut lent| {
            let mut averaged = lent.split_off(count).into_iter();
            let mut slots = slots.take().into_iter();
            let others = sources.iter().zip(&averages).zip(&at);
            let arrays = lent.into_iter().zip(others);
            let arrays = arrays.map(|(values, ((source, average), at))| {
                let mut slots = slots.next().into_iter().flatten().map(Vec::as_mut_slice);
                let average = average.and_then(|_| averaged.next());
                let arrays = Arrays {
                    values,
                    source,
                    slots: [(); SLOTS].map(|()| slots.next().unwrap_or_default()),
                    average: average.unwrap_or_default(),
                };
                (*at, arrays)
            });
            for_each_chunk(arrays.collect(), &update);
        })?;
        Ok(())
    }
}

/// The gradients, those in the memory of a parameter copied: nobody can read what is written to.
fn apart(gradients: Vec<Tensor>, parameters: &[&Tensor]) -> candle_core::Result<Vec<Tensor>> {
    let written: HashSet<_> = parameters.iter().copied().map(storage_of).collect();
    let apart = |gradient: Tensor| match written.contains(&storage_of(&gradient)) {
        true => gradient.copy(),
        false => Ok(gradient),
    };
    gradients.into_iter().map(apart).collect()
}

fn memory<'s, T: Element>(
    storage: &'s CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'s [T]> {
    match T::of(storage) {
        Some(values) => Ok(&values[parallel::range(layout)?]),
        None => candle_core::bail!("a parameter and its gradient differ in type"),
    }
}

vectorised! {
    fn update_f32(update: Update<'_>, at: At, arrays: Arrays<'_, f32>) {
        update.part(at, arrays);
    }

    fn update_f64(update: Update<'_>, at: At, arrays: Arrays<'_, f64>) {
        update.part(at, arrays);
    }
}

impl Update<'_> {
    /// Moves one part of a parameter.
    #[inline(always)]
    fn part<T: Float>(self, at: At, arrays: Arrays<'_, T>) {
        let Arrays {
            values,
            source,
            slots,
            average,
        } = arrays;
        self.rule.update(at, values, source, slots);
        if let Some(limit) = self.limit {
            let limit = real::<T>(limit);
            for value in values.iter_mut() {
                *value = match *value {
                    value if value > limit => limit,
                    value if value < -limit => -limit,
                    value => value,
                };
            }
        }
        if !all_finite(values) {
            self.spoiled.store(true, Ordering::Relaxed);
        }
        if !average.is_empty() {
            blend(self.decay, average, values);
        }
    }
}

/// Whether no value is NaN or infinite; without a branch, so that it takes many at once.
#[inline(always)]
fn all_finite<T: Float>(values: &[T]) -> bool {
    let spoils = |spoiled: bool, value: &T| spoiled | !value.is_finite();
    !values.iter().fold(false, spoils)
}

#[cfg(test)]
mod tests {
    use latentlab_tensor::Rng;

    use super::*;
    use crate::optimizer::{RmsProp, Sgd};

    /// The greatest relative distance between the two paths after five updates, of parameters and
    /// averages.
    fn distance(rule: &Rule, dtype: DType) -> f64 {
        let mut rng = Rng::stream(5, "test", 0);
        let start = rng.normal((50, 7), dtype, &Device::Cpu).unwrap();
        let [one_pass, composed] =
            [0, 1].map(|_| Var::from_tensor(&start.copy().unwrap()).unwrap());
        let start_var = Var::from_tensor(&start.copy().unwrap()).unwrap();
        let averages = [0, 1].map(|_| Var::from_tensor(&start.copy().unwrap()).unwrap());
        let mut slots = Slots::zeros(rule.slots().len(), &one_pass).unwrap();
        let zeros = vec![start.zeros_like().unwrap(); rule.slots().len()];
        let mut composed_slots = Slots::Composed(zeros);
        for count in 1..=5 {
            let gradient = rng
                .normal((7, 50), dtype, &Device::Cpu)
                .unwrap()
                .t()
                .unwrap();
            let update = Update {
                rule,
                lr: 0.1,
                limit: Some(1.5),
                decay: 0.7,
                spoiled: &AtomicBool::new(false),
            };
            let sides = [
                (&one_pass, &mut slots, &averages[0]),
                (&composed, &mut composed_slots, &averages[1]),
            ];
            let moves = sides.map(|(parameter, slots, average)| Move {
                parameter,
                gradient: &gradient,
                slots,
                average: Some(average),
                count,
            });
            update.run(moves.into()).unwrap();
        }
        let distance = |ours: &Var, theirs: &Var| -> f64 {
            let distance = (ours.as_tensor() - theirs.as_tensor())
                .unwrap()
                .abs()
                .unwrap();
            let scale = (theirs.abs().unwrap() + 1.0).unwrap();
            let relative = (distance / scale).unwrap().max_all().unwrap();
            relative.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
        };
        let most = distance(&one_pass, &composed);
        assert!(
            distance(&averages[0], &start_var) > 0.01,
            "the average moves"
        );
        most.max(distance(&averages[0], &averages[1]))
    }

    /// `gradient` once, and none in the other steps.
    fn once(gradient: f32, steps: usize) -> impl Iterator<Item = f32> {
        std::iter::once(gradient).chain(std::iter::repeat_n(0.0, steps - 1))
    }

    /// One value after updates with these gradients, and what is remembered of it after each.
    fn slots_after(rule: &Rule, gradients: impl Iterator<Item = f32>) -> (f32, Vec<f32>) {
        let parameter = Var::new(&[1f32], &Device::Cpu).unwrap();
        let mut slots = Slots::zeros(rule.slots().len(), &parameter).unwrap();
        let mut seen = Vec::new();
        for (count, gradient) in (1..).zip(gradients) {
            let gradient = Tensor::new(&[gradient], &Device::Cpu).unwrap();
            let update = Update {
                rule,
                lr: 0.01,
                limit: None,
                decay: 0.0,
                spoiled: &AtomicBool::new(false),
            };
            let moves = Move {
                parameter: &parameter,
                gradient: &gradient,
                slots: &mut slots,
                average: None,
                count,
            };
            update.run(vec![moves]).unwrap();
            if let Slots::F32(slots) = &slots {
                seen.extend(slots.iter().map(|slot| slot[0]));
            }
        }
        (parameter.to_vec1::<f32>().unwrap()[0], seen)
    }

    #[test]
    fn what_is_remembered_of_a_parameter_without_gradient_decays_to_zero() {
        let adam = Rule::named("adam").unwrap();
        for gradient in [1.0, 1e-10, 1e-19, 1e-25] {
            let (_, slots) = slots_after(&adam, once(gradient, 1200));
            assert!(slots.iter().all(|slot| !slot.is_subnormal()));
            assert_eq!(slots[slots.len() - 2], 0.0, "the mean");
        }
    }

    #[test]
    fn a_gradient_that_never_changes_has_no_deviation_below_zero() {
        let rule = Rule::RmsProp(RmsProp {
            centered: true,
            alpha: 0.5,
            ..RmsProp::default()
        });
        for gradient in [0.1, 0.7, 1.3, 1e-3] {
            let (value, _) = slots_after(&rule, std::iter::repeat_n(gradient, 200));
            assert!(value.is_finite(), "{gradient}: {value}");
        }
    }

    #[test]
    fn without_an_eps_a_vanishing_gradient_moves_nothing_far() {
        let adam = Rule::Adam(crate::optimizer::Adam {
            eps: 0.0,
            ..Default::default()
        });
        for gradient in [0.0, 1e-30, 1e-18, 1e-10] {
            let (value, _) = slots_after(&adam, once(gradient, 3));
            assert!((value - 1.0).abs() < 0.05, "{gradient}: {value}");
        }
    }

    #[test]
    fn a_gradient_in_the_memory_of_its_parameter_is_that_from_before_the_update() {
        let parameter = Var::new(&[1f32, -2.0], &Device::Cpu).unwrap();
        let rule = Rule::Sgd(Sgd::default());
        let mut slots = Slots::zeros(rule.slots().len(), &parameter).unwrap();
        let update = Update {
            rule: &rule,
            lr: 0.5,
            limit: None,
            decay: 0.0,
            spoiled: &AtomicBool::new(false),
        };
        let gradient = parameter.as_detached_tensor();
        let moves = Move {
            parameter: &parameter,
            gradient: &gradient,
            slots: &mut slots,
            average: None,
            count: 1,
        };
        update.run(vec![moves]).unwrap();
        assert_eq!(parameter.to_vec1::<f32>().unwrap(), [0.5, -1.0]);
    }

    #[test]
    fn one_pass_and_composed_operations_agree_for_every_rule_and_type() {
        for name in Rule::NAMES {
            let mut rules = vec![Rule::named(name).unwrap()];
            match rules[0].clone() {
                Rule::RmsProp(rule) => {
                    for (centered, momentum) in [(false, 0.5), (true, 0.0), (true, 0.5)] {
                        rules.push(Rule::RmsProp(RmsProp {
                            centered,
                            momentum,
                            ..rule
                        }));
                    }
                }
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
