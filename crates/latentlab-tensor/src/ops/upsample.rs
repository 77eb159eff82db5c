//! Nearest-neighbour upsampling.

use candle_core::Tensor;

use crate::Result;

/// Repeats every pixel `factor` times in both directions, `[N, C, H, W]` to
/// `[N, C, H·factor, W·factor]`.
///
/// By broadcasting: the backward pass of candle's own operation overwrites what other consumers of
/// `x` have added to its gradient (huggingface/candle #3507).
pub fn upsample_nearest(x: &Tensor, factor: usize) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    Ok(x.reshape((batch, channels, height, 1, width, 1))?
        .broadcast_as((batch, channels, height, factor, width, factor))?
        .reshape((batch, channels, height * factor, width * factor))?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    #[test]
    fn the_gradient_adds_to_that_of_other_consumers() {
        let x = Var::ones((1, 1, 2, 2), DType::F64, &Device::Cpu).unwrap();
        let large = upsample_nearest(&x, 3).unwrap().sum_all().unwrap();
        let sum = (large + x.sum_all().unwrap()).unwrap();
        let gradient = sum.backward().unwrap().get(&x).unwrap().clone();
        // Nine copies and the other use.
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(gradient, [10.0; 4]);
    }
}
