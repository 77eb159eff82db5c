//! Distances between discrete distributions whose probabilities are known or counted.

use candle_core::Tensor;
use latentlab_core::{Error, Result};

use crate::{ClassCounts, host::host_rows, scores::argmax};

/// `H(p) = -Σ p ln p`, nats, from 0 to the logarithm of the number of classes. NaN if an entry is
/// negative or not finite.
pub fn entropy(p: &[f64]) -> f64 {
    if no_share(p).is_some() {
        return f64::NAN;
    }
    -p.iter()
        .filter(|p| **p > 0.0)
        .map(|p| p * p.ln())
        .sum::<f64>()
}

/// `KL(p ‖ q) = Σ p ln(p / q)`, nats, at least 0; infinite where q is 0 and p is not.
///
/// # Errors
/// If the distributions have different numbers of classes, or an entry is negative or not finite.
pub fn kullback_leibler(p: &[f64], q: &[f64]) -> Result<f64> {
    let pairs = pairs(p, q)?.filter(|(p, _)| *p > 0.0);
    Ok(pairs.map(|(p, q)| p * (p / q).ln()).sum())
}

/// `JS(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m)` with `m = ½ (p + q)`, nats, from 0 to ln 2 (Lin 1991).
///
/// The value of a GAN's minimax game at the best discriminator is `2 JS - ln 4` (Goodfellow et al.
/// 2014, eq. 6).
///
/// # Errors
/// If the distributions have different numbers of classes, or an entry is negative or not finite.
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> Result<f64> {
    let middle: Vec<f64> = pairs(p, q)?.map(|(p, q)| 0.5 * (p + q)).collect();
    Ok(0.5 * kullback_leibler(p, &middle)? + 0.5 * kullback_leibler(q, &middle)?)
}

/// `TV(p, q) = ½ Σ |p - q|`, from 0 to 1: the largest difference that the two give to any event.
///
/// # Errors
/// If the distributions have different numbers of classes, or an entry is negative or not finite.
pub fn total_variation(p: &[f64], q: &[f64]) -> Result<f64> {
    Ok(0.5 * pairs(p, q)?.map(|(p, q)| (p - q).abs()).sum::<f64>())
}

/// The share of each class among `scores` `[N, classes]` or `[N, classes, 1, 1]`, a row counting for
/// the class of its largest score, the first of equal ones.
///
/// # Errors
/// If there are no rows, they are no scores of classes, or a score is NaN.
pub fn class_shares(scores: &Tensor) -> Result<Vec<f64>> {
    let shape = match scores.dims() {
        [count, classes] | [count, classes, 1, 1] if *classes > 0 => (*count, *classes),
        other => {
            let problem = format!("expected scores of shape [N, classes], not {other:?}");
            return Err(Error::Data(problem));
        }
    };
    let mut counts = ClassCounts(vec![0; shape.1]);
    for (item, row) in host_rows(&scores.reshape(shape)?)?.iter().enumerate() {
        if let Some(class) = row.iter().position(|score| score.is_nan()) {
            let problem = format!(
                "score {class} of item {item} is NaN: it is of no class that could be counted"
            );
            return Err(Error::Data(problem));
        }
        counts.0[argmax(row)] += 1;
    }
    counts.shares()
}

/// The place of the first entry that is negative or not finite.
fn no_share(p: &[f64]) -> Option<usize> {
    p.iter().position(|p| !(0.0..f64::INFINITY).contains(p))
}

