//! Fidelity and diversity apart: balls around items, as wide as to their k-th neighbour, stand for
//! where the data and the samples are.

use latentlab_core::{Error, Result};

use super::distances::{Bounds, nearest, nearest_others, squared_distance, visit_all};
use crate::{
    Features, Figure,
    features::{at_least, comparable},
};

/// Precision and recall of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Share of the generated items within a ball of a real one, from 0 to 1, higher is better.
    pub precision: Figure,
    /// Share of the real items within a ball of a generated one, from 0 to 1, higher is better.
    pub recall: Figure,
}

/// Improved precision and recall (Kynkäänniemi et al. 2019, eqs. 1 and 2, who take `neighbours` = 3):
/// a ball reaches to the k-th nearest other item of its own set, and holds its surface.
///
/// # Errors
/// If the sets differ in their number of features, `neighbours` is 0, or a set has no more than
/// `neighbours` items.
pub fn precision_recall(
    real: &Features,
    generated: &Features,
    neighbours: usize,
) -> Result<PrecisionRecall> {
    comparable(real, generated)?;
    check("real items", real, neighbours)?;
    check("generated items", generated, neighbours)?;
    let within = |items, centres| -> Figure {
        let radii = squared_radii(centres, neighbours);
        let counts = balls_around(items, centres, &radii, |distance, radius| {
            distance <= radius
        });
        let inside = counts.iter().filter(|count| **count > 0).count();
        share(inside, counts.len(), real, generated)
    };
    Ok(PrecisionRecall {
        precision: within(generated, real),
        recall: within(real, generated),
    })
}

/// Density and coverage of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DensityCoverage {
    /// Number of balls of real items that hold a generated one, over `neighbours`, on average; at
    /// least 0, about 1 for samples of the data's own distribution, more where they are denser.
    pub density: Figure,
    /// Share of the balls of real items that hold a generated one, from 0 to 1, higher is better.
    pub coverage: Figure,
}

/// Density and coverage (Naeem et al. 2020, eqs. 4 and 6, who take `neighbours` = 5). Balls of real
/// items alone count, so that generated outliers add nothing; they do not hold their surface.
///
/// # Errors
/// As [`precision_recall`], though one generated item is enough.
pub fn density_coverage(
    real: &Features,
    generated: &Features,
    neighbours: usize,
) -> Result<DensityCoverage> {
    comparable(real, generated)?;
    check("real items", real, neighbours)?;
    let radii = squared_radii(real, neighbours);
    let counts = balls_around(generated, real, &radii, |distance, radius| {
        distance < radius
    });
    let balls: usize = counts.iter().sum();
    let nearest = nearest(real, generated, 1).into_iter().zip(&radii);
    let covered = nearest.filter(|(nearest, radius)| nearest[0].squared < **radius);
    let covered = covered.count();
    Ok(DensityCoverage {
        density: share(balls, counts.len() * neighbours, real, generated),
        coverage: share(covered, radii.len(), real, generated),
    })
}

/// That each of `items` has so many others.
fn check(what: &str, items: &Features, neighbours: usize) -> Result<()> {
    if neighbours == 0 {
        let problem = "balls need at least 1 neighbour to reach to, not 0";
        return Err(Error::Data(problem.to_owned()));
    }
    at_least(what, items, neighbours.saturating_add(1))
}

fn share(part: usize, whole: usize, real: &Features, generated: &Features) -> Figure {
    Figure::new(part as f64 / whole as f64, real.count(), generated.count())
}

/// The squared distance of each item to its k-th nearest other, of which there must be as many.
fn squared_radii(items: &Features, neighbours: usize) -> Vec<f64> {
    let nearest = nearest_others(items, neighbours).into_iter();
    let last = nearest.map(|near| near[neighbours - 1].squared);
    last.collect()
}

/// The number of balls that each of `items` is in, where `holds` says whether a ball of the second
/// squared radius holds an item at the first squared distance.
fn balls_around(
    items: &Features,
    centres: &Features,
    radii: &[f64],
    holds: impl Fn(f64, f64) -> bool + Sync,
) -> Vec<usize> {
    let counts = vec![0; items.count()];
    visit_all(items, centres, counts, |count, bounds: Bounds<'_>| {
        let radii = &radii[bounds.first..][..bounds.lower.len()];
        for (offset, (lower, radius)) in bounds.lower.iter().zip(radii).enumerate() {
            let inside = lower <= radius
                && (lower + bounds.slack < *radius || {
                    let centre = centres.row(bounds.first + offset);
                    holds(squared_distance(items.row(bounds.left), centre), *radius)
                });
            *count += usize::from(inside);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(places: &[f64]) -> Features {
        Features::new(places.to_vec(), 1).unwrap()
    }

    #[test]
    fn shares_on_a_line_are_those_of_its_intervals() {
        // Balls of real items: [-1, 1], [0, 2], [1, 5]; 0.5 is in two of them, 4 in one, 9 in none.
        // Balls of generated items: [-3, 4], [0.5, 7.5], [4, 14]; all real items are in the first.
        let (real, generated) = (line(&[0.0, 1.0, 3.0]), line(&[0.5, 4.0, 9.0]));
        let found = precision_recall(&real, &generated, 1).unwrap();
        assert_eq!(found.precision.value, 2.0 / 3.0);
        assert_eq!(found.recall.value, 1.0);
        let found = density_coverage(&real, &generated, 1).unwrap();
        assert_eq!((found.density.value, found.coverage.value), (1.0, 1.0));
        assert_eq!((found.coverage.real, found.coverage.generated), (3, 3));
    }

    #[test]
    fn a_ball_holds_its_surface_for_precision_alone() {
        let (real, generated) = (line(&[0.0, 1.0]), line(&[2.0, 30.0]));
        assert_eq!(
            precision_recall(&real, &generated, 1)
                .unwrap()
                .precision
                .value,
            0.5
        );
        assert_eq!(
            density_coverage(&real, &generated, 1)
                .unwrap()
                .coverage
                .value,
            0.0
        );
    }

    #[test]
    fn a_collapsed_generator_is_precise_without_recall() {
        let real = line(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let found = precision_recall(&real, &line(&[2.5; 4]), 3).unwrap();
        assert_eq!((found.precision.value, found.recall.value), (1.0, 0.0));
    }

    #[test]
    fn too_few_items_and_no_neighbours_are_errors() {
        let (three, four) = (line(&[0.0, 1.0, 2.0]), line(&[0.0, 1.0, 2.0, 3.0]));
        let message = precision_recall(&four, &three, 3).unwrap_err().to_string();
        assert_eq!(
            message,
            "3 generated items are too few: at least 4 are needed"
        );
        assert!(density_coverage(&three, &four, 3).is_err());
        assert!(precision_recall(&three, &four, 0).is_err());
        let plane = Features::new(vec![0.0; 8], 2).unwrap();
        assert!(precision_recall(&four, &plane, 3).is_err());
    }
}
