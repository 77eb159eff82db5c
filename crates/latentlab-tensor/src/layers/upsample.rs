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
