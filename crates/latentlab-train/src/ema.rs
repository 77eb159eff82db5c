//! A running average of the parameters, which samples better than the parameters themselves.

use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};
use latentlab_tensor::{Kind, ParamStore, Parameter};
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Result, parallel};

/// How the running average forgets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// The share of the average that a step keeps, 0 to 1; it remembers about `1 / (1 - decay)`
    /// steps.
    pub decay: f64,
    /// Steps during which the average is a plain copy, so that it forgets the initial values.
    #[serde(default)]
    pub warmup: u64,
}

/// Averages one parameter store into another: `average ← decay · average + (1 - decay) · live`.
///
/// Buffers (running statistics) are averages already; they are copied.
#[derive(Debug)]
pub struct Ema {
    pairs: Vec<(Parameter, Parameter)>,
    config: EmaConfig,
}

impl Ema {
    /// An average of `live`, kept in `averaged`: a store in which the same model was built.
    ///
    /// # Errors
    /// If `decay` is not in `[0, 1]`, or the stores differ in their paths.
    pub fn new(live: &ParamStore, averaged: &ParamStore, config: EmaConfig) -> Result<Self> {
        let error = |problem| latentlab_core::Error::config("ema.decay", problem);
        if !(0.0..=1.0).contains(&config.decay) {
            return Err(error(format!("{} is not in the range 0 to 1", config.decay)).into());
        }
        let (live, averaged) = (live.group(""), averaged.group(""));
        let paths = |group: &[(String, Parameter)]| -> Vec<String> {
            group.iter().map(|(path, _)| path.clone()).collect()
        };
        if paths(&live) != paths(&averaged) {
            let problem = "the store of the average was not built by the same model";
            return Err(latentlab_core::Error::config("ema", problem).into());
        }
        let pairs = live.into_iter().zip(averaged);
        Ok(Self {
            pairs: pairs
                .map(|((_, live), (_, averaged))| (live, averaged))
                .collect(),
            config,
        })
    }

    /// Takes in the parameters as they are after step `step` (from 1).
    pub fn update(&self, step: u64) -> Result<()> {
        let decay = match step <= self.config.warmup {
            true => 0.0,
            false => self.config.decay,
        };
        for (live, averaged) in &self.pairs {
            match live.kind() {
                Kind::Buffer => averaged.set(&live.var().as_detached_tensor())?,
                Kind::Parameter => blend(averaged, &live.var().as_detached_tensor(), decay)?,
            }
        }
        Ok(())
    }
}

fn blend(averaged: &Parameter, live: &Tensor, decay: f64) -> Result<()> {
    let average = averaged.var().as_detached_tensor();
    if parallel::in_place(&average) {
        average.inplace_op2(live, &Blend { decay })?;
    } else {
        averaged.set(&((average * decay)? + (live * (1.0 - decay))?)?)?;
    }
    Ok(())
}

struct Blend {
    decay: f64,
}

impl Blend {
    fn run<T: Float + Send + Sync>(&self, average: &mut [T], live: &[T]) {
        let keep = parallel::real::<T>(self.decay);
        let take = parallel::real::<T>(1.0 - self.decay);
        parallel::chunks(average, live, &mut [], |chunk| {
            for (average, live) in chunk.values.iter_mut().zip(chunk.source) {
                *average = keep * *average + take * *live;
            }
        });
    }
}

impl InplaceOp2 for Blend {
    fn name(&self) -> &'static str {
        "ema"
    }

    fn cpu_fwd(
        &self,
        average: &mut CpuStorage,
        average_layout: &Layout,
        live: &CpuStorage,
        live_layout: &Layout,
    ) -> candle_core::Result<()> {
        match (average, live) {
            (CpuStorage::F32(average), CpuStorage::F32(live)) => self.run(
                &mut average[parallel::range(average_layout)?],
                &live[parallel::range(live_layout)?],
            ),
            (CpuStorage::F64(average), CpuStorage::F64(live)) => self.run(
                &mut average[parallel::range(average_layout)?],
                &live[parallel::range(live_layout)?],
            ),
            _ => candle_core::bail!("an average and its source must both be f32 or f64"),
        }
        Ok(())
    }
}
