//! Losses that are kernels in `f32`, against the same losses composed in `f64`: values and gradients,
//! by the kernels' own backward pass and by the one that can be differentiated again.

use std::f64::consts::TAU;

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    batch_mean, divergence, reconstruction,
};
use latentlab_tensor::{Result, Rng, final_backward};
use latentlab_testing::Unit;

type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;
type Backward = fn(&Tensor) -> Result<GradStore>;
type Terms = fn(f64, f64) -> [f64; 3];

/// Images and entries of an image.
const SHAPE: (usize, usize) = (5, 37);

/// A loss, and the absolute terms of what an entry adds to it and of its gradients by prediction and
/// target, before they are divided by the number of images or of entries.
struct Case {
    name: &'static str,
    loss: Loss,
    terms: Terms,
    divisor: usize,
}

const CASES: [Case; 7] = [
    Case {
        name: "bernoulli",
        loss: |x, t| batch_mean(&reconstruction::bernoulli_nll(x, t)?),
        terms: |x, t| [softplus(x) + (t * x).abs(), sigmoid(x) + t.abs(), x.abs()],
        divisor: SHAPE.0,
    },
    Case {
        name: "squared",
        loss: |x, t| batch_mean(&reconstruction::squared_error(x, t)?),
        terms: |x, t| {
            let sum = x.abs() + t.abs();
            [sum * sum, 2.0 * sum, 2.0 * sum]
        },
        divisor: SHAPE.0,
    },
    Case {
        name: "squared of sigmoid",
        loss: |x, t| batch_mean(&reconstruction::squared_error_of_sigmoid(x, t)?),
        terms: |x, t| {
            let sum = sigmoid(x) + t.abs();
            [sum * sum, 2.0 * sum * sigmoid(x), 2.0 * sum]
        },
        divisor: SHAPE.0,
    },
    Case {
        name: "gaussian of sigmoid",
        loss: |x, t| batch_mean(&reconstruction::gaussian_nll_of_sigmoid(x, t, 0.3)?),
        terms: |x, t| {
            let sum = sigmoid(x) + t.abs();
            let constant = (0.5 * (TAU * 0.3).ln()).abs();
            [
                sum * sum / 0.6 + constant,
                sum * sigmoid(x) / 0.3,
                sum / 0.3,
            ]
        },
        divisor: SHAPE.0,
    },
    Case {
        name: "divergence",
        loss: |x, t| batch_mean(&divergence::gaussian_kl(x, t)?),
        terms: |x, t| {
            let exponential = 0.5 * (t.exp() + 1.0);
            [0.5 * (x * x + t.abs()) + exponential, x.abs(), exponential]
        },
        divisor: SHAPE.0,
    },
    Case {
        name: "discriminator",
        loss: |x, t| {
            let smoothing = Smoothing {
                real: 0.9,
                fake: 0.1,
            };
            Objective::Minimax.discriminator_loss(x, t, smoothing)
        },
        terms: |x, t| {
            let entropy =
                |l: f64, target: f64| target * softplus(-l) + (1.0 - target) * softplus(l);
            let slope = |l: f64, target: f64| target * sigmoid(-l) + (1.0 - target) * sigmoid(l);
            [
                entropy(x, 0.9) + entropy(t, 0.1),
                slope(x, 0.9),
                slope(t, 0.1),
            ]
        },
        divisor: SHAPE.0 * SHAPE.1,
    },
    Case {
        name: "generator",
        loss: |x, t| {
            let own = Objective::NonSaturating.generator_loss(x)?;
            Ok((own + Objective::Minimax.generator_loss(t)?)?)
        },
        terms: |x, t| [softplus(-x) + softplus(t), sigmoid(-x), sigmoid(t)],
        divisor: SHAPE.0 * SHAPE.1,
    },
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Predictions and targets.
fn inputs() -> [Tensor; 2] {
    [0, 1].map(|index| {
        let mut rng = Rng::stream(6, "fused", index);
        let values = rng.normal(SHAPE, DType::F32, &Device::Cpu).unwrap();
        (values * 3.0).unwrap()
    })
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    tensor.to_vec1().unwrap()
}

/// The loss, and its gradients by prediction and target.
fn results(loss: Loss, backward: Backward, dtype: DType) -> [Vec<f64>; 3] {
    let var = |tensor: Tensor| Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap();
    let [x, t] = inputs().map(var);
    let loss = loss(&x, &t).unwrap();
    let gradients = backward(&loss).unwrap();
    [
        values(&loss),
        values(gradients.get(&x).unwrap()),
        values(gradients.get(&t).unwrap()),
    ]
}

/// The sums of the absolute terms of the results.
fn magnitudes(case: &Case) -> [Vec<f64>; 3] {
    let [x, t] = inputs().map(|tensor| values(&tensor));
    let terms = x.into_iter().zip(t).map(|(x, t)| (case.terms)(x, t));
    let terms = terms.map(|terms| terms.map(|term| term / case.divisor as f64));
    let terms: Vec<[f64; 3]> = terms.collect();
    let place = |place: usize| terms.iter().map(|terms| terms[place]).collect();
    [
        vec![terms.iter().map(|terms| terms[0]).sum()],
        place(1),
        place(2),
    ]
}

/// A term takes fewer than 20 roundings: the kernels' functions 8, see `latentlab_tensor`'s `math`, the
/// rest is written out above. It is added to up to 37 others of its image and to 5 images.
#[test]
fn kernels_agree_with_compositions_in_both_backward_passes() {
    let plain: Backward = |loss| Ok(loss.backward()?);
    let share = Unit::F32.share(20 + SHAPE.0 + SHAPE.1);
    for case in CASES {
        let exact = results(case.loss, plain, DType::F64);
        let magnitudes = magnitudes(&case);
        for backward in [final_backward, plain] {
            let ours = results(case.loss, backward, DType::F32);
            for ((ours, exact), magnitudes) in ours.iter().zip(&exact).zip(&magnitudes) {
                for ((ours, exact), magnitude) in ours.iter().zip(exact).zip(magnitudes) {
                    let error = (ours - exact).abs();
                    let name = case.name;
                    assert!(error <= share * magnitude, "{name}: {ours} is not {exact}");
                }
            }
        }
    }
}
