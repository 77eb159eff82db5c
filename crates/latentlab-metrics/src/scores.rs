//! Rows of scores, one for each class or component.

/// The place of the largest of `scores`, the first of equal ones; 0 of none. Not a number is never
/// larger.
pub(crate) fn argmax(scores: &[f64]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    best
}

/// `ln Σ exp x` over `exponents`, however large or small: -∞ of none, NaN if one of them is.
pub(crate) fn log_sum_exp(exponents: &[f64]) -> f64 {
    softmax(&mut exponents.to_vec())
}

/// Turns `logits` x into probabilities `exp x / Σ exp x`, if they are finite; returns the logarithm of
/// the sum, as [`log_sum_exp`].
pub(crate) fn softmax(logits: &mut [f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Infinity less itself is no number.
    let shift = if largest.is_finite() { largest } else { 0.0 };
    let exponentials = logits.iter_mut();
    exponentials.for_each(|logit| *logit = (*logit - shift).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|weight| *weight /= sum);
    shift + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_counts() {
        assert_eq!(argmax(&[0.5, 2.0, -1.0, 2.0]), 1);
        assert_eq!(argmax(&[-3.0]), 0);
        assert_eq!(argmax(&[]), 0);
    }

    #[test]
    fn the_log_of_a_sum_survives_huge_and_tiny_exponents() {
        assert!((log_sum_exp(&[0.0, 0.0, 0.0]) - 3f64.ln()).abs() < 1e-12);
        assert!((log_sum_exp(&[-2000.0, -2000.0]) - (-2000.0 + 2f64.ln())).abs() < 1e-9);
        assert_eq!(log_sum_exp(&[-2000.0, 2000.0]), 2000.0);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[0.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }

    #[test]
    fn probabilities_keep_the_ratios_of_the_exponentials() {
        let mut logits = [1000.0, 1000.0 + 3f64.ln(), f64::NEG_INFINITY];
        assert!((softmax(&mut logits) - 1000.0 - 4f64.ln()).abs() < 1e-12);
        for (found, expected) in logits.into_iter().zip([0.25, 0.75, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }

    #[test]
    fn an_exponent_that_is_not_a_number_shows_in_the_sum() {
        assert!(log_sum_exp(&[0.0, f64::NAN]).is_nan());
        assert!(log_sum_exp(&[f64::NEG_INFINITY, f64::NAN]).is_nan());
    }
}
