//! The three products of a convolution, on images whose channels lie last in memory.
//!
//! A convolution is a trilinear form of images `x` `[N, H, W, C]`, a weight `w` `[O, C, k, k]` and
//! windows `y` `[N, H', W', O]`: the sum over all windows of `y · w · (the pixels of x below it)`.
//! Each two of the three give the third:
//!
//! - [`forward`]: `x, w → y`, the convolution;
//! - [`backward_data`]: `y, w → x`, its gradient by the images, and the transposed convolution;
//! - [`backward_weight`]: `x, y → w`, the gradient by the weight of either.
//!
//! There are two ways to compute each: `im2col` for any convolution, and `winograd` with about
//! half of the multiplications, for those whose kernel is twice the stride. Which one is taken
//! depends on the sizes alone.

mod im2col;
mod winograd;

use crate::buffer::with_scratch;
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
pub fn forward(
    at: Windows,
    channels: Channels,
    x: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    match winograd::pays(at, channels) {
        true => winograd::forward(at, channels, x, w, finish),
        false => im2col::forward(at, channels, x, w, finish),
    }
}

/// Images `x` `[N, H, W, C]` of windows `y` `[N, H', W', O]` under `w` `[O, C, k, k]`: sums where
/// windows overlap. `finish` gets channel 0 and some whole pixels, or none, as soon as they are done.
pub fn backward_data(
    at: Windows,
    channels: Channels,
    y: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    match winograd::pays(at, channels) {
        true => winograd::backward_data(at, channels, y, w, finish),
        false => im2col::backward_data(at, channels, y, w, finish),
    }
}

/// The weight `w` `[O, C, k, k]` of images `x` `[N, H, W, C]` and windows `y` `[N, H', W', O]`.
pub fn backward_weight(at: Windows, channels: Channels, x: &[f32], y: &[f32]) -> Vec<f32> {
    match winograd::pays(at, channels) {
        true => winograd::backward_weight(at, channels, x, y),
        false => im2col::backward_weight(at, channels, x, y),
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

#[cfg(test)]
mod tests {
    use latentlab_testing::{Unit, normals};
    use proptest::prelude::*;

    use super::*;

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

    #[test]
    fn an_image_with_room_for_another_window_is_left_to_copied_pixels() {
        let at = |side: usize| Windows {
            kernel: 4,
            stride: 2,
            padding: 0,
            batch: 16,
            image: [side; 2],
            windows: [8; 2],
        };
        let channels = Channels {
            image: 16,
            windows: 16,
        };
        // Eight windows take 18 pixels; up to 19 no ninth fits.
        for (side, pays) in [(18, true), (19, true), (20, false), (21, false)] {
            assert_eq!(winograd::pays(at(side), channels), pays, "{side}");
            let y = normals(16 * 64 * 16, 0);
            let w = normals(16 * 16 * 16, 1);
            let x = backward_data(at(side), channels, &y, &w, |_, _| {});
            let expected = im2col::backward_data(at(side), channels, &y, &w, |_, _| {});
            assert_close(&x, &expected, 4 * 16).unwrap();
        }
    }

    /// Whether two sums of `terms` products of standard normal numbers, entry by entry, agree.
    ///
    /// Minimal filtering errs as much as the definition: a quarter of the terms in each of four sums,
    /// each term a product of sums of one, two or four numbers with variance 4 together. The sums
    /// around the products add a rounding or two, which few terms have room for.
    fn assert_close(
        ours: &[f32],
        theirs: &[f32],
        terms: usize,
    ) -> std::result::Result<(), TestCaseError> {
        prop_assert_eq!(ours.len(), theirs.len());
        let most = 2.0 * Unit::F32.of_drawn(terms);
        for (ours, theirs) in ours.iter().zip(theirs) {
            let error = (f64::from(*ours) - f64::from(*theirs)).abs();
            prop_assert!(error < most, "{ours} is not {theirs} up to {most}");
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(60))]

        #[test]
        fn both_ways_give_the_same_products((at, channels) in convolution()) {
            let Windows { kernel, batch, image, windows, .. } = at;
            let x = normals(batch * image[0] * image[1] * channels.image, 0);
            let y = normals(batch * windows[0] * windows[1] * channels.windows, 1);
            let w = normals(kernel * kernel * channels.image * channels.windows, 2);
            assert_close(
                &winograd::forward(at, channels, &x, &w, |_, _| {}),
                &im2col::forward(at, channels, &x, &w, |_, _| {}),
                kernel * kernel * channels.image,
            )?;
            assert_close(
                &winograd::backward_data(at, channels, &y, &w, |_, _| {}),
                &im2col::backward_data(at, channels, &y, &w, |_, _| {}),
                4 * channels.windows,
            )?;
            assert_close(
                &winograd::backward_weight(at, channels, &x, &y),
                &im2col::backward_weight(at, channels, &x, &y),
                batch * windows[0] * windows[1],
            )?;
        }
    }
}
