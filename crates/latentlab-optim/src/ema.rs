//! A running average of the parameters, which samples better than the parameters themselves.

mod config;

pub use config::{EmaConfig, keep_older_meaning};

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor, Var};
use latentlab_kernels::vectorised;
use latentlab_tensor::{ParamStore, Parameter};
use num_traits::Float;

use crate::parallel::{Arrays, Element, TOGETHER, for_each_chunk, in_place, real, with_memory};
use latentlab_core::Result;

/// Averages one parameter store into another: `average ← decay · average + (1 - decay) · live`.
///
/// Buffers (running statistics) are averaged alike: the live ones describe the activations of the
/// live weights, which the averaged weights left behind long ago.
#[derive(Debug)]
pub struct Ema {
    pairs: BTreeMap<String, Pair>,
    config: EmaConfig,
}

#[derive(Debug)]
struct Pair {
    live: Parameter,
    averaged: Parameter,
    /// Whether the average is a plain copy.
    copied: bool,
}

impl Ema {
    /// An average of `live`, kept in `averaged`: a store in which the same model was built.
    ///
    /// # Errors
    /// If `decay` is not in `[0, 1]`, or the stores differ in their paths.
    pub fn new(live: &ParamStore, averaged: &ParamStore, config: EmaConfig) -> Result<Self> {
        let error = |problem| latentlab_core::Error::config("ema.decay", problem);
        if !(0.0..=1.0).contains(&config.decay) {
            return Err(error(format!(
                "{} is not in the range 0 to 1",
                config.decay
            )));
        }
        if live.paths() != averaged.paths() {
            let problem = "the store of the average was not built by the same model";
            return Err(latentlab_core::Error::config("ema", problem));
        }
        let pairs = live.group("").into_iter().zip(averaged.group(""));
        let pairs = pairs.map(|((path, live), (_, averaged))| {
            let pair = Pair {
                live,
                averaged,
                copied: false,
            };
            (path, pair)
        });
        Ok(Self {
            pairs: pairs.collect(),
            config,
        })
    }

    /// The average that is a plain copy of some of the parameters.
    pub fn copying(mut self, copied: impl Fn(&str) -> bool) -> Self {
        for (path, pair) in &mut self.pairs {
            pair.copied = copied(path);
        }
        self
    }

    /// Takes in the parameters as they are after step `step` (from 1).
    pub fn update(&self, step: u64) -> Result<()> {
        self.update_others(step, &BTreeSet::new())
    }

    /// The same but for those that optimizers have `averaged` in their own pass.
    pub fn update_others(&self, step: u64, averaged: &BTreeSet<String>) -> Result<()> {
        for (copied, decay) in [(false, self.averages(step).decay), (true, 0.0)] {
            let pairs = self.pairs.iter();
            let others = pairs.filter(|(path, _)| !averaged.contains(*path));
            let others = others.map(|(_, pair)| pair);
            update(decay, others.filter(|pair| pair.copied == copied))?;
        }
        Ok(())
    }

    /// The averages, and how they take in the parameters of step `step`.
    pub fn averages(&self, step: u64) -> Averages<'_> {
        let decay = self.config.decay_at(step);
        Averages { ema: self, decay }
    }
}

/// Lets averages take in their parameters.
fn update<'a>(decay: f64, pairs: impl Iterator<Item = &'a Pair>) -> Result<()> {
    let (mut single, mut double) = (Vec::new(), Vec::new());
    for pair in pairs {
        let live = pair.live.var();
        match (in_place(live), live.dtype()) {
            (true, DType::F32) => single.push(pair),
            (true, _) => double.push(pair),
            (false, _) => {
                blend_composed(decay, pair.averaged.var(), &live.as_detached_tensor())?;
            }
        }
    }
    for pairs in single.chunks(TOGETHER) {
        blend_all::<f32>(pairs, |arrays| blend_f32(decay, arrays))?;
    }
    for pairs in double.chunks(TOGETHER) {
        blend_all::<f64>(pairs, |arrays| blend_f64(decay, arrays))?;
    }
    Ok(())
}

/// The averages in one step.
#[derive(Clone, Copy)]
pub struct Averages<'a> {
    ema: &'a Ema,
    decay: f64,
}

impl<'a> Averages<'a> {
    /// The average of the parameter at `path`.
    pub fn of(self, path: &str) -> Option<&'a Var> {
        Some(self.ema.pairs.get(path)?.averaged.var())
    }

    /// The share of the average that is kept.
    pub fn decay(self) -> f64 {
        self.decay
    }
}

/// `average ← decay · average + (1 - decay) · live`.
#[inline(always)]
pub(crate) fn blend<T: Float>(decay: f64, average: &mut [T], live: &[T]) {
    if decay == 0.0 {
        // Whatever was there, also what is no number, is forgotten.
        average.copy_from_slice(live);
        return;
    }
    let (keep, take) = (real::<T>(decay), real::<T>(1.0 - decay));
    for (average, live) in average.iter_mut().zip(live) {
        *average = keep * *average + take * *live;
    }
}

/// [`blend`] in operations that every device has.
pub(crate) fn blend_composed(decay: f64, average: &Var, live: &Tensor) -> Result<()> {
    let blended = match decay {
        0.0 => live.copy()?,
        decay => ((average.as_detached_tensor() * decay)? + (live * (1.0 - decay))?)?,
    };
    Ok(average.set(&blended)?)
}

vectorised! {
    fn blend_f32(decay: f64, arrays: Arrays<'_, f32>) {
        blend(decay, arrays.values, arrays.source);
    }

    fn blend_f64(decay: f64, arrays: Arrays<'_, f64>) {
        blend(decay, arrays.values, arrays.source);
    }
}

/// Hands all parts of all averages, with the live parameters as their source, to `blend`.
fn blend_all<T: Element>(pairs: &[&Pair], blend: impl Fn(Arrays<'_, T>) + Sync) -> Result<()> {
    let averaged = pairs.iter().map(|pair| pair.averaged.var().as_tensor());
    let live = pairs.iter().map(|pair| pair.live.var().as_tensor());
    let tensors: Vec<&Tensor> = averaged.chain(live).collect();
    with_memory(&tensors, &|mut lent| {
        let live = lent.split_off(pairs.len());
        let arrays = lent.into_iter().zip(live);
        let arrays = arrays.map(|(values, source)| {
            let arrays = Arrays {
                values,
                source,
                slots: Default::default(),
                average: &mut [],
            };
            ((), arrays)
        });
        for_each_chunk(arrays.collect(), |(), arrays| blend(arrays));
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
