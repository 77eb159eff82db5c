//! The three products of a convolution, on images whose channels lie last in memory.
//!
//! A convolution is a trilinear form of images `x` `[N, H, W, C]`, a weight `w` `[O, C, k, k]` and
//! windows `y` `[N, H', W', O]`: the sum over all windows of `y · w · (the pixels of x below it)`.
//! Each two of the three give the third:
//!
//! - [`windows_of`]: `x, w → y`, the convolution;
//! - [`images_of`]: `y, w → x`, its gradient by the images, and the transposed convolution;
//! - [`weight_of`]: `x, y → w`, the gradient by the weight of either.
//!
//! There are two ways to compute each: `unfolded` for any convolution, and `minimal` with about
//! half of the multiplications, for those whose kernel is twice the stride. Which one is taken
//! depends on the sizes alone.

mod minimal;
mod unfolded;

use std::cell::RefCell;

use super::overwritten;
use crate::vectorised;

/// Where the windows of a batch of images lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Side of a window, in pixels.
    pub kernel: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros around an image.
    pub padding: usize,
    /// Images in the batch.
    pub batch: usize,
    /// Rows and columns of an image.
    pub image: [usize; 2],
    /// Rows and columns of windows.
    pub windows: [usize; 2],
}

/// Channels of the images, and of the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// `C`.
    pub image: usize,
    /// `O`.
    pub windows: usize,
}

/// Windows `y` `[N, H', W', O]` of images `x` `[N, H, W, C]` under `w` `[O, C, k, k]`.
///
/// As soon as values are done, `finish` gets them: the first channel and a part of one window, or
/// channel 0 and several whole windows.
pub fn windows_of(
    at: Windows,
    channels: Channels,
    x: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    match minimal::pays(at, channels) {
        true => minimal::windows_of(at, channels, x, w, finish),
        false => unfolded::windows_of(at, channels, x, w, finish),
    }
}

/// Images `x` `[N, H, W, C]` of windows `y` `[N, H', W', O]` under `w` `[O, C, k, k]`: sums where
/// windows overlap. `finish` as in [`windows_of`], of whole images.
pub fn images_of(
    at: Windows,
    channels: Channels,
    y: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    match minimal::pays(at, channels) {
        true => minimal::images_of(at, channels, y, w, finish),
        false => unfolded::images_of(at, channels, y, w, finish),
    }
}

/// The weight `w` `[O, C, k, k]` of images `x` `[N, H, W, C]` and windows `y` `[N, H', W', O]`.
pub fn weight_of(at: Windows, channels: Channels, x: &[f32], y: &[f32]) -> Vec<f32> {
    match minimal::pays(at, channels) {
        true => minimal::weight_of(at, channels, x, y),
        false => unfolded::weight_of(at, channels, x, y),
    }
}

/// Values of a weight from which on all threads share a product.
const LARGE: usize = 128 * 1024;

vectorised! {
    /// `[rows, columns]` to `[columns, rows]`, in blocks of rows that a cache line holds.
    pub fn transpose(values: &[f32], rows: usize, columns: usize, result: &mut [f32]) {
        const BLOCK: usize = 16;
        for first in (0..rows).step_by(BLOCK) {
            let end = rows.min(first + BLOCK);
            for column in 0..columns {
                let to = &mut result[column * rows + first..column * rows + end];
                for (row, to) in (first..end).zip(to) {
                    *to = values[row * columns + column];
                }
            }
        }
    }
}

thread_local!(static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) });

/// Lends `count` values of this thread, whatever they hold, to be overwritten.
fn with_scratch<R>(count: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    SCRATCH.with(|scratch| {
        let mut scratch = scratch.borrow_mut();
        if scratch.len() < count {
            *scratch = overwritten(count);
        }
        task(&mut scratch[..count])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rng;

    fn values(count: usize, index: u64) -> Vec<f32> {
        let mut rng = Rng::stream(4, "convolve", index);
        let values = rng.normals(count).into_iter();
        values.map(|value| value as f32).collect()
    }

    /// Convolutions whose kernel is twice the stride.
    fn convolution() -> impl Strategy<Value = (Windows, Channels)> {
        let sizes = (1usize..4, 0usize..4, 1usize..4, [1usize..12, 1..12]);
        (sizes, 1usize..40, 1usize..40).prop_filter_map(
            "an image smaller than a window",
            |((stride, padding, batch, image), inner, outer)| {
                let kernel = 2 * stride;
                let count =
                    |size: usize| Some((size + 2 * padding).checked_sub(kernel)? / stride + 1);
                let at = Windows {
                    kernel,
                    stride,
                    padding,
                    batch,
                    image,
                    windows: [count(image[0])?, count(image[1])?],
                };
                let channels = Channels {
                    image: inner,
                    windows: outer,
                };
                Some((at, channels))
            },
        )
    }

    fn assert_close(ours: &[f32], theirs: &[f32]) -> std::result::Result<(), TestCaseError> {
        prop_assert_eq!(ours.len(), theirs.len());
        let scale = theirs
            .iter()
            .fold(1f32, |most, value| most.max(value.abs()));
        for (ours, theirs) in ours.iter().zip(theirs) {
            prop_assert!(
                (ours - theirs).abs() < 1e-5 * scale,
                "{ours} is not {theirs}"
            );
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn both_ways_give_the_same_products((at, channels) in convolution()) {
            let Windows { kernel, batch, image, windows, .. } = at;
            let x = values(batch * image[0] * image[1] * channels.image, 0);
            let y = values(batch * windows[0] * windows[1] * channels.windows, 1);
            let w = values(kernel * kernel * channels.image * channels.windows, 2);
            assert_close(
                &minimal::windows_of(at, channels, &x, &w, |_, _| {}),
                &unfolded::windows_of(at, channels, &x, &w, |_, _| {}),
            )?;
            assert_close(
                &minimal::images_of(at, channels, &y, &w, |_, _| {}),
                &unfolded::images_of(at, channels, &y, &w, |_, _| {}),
            )?;
            assert_close(
                &minimal::weight_of(at, channels, &x, &y),
                &unfolded::weight_of(at, channels, &x, &y),
            )?;
        }
    }
}
