//! Whether the latent vectors of the data, taken together, are those that the prior draws.

use latentlab_core::Result;

use crate::{Features, Figure, Moments, frechet_distance, samples::discrepancy_from_normal};

/// The aggregate posterior `q(z) = E q(z|x)` beside the prior N(0, 1).
///
/// A decoder is trained where q(z) is and asked for samples where the prior is; what is between the
/// two is missing from samples (Hoffman and Johnson 2016; Rosca et al. 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatePosterior {
    /// The mean of each latent dimension, `[D]`; that of the prior is 0.
    pub mean: Vec<f64>,
    /// The variance of each latent dimension, `[D]`, with the divisor N - 1; that of the prior is 1.
    pub variance: Vec<f64>,
    /// The squared Fréchet distance of q(z) from the prior, by its mean and whole covariance; at least
    /// 0, lower is better.
    pub frechet: Figure,
    /// The squared maximum mean discrepancy of q(z) from the prior, unbiased, by the kernel
    /// `(z·z' / D + 1)³`; around 0 where the two agree, lower is better. Unlike the Fréchet distance it
    /// notices third moments.
    pub kernel: Figure,
}

impl AggregatePosterior {
    /// `KL(N(mean, variance) ‖ N(0, 1))` of each latent dimension, nats, at least 0: how far it would
    /// be from the prior if it were normal. Infinite for a dimension without variance.
    pub fn kl_per_dimension(&self) -> Vec<f64> {
        let moments = self.mean.iter().zip(&self.variance);
        let kl =
            |(mean, variance): (&f64, &f64)| 0.5 * (mean * mean + variance - 1.0 - variance.ln());
        moments.map(kl).collect()
    }
}

/// Compares latent vectors `[N, D]`, one draw of `q(z|x)` for each of N images, with the prior
/// N(0, 1). (Means of q(z|x) instead of draws lack its own variance, and look narrower than q(z).)
///
/// # Errors
/// If there are fewer than two latent vectors, a decomposition fails, or entries are so large, from
/// about 1e51 on, that the kernel overflows.
pub fn aggregate_posterior(latent: &Features) -> Result<AggregatePosterior> {
    let moments = Moments::of(latent)?;
    let size = moments.dimensions();
    let diagonal = |place: usize| f64::from(u8::from(place.is_multiple_of(size + 1)));
    let covariance = (0..size * size).map(diagonal).collect();
    let prior = Moments::new(0, vec![0.0; size], covariance)?;
    Ok(AggregatePosterior {
        mean: moments.mean().to_vec(),
        variance: moments.variances().collect(),
        frechet: frechet_distance(&moments, &prior)?,
        kernel: Figure::new(discrepancy_from_normal(latent)?, latent.count(), 0),
    })
}

#[cfg(test)]
mod tests {
    use latentlab_tensor::Rng;

    use super::*;

    /// 4,000 normal vectors of three dimensions, the first with this mean and deviation.
    fn latent(mean: f64, deviation: f64) -> Features {
        let mut normals = Rng::stream(0, "test", 0).normals(12_000);
        let first = normals.iter_mut().step_by(3);
        first.for_each(|value| *value = mean + deviation * *value);
        Features::new(normals, 3).unwrap()
    }

    #[test]
    fn normal_latent_vectors_are_those_of_the_prior() {
        let found = aggregate_posterior(&latent(0.0, 1.0)).unwrap();
        assert!(found.frechet.value < 3e-3, "{found:?}");
        assert!(found.kernel.value.abs() < 3e-2, "{found:?}");
        assert!(found.kl_per_dimension().iter().all(|kl| *kl < 2e-3));
        assert_eq!((found.frechet.real, found.frechet.generated), (4000, 0));
    }

    #[test]
    fn a_dimension_that_is_elsewhere_is_found_and_measured() {
        // Fréchet: 1² + (½ - 1)². KL: ½ (1 + ¼ - 1 - ln ¼). Kernel: the mean differs by 1 in one
        // dimension, which alone adds 3 (1/3) |μ|²; the rest is positive as well.
        let found = aggregate_posterior(&latent(1.0, 0.5)).unwrap();
        assert!((found.frechet.value - 1.25).abs() < 0.05, "{found:?}");
        let expected = 0.5 * (0.25 + 4f64.ln());
        assert!((found.kl_per_dimension()[0] - expected).abs() < 0.05);
        assert!(found.kernel.value > 1.0, "{found:?}");
        assert!((found.mean[0] - 1.0).abs() < 0.03 && (found.variance[0] - 0.25).abs() < 0.02);
    }
}