/// The entries of both at each place, if all are finite and at least 0.
fn pairs<'a>(p: &'a [f64], q: &'a [f64]) -> Result<impl Iterator<Item = (f64, f64)> + 'a> {
    if p.len() != q.len() {
        let problem = format!(
            "distributions of {} and of {} classes cannot be compared",
            p.len(),
            q.len()
        );
        return Err(Error::Data(problem));
    }
    for distribution in [p, q] {
        if let Some(index) = no_share(distribution) {
            let problem = format!(
                "entry {index} of a distribution is {}: probabilities are finite and at least 0",
                distribution[index]
            );
            return Err(Error::Data(problem));
        }
    }
    Ok(p.iter().copied().zip(q.iter().copied()))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    /// The loaded die and the fair one.
    const LOADED: [f64; 6] = [1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 0.0, 0.0, 0.5];
    const FAIR: [f64; 6] = [1.0 / 6.0; 6];

    #[test]
    fn the_loaded_die_has_its_known_distances_from_a_fair_one() {
        // In closed form: H = ½ ln 6 + ½ ln 2, KL = ½ ln 3, TV = 1/3, and with the masses of the
        // middle (1/6 thrice, 1/12 twice, 1/3):
        // JS = ½ · ½ ln(3/2) + ½ · (⅓ ln 2 + ⅙ ln ½).
        let ln = f64::ln;
        assert!((entropy(&LOADED) - 0.5 * (ln(6.0) + ln(2.0))).abs() < 1e-12);
        let kl = kullback_leibler(&LOADED, &FAIR).unwrap();
        assert!((kl - 0.5 * ln(3.0)).abs() < 1e-12, "{kl}");
        let js = jensen_shannon(&LOADED, &FAIR).unwrap();
        assert!((js - 0.25 * ln(1.5) - ln(2.0) / 12.0).abs() < 1e-12, "{js}");
        let tv = total_variation(&LOADED, &FAIR).unwrap();
        assert!((tv - 1.0 / 3.0).abs() < 1e-12, "{tv}");
    }

    #[test]
    fn mass_where_the_other_has_none_is_infinitely_far() {
        assert_eq!(kullback_leibler(&FAIR, &LOADED).unwrap(), f64::INFINITY);
    }

    #[test]
    fn shares_count_the_largest_score_of_each_row() {
        let scores = [[0.1f32, 0.9], [0.8, 0.3], [0.2, 0.4], [-2.0, -1.0]];
        let scores = Tensor::new(&scores, &Device::Cpu).unwrap();
        assert_eq!(class_shares(&scores).unwrap(), [0.25, 0.75]);
        let images = scores.reshape((4, 2, 1, 1)).unwrap();
        assert_eq!(class_shares(&images).unwrap(), [0.25, 0.75]);
    }

    fn distribution() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.0f64..1.0, 5).prop_filter_map("no mass", |weights| {
            let sum: f64 = weights.iter().sum();
            (sum > 0.0).then(|| weights.iter().map(|weight| weight / sum).collect())
        })
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn a_distribution_is_at_no_distance_from_itself(p in distribution()) {
            prop_assert_eq!(kullback_leibler(&p, &p).unwrap(), 0.0);
            prop_assert_eq!(jensen_shannon(&p, &p).unwrap(), 0.0);
            prop_assert_eq!(total_variation(&p, &p).unwrap(), 0.0);
        }

        #[test]
        fn distances_stay_in_their_ranges(p in distribution(), q in distribution()) {
            let (js, tv) = (jensen_shannon(&p, &q).unwrap(), total_variation(&p, &q).unwrap());
            prop_assert!(kullback_leibler(&p, &q).unwrap() >= -1e-12);
            prop_assert!((-1e-12..=2f64.ln() + 1e-12).contains(&js));
            prop_assert!((0.0..=1.0 + 1e-12).contains(&tv));
            // Lin 1991: the divergence in bits is at most the total variation.
            prop_assert!(js <= 2f64.ln() * tv + 1e-12);
        }

        #[test]
        fn js_and_total_variation_are_symmetric(p in distribution(), q in distribution()) {
            let (there, back) = (jensen_shannon(&p, &q).unwrap(), jensen_shannon(&q, &p).unwrap());
            prop_assert!((there - back).abs() < 1e-12);
            prop_assert_eq!(total_variation(&p, &q).unwrap(), total_variation(&q, &p).unwrap());
        }
    }
}
