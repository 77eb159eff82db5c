//! Tests of the running average.

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
                ramp: false,
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
            ramp: false,
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
fn a_ramped_average_of_a_short_run_is_one_over_its_end() {
    let (live, averaged) = stores(DType::F64);
    let config = EmaConfig {
        decay: 0.999,
        warmup: 0,
        ramp: true,
    };
    let ema = Ema::new(&live, &averaged, config).unwrap();
    fill(&averaged, 0.0);
    let mut want = 0.0;
    for step in 1..=90 {
        fill(&live, f64::from(step));
        ema.update(step as u64).unwrap();
        let decay = (1.0 + f64::from(step)) / (10.0 + f64::from(step));
        want = decay * want + (1.0 - decay) * f64::from(step);
    }
    let have = values(&averaged, "weight")[0];
    assert!((have - want).abs() < 1e-9, "{have} is not {want}");
    // Without a ramp it would be 4.
    assert!(have > 80.0, "{have}");
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
            ramp: false,
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
        ramp: false,
    };
    let message = Ema::new(&live, &averaged, config).unwrap_err().to_string();
    assert_eq!(message, "`ema.decay`: 1.5 is not in the range 0 to 1");
    averaged.root().parameter("more", 1, Init::ZEROS).unwrap();
    let config = EmaConfig {
        decay: 0.5,
        warmup: 0,
        ramp: false,
    };
    let message = Ema::new(&live, &averaged, config).unwrap_err().to_string();
    assert_eq!(
        message,
        "`ema`: the store of the average was not built by the same model"
    );
}
