//! Products of convolutions with 9 multiplications where the definition has 16.
//!
//! Where the kernel is twice the stride `s`, as in DCGAN, the pixels whose row leaves the remainder
//! `p` and whose column leaves `q` when divided by `s` form a plane of their own, and the convolution
//! is a sum over the `s²` planes of convolutions with kernel 2 and stride 1. For two neighbouring
//! windows in one dimension, of pixels `x₀ x₁ x₂` and weights `w₀ w₁`, Winograd (1980) has
//!
//! ```text
//! y₀ = x₀ w₀ + x₁ w₁ = m₀ + m₁        m₀ = (x₀ − x₁) w₀
//! y₁ = x₁ w₀ + x₂ w₁ = m₁ + m₂        m₁ = x₁ (w₀ + w₁)
//!                                     m₂ = (x₂ − x₁) w₁
//! ```
//!
//! which takes 3 multiplications, not 4, and 9, not 16, for a tile of two by two windows (Lavin and
//! Gray 2016). Over all tiles and channels each of the 9 is a matrix product, between the
//! transforms that the sums around it make of images, weight and windows. A tile at an odd end has no
//! `y₁` and needs no `m₂`.
//!
//! As a trilinear form this is `Σ x̃ᵢ w̃ᵢ ỹᵢ` with `x̃ = (x₀ − x₁, x₁, x₂ − x₁)`,
//! `w̃ = (w₀, w₀ + w₁, w₁)` and `ỹ = (y₀, y₀ + y₁, y₁)`: the gradients by images and weight come from
//! the same three maps and their transposes. All coefficients are ±1, so that little is lost to
//! rounding.

mod blocks;
mod lanes;
mod transforms;
mod weight;

use blocks::{Cut, SHARED_VALUES, TransformLayout, blocks, for_each_block};
use transforms::{first_row, images_from, images_to, windows_from, windows_to};
use weight::{Order, weight_from, weight_to};

use super::{Channels, Windows, with_scratch};
use crate::{
    gemm::{Accumulate, Matrix, multiply_each},
    pool::{self, Shared},
    uninitialised,
};

/// Channels below which products are too thin to pay.
const THIN: usize = 16;
/// Tiles of a batch below which the transform of the weight costs more than it saves.
const FEW: usize = 192;

/// Whether this way is open and the shorter one.
pub(super) fn pays(at: Windows, channels: Channels) -> bool {
    is_open(at)
        && channels.image >= THIN
        && channels.windows >= THIN
        && at.batch * tiles(at.windows[0], 0) * tiles(at.windows[1], 0) >= FEW
}

/// Whether the kernel is twice the stride and no further window would fit on the image: pixels that
/// no tile has would be left out. (A transposed convolution may have its output padded further.)
fn is_open(at: Windows) -> bool {
    let fit = |side: usize| {
        let room = (at.image[side] + 2 * at.padding).checked_sub(at.kernel);
        room.is_some_and(|room| room / at.stride + 1 == at.windows[side])
    };
    at.kernel == 2 * at.stride && fit(0) && fit(1)
}

/// See [`super::forward`].
pub(super) fn forward(
    at: Windows,
    channels: Channels,
    x: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let depth = planes(at) * channels.image;
    let weight = weight_to(at, channels, w, Order::WindowsLast);
    let line = at.windows[1] * channels.windows;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: the blocks cut all rows of all images, and each writes its lines.
    let mut y = unsafe { uninitialised(at.batch * at.windows[0] * line) };
    let result = Shared::new(&mut y);
    for_each_block(at, channels, Cut::Rows, |block| {
        let (input, output) = (
            block.transform(at, depth),
            block.transform(at, channels.windows),
        );
        with_scratch(input.len() + output.len(), |scratch| {
            let (images, windows) = scratch.split_at_mut(input.len());
            input.write(images, |image, row, lines| {
                images_to(at, channels.image, of_image(at, x, image), row, lines);
            });
            multiply_by_weight((&input, images), (&output, windows), &weight);
            let windows = &*windows;
            block.for_each_line(|image, row| {
                let first = (image * at.windows[0] + 2 * row) * line;
                let rows = (at.windows[0] - 2 * row).min(2);
                #[allow(unsafe_code, reason = "lines of one tensor on several threads")]
                // SAFETY: every row of tiles has its own rows of windows.
                let y = unsafe { result.part(first, rows * line) };
                windows_from(at, channels.windows, &output.slices(windows, image, row), y);
                finish(0, y);
            });
        });
    });
    y
}

