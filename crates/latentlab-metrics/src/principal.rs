//! Principal components: what the best linear autoencoder does.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use latentlab_core::{Error, Result};
use latentlab_kernels::pool;

use crate::{Features, Figure, Moments, samples::distances::squared_distance};

/// Rows that one task projects.
const ROWS: usize = 256;

/// The directions along which data vary most (Pearson 1901; Hotelling 1933).
///
/// No linear autoencoder with as many latent dimensions has a smaller squared error on the data that
/// they were computed from, and each one that has learned has that error (Baldi and Hornik 1989).
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalComponents {
    mean: Vec<f64>,
    components: Features,
    variances: Vec<f64>,
    total_variance: f64,
    count: usize,
}

impl PrincipalComponents {
    /// The first `count` principal components of data `[N, D]`.
    ///
    /// # Errors
    /// If there are fewer than two items, `count` is 0 or more than D, or the decomposition fails.
    pub fn of(data: &Features, count: usize) -> Result<Self> {
        let dimensions = data.dimensions();
        if count == 0 || count > dimensions {
            let problem = format!("{dimensions} features have no {count} principal components");
            return Err(Error::Data(problem));
        }
        let moments = Moments::of(data)?;
        let (mut variances, axes) = moments.axes()?;
        variances.truncate(count);
        let columns = 0..count;
        let components = columns.flat_map(|column| axes.col(column).iter().copied());
        Ok(Self {
            components: Features::new(components.collect(), dimensions)?,
            variances,
            total_variance: moments.total_variance(),
            count: moments.count(),
            mean: moments.mean().to_vec(),
        })
    }

    /// The first `count` of these components; all, if there are fewer.
    ///
    /// # Errors
    /// If `count` is 0.
    pub fn truncated(mut self, count: usize) -> Result<Self> {
        let count = count.min(self.variances.len());
        let first: Vec<usize> = (0..count).collect();
        self.components = self.components.select(&first)?;
        self.variances.truncate(count);
        Ok(self)
    }

    /// The mean of the data, `[D]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Orthogonal unit vectors `[K, D]`, those of the largest variance first. The sign of each is left
    /// open.
    pub fn components(&self) -> &Features {
        &self.components
    }

    /// The variance of the data along each component, `[K]`, with the divisor N - 1.
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// The number of items N that the components were computed from.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The share of the variance that lies along the components, from 0 to 1; 1 for data without
    /// variance, of which nothing is left out.
    pub fn explained(&self) -> f64 {
        match self.total_variance {
            0.0 => 1.0,
            // Variances are eigenvalues and may exceed their sum by rounding.
            total => (self.variances.iter().sum::<f64>() / total).min(1.0),
        }
    }

    /// The coordinates `[N, K]` of items `[N, D]` along the components.
    ///
    /// # Errors
    /// If the items have another number of features.
    pub fn project(&self, items: &Features) -> Result<Features> {
        self.check(items.dimensions(), self.mean.len())?;
        let (dimensions, count) = (self.mean.len(), self.variances.len());
        let components = self.matrix().transpose();
        let mut latent = vec![0.0; items.count() * count];
        pool::for_each_part(&mut latent, ROWS * count, |index, latent| {
            let rows = latent.len() / count;
            let centred = items.centred(index * ROWS..index * ROWS + rows, &self.mean);
            let centred = MatRef::from_row_major_slice(&centred, rows, dimensions);
            let latent = MatMut::from_row_major_slice_mut(latent, rows, count);
            matmul(latent, Accum::Replace, centred, components, 1.0, Par::Seq);
        });
        Features::new(latent, count)
    }

    /// The items `[N, D]` with coordinates `[N, K]`.
    ///
    /// # Errors
    /// If there is another number of coordinates.
    pub fn reconstruct(&self, latent: &Features) -> Result<Features> {
        self.check(latent.dimensions(), self.variances.len())?;
        let (dimensions, count) = (self.mean.len(), self.variances.len());
        let mut items = vec![0.0; latent.count() * dimensions];
        pool::for_each_part(&mut items, ROWS * dimensions, |index, items| {
            let rows = items.len() / dimensions;
            items
                .chunks_exact_mut(dimensions)
                .for_each(|row| row.copy_from_slice(&self.mean));
            let latent = &latent.values()[index * ROWS * count..][..rows * count];
            let latent = MatRef::from_row_major_slice(latent, rows, count);
            let items = MatMut::from_row_major_slice_mut(items, rows, dimensions);
            matmul(items, Accum::Add, latent, self.matrix(), 1.0, Par::Seq);
        });
        Features::new(items, dimensions)
    }

    /// The squared error of projecting and reconstructing items `[N, D]`, summed over the features of
    /// an item and averaged over items: what [`squared_error`](crate::squared_error) is of a model.
    ///
    /// # Errors
    /// If the items have another number of features.
    pub fn squared_error(&self, items: &Features) -> Result<Figure> {
        let found = self.reconstruct(&self.project(items)?)?;
        let pairs = items.rows().zip(found.rows());
        let errors: Vec<f64> = pairs
            .map(|(item, found)| squared_distance(item, found))
            .collect();
        Ok(Figure::mean(&errors, errors.len(), 0))
    }

    /// The components, `[K, D]`.
    fn matrix(&self) -> MatRef<'_, f64> {
        let (count, dimensions) = (self.variances.len(), self.mean.len());
        MatRef::from_row_major_slice(self.components.values(), count, dimensions)
    }

    fn check(&self, found: usize, expected: usize) -> Result<()> {
        if found != expected {
            let problem = format!("expected rows of {expected} values, not of {found}");
            return Err(Error::Data(problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_along_a_line_have_one_component() {
        let points = Features::new(vec![1.0, 2.0, 4.0, 6.0, 7.0, 10.0], 2).unwrap();
        let found = PrincipalComponents::of(&points, 1).unwrap();
        // The direction (3, 4) / 5 up to sign; places -5, 0, 5 along it.
        let direction = found.components.row(0);
        assert!((direction[1] / direction[0] - 4.0 / 3.0).abs() < 1e-12);
        assert!((found.variances[0] - 25.0).abs() < 1e-12);
        assert!((found.explained() - 1.0).abs() < 1e-12);
        assert!(found.squared_error(&points).unwrap().value < 1e-24);
    }

    #[test]
    fn the_error_on_the_data_themselves_is_the_variance_left_out() {
        let value = |n: i32| f64::from(n * n % 1009) * f64::from(n % 5 + 1);
        let data = Features::new((0..300 * 5).map(value).collect(), 5).unwrap();
        let found = PrincipalComponents::of(&data, 2).unwrap();
        let left = found.total_variance - found.variances.iter().sum::<f64>();
        let error = found.squared_error(&data).unwrap().value;
        assert!((error / (left * 299.0 / 300.0) - 1.0).abs() < 1e-12);
        let all = PrincipalComponents::of(&data, 5).unwrap();
        assert!(all.squared_error(&data).unwrap().value < 1e-18 * all.total_variance);
    }

    #[test]
    fn too_many_components_and_other_features_are_errors() {
        let data = Features::new(vec![1.0, 2.0, 3.0, 5.0], 2).unwrap();
        assert!(PrincipalComponents::of(&data, 3).is_err());
        assert!(PrincipalComponents::of(&data, 0).is_err());
        let found = PrincipalComponents::of(&data, 1).unwrap();
        let message = found.reconstruct(&data).unwrap_err().to_string();
        assert_eq!(message, "expected rows of 1 values, not of 2");
    }
}
