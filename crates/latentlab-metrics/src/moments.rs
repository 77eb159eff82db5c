//! Mean and covariance of features, and the roots of a covariance.

use faer::{Accum, Mat, MatMut, MatRef, Par, Side, linalg::matmul::matmul};
use latentlab_core::{Error, Result};
use latentlab_kernels::pool;

use crate::{Features, features::at_least};

/// Rows that are centred and multiplied at once, which bounds the memory.
const ROWS: usize = 4096;
/// Rows of the covariance that are computed by one task.
const STRIP: usize = 32;

/// Mean and covariance of features: all that the Fréchet distance knows of a set, so that those of
/// the data can be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    count: usize,
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl Moments {
    /// Mean and covariance of `features`.
    ///
    /// # Errors
    /// If there are fewer than two items.
    pub fn of(features: &Features) -> Result<Self> {
        at_least("items", features, 2)?;
        let (count, dimensions) = (features.count(), features.dimensions());
        let mean = features.mean();
        let mut covariance = vec![0.0; dimensions * dimensions];
        for first in (0..count).step_by(ROWS) {
            let rows = ROWS.min(count - first);
            let centred = features.centred(first..first + rows, &mean);
            let centred = MatRef::from_row_major_slice(&centred, rows, dimensions);
            pool::for_each_part(&mut covariance, STRIP * dimensions, |index, strip| {
                let height = strip.len() / dimensions;
                let left = centred.subcols(index * STRIP, height).transpose();
                let strip = MatMut::from_row_major_slice_mut(strip, height, dimensions);
                matmul(strip, Accum::Add, left, centred, 1.0, Par::Seq);
            });
        }
        let divisor = (count - 1) as f64;
        covariance.iter_mut().for_each(|sum| *sum /= divisor);
        Ok(Self {
            count,
            mean,
            covariance,
        })
    }

    /// Moments that were computed before: of `count` items, with the mean `[D]` of each feature and
    /// the covariance `[D, D]`, one row after the other.
    ///
    /// # Errors
    /// If there are no features, the sizes do not fit, a value is not finite, a variance is negative,
    /// or the covariance is not symmetric but for rounding.
    pub fn new(count: usize, mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self> {
        let size = mean.len();
        if size == 0 || covariance.len() != size * size {
            let problem = format!(
                "a mean of {size} features and a covariance of {} values do not fit",
                covariance.len()
            );
            return Err(Error::Data(problem));
        }
        if !mean
            .iter()
            .chain(&covariance)
            .all(|value| value.is_finite())
        {
            let problem = format!("the moments of {count} items are not finite");
            return Err(Error::Data(problem));
        }
        check_covariance(&covariance, size)?;
        Ok(Self {
            count,
            mean,
            covariance,
        })
    }

    /// The number of items N.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean of each feature, `[D]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance `Σ (x - mean)(x - mean)ᵀ / (N - 1)`, `[D, D]`, one row after the other.
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// The variance of each feature, `[D]`.
    pub fn variances(&self) -> impl Iterator<Item = f64> + '_ {
        self.covariance
            .iter()
            .step_by(self.dimensions() + 1)
            .copied()
    }

    /// The number of features D.
    pub fn dimensions(&self) -> usize {
        self.mean.len()
    }

    /// The sum of the variances of all features.
    pub fn total_variance(&self) -> f64 {
        self.variances().sum()
    }

    /// The principal axes: variances `[D]`, largest first and at least 0, and the matrix of unit
    /// vectors along them, `[D, D]`, each a column.
    pub(crate) fn axes(&self) -> Result<(Vec<f64>, Mat<f64>)> {
        let size = self.dimensions();
        let covariance = MatRef::from_row_major_slice(&self.covariance, size, size);
        let eigen = covariance.self_adjoint_eigen(Side::Lower).map_err(|_| {
            let problem = format!(
                "the eigenvalues of a covariance of {size} features were not found: look for huge \
                 features"
            );
            Error::Data(problem)
        })?;
        let ascending = eigen.S().column_vector();
        let variances = (0..size).rev().map(|index| ascending[index].max(0.0));
        Ok((variances.collect(), eigen.U().reverse_cols().to_owned()))
    }

    /// A matrix F `[D, R]` with `F Fᵀ` the covariance and R its rank; directions without variance,
    /// as all beyond the first N - 1 are, have no column.
    pub(crate) fn factor(&self) -> Result<Mat<f64>> {
        let (variances, axes) = self.axes()?;
        let largest = variances.first().copied().unwrap_or(0.0);
        let noise = largest * f64::EPSILON * self.dimensions() as f64;
        let rank = variances
            .iter()
            .filter(|variance| **variance > noise)
            .count();
        Ok(Mat::from_fn(self.dimensions(), rank, |row, column| {
            axes[(row, column)] * variances[column].sqrt()
        }))
    }
}

