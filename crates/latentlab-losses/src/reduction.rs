//! From values per entry to one per image, and from there to one per batch.

use candle_core::Tensor;
use latentlab_tensor::Result;

/// Sums everything but the first dimension: `[N, …]` to `[N]`.
///
/// # Errors
/// If `values` has no dimension, or no entry.
pub fn sum_per_image(values: &Tensor) -> Result<Tensor> {
    let rows = values.reshape((values.dim(0)?, ()))?; // [N, entries of an image]
    Ok(rows.sum(1)?)
}

/// The mean over the batch: `[N]` to `[]`, the loss to train on.
///
/// Sum over an image, mean over the batch: a rate that suits one batch size suits another, and the
/// reconstruction keeps its weight against the divergence of the latent.
pub fn batch_mean(per_image: &Tensor) -> Result<Tensor> {
    Ok(per_image.mean_all()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn an_image_of_any_rank_is_summed_to_one_number() -> Result<()> {
        let values = Tensor::arange(0f64, 12.0, &Device::Cpu)?;
        for shape in [&[3, 4][..], &[3, 1, 2, 2], &[3, 4, 1]] {
            let sums = sum_per_image(&values.reshape(shape)?)?;
            assert_eq!(sums.to_vec1::<f64>()?, [6.0, 22.0, 38.0]);
        }
        assert_eq!(sum_per_image(&values)?.dims(), [12]);
        Ok(())
    }

    #[test]
    fn a_scalar_is_no_batch() -> Result<()> {
        assert!(sum_per_image(&Tensor::new(1f64, &Device::Cpu)?).is_err());
        Ok(())
    }
}
