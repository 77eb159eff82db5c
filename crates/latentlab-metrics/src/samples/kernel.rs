//! The kernel distance between samples and data.

use latentlab_core::{Error, Result};
use latentlab_kernels::pool;
use latentlab_tensor::Rng;

use super::distances::products;
use crate::{
    Features, Figure,
    features::{at_least, comparable},
};

/// Rows and columns of the kernel's matrix that are in memory at once, for each thread.
const TILE: [usize; 2] = [128, 1024];

/// The subsets that a kernel distance is averaged over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// The number of subsets.
    pub count: usize,
    /// The number of real items, and of generated ones, in each.
    pub size: usize,
}

impl Default for Subsets {
    /// 100 subsets of 1,000 items, as Bińkowski et al. take.
    fn default() -> Self {
        let (count, size) = (100, 1000);
        Self { count, size }
    }
}

/// A kernel distance, with what it was in each subset.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelDistance {
    /// The mean over the subsets and its standard error. The error is that of the choice of subsets:
    /// where they overlap, as they do once they hold more items than there are, it is too small for
    /// that of the choice of items.
    pub distance: Figure,
    /// The distance in each subset.
    pub subsets: Vec<f64>,
}

impl KernelDistance {
    /// The standard deviation between subsets, divided by their number, not one less: what is
    /// published beside the mean.
    pub fn deviation(&self) -> f64 {
        let count = self.subsets.len() as f64;
        let square = |value: &f64| (value - self.distance.value).powi(2);
        (self.subsets.iter().map(square).sum::<f64>() / count).sqrt()
    }
}

/// The [discrepancy](kernel_discrepancy) of random subsets, each without repetition, averaged
/// (Bińkowski et al. 2018, section 4). On features of Inception v3 it is the published KID.
///
/// # Errors
/// If the sets differ in their number of features, there are fewer items than a subset has, a subset
/// has fewer than two, or there are no subsets.
pub fn kernel_distance(
    real: &Features,
    generated: &Features,
    subsets: Subsets,
    rng: &mut Rng,
) -> Result<KernelDistance> {
    at_least("real items", real, subsets.size)?;
    at_least("generated items", generated, subsets.size)?;
    let mut choose = |count| -> Vec<usize> {
        let order = rng.permutation(count).into_iter();
        order
            .take(subsets.size)
            .map(|index| index as usize)
            .collect()
    };
    let chosen = (0..subsets.count).map(|_| (choose(real.count()), choose(generated.count())));
    let chosen: Vec<_> = chosen.collect();
    kernel_distance_over(real, generated, &chosen)
}

/// As [`kernel_distance`], over the subsets with these indices of real and of generated items.
///
/// # Errors
/// As [`kernel_distance`], and if there is no item with an index.
pub fn kernel_distance_over(
    real: &Features,
    generated: &Features,
    subsets: &[(Vec<usize>, Vec<usize>)],
) -> Result<KernelDistance> {
    if subsets.is_empty() {
        return Err(Error::Data(
            "a kernel distance needs at least 1 subset, not 0".to_owned(),
        ));
    }
    let of_subset = |(of_real, of_generated): &(Vec<usize>, Vec<usize>)| -> Result<f64> {
        let (real, generated) = (real.select(of_real)?, generated.select(of_generated)?);
        Ok(kernel_discrepancy(&real, &generated)?.value)
    };
    let subsets: Vec<f64> = subsets.iter().map(of_subset).collect::<Result<_>>()?;
    Ok(KernelDistance {
        distance: Figure::mean(&subsets, real.count(), generated.count()),
        subsets,
    })
}

/// The unbiased estimate of the squared maximum mean discrepancy between all real and all generated
/// items, by the kernel `(x·y / D + 1)³` (Bińkowski et al. 2018, section 4; Gretton et al. 2012,
/// eq. 3). Around 0 for items of one distribution, and below it more than half of the time, as the estimate
/// is skewed to the right; lower is better.
///
/// # Errors
/// If the sets differ in their number of features, a set has fewer than two items, or features are so
/// large, from about 1e51 on, that the kernel overflows.
pub fn kernel_discrepancy(real: &Features, generated: &Features) -> Result<Figure> {
    comparable(real, generated)?;
    at_least("real items", real, 2)?;
    at_least("generated items", generated, 2)?;
    let pairs = real.count() as f64 * generated.count() as f64;
    let across = kernel_sum(real, generated) / pairs;
    let value = mean_kernel(real) + mean_kernel(generated) - 2.0 * across;
    check_finite(value, &[real, generated])?;
    Ok(Figure::new(value, real.count(), generated.count()))
}

/// The squared maximum mean discrepancy, unbiased and by the same kernel, between items and the
/// standard normal distribution. What the kernel is on average against normal z is known,
/// `E k(x, z) = 1 + 3 |x|² / D²` and `E k(z, z') = 1 + 3 / D`, so that nothing has to be drawn.
///
/// # Errors
/// If there are fewer than two items, or they are so large that the kernel overflows.
pub(crate) fn discrepancy_from_normal(items: &Features) -> Result<f64> {
    at_least("items", items, 2)?;
    let size = items.dimensions() as f64;
    let squares: f64 = items.values().iter().map(|value| value * value).sum();
    let across = 1.0 + 3.0 * squares / items.count() as f64 / (size * size);
    let value = mean_kernel(items) + 1.0 + 3.0 / size - 2.0 * across;
    check_finite(value, &[items])?;
    Ok(value)
}

