//! The Fréchet distance between samples and data.

use latentlab_core::{Error, Result};

use crate::{Figure, Moments};

/// The squared Fréchet (2-Wasserstein) distance between the Gaussians with the moments of real and of
/// generated features (Dowson and Landau 1982; Heusel et al. 2017, eq. 6):
///
/// `|μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁ Σ₂)^½`,
///
/// at least 0 but for rounding, lower is better, in the squared unit of the features. It is biased
/// upwards by few items. Only on features of Inception v3 is it the published FID.
///
/// The last trace is the sum of the singular values of `F₁ᵀ F₂`, where `F Fᵀ = Σ`. That needs no root
/// of a product and so loses no digits where a covariance has no full rank, as with fewer items than
/// features.
///
/// # Errors
/// If the two have different numbers of features, or a decomposition fails.
pub fn frechet_distance(real: &Moments, generated: &Moments) -> Result<Figure> {
    if real.dimensions() != generated.dimensions() {
        let problem = format!(
            "moments of {} features cannot be compared with those of {}: compute both with one \
             network",
            real.dimensions(),
            generated.dimensions()
        );
        return Err(Error::Data(problem));
    }
    let means = real.mean().iter().zip(generated.mean());
    let shift: f64 = means
        .map(|(real, generated)| (real - generated).powi(2))
        .sum();
    let product = real.factor()?.transpose() * generated.factor()?;
    let roots = product.singular_values().map_err(|_| {
        let problem =
            "the singular values of two covariances were not found: look for huge features";
        Error::Data(problem.to_owned())
    })?;
    let total = real.total_variance() + generated.total_variance();
    let value = shift + total - 2.0 * roots.iter().sum::<f64>();
    Ok(Figure::new(value, real.count(), generated.count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;

    /// Moments of 100 items made up as `mean` and a diagonal covariance.
    fn moments(mean: [f64; 2], variances: [f64; 2]) -> Moments {
        let covariance = vec![variances[0], 0.0, 0.0, variances[1]];
        Moments::new(100, mean.to_vec(), covariance).unwrap()
    }

    fn distance(a: &Moments, b: &Moments) -> f64 {
        frechet_distance(a, b).unwrap().value
    }

    #[test]
    fn independent_features_have_the_distance_of_their_means_and_deviations() {
        // (1 - 3)² + (2 - 2)² + (√4 - √9)² + (√1 - √16)² = 4 + 0 + 1 + 9.
        let (a, b) = (
            moments([1.0, 2.0], [4.0, 1.0]),
            moments([3.0, 2.0], [9.0, 16.0]),
        );
        assert!((distance(&a, &b) - 14.0).abs() < 1e-12);
    }

    #[test]
    fn covariances_without_full_rank_are_compared_exactly() {
        // Each has variance along one axis only; nothing is shared, so the traces add up.
        let (a, b) = (moments([0.0; 2], [4.0, 0.0]), moments([0.0; 2], [0.0, 9.0]));
        assert_eq!(distance(&a, &b), 13.0);
        assert_eq!(distance(&a, &moments([0.0; 2], [0.0; 2])), 4.0);
    }

    #[test]
    fn fewer_items_than_features_are_at_no_distance_from_themselves() {
        let values = (0..5 * 64)
            .map(|n| (f64::from(n) * 1.7).sin() * 100.0)
            .collect();
        let moments = Moments::of(&Features::new(values, 64).unwrap()).unwrap();
        let distance = distance(&moments, &moments);
        assert!(
            distance.abs() < 1e-10 * moments.total_variance(),
            "{distance}"
        );
    }

    #[test]
    fn different_numbers_of_features_are_an_error() {
        let one = Moments::of(&Features::new(vec![1.0, 2.0], 1).unwrap()).unwrap();
        let message = frechet_distance(&one, &moments([0.0; 2], [1.0; 2])).unwrap_err();
        assert!(message.to_string().starts_with("moments of 1 features"));
    }
}
