//! What is specific to each model, against closed forms and finite differences. What all models
//! have in common is tested where they all are: in the conformance tests of `latentlab-run`.

mod ae;
mod classifier;
mod gan;
mod gan_penalty;
mod sizes;
mod vae;
mod vae_bounds;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, DataInfo, GenerativeModel, ImageShape, Loss, ModelSpec, Step, ValueRange,
};
use latentlab_tensor::{ParamStore, Rng};

const SEED: u64 = 3;

/// One channel, three rows, four columns.
const SMALL: ImageShape = ImageShape {
    channels: 1,
    height: 3,
    width: 4,
};

fn rng() -> Rng {
    Rng::stream(SEED, "test", 0)
}

fn data(shape: ImageShape, range: ValueRange) -> DataInfo {
    DataInfo {
        shape,
        range,
        classes: None,
        mean: vec![0.5; shape.pixels()],
    }
}

/// A model in 64 bits, and the store of its parameters.
fn build<M: ModelSpec>(config: &M::Config, data: &DataInfo) -> (M, ParamStore) {
    let store = ParamStore::new(SEED, DType::F64, &Device::Cpu);
    let model = M::build(config, data, &store.root()).unwrap();
    (model, store)
}

/// The message with which a model refuses a configuration.
fn refusal<M: ModelSpec>(config: &M::Config, data: &DataInfo) -> String {
    let store = ParamStore::new(SEED, DType::F64, &Device::Cpu);
    match M::build(config, data, &store.root()) {
        Ok(_) => "is not refused".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// `count` images, each value uniform in `[0, 1)`.
fn images(count: usize, shape: ImageShape) -> Tensor {
    Rng::stream(SEED, "images", 0)
        .uniform(0.0, 1.0, shape.batch(count), DType::F64, &Device::Cpu)
        .unwrap()
}

/// The loss of a phase on `images` at step `number`, always with the same noise.
fn loss(model: &dyn GenerativeModel, phase: &str, images: &Tensor, number: u64) -> Loss {
    let phases = model.phases();
    let phase = phases.iter().find(|candidate| candidate.name == phase);
    let batch = Batch {
        images: images.clone(),
        labels: None,
    };
    let rng = rng();
    phase
        .unwrap()
        .loss(&batch, &mut Step::new(number, rng))
        .unwrap()
}

fn term(loss: &Loss, name: &str) -> f64 {
    let (_, term) = loss.terms.iter().find(|(term, _)| *term == name).unwrap();
    let value = term.value().unwrap();
    scalar(&value)
}

fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_scalar().unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Overwrites the parameter at `path`.
fn set(store: &ParamStore, path: &str, values: &[f64]) {
    let parameter = store.get(path).unwrap();
    let shape = parameter.var().shape().clone();
    let value = Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap();
    parameter.set(&value).unwrap();
}

/// Multiplies every parameter below `prefix`.
fn scale(store: &ParamStore, prefix: &str, factor: f64) {
    for (_, parameter) in store.parameters(prefix) {
        let scaled = (parameter.var().as_detached_tensor() * factor).unwrap();
        parameter.set(&scaled).unwrap();
    }
}

/// Up to rounding in 64 bits: the absolute terms of what is compared add up to less than 1000, or than
/// 1000 times the result where that is larger, and take some hundred roundings, `1e5 u` or `1e-11`.
#[track_caller]
fn assert_close(actual: f64, expected: f64) {
    let tolerance = 1e-10 * expected.abs().max(1.0);
    assert!(
        (actual - expected).abs() < tolerance,
        "{actual} is not {expected}"
    );
}
