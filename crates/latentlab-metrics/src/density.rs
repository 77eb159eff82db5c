//! Densities of known distributions, and the best discriminator between two of them.

use std::f64::consts::PI;

use latentlab_core::{Error, Result};

use crate::{nothing, scores::log_sum_exp};

/// The logarithm of the density at `point` of an even mixture of round Gaussians around `modes` whose
/// coordinates have the standard deviation `deviation`, as of the ring and the grid:
/// `ln (1/M) Σ_m N(x; mode_m, deviation²)`. Finite however far away a finite point is: where the square
/// of its distance in deviations overflows, from 1e154 on, the least finite number stands for it.
///
/// # Errors
/// If there are no modes, or the deviation is not above 0, or its square is 0 or not finite.
pub fn log_mixture_density(point: [f64; 2], modes: &[[f64; 2]], deviation: f64) -> Result<f64> {
    if modes.is_empty() {
        return Err(nothing("modes"));
    }
    let variance = deviation * deviation;
    if deviation.is_nan() || deviation <= 0.0 || variance == 0.0 || variance.is_infinite() {
        let problem = format!(
            "a mixture of deviation {deviation} has no density: take one above 0 whose square is \
             above 0 and finite"
        );
        return Err(Error::Data(problem));
    }
    let exponent = |mode: &[f64; 2]| {
        let [x, y] = [0, 1].map(|axis| (point[axis] - mode[axis]) / deviation);
        (-0.5 * (x * x + y * y)).clamp(f64::MIN, 0.0)
    };
    let exponents: Vec<f64> = modes.iter().map(exponent).collect();
    let log_scale = (2.0 * PI * modes.len() as f64).ln() + 2.0 * deviation.ln();
    Ok(log_sum_exp(&exponents) - log_scale)
}

/// What the best discriminator says of a point: the probability `p / (p + q)` that it was drawn from
/// p, not q (Goodfellow et al. 2014, eq. 2), of the logarithms of both densities there. NaN where
/// neither has any mass.
pub fn optimal_discriminator(log_p: f64, log_q: f64) -> f64 {
    1.0 / (1.0 + (log_q - log_p).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_is_that_of_the_formula() {
        let density = |x: f64| (-0.5 * x * x / 0.25).exp() / (2.0 * PI * 0.25);
        let modes = [[0.0, 0.0], [3.0, 4.0]];
        let found = log_mixture_density([0.0, 1.0], &modes, 0.5).unwrap();
        let expected = 0.5 * (density(1.0) + density(18f64.sqrt()));
        assert!((found.exp() / expected - 1.0).abs() < 1e-12);
        let far = log_mixture_density([1e4, 0.0], &modes, 0.5).unwrap();
        assert!(far.is_finite() && far < -1e8);
    }

    #[test]
    fn the_density_adds_up_to_one() {
        let modes = [[0.5, 0.0], [-0.5, 0.25]];
        let places = || (-50..50).map(|n| (f64::from(n) + 0.5) / 20.0);
        let points = places().flat_map(|x| places().map(move |y| [x, y]));
        let density = |point| log_mixture_density(point, &modes, 0.2).unwrap().exp();
        let sum: f64 = points.map(density).sum();
        assert!((sum / 400.0 - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn the_best_discriminator_weighs_the_densities() {
        assert!((optimal_discriminator(3f64.ln(), 1f64.ln()) - 0.75).abs() < 1e-15);
        assert_eq!(optimal_discriminator(-1e6, -1e6), 0.5);
        assert_eq!(optimal_discriminator(0.0, f64::NEG_INFINITY), 1.0);
        assert_eq!(optimal_discriminator(f64::NEG_INFINITY, 0.0), 0.0);
    }

    #[test]
    fn no_modes_and_no_deviation_are_errors() {
        assert!(log_mixture_density([0.0; 2], &[], 1.0).is_err());
        for deviation in [0.0, -1.0, f64::NAN] {
            assert!(log_mixture_density([0.0; 2], &[[0.0; 2]], deviation).is_err());
        }
    }
}
