//! The rows that figures are computed from: features of images, latent vectors, or pixels.

use candle_core::Tensor;
use latentlab_core::{Error, Result};

use crate::{host::host, nothing};

/// The largest feature, so that sums of squares stay finite.
const LARGEST: f64 = 1e100;

/// Rows of numbers on the host, one for each item: what a network sees in images, latent vectors,
/// class probabilities, or plain pixels.
///
/// In 64 bits, because distances and covariances are differences of large sums. All are finite, and
/// at most 1e100 in size, so that their squares are as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f64>,
    dimensions: usize,
}

impl Features {
    /// The rows of a tensor `[N, …]`, which is flattened to `[N, D]`, of any type of floats.
    ///
    /// # Errors
    /// If it has no items, items without values, or a value is not finite or beyond 1e100.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let rows = match tensor.rank() {
            0 | 1 => {
                let problem = format!(
                    "expected features of shape [N, D], not {:?}: flatten them to rows",
                    tensor.dims()
                );
                return Err(Error::Data(problem));
            }
            _ => tensor.flatten_from(1)?,
        };
        let dimensions = rows.dim(1)?;
        Self::new(host(&rows)?.flatten_all()?.to_vec1()?, dimensions)
    }

    /// Rows of `dimensions` values, one after the other.
    ///
    /// # Errors
    /// If there are none, the last is incomplete, or a value is not finite or beyond 1e100.
    pub fn new(values: Vec<f64>, dimensions: usize) -> Result<Self> {
        if values.is_empty() || dimensions == 0 {
            return Err(nothing("features"));
        }
        if !values.len().is_multiple_of(dimensions) {
            let problem = format!(
                "{} values are not rows of {dimensions} features each",
                values.len()
            );
            return Err(Error::Data(problem));
        }
        let fits = |value: &f64| value.abs() <= LARGEST;
        if let Some(place) = values.iter().position(|value| !fits(value)) {
            let problem = format!(
                "feature {} of item {} is {}: only finite features up to 1e100 can be judged",
                place % dimensions,
                place / dimensions,
                values[place]
            );
            return Err(Error::Data(problem));
        }
        Ok(Self { values, dimensions })
    }

    /// The rows of several sets, one set after the other.
    ///
    /// # Errors
    /// If there are none, their numbers of features differ, or one of them is an error.
    pub fn concat(parts: impl IntoIterator<Item = Result<Self>>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_else(|| Err(nothing("features")))?;
        for part in parts {
            let part = part?;
            comparable(&whole, &part)?;
            whole.values.extend(part.values);
        }
        Ok(whole)
    }

    /// The number of items N.
    pub fn count(&self) -> usize {
        self.values.len() / self.dimensions
    }

    /// The number of features D of each item.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The features of item `index`.
    ///
    /// # Panics
    /// If there are fewer items.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.dimensions..][..self.dimensions]
    }

    /// The items in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.dimensions)
    }

    /// The items at `indices`, in their order.
    ///
    /// # Errors
    /// If there are no indices, or no item has one of them.
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        let count = self.count();
        if let Some(index) = indices.iter().find(|index| **index >= count) {
            let problem = format!("there is no item {index} among {count}");
            return Err(Error::Data(problem));
        }
        let rows = indices.iter().flat_map(|index| self.row(*index));
        Self::new(rows.copied().collect(), self.dimensions)
    }

    /// The mean of each feature, `[D]`.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dimensions];
        for row in self.rows() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
        let count = self.count() as f64;
        mean.iter_mut().for_each(|sum| *sum /= count);
        mean
    }

    /// The rows `range` less `centre` `[D]`, one after the other.
    pub(crate) fn centred(&self, range: std::ops::Range<usize>, centre: &[f64]) -> Vec<f64> {
        let values = &self.values[range.start * self.dimensions..range.end * self.dimensions];
        let centre = centre.iter().cycle();
        values
            .iter()
            .zip(centre)
            .map(|(value, centre)| value - centre)
            .collect()
    }

    /// All rows, one after the other.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// That two sets have the same number of features.
pub(crate) fn comparable(some: &Features, others: &Features) -> Result<()> {
    let (some, others) = (some.dimensions(), others.dimensions());
    if some != others {
        let problem = format!(
            "items of {some} features cannot be compared with items of {others}: compute both with \
             one network"
        );
        return Err(Error::Data(problem));
    }
    Ok(())
}

/// That a set has so many items.
pub(crate) fn at_least(what: &str, features: &Features, least: usize) -> Result<()> {
    let count = features.count();
    if count < least {
        let problem = format!("{count} {what} are too few: at least {least} are needed");
        return Err(Error::Data(problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn message(result: Result<Features>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn images_become_rows_of_their_values() {
        let images = Tensor::new(&[[[1f32, 2.0]], [[3.0, 4.0]]], &Device::Cpu).unwrap();
        let features = Features::of(&images).unwrap();
        assert_eq!((features.count(), features.dimensions()), (2, 2));
        assert_eq!(features.row(1), [3.0, 4.0]);
        assert_eq!(features.mean(), [2.0, 3.0]);
        assert_eq!(
            features.select(&[1, 1]).unwrap().values(),
            [3.0, 4.0, 3.0, 4.0]
        );
    }

    #[test]
    fn a_value_that_is_not_a_number_is_named() {
        let expected = "feature 1 of item 2 is NaN: only finite features up to 1e100 can be judged";
        let values = vec![0.0, 1.0, 2.0, 3.0, 4.0, f64::NAN];
        assert_eq!(message(Features::new(values, 2)), expected);
    }

    #[test]
    fn no_items_ragged_items_and_scalars_are_errors() {
        assert_eq!(
            message(Features::new(vec![], 2)),
            "there are no features to evaluate"
        );
        let ragged = message(Features::new(vec![1.0; 5], 2));
        assert_eq!(ragged, "5 values are not rows of 2 features each");
        let vector = Tensor::new(&[1f64, 2.0], &Device::Cpu).unwrap();
        assert!(message(Features::of(&vector)).contains("[2]: flatten them"));
        let pair = Features::new(vec![1.0, 2.0], 1).unwrap();
        let error = comparable(&pair, &Features::new(vec![0.0; 3], 3).unwrap()).unwrap_err();
        let expected = "items of 1 features cannot be compared with items of 3: compute both with";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(message(pair.select(&[2])), "there is no item 2 among 2");
    }
}
