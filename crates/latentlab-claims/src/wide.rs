//! The Fréchet distance of sets that have more values an item than items, such as pictures by their
//! pixels.

use candle_core::{DType, Tensor};
use faer::MatRef;
use latentlab_run::{Error, Result};

/// The rows of a set less their mean, over the root of their number less one: a factor of the
/// covariance.
pub(crate) struct Wide {
    /// `[D]`.
    mean: Tensor,
    /// `[N, D]`, `FᵀF` of which is the covariance.
    factor: Tensor,
}

impl Wide {
    /// The set of `items` `[N, …]`.
    ///
    /// # Errors
    /// If there are fewer than two.
    pub fn of(items: &Tensor) -> Result<Self> {
        let rows = items.flatten_from(1)?.to_dtype(DType::F64)?;
        let count = rows.dim(0)?;
        if count < 2 {
            let problem = format!("{count} items are too few: at least 2 are needed");
            return Err(Error::Argument(problem));
        }
        let mean = rows.mean(0)?;
        let centred = rows.broadcast_sub(&mean)?;
        Ok(Self {
            factor: (centred / ((count - 1) as f64).sqrt())?,
            mean,
        })
    }

    /// The distance that [`latentlab_metrics::frechet_distance`] is, without the covariances: the
    /// trace of their root is the sum of the singular values of `F₁ F₂ᵀ`, which has a row and a column
    /// for each item and none for their values.
    ///
    /// # Errors
    /// If the items of the sets have different numbers of values.
    pub fn frechet(&self, other: &Self) -> Result<f64> {
        let sum = |squares: Tensor| -> Result<f64> { Ok(squares.sqr()?.sum_all()?.to_scalar()?) };
        let shift = sum((&self.mean - &other.mean)?)?;
        let variance = sum(self.factor.clone())? + sum(other.factor.clone())?;
        let product = self.factor.matmul(&other.factor.t()?)?;
        let (rows, columns) = product.dims2()?;
        let values: Vec<f64> = product.flatten_all()?.to_vec1()?;
        let product = MatRef::from_row_major_slice(&values, rows, columns);
        let roots = product.singular_values().map_err(|_| {
            let problem = "the singular values of two sets of pictures were not found";
            Error::Argument(problem.to_owned())
        })?;
        Ok(shift + variance - 2.0 * roots.iter().sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use latentlab_metrics::{Features, Moments, frechet_distance};
    use latentlab_tensor::Rng;

    use super::*;

    fn normal(items: usize, values: usize, seed: u64) -> Tensor {
        let mut rng = Rng::stream(seed, "test", 0);
        rng.normal((items, values), DType::F64, &Device::Cpu)
            .unwrap()
    }

    #[test]
    fn the_distance_is_that_of_the_moments() {
        for (first, second, values) in [(20, 30, 50), (40, 25, 7), (9, 9, 9)] {
            let a = normal(first, values, 1);
            let b = normal(second, values, 2).affine(1.5, 0.3).unwrap();
            let moments = |set: &Tensor| Moments::of(&Features::of(set).unwrap()).unwrap();
            let expected = frechet_distance(&moments(&a), &moments(&b)).unwrap().value;
            let found = Wide::of(&a)
                .unwrap()
                .frechet(&Wide::of(&b).unwrap())
                .unwrap();
            assert!(
                (found / expected - 1.0).abs() < 1e-10,
                "{found}, not {expected}"
            );
        }
    }

    #[test]
    fn one_item_has_no_covariance() {
        assert!(Wide::of(&normal(1, 5, 0)).is_err());
    }
}
