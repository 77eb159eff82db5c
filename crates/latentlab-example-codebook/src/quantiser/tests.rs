//! The quantiser against its paper and against finite differences.

use candle_core::{DType, Device, Var};
use latentlab_tensor::{ParamStore, gradcheck::check_gradient};

use super::*;

const CODES: [[f64; 2]; 3] = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]];
const VECTORS: [[f64; 2]; 4] = [[0.9, 0.2], [0.2, 1.6], [0.7, -0.3], [-0.1, 0.1]];

/// A quantiser with the codes above, each chosen by as many vectors of a step as `counts` says.
fn quantiser_with(counts: [f64; 3]) -> (ParamStore, Quantiser) {
    let store = ParamStore::new(3, DType::F64, &Device::Cpu);
    let config = QuantiserConfig {
        codes: 3,
        width: 2,
        decay: 0.75,
        ..Default::default()
    };
    let layer = quantiser(config, &store.root().at("autoencoder")).unwrap();
    let counts = Tensor::new(&counts, &Device::Cpu).unwrap();
    let codes = Tensor::new(&CODES, &Device::Cpu).unwrap();
    let sums = codes.broadcast_mul(&counts.unsqueeze(1).unwrap()).unwrap();
    layer.counts.set(&counts).unwrap();
    layer.sums.set(&sums).unwrap();
    (store, layer)
}

fn vectors() -> Tensor {
    Tensor::new(&VECTORS, &Device::Cpu).unwrap()
}

fn rng() -> Rng {
    Rng::stream(3, "test", 0)
}

fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    tensor.to_vec2().unwrap()
}

fn learn(layer: &Quantiser) {
    let indices = layer.quantise(&vectors()).unwrap().indices;
    layer.learn(&vectors(), &indices, &mut rng()).unwrap();
}

#[test]
fn each_vector_becomes_its_nearest_code() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    let quantised = layer.quantise(&vectors()).unwrap();
    assert_eq!(quantised.indices.to_vec1::<u32>().unwrap(), [1, 2, 1, 0]);
    assert_eq!(
        rows(&quantised.codes),
        [CODES[1], CODES[2], CODES[1], CODES[0]]
    );
    let distances = quantised.distance.to_vec1::<f64>().unwrap();
    for (have, want) in distances.into_iter().zip([0.05, 0.2, 0.18, 0.02]) {
        assert!((have - want).abs() < 1e-12, "{have} is not {want}");
    }
}

/// The nearest code is constant around a vector, so that finite differences of it are 0. Straight
/// through means the gradient at the code, handed to the vector: that of `f(z + c)` for the constant
/// `c = e − z`, which is checked against differences.
#[test]
fn the_gradient_goes_straight_through() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    let loss = |codes: &Tensor| codes.tanh()?.powf(2.0)?.sum_all();
    let shift = (layer.quantise(&vectors()).unwrap().codes - vectors()).unwrap();
    let constant = |inputs: &[Tensor]| Ok(loss(&(&inputs[0] + &shift)?)?);
    assert!(check_gradient(&[vectors()], constant).unwrap() < 1e-8);

    let gradient = |quantised: bool| {
        let var = Var::from_tensor(&vectors()).unwrap();
        let codes = match quantised {
            true => layer.quantise(&var).unwrap().codes,
            false => (var.as_tensor() + &shift).unwrap(),
        };
        let gradients = loss(&codes).unwrap().backward().unwrap();
        rows(gradients.get(&var).unwrap()).concat()
    };
    for (ours, theirs) in gradient(true).into_iter().zip(gradient(false)) {
        assert!((ours - theirs).abs() < 1e-12, "{ours} is not {theirs}");
    }
    assert!(gradient(true).iter().any(|slope| slope.abs() > 0.1));
}

#[test]
fn the_commitment_has_the_gradient_of_finite_differences() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    let commitment = |inputs: &[Tensor]| Ok(layer.quantise(&inputs[0])?.distance.sum_all()?);
    assert!(check_gradient(&[vectors()], commitment).unwrap() < 1e-8);
}

/// With γ = ¾: n ← ¾ n + ¼ · vectors, m ← ¾ m + ¼ · their sum, e = m / n (eq. 6 to 8).
#[test]
fn codes_follow_the_vectors_as_in_the_paper() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    learn(&layer);
    let counts = layer.counts.value().to_vec1::<f64>().unwrap();
    assert_eq!(counts, [1.0, 2.0, 3.25]);
    let expected = [
        [0.25 * -0.1, 0.25 * 0.1],
        [(0.75 * 2.0 + 0.25 * 1.6) / 2.0, 0.25 * -0.1 / 2.0],
        [0.25 * 0.2 / 3.25, (0.75 * 8.0 + 0.25 * 1.6) / 3.25],
    ];
    let codes = rows(&layer.codes().unwrap()).concat();
    for (have, want) in codes.into_iter().zip(expected.concat()) {
        assert!((have - want).abs() < 1e-12, "{have} is not {want}");
    }
}

#[test]
fn a_code_that_nothing_chooses_starts_anew_at_a_vector_of_the_batch() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    let far = Tensor::new(&[[9.0f64, 9.0], [9.0, 9.0], [9.0, 9.0]], &Device::Cpu).unwrap();
    layer.sums.set(&far).unwrap(); // code 2, at 9/4, is the nearest to all
    for step in 0..20 {
        learn(&layer);
        let counts = layer.counts.value().to_vec1::<f64>().unwrap();
        assert!(
            counts.iter().all(|count| *count >= 0.5),
            "{step}: {counts:?}"
        );
    }
    let used = layer.quantise(&vectors()).unwrap().indices;
    let used = layer.perplexity(&used).unwrap().to_scalar::<f64>().unwrap();
    assert!(used > 1.8, "{used}");
}

#[test]
fn the_codebook_rests_while_another_group_is_trained() {
    let (store, layer) = quantiser_with([1.0, 2.0, 4.0]);
    let before = rows(&layer.codes().unwrap());
    store.train_only("probe");
    learn(&layer);
    assert_eq!(rows(&layer.codes().unwrap()), before);
    store.train_only("autoencoder");
    learn(&layer);
    assert_ne!(rows(&layer.codes().unwrap()), before);
}

#[test]
fn the_perplexity_counts_the_codes_in_use() {
    let (_, layer) = quantiser_with([1.0, 2.0, 4.0]);
    for (indices, expected) in [([1u32; 6], 1.0), ([0, 1, 2, 0, 1, 2], 3.0)] {
        let indices = Tensor::new(&indices, &Device::Cpu).unwrap();
        let found = layer.perplexity(&indices).unwrap();
        let found = found.to_scalar::<f64>().unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let config = QuantiserConfig::default();
    for (config, message) in [
        (
            QuantiserConfig { codes: 0, ..config },
            "`codes`: must be at least 1",
        ),
        (
            QuantiserConfig { width: 0, ..config },
            "`width`: must be at least 1",
        ),
        (
            QuantiserConfig {
                decay: 1.0,
                ..config
            },
            "`decay`: must be between 0 and 1, not 1",
        ),
        (
            QuantiserConfig {
                restart_below: 0.0,
                ..config
            },
            "`restart_below`: must be above 0, not 0",
        ),
    ] {
        let store = ParamStore::new(3, DType::F64, &Device::Cpu);
        let error = quantiser(config, &store.root()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
