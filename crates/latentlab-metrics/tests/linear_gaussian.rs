//! The bounds on a model whose likelihood is known: z ~ N(0, 1), x | z ~ N(z, 1), so x ~ N(0, 2) and
//! z | x ~ N(x/2, 1/2).

use std::f64::consts::PI;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, Elbo, Likelihood, Result};
use latentlab_metrics::{evidence_bound, importance_bound};
use latentlab_tensor::Rng;

/// The model with the posterior N(x/2, variance); the true one has the variance 1/2.
struct LinearGaussian {
    variance: f64,
}

/// `log N(x; mean, variance)`, elementwise.
fn log_normal(x: &Tensor, mean: &Tensor, variance: f64) -> Result<Tensor> {
    let square = x.broadcast_sub(mean)?.sqr()?;
    Ok(square.affine(-0.5 / variance, -0.5 * (2.0 * PI * variance).ln())?)
}

impl LinearGaussian {
    /// `samples` draws from the posterior of each of x `[N]`, `[samples, N]`.
    fn posterior(&self, x: &Tensor, samples: usize, rng: &mut Rng) -> Result<Tensor> {
        let noise = rng.normal((samples, x.dim(0)?), DType::F64, &Device::Cpu)?;
        Ok((noise * self.variance.sqrt())?.broadcast_add(&(x * 0.5)?)?)
    }
}

impl Likelihood for LinearGaussian {
    fn elbo(&self, images: &Tensor, rng: &mut Rng) -> Result<Elbo> {
        let x = images.flatten_all()?;
        let z = self.posterior(&x, 1, rng)?.squeeze(0)?;
        let reconstruction = log_normal(&x, &z, 1.0)?.neg()?;
        // KL(N(x/2, v) ‖ N(0, 1)) = ½ (v + x²/4 − 1 − ln v), and a second dimension that is unused.
        let kl = x
            .sqr()?
            .affine(0.125, 0.5 * (self.variance - 1.0 - self.variance.ln()))?;
        let kl = Tensor::stack(&[&kl, &kl.zeros_like()?], 1)?; // [N, 2]
        Ok(Elbo { reconstruction, kl })
    }

    fn draw_latent(&self, images: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let z = self.posterior(&images.flatten_all()?, 1, rng)?;
        Ok(z.reshape(((), 1))?)
    }

    fn log_weights(&self, images: &Tensor, samples: usize, rng: &mut Rng) -> Result<Tensor> {
        let x = images.flatten_all()?;
        let z = self.posterior(&x, samples, rng)?; // [samples, N]
        let joint = (log_normal(&z, &z.zeros_like()?, 1.0)? + log_normal(&z, &x, 1.0)?)?;
        Ok((joint - log_normal(&z, &(&x * 0.5)?, self.variance)?)?)
    }
}

/// Two batches of two and of `count` - 2 images of one pixel, spread over [-2, 2].
fn batches(count: usize) -> [Result<Batch>; 2] {
    let x: Vec<f64> = (0..count)
        .map(|n| 4.0 * n as f64 / (count - 1) as f64 - 2.0)
        .collect();
    let batch = |x: &[f64]| {
        let images = Tensor::new(x, &Device::Cpu)?.reshape(((), 1, 1, 1))?;
        Ok(Batch {
            images,
            labels: None,
        })
    };
    [batch(&x[..2]), batch(&x[2..])]
}

/// The mean of log N(x; 0, 2) over the images of all batches.
fn log_likelihood(count: usize) -> f64 {
    let log_p = |batch: Result<Batch>| {
        let x = batch.unwrap().images.flatten_all().unwrap();
        let log_p = log_normal(&x, &x.zeros_like().unwrap(), 2.0).unwrap();
        log_p.sum_all().unwrap().to_scalar::<f64>().unwrap()
    };
    batches(count).map(log_p).iter().sum::<f64>() / count as f64
}

fn rng() -> Rng {
    Rng::stream(0, "test", 0)
}

#[test]
fn with_the_true_posterior_every_bound_is_the_likelihood() {
    let model = LinearGaussian { variance: 0.5 };
    for (samples, at_once) in [(1, 1), (5, 2), (50, 64)] {
        let bound = importance_bound(&model, batches(6), samples, at_once, &mut rng()).unwrap();
        let bound = bound.value;
        assert!(
            (bound - log_likelihood(6)).abs() < 1e-12,
            "{samples} samples: {bound}"
        );
    }
}

#[test]
fn the_bound_rises_towards_the_likelihood_with_the_number_of_samples() {
    let model = LinearGaussian { variance: 0.2 };
    let bounds = [1, 10, 1000]
        .map(|samples| importance_bound(&model, batches(2000), samples, 100, &mut rng()).unwrap());
    let bounds = bounds.map(|bound| bound.value);
    let log_p = log_likelihood(2000);
    // KL(q ‖ posterior) = ½ (0.4 − 1 − ln 0.4) = 0.158 nats is missing with one sample.
    assert!(
        (log_p - bounds[0] - 0.158).abs() < 0.03,
        "{bounds:?} of {log_p}"
    );
    assert!(
        bounds[0] < bounds[1] && bounds[1] < bounds[2],
        "{bounds:?} of {log_p}"
    );
    assert!((log_p - bounds[2]).abs() < 0.02, "{bounds:?} of {log_p}");
}

#[test]
fn the_number_of_samples_drawn_at_once_changes_nothing_but_the_rounding() {
    let model = LinearGaussian { variance: 0.2 };
    let bound = |at_once| {
        let bound = importance_bound(&model, batches(6), 12, at_once, &mut rng());
        bound.unwrap().value
    };
    assert!((bound(12) - bound(1)).abs() < 1e-12);
    assert!((bound(12) - bound(5)).abs() < 1e-12);
}

#[test]
fn the_evidence_bound_is_the_likelihood_less_the_divergence_from_the_posterior() {
    let model = LinearGaussian { variance: 0.2 };
    let bound = evidence_bound(&model, batches(20_000), &mut rng()).unwrap();
    // As above; one sample for each image leaves a deviation of about 0.4 / √20,000.
    assert!(
        (log_likelihood(20_000) - bound.elbo.value - 0.158).abs() < 0.015,
        "{bound:?}"
    );
    assert_eq!((bound.kl_per_dimension[1], bound.active_units()), (0.0, 1));
}

#[test]
fn the_error_is_the_deviation_of_log_p_over_the_root_of_the_number_of_images() {
    // With the true posterior each bound is log p(x) = c - x²/4, and x is uniform in [-2, 2], where
    // x² has the variance 16/5 - 16/9 = 64/45.
    let model = LinearGaussian { variance: 0.5 };
    let bound = importance_bound(&model, batches(2000), 3, 3, &mut rng()).unwrap();
    let expected = (64.0 / 45.0 / 16.0 / 2000.0f64).sqrt();
    assert!(
        (bound.error.unwrap() / expected - 1.0).abs() < 0.01,
        "{bound:?}"
    );
    assert_eq!((bound.real, bound.generated), (2000, 0));
    let elbo = evidence_bound(&model, batches(2000), &mut rng())
        .unwrap()
        .elbo;
    assert!(elbo.error.unwrap() > bound.error.unwrap(), "{elbo:?}");
    assert_eq!(elbo.real, 2000);
}

#[test]
fn nothing_to_average_is_an_error() {
    let model = LinearGaussian { variance: 0.5 };
    assert!(evidence_bound(&model, [], &mut rng()).is_err());
    assert!(importance_bound(&model, [], 1, 1, &mut rng()).is_err());
    assert!(importance_bound(&model, batches(6), 0, 1, &mut rng()).is_err());
}
