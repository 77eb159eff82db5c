//! A running average of the parameters, which samples better than the parameters themselves.

use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};
use latentlab_tensor::{ParamStore, Parameter, vectorised};
use num_traits::Float;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    parallel::{self, Chunk},
};

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
/// Buffers (running statistics) are averaged alike: the live ones describe the activations of the
/// live weights, which the averaged weights left behind long ago.
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
            blend(averaged, &live.var().as_detached_tensor(), decay)?;
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
    fn run<T: Float + Send + Sync>(
        &self,
        average: &mut [T],
        live: &[T],
        blend: fn(f64, Chunk<'_, T>),
    ) {
        parallel::chunks(average, live, &mut [], |chunk| blend(self.decay, chunk));
    }
}

#[inline(always)]
fn blend_chunk<T: Float>(decay: f64, chunk: Chunk<'_, T>) {
    let keep = parallel::real::<T>(decay);
    let take = parallel::real::<T>(1.0 - decay);
    for (average, live) in chunk.values.iter_mut().zip(chunk.source) {
        *average = keep * *average + take * *live;
    }
}

vectorised! {
    fn blend_f32(decay: f64, chunk: Chunk<'_, f32>) {
        blend_chunk(decay, chunk);
    }

    fn blend_f64(decay: f64, chunk: Chunk<'_, f64>) {
        blend_chunk(decay, chunk);
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
                blend_f32,
            ),
            (CpuStorage::F64(average), CpuStorage::F64(live)) => self.run(
                &mut average[parallel::range(average_layout)?],
                &live[parallel::range(live_layout)?],
                blend_f64,
            ),
            _ => candle_core::bail!("an average and its source must both be f32 or f64"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use latentlab_tensor::Init;

    use super::*;

    fn stores(dtype: DType) -> (ParamStore, ParamStore) {
        let live = ParamStore::new(1, dtype, &Device::Cpu);
        let averaged = ParamStore::new(1, dtype, &Device::Cpu);
        for store in [&live, &averaged] {
            store
                .root()
                .parameter("weight", (3, 2), Init::FanInUniform)
                .unwrap();
            store.root().buffer("running_mean", 2, Init::ZEROS).unwrap();
        }
        (live, averaged)
    }

    fn fill(store: &ParamStore, value: f64) {
        for (_, entry) in store.group("") {
            let ones = entry.var().ones_like().unwrap();
            entry.set(&(ones * value).unwrap()).unwrap();
        }
    }

    fn values(store: &ParamStore, path: &str) -> Vec<f64> {
        let tensor = store.tensors()[path].to_dtype(DType::F64).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_distance_of_weights_and_buffers_to_a_constant_shrinks_by_the_decay_in_each_step() {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            let (live, averaged) = stores(dtype);
            let ema = Ema::new(
                &live,
                &averaged,
                EmaConfig {
                    decay: 0.9,
                    warmup: 0,
                },
            )
            .unwrap();
            fill(&averaged, 5.0);
            fill(&live, 1.0);
            for step in 1..=20 {
                ema.update(step).unwrap();
                let want = 1.0 + 4.0 * 0.9f64.powi(step as i32);
                let weight = values(&averaged, "weight").into_iter();
                for have in weight.chain(values(&averaged, "running_mean")) {
                    assert!(
                        (have - want).abs() < tolerance,
                        "step {step}: {have} is not {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_average_is_a_copy_during_the_warm_up() {
        let (live, averaged) = stores(DType::F32);
        let ema = Ema::new(
            &live,
            &averaged,
            EmaConfig {
                decay: 0.9,
                warmup: 2,
            },
        )
        .unwrap();
        for step in 1..=2 {
            fill(&live, step as f64);
            ema.update(step).unwrap();
            assert_eq!(values(&averaged, "weight"), [step as f64; 6]);
        }
        fill(&live, 12.0);
        ema.update(3).unwrap();
        assert!((values(&averaged, "weight")[0] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn averaging_leaves_the_live_parameters_alone() {
        let (live, averaged) = stores(DType::F32);
        let before = values(&live, "weight");
        let ema = Ema::new(
            &live,
            &averaged,
            EmaConfig {
                decay: 0.5,
                warmup: 0,
            },
        )
        .unwrap();
        fill(&averaged, 7.0);
        ema.update(1).unwrap();
        assert_eq!(values(&live, "weight"), before);
    }

    #[test]
    fn another_models_store_and_a_decay_above_one_are_refused() {
        let (live, averaged) = stores(DType::F32);
        let config = EmaConfig {
            decay: 1.5,
            warmup: 0,
        };
        let message = Ema::new(&live, &averaged, config).unwrap_err().to_string();
        assert_eq!(message, "`ema.decay`: 1.5 is not in the range 0 to 1");
        averaged.root().parameter("more", 1, Init::ZEROS).unwrap();
        let config = EmaConfig {
            decay: 0.5,
            warmup: 0,
        };
        let message = Ema::new(&live, &averaged, config).unwrap_err().to_string();
        assert_eq!(
            message,
            "`ema`: the store of the average was not built by the same model"
        );
    }
}