/// That no variance is negative, and that no covariance differs from that of the same features the
/// other way round by more than the rounding of sums: a millionth of their deviations.
fn check_covariance(covariance: &[f64], size: usize) -> Result<()> {
    let at = |row: usize, column: usize| covariance[row * size + column];
    if let Some(feature) = (0..size).find(|feature| at(*feature, *feature) < 0.0) {
        let problem = format!(
            "the variance of feature {feature} is {}: this is no covariance",
            at(feature, feature)
        );
        return Err(Error::Data(problem));
    }
    for (row, column) in (0..size).flat_map(|row| (0..row).map(move |column| (column, row))) {
        let (there, back) = (at(row, column), at(column, row));
        let deviations = at(row, row).sqrt() * at(column, column).sqrt();
        if (there - back).abs() > 1e-6 * deviations {
            let problem = format!(
                "the covariance of features {row} and {column} is {there}, that of {column} and \
                 {row} is {back}: a covariance is symmetric"
            );
            return Err(Error::Data(problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_points_have_the_moments_of_the_definition() {
        let features = Features::new(vec![0.0, 1.0, 2.0, 1.0, 4.0, 4.0], 2).unwrap();
        let moments = Moments::of(&features).unwrap();
        assert_eq!(moments.mean, [2.0, 2.0]);
        assert_eq!(moments.covariance, [4.0, 3.0, 3.0, 3.0]);
        assert_eq!((moments.count, moments.total_variance()), (3, 7.0));
    }

    #[test]
    fn the_number_of_rows_at_once_does_not_show() {
        // 5,000 rows of (n, 2n): the variance of 0..N is N (N + 1) / 12.
        let values = (0..5000).flat_map(|n| [f64::from(n), 2.0 * f64::from(n)]);
        let moments = Moments::of(&Features::new(values.collect(), 2).unwrap()).unwrap();
        let variance = 5000.0 * 5001.0 / 12.0;
        for (found, factor) in moments.covariance.iter().zip([1.0, 2.0, 2.0, 4.0]) {
            assert!((found / (factor * variance) - 1.0).abs() < 1e-12, "{found}");
        }
    }

    #[test]
    fn the_factor_of_a_covariance_has_its_rank() {
        let features = Features::new(vec![0.0, 0.0, 0.0, 3.0, 6.0, 6.0], 3).unwrap();
        let factor = Moments::of(&features).unwrap().factor().unwrap();
        assert_eq!((factor.nrows(), factor.ncols()), (3, 1));
        let square = &factor * factor.transpose();
        assert!((square[(0, 1)] - 9.0).abs() < 1e-12, "{square:?}");
    }

    #[test]
    fn kept_moments_are_those_that_were_computed_if_they_fit() {
        let features = Features::new(vec![0.0, 1.0, 2.0, 1.0, 4.0, 4.0], 2).unwrap();
        let moments = Moments::of(&features).unwrap();
        let (mean, covariance) = (moments.mean().to_vec(), moments.covariance().to_vec());
        assert_eq!(
            Moments::new(3, mean.clone(), covariance.clone()).unwrap(),
            moments
        );
        assert!(Moments::new(3, mean.clone(), covariance[1..].to_vec()).is_err());
        assert!(Moments::new(3, vec![f64::NAN, 0.0], covariance).is_err());
        assert!(Moments::new(3, vec![], vec![]).is_err());
    }

    #[test]
    fn one_item_has_no_covariance() {
        let one = Features::new(vec![1.0, 2.0], 2).unwrap();
        let message = Moments::of(&one).unwrap_err().to_string();
        assert_eq!(message, "1 items are too few: at least 2 are needed");
    }
}
