//! How much samples differ from each other: the monitor of collapse.

use candle_core::Tensor;
use latentlab_core::Result;

use crate::{Figure, host::host, nothing};

/// The standard deviation of each value over the samples `[N, …]`, with the divisor N, averaged over
/// the values; in the unit of the data, from 0, which is what one sample alone has.
///
/// It falls to 0 when a generator maps all of its prior to one image. It says nothing of quality:
/// noise has a high one.
///
/// # Errors
/// If there are no samples.
pub fn pixel_deviation(samples: &Tensor) -> Result<Figure> {
    if samples.elem_count() == 0 {
        return Err(nothing("samples"));
    }
    let samples = host(samples)?.flatten_from(1)?; // [N, pixels]
    let centred = samples.broadcast_sub(&samples.mean_keepdim(0)?)?;
    let deviation = centred.sqr()?.mean(0)?.sqrt()?; // [pixels]
    let value = deviation.mean_all()?.to_scalar::<f64>()?;
    Ok(Figure::new(value, 0, samples.dim(0)?))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

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
}
