//! How much samples differ from each other beside how much the data do.

use latentlab_core::{Error, Result};
use latentlab_tensor::Rng;

use super::distances::squared_distance;
use crate::{
    Features, Figure,
    features::{at_least, comparable},
};

/// The mean Euclidean distance between two generated items over that between two real ones, at
/// least 0, without unit: 1 for samples as diverse as the data, 0 after a collapse. Noise has a high
/// one. Taken over `pairs` random pairs of different items on each side; the error is that of the
/// choice of pairs.
///
/// # Errors
/// If the sets differ in their number of features or have fewer than two items, there are fewer than
/// two pairs, or all pairs of real items are equal.
pub fn diversity(
    real: &Features,
    generated: &Features,
    pairs: usize,
    rng: &mut Rng,
) -> Result<Figure> {
    comparable(real, generated)?;
    at_least("real items", real, 2)?;
    at_least("generated items", generated, 2)?;
    if pairs < 2 {
        let problem = format!("the mean of {pairs} pairs says nothing: draw at least 2");
        return Err(Error::Data(problem));
    }
    let below = mean_distance(real, pairs, rng);
    let above = mean_distance(generated, pairs, rng);
    if below.value == 0.0 {
        let problem = "the real items are all the same: their diversity is nothing to compare with";
        return Err(Error::Data(problem.to_owned()));
    }
    let value = above.value / below.value;
    // The variance of a quotient of independent means, to first order.
    let error = |figure: &Figure| figure.error.unwrap_or(0.0);
    let error = error(&above).hypot(value * error(&below)) / below.value;
    Ok(Figure {
        error: Some(error),
        ..Figure::new(value, real.count(), generated.count())
    })
}

/// The mean distance over pairs of different items.
fn mean_distance(items: &Features, pairs: usize, rng: &mut Rng) -> Figure {
    let count = items.count() as u64;
    let distances: Vec<f64> = (0..pairs)
        .map(|_| {
            let first = rng.below(count);
            let second = (first + 1 + rng.below(count - 1)) % count;
            squared_distance(items.row(first as usize), items.row(second as usize)).sqrt()
        })
        .collect();
    Figure::mean(&distances, items.count(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::stream(0, "test", 0)
    }

    fn items(values: Vec<f64>) -> Features {
        Features::new(values, 1).unwrap()
    }

    #[test]
    fn samples_half_as_wide_are_half_as_diverse() {
        let normals = Rng::stream(1, "test", 0).normals(2000);
        let halves = Rng::stream(2, "test", 0).normals(2000);
        let halves = halves.into_iter().map(|value| 0.5 * value).collect();
        let found = diversity(&items(normals), &items(halves), 20_000, &mut rng()).unwrap();
        let error = found.error.unwrap();
        // |x - y| of standard normals has mean 2/√π and deviation √(2 - 4/π) on both sides.
        let expected = 0.5 * ((0.5 * std::f64::consts::PI - 1.0) * 2.0 / 20_000.0f64).sqrt();
        assert!((error / expected - 1.0).abs() < 0.05, "{found:?}");
        assert!((found.value - 0.5).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn a_collapse_has_no_diversity_and_equal_data_none_to_compare_with() {
        let (real, collapsed) = (items(vec![0.0, 1.0]), items(vec![3.0; 5]));
        assert_eq!(
            diversity(&real, &collapsed, 10, &mut rng()).unwrap().value,
            0.0
        );
        assert!(diversity(&collapsed, &real, 10, &mut rng()).is_err());
        assert!(diversity(&real, &collapsed, 1, &mut rng()).is_err());
    }

    #[test]
    fn no_item_is_paired_with_itself() {
        let figure = mean_distance(&items(vec![0.0, 1.0]), 100, &mut rng());
        assert_eq!((figure.value, figure.error), (1.0, Some(0.0)));
    }
}