/// See [`super::backward_data`].
pub(super) fn backward_data(
    at: Windows,
    channels: Channels,
    y: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let depth = planes(at) * channels.image;
    let weight = weight_to(at, channels, w, Order::ImageLast);
    let size = at.image[0] * at.image[1] * channels.image;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: the blocks cut all images, and each writes every row of pixels of its own.
    let mut x = unsafe { uninitialised(at.batch * size) };
    let result = Shared::new(&mut x);
    // Pixels have parts in several rows of tiles.
    for_each_block(at, channels, Cut::Images, |block| {
        let (input, output) = (
            block.transform(at, channels.windows),
            block.transform(at, depth),
        );
        with_scratch(input.len() + output.len(), |scratch| {
            let (windows, images) = scratch.split_at_mut(input.len());
            input.write(windows, |image, row, lines| {
                windows_to(at, channels.windows, of_image(at, y, image), row, lines);
            });
            multiply_by_weight((&input, windows), (&output, images), &weight);
            let images = &*images;
            let rows = tiles(at.windows[0], 0) + 1;
            pool::for_each(block.images.len() * rows, |line| {
                let (image, row) = (block.images.start + line / rows, line % rows);
                let (first, end) = (first_row(at, row), first_row(at, row + 1));
                let line = at.image[1] * channels.image;
                #[allow(unsafe_code, reason = "lines of one tensor on several threads")]
                // SAFETY: every row of tiles has its own rows of pixels.
                let x = unsafe { result.part(image * size + first * line, (end - first) * line) };
                let products = output.images(images, image);
                images_from(at, channels.image, &products, row, x);
                finish(0, x);
            });
        });
    });
    x
}

/// See [`super::backward_weight`].
pub(super) fn backward_weight(at: Windows, channels: Channels, x: &[f32], y: &[f32]) -> Vec<f32> {
    let depth = planes(at) * channels.image;
    assert!(at.batch > 0, "the first block overwrites the sums");
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: there is a first block, and it overwrites all sums; the others add to them.
    let mut sums = unsafe { uninitialised(9 * depth * channels.windows) };
    // One block after the other: the order of the sums must not depend on the threads.
    let blocks = blocks(at, channels, Cut::Rows, SHARED_VALUES);
    for (index, block) in blocks.into_iter().enumerate() {
        let (left, right) = (
            block.transform(at, depth),
            block.transform(at, channels.windows),
        );
        with_scratch(left.len() + right.len(), |scratch| {
            let (images, windows) = scratch.split_at_mut(left.len());
            left.write(images, |image, row, lines| {
                images_to(at, channels.image, of_image(at, x, image), row, lines);
            });
            right.write(windows, |image, row, lines| {
                windows_to(at, channels.windows, of_image(at, y, image), row, lines);
            });
            let factors: [_; 9] = std::array::from_fn(|place| {
                let windows = right.matrix(windows, place).transposed();
                (windows, left.matrix(images, place))
            });
            let into = match index {
                0 => Accumulate::Overwrite,
                _ => Accumulate::Add,
            };
            multiply_each(&mut sums, into, &factors);
        });
    }
    weight_from(at, channels, &sums)
}

/// The nine products of a transform and that of the weight.
fn multiply_by_weight(
    (input, values): (&TransformLayout<'_>, &[f32]),
    (output, result): (&TransformLayout<'_>, &mut [f32]),
    weight: &[f32],
) {
    let (rows, columns) = (input.width, output.width);
    let factors: [_; 9] = std::array::from_fn(|place| {
        let weight = Matrix::new(&weight[place * rows * columns..], rows, columns);
        (input.matrix(values, place), weight)
    });
    multiply_each(result, Accumulate::Overwrite, &factors);
}

/// What one image has of the pixels or windows of a batch.
fn of_image(at: Windows, values: &[f32], image: usize) -> &[f32] {
    let size = values.len() / at.batch;
    &values[image * size..][..size]
}

/// Planes of an image.
fn planes(at: Windows) -> usize {
    at.stride * at.stride
}

/// Tiles along a side with so many windows that need `mᵢ`.
fn tiles(windows: usize, i: usize) -> usize {
    match i {
        2 => windows / 2,
        _ => windows.div_ceil(2),
    }
}
