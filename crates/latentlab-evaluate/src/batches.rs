//! Many images taken some at a time, so that the memory of a network does not grow with their number.

use candle_core::Tensor;
use latentlab_core::{ImageShape, Result};

/// Values of images that pass through a network at once, at most.
const VALUES_AT_ONCE: usize = 2_000 * 784;

/// How many images of `shape` pass through a network at once: `most`, or fewer large ones.
pub fn at_once(shape: ImageShape, most: usize) -> usize {
    (VALUES_AT_ONCE / shape.pixels().max(1)).clamp(1, most.max(1))
}

/// What `make` makes of the rows of a tensor `[N, …]`, `at_once` of them at a time, in their order.
///
/// # Errors
/// Those of `make`.
pub fn in_batches<E: From<candle_core::Error>>(
    rows: &Tensor,
    at_once: usize,
    make: impl Fn(&Tensor) -> Result<Tensor, E>,
) -> Result<Tensor, E> {
    let count = rows.dim(0)?;
    if count <= at_once {
        return make(rows);
    }
    let starts = (0..count).step_by(at_once);
    let made = starts.map(|start| make(&rows.narrow(0, start, at_once.min(count - start))?));
    Ok(Tensor::cat(&made.collect::<Result<Vec<_>, E>>()?, 0)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn shape(side: usize) -> ImageShape {
        ImageShape {
            channels: 3,
            height: side,
            width: side,
        }
    }

    #[test]
    fn large_images_pass_in_smaller_batches_and_at_least_one_at_a_time() {
        assert_eq!(at_once(shape(8), 500), 500);
        assert_eq!(at_once(shape(256), 500), 7);
        assert_eq!(at_once(shape(4096), 500), 1);
    }

    #[test]
    fn batches_keep_the_order_of_rows() {
        let rows = Tensor::arange(0f32, 7.0, &Device::Cpu)
            .unwrap()
            .reshape((7, 1))
            .unwrap();
        for size in [1, 3, 7, 9] {
            let made = in_batches(&rows, size, |some| {
                assert!(some.dim(0)? <= size);
                some * 2.0
            });
            let made: Vec<f32> = made.unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(made, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0], "{size}");
        }
    }
}