/// That the kernel of these items did not overflow, nor a sum of it.
fn check_finite(value: f64, sets: &[&Features]) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    let sizes = sets.iter().flat_map(|items| items.values());
    let largest = sizes.fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let problem = format!("the kernel of features as large as {largest:e} is not finite");
    Err(Error::Data(problem))
}

/// The kernel's mean over all pairs of different items.
fn mean_kernel(items: &Features) -> f64 {
    let count = items.count() as f64;
    let diagonal: f64 = items
        .rows()
        .map(|row| kernel(dot(row, row), row.len()))
        .sum();
    (kernel_sum(items, items) - diagonal) / (count * (count - 1.0))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn kernel(product: f64, dimensions: usize) -> f64 {
    let base = product / dimensions as f64 + 1.0;
    base * base * base
}

/// The kernel's sum over all pairs; the same for any number of threads.
fn kernel_sum(left: &Features, right: &Features) -> f64 {
    let [rows, columns] = TILE.map(|count| count * left.dimensions());
    let strips: Vec<&[f64]> = left.values().chunks(rows).collect();
    let sums = pool::map(strips.len(), |index| {
        let mut tile = vec![0.0; TILE[0] * TILE[1]];
        let mut sum = 0.0;
        for others in right.values().chunks(columns) {
            let size = strips[index].len() / left.dimensions() * others.len() / left.dimensions();
            let tile = &mut tile[..size];
            products(tile, strips[index], others, left.dimensions());
            let values = tile
                .iter()
                .map(|product| kernel(*product, left.dimensions()));
            sum += values.sum::<f64>();
        }
        sum
    });
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(places: &[f64]) -> Features {
        Features::new(places.to_vec(), 1).unwrap()
    }

    #[test]
    fn two_pairs_have_the_discrepancy_of_the_definition() {
        // k(0, 1) = 1 and k(1, 2) = 27 within; across k(0, ·) = 1 twice, k(1, 1) = 8, k(1, 2) = 27.
        let found = kernel_discrepancy(&line(&[0.0, 1.0]), &line(&[1.0, 2.0])).unwrap();
        assert_eq!(
            found.value,
            1.0 + 27.0 - 2.0 * (1.0 + 1.0 + 8.0 + 27.0) / 4.0
        );
        assert_eq!((found.real, found.generated), (2, 2));
    }

    #[test]
    fn sums_over_tiles_are_sums_over_pairs() {
        let items = |count, scale: f64| {
            let values = (0..count * 2).map(|n| (f64::from(n) * scale).sin());
            Features::new(values.collect(), 2).unwrap()
        };
        let (left, right) = (items(300, 1.1), items(1500, 0.7));
        let pairs = left
            .rows()
            .flat_map(|a| right.rows().map(move |b| kernel(dot(a, b), 2)));
        let sum: f64 = pairs.sum();
        assert!((kernel_sum(&left, &right) / sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_discrepancy_from_normal_is_that_from_many_normals() {
        let normals = |index, count: usize| {
            let values = Rng::stream(index, "test", 0).normals(count * 2);
            Features::new(values, 2).unwrap()
        };
        let (few, many) = (normals(1, 50), normals(2, 20_000));
        let shifted = Features::new(few.values().iter().map(|x| x + 1.0).collect(), 2).unwrap();
        for items in [&few, &shifted] {
            let drawn = kernel_discrepancy(items, &many).unwrap().value;
            let known = discrepancy_from_normal(items).unwrap();
            assert!((drawn - known).abs() < 0.2, "{drawn}, not {known}");
        }
        assert!(discrepancy_from_normal(&shifted).unwrap() > 2.0);
    }

    #[test]
    fn subsets_that_are_everything_give_one_value_and_no_error() {
        let (real, generated) = (line(&[0.0, 1.0, 3.0]), line(&[1.0, 2.0, 5.0]));
        let subsets = Subsets { count: 4, size: 3 };
        let mut rng = Rng::stream(0, "test", 0);
        let found = kernel_distance(&real, &generated, subsets, &mut rng).unwrap();
        let all = kernel_discrepancy(&real, &generated).unwrap().value;
        assert!((found.distance.value - all).abs() < 1e-9 * all.abs());
        assert!(found.deviation() < 1e-9 && found.distance.error.unwrap() < 1e-9);
    }

    #[test]
    fn subsets_larger_than_a_set_and_no_subsets_are_errors() {
        let items = line(&[0.0, 1.0]);
        let mut rng = Rng::stream(0, "test", 0);
        let mut message = |count, size| {
            let subsets = Subsets { count, size };
            let error = kernel_distance(&items, &items, subsets, &mut rng).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            message(1, 3),
            "2 real items are too few: at least 3 are needed"
        );
        assert_eq!(
            message(1, 1),
            "1 real items are too few: at least 2 are needed"
        );
        assert_eq!(
            message(0, 2),
            "a kernel distance needs at least 1 subset, not 0"
        );
        assert!(kernel_distance_over(&items, &items, &[(vec![0, 1], vec![0, 7])]).is_err());
    }
}
