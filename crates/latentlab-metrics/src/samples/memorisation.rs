//! Whether samples are copies of training images.

use latentlab_core::{Error, Result};

use super::distances::nearest;
use crate::{Features, Figure, features::comparable, nothing};

/// The training image nearest to an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its number among the training images.
    pub index: usize,
    /// The Euclidean distance to it, in the unit of the features: of pixels, mostly.
    pub distance: f64,
}

/// The nearest of `training` to each of `images`, both `[_, D]`; the first of equally near ones. The
/// distances are exact.
///
/// # Errors
/// If the two have different numbers of features.
pub fn nearest_neighbours(images: &Features, training: &Features) -> Result<Vec<Neighbour>> {
    comparable(training, images)?;
    let found = nearest(images, training, 1).into_iter();
    let neighbours = found.map(|near| Neighbour {
        index: near[0].index,
        distance: near[0].squared.sqrt(),
    });
    Ok(neighbours.collect())
}

/// How much nearer samples are to training images than unseen images are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memorisation {
    /// The median distance of samples over that of held-out images, at least 0: about 1 for images
    /// that are as new as test images, well below 1 for copies. Blurred images lie near to many
    /// others and are below 1 as well, so look at pairs before calling a model a copier. `real` counts
    /// the held-out images.
    pub ratio: Figure,
    /// The median distance of a sample to its nearest training image.
    pub generated_median: f64,
    /// The median distance of a held-out image to its nearest training image.
    pub held_out_median: f64,
}

/// Compares the [nearest training images](nearest_neighbours) of samples with those of held-out
/// images.
///
/// # Errors
/// If a side is empty, or half of the held-out images are in the training set.
pub fn memorisation(generated: &[Neighbour], held_out: &[Neighbour]) -> Result<Memorisation> {
    let generated_median = median(generated).ok_or_else(|| nothing("samples"))?;
    let held_out_median = median(held_out).ok_or_else(|| nothing("held-out images"))?;
    if held_out_median == 0.0 {
        let problem = "half of the held-out images are training images: hold out others";
        return Err(Error::Data(problem.to_owned()));
    }
    let ratio = generated_median / held_out_median;
    Ok(Memorisation {
        ratio: Figure::new(ratio, held_out.len(), generated.len()),
        generated_median,
        held_out_median,
    })
}

fn median(neighbours: &[Neighbour]) -> Option<f64> {
    let mut distances: Vec<f64> = neighbours.iter().map(|near| near.distance).collect();
    distances.sort_by(f64::total_cmp);
    let middle = distances.len() / 2;
    let upper = *distances.get(middle)?;
    Some(match distances.len() % 2 {
        1 => upper,
        _ => 0.5 * (distances[middle - 1] + upper),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(points: &[[f64; 2]]) -> Features {
        Features::new(points.concat(), 2).unwrap()
    }

    #[test]
    fn copies_are_found_with_their_originals() {
        let training = plane(&[[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]]);
        let found = nearest_neighbours(&plane(&[[9.0, 9.0], [0.0, 1.0]]), &training).unwrap();
        let expected = [(2, 0.0), (0, 1.0)];
        assert_eq!(
            found,
            expected.map(|(index, distance)| Neighbour { index, distance })
        );
    }

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let neighbours = |distances: &[f64]| -> Vec<Neighbour> {
            let near = distances
                .iter()
                .map(|&distance| Neighbour { index: 0, distance });
            near.collect()
        };
        let generated = neighbours(&[3.0, 1.0, 100.0, 2.0]);
        let found = memorisation(&generated, &neighbours(&[7.0, 5.0, 0.0])).unwrap();
        assert_eq!((found.ratio.value, found.generated_median), (0.5, 2.5));
        assert_eq!((found.ratio.real, found.ratio.generated), (3, 4));
        assert!(memorisation(&generated, &neighbours(&[0.0, 0.0, 1.0])).is_err());
        assert!(memorisation(&generated, &[]).is_err());
    }
}
