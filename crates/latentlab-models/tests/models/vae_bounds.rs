//! The bounds of a variational autoencoder whose likelihood is known: linear layers and a Gaussian
//! decoder make `x ~ N(b, w wᵀ + s² I)` of one latent number z, with `x | z ~ N(w z + b, s² I)`, and
//! the posterior `z | x ~ N(v wᵀ(x − b) / s², v)`, `v = 1 / (1 + wᵀw / s²)`, is one that the encoder
//! can give.

use std::f64::consts::TAU;

use candle_core::Tensor;
use latentlab_core::{Likelihood, ValueRange};
use latentlab_models::{Observation, Vae, VaeConfig};

use super::{SMALL, assert_close, build, data, images, rng, set, values};

const LOG_VAR: f64 = -1.2;
const PIXELS: usize = 12;

fn decoder_weight() -> Vec<f64> {
    (0..PIXELS).map(|pixel| (pixel as f64).sin()).collect()
}

fn decoder_bias() -> Vec<f64> {
    (0..PIXELS).map(|pixel| (pixel as f64).cos()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The model above, the encoder of which gives the posterior with its variance times `factor`.
fn linear_gaussian(decoder_log_var: Option<f64>, factor: f64) -> Vae {
    let config = VaeConfig {
        hidden: vec![],
        latent: 1,
        decoder: Observation::Gaussian,
        decoder_log_var,
        ..VaeConfig::default()
    };
    let (model, store) = build(&config, &data(SMALL, ValueRange::Real));
    let (w, b, noise) = (decoder_weight(), decoder_bias(), LOG_VAR.exp());
    let variance = 1.0 / (1.0 + dot(&w, &w) / noise);
    let slope: Vec<f64> = w.iter().map(|w| variance * w / noise).collect();
    set(&store, "decoder.0.weight", &w);
    set(&store, "decoder.0.bias", &b);
    set(&store, "mu.bias", &[-dot(&slope, &b)]);
    set(&store, "mu.weight", &slope);
    set(&store, "log_var.weight", &[0.0; PIXELS]);
    set(&store, "log_var.bias", &[(variance * factor).ln()]);
    if decoder_log_var.is_none() {
        set(&store, "pixel_log_var", &[LOG_VAR]);
    }
    model
}

/// `ln N(x; b, w wᵀ + s² I)`, by the determinant lemma and the formula of Sherman and Morrison.
fn log_likelihood(x: &[f64]) -> f64 {
    let (w, noise) = (decoder_weight(), LOG_VAR.exp());
    let x: Vec<f64> = x.iter().zip(decoder_bias()).map(|(x, b)| x - b).collect();
    let gain = 1.0 + dot(&w, &w) / noise;
    let square = (dot(&x, &x) - dot(&w, &x).powi(2) / (noise * gain)) / noise;
    -0.5 * (square + PIXELS as f64 * (TAU * noise).ln() + gain.ln())
}

#[test]
fn with_the_true_posterior_every_weight_is_the_likelihood() {
    for decoder_log_var in [Some(LOG_VAR), None] {
        let model = linear_gaussian(decoder_log_var, 1.0);
        let images = images(4, SMALL);
        let log_weights = model.log_weights(&images, 5, &mut rng()).unwrap(); // [5, 4]
        for sample in log_weights.to_vec2::<f64>().unwrap() {
            for (image, log_weight) in sample.into_iter().enumerate() {
                let x = values(&images.get(image).unwrap());
                assert_close(log_weight, log_likelihood(&x));
            }
        }
    }
}

/// Mean of `values` and the deviation that the mean itself is expected to have.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (square / count / count).sqrt())
}

#[test]
fn the_elbo_and_one_importance_sample_miss_the_divergence_from_the_posterior() {
    // KL(N(m, v/2) ‖ N(m, v)) = ½ (½ − 1 + ln 2).
    let missing = 0.5 * (2f64.ln() - 0.5);
    let model = linear_gaussian(Some(LOG_VAR), 0.5);
    let image = images(1, SMALL);
    let copies = image
        .expand(SMALL.batch(20_000))
        .unwrap()
        .contiguous()
        .unwrap();
    let expected = log_likelihood(&values(&image)) - missing;

    let elbo = model.elbo(&copies, &mut rng()).unwrap();
    let elbo = (elbo.reconstruction + elbo.kl.sum(1).unwrap())
        .unwrap()
        .neg()
        .unwrap();
    let log_weights = model.log_weights(&copies, 1, &mut rng()).unwrap();
    let both: [&Tensor; 2] = [&elbo, &log_weights];
    for (estimate, error) in both.map(|tensor| mean_and_error(&values(tensor))) {
        assert!(error < missing / 20.0, "{error} is too much to tell");
        assert!(
            (estimate - expected).abs() < 4.0 * error,
            "{estimate} is not {expected}"
        );
    }
}
