//! How sure a mean over a handful of seeds is.

use latentlab_core::Result;

use crate::nothing;

/// A mean of several measurements, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// The mean of the measurements.
    pub mean: f64,
    /// Half the width of the interval around the mean that holds the true one with 95 %; infinite
    /// for one measurement, which says nothing of how far the next will be.
    pub half_width: f64,
    /// The number of measurements, for example of seeds.
    pub count: usize,
}

impl Confidence {
    /// The ends of the interval.
    pub fn interval(&self) -> [f64; 2] {
        [self.mean - self.half_width, self.mean + self.half_width]
    }
}

/// The mean of independent measurements, say of one figure over seeds, with its interval of 95 % by
/// Student's t distribution: right for normal measurements, however few (Student 1908).
///
/// # Errors
/// If there are no measurements.
pub fn confidence(measurements: &[f64]) -> Result<Confidence> {
    let count = measurements.len();
    if count == 0 {
        return Err(nothing("measurements"));
    }
    let half_width = match standard_error(measurements) {
        Some(error) => error * student_quantile(count - 1),
        None => f64::INFINITY,
    };
    Ok(Confidence {
        mean: measurements.iter().sum::<f64>() / count as f64,
        half_width,
        count,
    })
}

/// The standard error of the mean of two values or more.
pub(crate) fn standard_error(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())
}

/// The 97.5 % quantile of Student's t with so many degrees of freedom, at least 1: 95 % of the mass
/// lie between it and its negative.
fn student_quantile(degrees: usize) -> f64 {
    let (mut low, mut high) = (1.0, 13.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match mass_within(middle, degrees) < 0.95 {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// The mass of Student's t with so many degrees of freedom between `-t` and `t`, in closed form
/// (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
fn mass_within(t: f64, degrees: usize) -> f64 {
    use std::f64::consts::FRAC_2_PI;
    let angle = (t / (degrees as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    // The terms are cos θ, ⅔ cos³ θ, ⅔ ⅘ cos⁵ θ, … for odd degrees, 1, ½ cos² θ, ½ ¾ cos⁴ θ, … for even.
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    for power in (degrees % 2..degrees.saturating_sub(1)).step_by(2) {
        sum += term;
        let factor = (power + 1) as f64 / (power + 2) as f64;
        term *= factor * cosine * cosine;
    }
    match odd {
        true => FRAC_2_PI * (angle + sine * sum),
        false => sine * sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // scipy.stats.t.ppf(0.975, [1, 2, 3, 4, 5, 9, 10, 29, 1000])
        let expected = [
            (1, 12.706_204_736_174_707),
            (2, 4.302_652_729_749_464),
            (3, 3.182_446_305_283_711),
            (4, 2.776_445_105_197_799),
            (5, 2.570_581_835_636_314),
            (9, 2.262_157_162_740_992),
            (10, 2.228_138_851_964_938_5),
            (29, 2.045_229_642_132_703),
            (1000, 1.962_339_080_803_575_7),
        ];
        for (degrees, expected) in expected {
            let quantile = student_quantile(degrees);
            assert!((quantile - expected).abs() < 1e-9, "{degrees}: {quantile}");
        }
    }

    #[test]
    fn five_seeds_have_the_interval_of_the_formula() {
        // Mean 3, standard deviation √2.5, so 2.776445 · √(2.5 / 5).
        let interval = confidence(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((interval.mean, interval.count), (3.0, 5));
        assert!((interval.half_width - 1.963_243_161).abs() < 1e-8);
        assert_eq!(interval.interval()[0], 3.0 - interval.half_width);
    }

    #[test]
    fn one_measurement_says_nothing_of_the_next() {
        assert_eq!(confidence(&[2.0]).unwrap().half_width, f64::INFINITY);
        assert!(confidence(&[]).is_err());
    }
}
