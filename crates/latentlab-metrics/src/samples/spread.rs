//! How much samples differ from each other: the monitor of collapse.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Error, Result};

use crate::{Figure, nothing};

/// The standard deviation of each value over samples that come in batches, of which none is kept.
///
/// It falls to 0 when a generator maps all of its prior to one image. It says nothing of quality:
/// noise has a high one.
///
/// Sums of squares about the means of parts are joined as in Chan, Golub and LeVeque 1983, eq. 2.1.
#[derive(Clone, Debug, Default)]
pub struct PixelDeviation {
    count: usize,
    mean: Vec<f64>,
    /// Of each value, the sum of the squared distances to its mean.
    squares: Vec<f64>,
}

impl PixelDeviation {
    /// Takes in samples `[N, …]`.
    ///
    /// # Errors
    /// If they have another number of values than those before.
    pub fn add(&mut self, samples: &Tensor) -> Result<()> {
        if samples.elem_count() == 0 {
            return Ok(());
        }
        let rows = samples.to_device(&Device::Cpu)?.flatten_from(1)?; // [N, pixels]
        let (added, pixels) = rows.dims2()?;
        let values: Vec<f32> = rows.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let rows = || values.chunks_exact(pixels);
        let mut mean = vec![0.0; pixels];
        for row in rows() {
            let sums = mean.iter_mut().zip(row);
            sums.for_each(|(sum, value)| *sum += f64::from(*value));
        }
        mean.iter_mut().for_each(|sum| *sum /= added as f64);
        let mut squares = vec![0.0; pixels];
        for row in rows() {
            let sums = squares.iter_mut().zip(row.iter().zip(&mean));
            sums.for_each(|(sum, (value, mean))| *sum += (f64::from(*value) - mean).powi(2));
        }
        if self.count == 0 {
            (self.count, self.mean, self.squares) = (added, mean, squares);
            return Ok(());
        }
        if pixels != self.mean.len() {
            let problem = format!(
                "samples of {pixels} values cannot follow samples of {}",
                self.mean.len()
            );
            return Err(Error::Data(problem));
        }
        let (before, added) = (self.count as f64, added as f64);
        let both = before + added;
        let known = self.mean.iter_mut().zip(&mut self.squares);
        for ((known, total), (new, more)) in known.zip(mean.iter().zip(squares)) {
            let apart = new - *known;
            *total += more + apart * apart * (before * added / both);
            *known += apart * (added / both);
        }
        self.count += added as usize;
        Ok(())
    }

    /// Whether all values of all samples so far are finite numbers.
    pub fn is_finite(&self) -> bool {
        self.squares.iter().sum::<f64>().is_finite()
    }

    /// The deviations with the divisor N, averaged over the values; in the unit of the data, from 0,
    /// which is what one sample alone has.
    ///
    /// # Errors
    /// If there are no samples.
    pub fn figure(&self) -> Result<Figure> {
        if self.count == 0 {
            return Err(nothing("samples"));
        }
        let deviations = self.squares.iter();
        let deviations = deviations.map(|sum| (sum / self.count as f64).sqrt());
        let value = deviations.sum::<f64>() / self.squares.len() as f64;
        Ok(Figure::new(value, 0, self.count))
    }
}

/// [`PixelDeviation`] of samples `[N, …]` that are there at once.
///
/// # Errors
/// If there are no samples.
pub fn pixel_deviation(samples: &Tensor) -> Result<Figure> {
    let mut deviation = PixelDeviation::default();
    deviation.add(samples)?;
    deviation.figure()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_have_no_spread() {
        let samples = Tensor::ones((5, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(pixel_deviation(&samples).unwrap().value, 0.0);
    }

    #[test]
    fn the_spread_is_the_mean_of_the_deviations_of_the_pixels() {
        // Pixel 0 is 0 or 2 (deviation 1), pixel 1 is always 3 (deviation 0).
        let samples = Tensor::new(&[[[[0f32, 3.0]]], [[[2.0, 3.0]]]], &Device::Cpu).unwrap();
        assert_eq!(pixel_deviation(&samples).unwrap().value, 0.5);
    }

    #[test]
    fn batches_of_any_size_have_the_deviation_of_all_samples_at_once() {
        let mut rng = latentlab_tensor::Rng::stream(3, "spread", 0);
        // Far from 0, where sums of squares would lose the deviation.
        let values: Vec<f32> = (0..60).map(|_| 1e4 + rng.unit() as f32).collect();
        let samples = Tensor::from_vec(values, (20, 1, 1, 3), &Device::Cpu).unwrap();
        let whole = pixel_deviation(&samples).unwrap();
        for size in [1, 3, 7, 19] {
            let mut parts = PixelDeviation::default();
            for start in (0..20).step_by(size) {
                let part = samples.narrow(0, start, size.min(20 - start)).unwrap();
                parts.add(&part).unwrap();
            }
            let parts = parts.figure().unwrap();
            assert_eq!(parts.generated, 20);
            // Sums of numbers near 1e4 are exact to 1e-11 of 64 bits, deviations near 0.3 to as much.
            assert!(
                (parts.value - whole.value).abs() < 1e-9,
                "{size}: {parts:?}"
            );
        }
    }

    #[test]
    fn samples_of_another_shape_are_refused() {
        let mut deviation = PixelDeviation::default();
        let of = |pixels| Tensor::ones((2, pixels), DType::F32, &Device::Cpu).unwrap();
        deviation.add(&of(3)).unwrap();
        let error = deviation.add(&of(4)).unwrap_err().to_string();
        assert!(
            error.contains("4 values cannot follow samples of 3"),
            "{error}"
        );
    }
}
