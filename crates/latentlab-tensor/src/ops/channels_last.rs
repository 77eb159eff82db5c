//! Images whose channels lie last in memory, `[N, H, W, C]`: the layout in which the pixels below a
//! window are a few long runs of memory, and a convolution is fast.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use latentlab_kernels::{conv, pool, uninitialised};

use crate::{
    autograd::{apply1, last, reshape},
    cpu::{contiguous, is_for},
};

/// `[N, C, H, W]` to `[N, H, W, C]`.
///
/// # Errors
/// If `images` has another rank.
pub fn to_channels_last(images: &Tensor) -> Result<Tensor> {
    let (count, channels, height, width) = images.dims4()?;
    if channels == 1 {
        return reshape(images, (count, height, width, channels));
    }
    if !is_for(&[images]) {
        return images.permute((0, 2, 3, 1))?.contiguous();
    }
    let move_last = Transpose {
        sizes: [count, channels, height * width],
    };
    let moved = apply1(&images.contiguous()?, move_last)?;
    reshape(&moved, (count, height, width, channels))
}

/// `[N, H, W, C]` to `[N, C, H, W]`.
///
/// # Errors
/// If `images` has another rank.
pub fn to_channels_first(images: &Tensor) -> Result<Tensor> {
    let (count, height, width, channels) = images.dims4()?;
    if channels == 1 {
        return reshape(images, (count, channels, height, width));
    }
    if !is_for(&[images]) {
        return images.permute((0, 3, 1, 2))?.contiguous();
    }
    let move_first = Transpose {
        sizes: [count, height * width, channels],
    };
    let moved = apply1(&images.contiguous()?, move_first)?;
    reshape(&moved, (count, channels, height, width))
}

/// Transposes each of a batch of matrices; its own adjoint, with the sizes exchanged.
struct Transpose {
    sizes: [usize; 3],
}

impl CustomOp1 for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn cpu_fwd(&self, values: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [count, rows, columns] = self.sizes;
        let values = contiguous(values, layout)?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: each part is overwritten by a transpose.
        let mut result = unsafe { uninitialised(values.len()) };
        pool::for_each_part(&mut result, rows * columns, |index, result| {
            let values = &values[index * rows * columns..][..rows * columns];
            conv::transpose(values, rows, columns, result);
        });
        Ok((CpuStorage::F32(result), (count, columns, rows).into()))
    }

    fn bwd(&self, values: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [count, rows, columns] = self.sizes;
        let back = Transpose {
            sizes: [count, columns, rows],
        };
        let gradient = last(gradient.contiguous()?);
        gradient.apply_op1(back)?.reshape(values.shape()).map(Some)
    }
}
