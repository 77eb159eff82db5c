//! What an image loses on its way through the bottleneck.

use candle_core::DType;
use latentlab_core::{Batch, Reconstruct, Result};

use crate::nothing;

/// Squared error of the reconstruction, summed over the values of an image and averaged over all
/// images of `batches`.
///
/// For a linear autoencoder on MNIST in `[0, 1]` the least possible value on the training images is
/// that of PCA (Baldi and Hornik 1989).
///
/// # Errors
/// If there are no images, or the model or a batch fails.
pub fn squared_error(
    model: &dyn Reconstruct,
    batches: impl IntoIterator<Item = Result<Batch>>,
) -> Result<f64> {
    let (mut count, mut total) = (0.0, 0.0);
    for batch in batches {
        let batch = batch?;
        let difference = (model.reconstruct(&batch.images)? - &batch.images)?;
        total += difference
            .sqr()?
            .to_dtype(DType::F64)?
            .sum_all()?
            .to_scalar::<f64>()?;
        count += batch.size()? as f64;
    }
    if count == 0.0 {
        return Err(nothing("images"));
    }
    Ok(total / count)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// Keeps the values at the factor given.
    struct Shrink(f64);

    impl Reconstruct for Shrink {
        fn encode(&self, images: &Tensor) -> Result<Tensor> {
            Ok((images * self.0)?)
        }

        fn decode(&self, latent: &Tensor) -> Result<Tensor> {
            Ok(latent.clone())
        }
    }

    fn batch(images: usize, value: f32) -> Result<Batch> {
        let images = Tensor::full(value, (images, 1, 2, 2), &Device::Cpu)?;
        Ok(Batch {
            images,
            labels: None,
        })
    }

    #[test]
    fn the_error_is_summed_over_pixels_and_averaged_over_images() {
        // Three images of four pixels off by 1 and one of pixels off by 2: (3·4 + 16) / 4.
        let error = squared_error(&Shrink(0.5), [batch(3, 2.0), batch(1, 4.0)]).unwrap();
        assert_eq!(error, 7.0);
    }

    #[test]
    fn a_perfect_reconstruction_has_no_error() {
        assert_eq!(squared_error(&Shrink(1.0), [batch(3, 0.7)]).unwrap(), 0.0);
    }

    #[test]
    fn no_images_are_an_error() {
        let message = squared_error(&Shrink(1.0), []).unwrap_err().to_string();
        assert_eq!(message, "there are no images to evaluate");
    }
}
