//! What an image loses on its way through the bottleneck.

use candle_core::{D, Tensor};
use latentlab_core::{Batch, Reconstruct, Result};

use crate::{
    Figure,
    host::host,
    nothing,
    similarity::{check_range, structural_similarities},
};

/// Squared error of the reconstruction, summed over the values of an image and averaged over all
/// images of `batches`; at least 0, lower is better.
///
/// For a linear autoencoder on MNIST in `[0, 1]` the least possible value on the training images is
/// that of PCA (Baldi and Hornik 1989), see [`PrincipalComponents`](crate::PrincipalComponents).
///
/// # Errors
/// If there are no images, or the model or a batch fails.
pub fn squared_error(
    model: &dyn Reconstruct,
    batches: impl IntoIterator<Item = Result<Batch>>,
) -> Result<Figure> {
    mean_over_images(model, batches, squared_errors)
}

/// The ratio of the largest possible signal, `range` (1 for images in `[0, 1]`), to the error of the
/// reconstruction, `10 log₁₀ (range² / mean squared error)`, averaged over all images of `batches`;
/// decibels, higher is better, infinite if an image is reconstructed exactly.
///
/// # Errors
/// As [`squared_error`], and if the range is not above 0 and finite.
pub fn peak_signal_to_noise(
    model: &dyn Reconstruct,
    batches: impl IntoIterator<Item = Result<Batch>>,
    range: f64,
) -> Result<Figure> {
    check_range(range)?;
    mean_over_images(model, batches, |images, reconstructions| {
        let values = images.elem_count() as f64 / images.dim(0)? as f64;
        let errors = squared_errors(images, reconstructions)?.into_iter();
        let decibels = errors.map(|error| 10.0 * (range * range * values / error).log10());
        Ok(decibels.collect())
    })
}

/// The [structural similarity](structural_similarities) of images and their reconstructions,
/// averaged over all images of `batches`; at most 1, higher is better.
///
/// # Errors
/// As [`squared_error`] and [`structural_similarities`].
pub fn structural_similarity(
    model: &dyn Reconstruct,
    batches: impl IntoIterator<Item = Result<Batch>>,
    range: f64,
) -> Result<Figure> {
    mean_over_images(model, batches, |images, reconstructions| {
        structural_similarities(images, reconstructions, range)
    })
}

fn mean_over_images(
    model: &dyn Reconstruct,
    batches: impl IntoIterator<Item = Result<Batch>>,
    measure: impl Fn(&Tensor, &Tensor) -> Result<Vec<f64>>,
) -> Result<Figure> {
    let mut values = Vec::new();
    for batch in batches {
        let images = batch?.images;
        values.extend(measure(&images, &model.reconstruct(&images)?)?);
    }
    if values.is_empty() {
        return Err(nothing("images"));
    }
    Ok(Figure::mean(&values, values.len(), 0))
}

/// The squared error of each image, summed over its values.
fn squared_errors(images: &Tensor, reconstructions: &Tensor) -> Result<Vec<f64>> {
    let squares = (host(reconstructions)? - host(images)?)?.sqr()?;
    Ok(squares.flatten_from(1)?.sum(D::Minus1)?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

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
        // Three images of four pixels off by 1 and one of pixels off by 2: (3·4 + 16) / 4, with the
        // standard error √((3·9 + 81) / 3 / 4).
        let error = squared_error(&Shrink(0.5), [batch(3, 2.0), batch(1, 4.0)]).unwrap();
        assert_eq!((error.value, error.error), (7.0, Some(3.0)));
        assert_eq!((error.real, error.generated), (4, 0));
    }

    #[test]
    fn a_perfect_reconstruction_has_no_error() {
        let error = squared_error(&Shrink(1.0), [batch(3, 0.7)]).unwrap();
        assert_eq!(error.value, 0.0);
        let ratio = peak_signal_to_noise(&Shrink(1.0), [batch(3, 0.7)], 1.0).unwrap();
        assert_eq!(ratio.value, f64::INFINITY);
    }

    #[test]
    fn squares_beyond_32_bits_are_summed_in_64() {
        let error = squared_error(&Shrink(0.5), [batch(1, 2e20)]).unwrap();
        assert!((error.value / 4e40 - 1.0).abs() < 1e-6, "{error:?}");
    }

    #[test]
    fn the_ratio_is_averaged_in_decibels() {
        // Pixels off by 0.1 and by 0.01: 20 dB and 40 dB; with twice the range 6 dB more.
        let model = Shrink(0.9);
        let ratio = |range| {
            let batches = [batch(1, 1.0), batch(1, 0.1)];
            peak_signal_to_noise(&model, batches, range).unwrap().value
        };
        assert!((ratio(1.0) - 30.0).abs() < 1e-4);
        assert!((ratio(2.0) - 30.0 - 20.0 * 2f64.log10()).abs() < 1e-4);
        for range in [0.0, -1.0, f64::NAN] {
            assert!(peak_signal_to_noise(&model, [batch(1, 1.0)], range).is_err());
        }
    }

    #[test]
    fn no_images_are_an_error() {
        let message = squared_error(&Shrink(1.0), []).unwrap_err().to_string();
        assert_eq!(message, "there are no images to evaluate");
    }

    #[test]
    fn images_smaller_than_the_window_have_no_structural_similarity() {
        let message = structural_similarity(&Shrink(1.0), [batch(3, 0.7)], 1.0).unwrap_err();
        assert!(message.to_string().contains("2 × 2"), "{message}");
    }
}
