//! Products of convolutions by matrix products with copied pixels.
//!
//! Pixels are copied to rows of a matrix, one row for each window, as many rows at a time as stay
//! in a core's cache; the rest is a matrix product (Chellapilla et al. 2006).

use std::ops::Range;

use super::{Channels, LARGE, Windows, transpose, with_scratch};
use crate::{
    gemm::{Accumulate, Matrix, multiply, multiply_here},
    pool::{self, Shared},
    uninitialised, vectorised,
};

/// See [`super::forward`].
pub(super) fn forward(
    at: Windows,
    channels: Channels,
    x: &[f32],
    w: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let w = channels_last(w, channels, at.area());
    let (depth, across) = (at.area() * channels.image, at.windows[1]);
    let weight = Matrix::new(&w, channels.windows, depth).transposed();
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is overwritten by the product of its pixels, in both ways.
    let mut y = unsafe { uninitialised(at.count() * channels.windows) };
    let line = across * channels.windows;
    let copy = |lines: Range<usize>, columns: &mut [f32]| {
        gather(at, x, channels.image, lines, 0..at.area(), columns);
    };
    if w.len() < LARGE {
        let rows = at.rows_at_once(depth);
        pool::for_each_part(&mut y, rows * line, |index, part| {
            let first = index * rows;
            let lines = first..first + part.len() / line.max(1);
            let height = lines.len() * across;
            with_scratch(height * depth, |columns| {
                copy(lines, columns);
                let columns = Matrix::new(columns, height, depth);
                multiply_here(part, Accumulate::Overwrite, columns, weight);
            });
            finish(0, part);
        });
        return y;
    }
    // Packing a large weight costs as much as some hundred windows: all threads share one product.
    let rows = at.rows_in_product();
    for (index, part) in y.chunks_mut(rows * line).enumerate() {
        let height = part.len() / channels.windows;
        with_scratch(height * depth, |columns| {
            pool::for_each_part(columns, across * depth, |line, columns| {
                let line = index * rows + line;
                copy(line..line + 1, columns);
            });
            let columns = Matrix::new(columns, height, depth);
            multiply(part, Accumulate::Overwrite, columns, weight, &finish);
        });
    }
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
    let w = channels_last(w, channels, at.area());
    let depth = at.area() * channels.image;
    let weight = Matrix::new(&w, channels.windows, depth);
    let image = at.image[0] * at.image[1] * channels.image;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is cleared first.
    let mut x = unsafe { uninitialised(at.batch * image) };
    let [down, across] = at.windows;
    let values = |lines: Range<usize>| {
        let values = &y[lines.start * across * channels.windows..];
        Matrix::new(values, lines.len() * across, channels.windows)
    };
    if w.len() < LARGE {
        let at_once = at.rows_at_once(depth);
        let images = (at_once / down.max(1)).clamp(1, at.batch.div_ceil(TASKS).max(1));
        pool::for_each_part(&mut x, images * image, |index, part| {
            part.fill(0.0);
            let start = index * images * down;
            let end = (start + images * down).min(at.batch * down);
            for first in (start..end).step_by(at_once) {
                let lines = first..end.min(first + at_once);
                with_scratch(lines.len() * across * depth, |columns| {
                    multiply_here(
                        columns,
                        Accumulate::Overwrite,
                        values(lines.clone()),
                        weight,
                    );
                    let within = lines.start - start..lines.end - start;
                    scatter(at, columns, channels.image, within, part);
                });
            }
            finish(0, part);
        });
        return x;
    }
    let images = (at.rows_in_product() / down.max(1)).max(1);
    for (index, part) in x.chunks_mut(images * image).enumerate() {
        let lines = index * images * down..(index * images + part.len() / image) * down;
        with_scratch(lines.len() * across * depth, |columns| {
            multiply(
                columns,
                Accumulate::Overwrite,
                values(lines),
                weight,
                |_, _| {},
            );
            let size = down * across * depth;
            pool::for_each_part(part, image, |index, image| {
                image.fill(0.0);
                let columns = &columns[index * size..][..size];
                scatter(at, columns, channels.image, 0..down, image);
                finish(0, image);
            });
        });
    }
    x
}

/// See [`super::backward_weight`].
pub(super) fn backward_weight(at: Windows, channels: Channels, x: &[f32], y: &[f32]) -> Vec<f32> {
    let (area, inner) = (at.area(), channels.image);
    let (lines, depth) = (at.batch * at.windows[0], area * inner);
    let size = channels.windows * depth;
    // Sums of a large weight are not worth being kept several times: every task has some pixels of
    // the window to itself. A small one has too few of them: every task has some of the images.
    // The sizes alone decide on the parts, which are not thinner than products may be cut.
    let (parts, groups) = match size > SMALL {
        true => (TASKS.min(area / LEAST_COLUMNS.div_ceil(inner)).max(1), 1),
        false => (1, TASKS.min(lines.max(1))),
    };
    let positions = |part: usize| part * area / parts..(part + 1) * area / parts;
    let mut sums = vec![0.0; size * groups];
    let shared = Shared::new(&mut sums);
    pool::for_each(parts * groups, |task| {
        let (group, positions) = (task / parts, positions(task % parts));
        let lines = group * lines / groups..(group + 1) * lines / groups;
        let start = group * size + positions.start * inner * channels.windows;
        #[allow(unsafe_code, reason = "parts of one matrix on several threads")]
        // SAFETY: the tasks have different groups or positions.
        let sums = unsafe { shared.part(start, positions.len() * inner * channels.windows) };
        add_weight(at, channels, [x, y], lines, positions, sums);
    });
    let (total, others) = sums.split_at_mut(size);
    for other in others.chunks_exact(size) {
        for (total, other) in total.iter_mut().zip(other) {
            *total += other;
        }
    }
    // From `[O, pixels, C]` for each part to `[O, C, k, k]`.
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is overwritten by a transpose.
    let mut w = unsafe { uninitialised(size) };
    pool::for_each_part(&mut w, depth, |output, w| {
        with_scratch(depth, |row| {
            for part in 0..parts {
                let pixels = positions(part);
                let (start, length) = (pixels.start * inner, pixels.len() * inner);
                let from = &total[start * channels.windows + output * length..][..length];
                row[start..start + length].copy_from_slice(from);
            }
            transpose(row, area, inner, w);
        });
    });
    w
}

/// Adds the products over some rows of windows for some of their pixels to `sums`, `[O, pixels, C]`.
fn add_weight(
    at: Windows,
    channels: Channels,
    [x, y]: [&[f32]; 2],
    lines: Range<usize>,
    positions: Range<usize>,
    sums: &mut [f32],
) {
    let (across, depth) = (at.windows[1], positions.len() * channels.image);
    let at_once = at.rows_at_once(at.area() * channels.image);
    for first in lines.clone().step_by(at_once) {
        let lines = first..lines.end.min(first + at_once);
        let height = lines.len() * across;
        let values = &y[first * across * channels.windows..];
        let values = Matrix::new(values, height, channels.windows).transposed();
        with_scratch(height * depth, |columns| {
            gather(at, x, channels.image, lines, positions.clone(), columns);
            let columns = Matrix::new(columns, height, depth);
            multiply_here(sums, Accumulate::Add, values, columns);
        });
    }
}

/// A weight `[O, C, k, k]` as `[O, k, k, C]`.
fn channels_last(w: &[f32], channels: Channels, area: usize) -> Vec<f32> {
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is overwritten by a transpose.
    let mut moved = unsafe { uninitialised(w.len()) };
    let inner = channels.image;
    pool::for_each_part(&mut moved, area * inner, |output, moved| {
        let w = &w[output * area * inner..][..area * inner];
        transpose(w, inner, area, moved);
    });
    moved
}

/// Tasks that work on a batch is cut into where their number shows in the result.
const TASKS: usize = 8;
/// Columns of the thinnest product that a task has to itself.
const LEAST_COLUMNS: usize = 80;
/// Values of a weight that may be kept once for each task.
const SMALL: usize = 32 * 1024;

impl Windows {
    /// Pixels below a window.
    fn area(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Windows of the batch.
    fn count(&self) -> usize {
        self.batch * self.windows[0] * self.windows[1]
    }

    /// Rows of windows to copy at once, for so many values each.
    fn rows_at_once(&self, depth: usize) -> usize {
        /// Values that a core's cache holds beside the matrices.
        const VALUES: usize = 512 * 1024;
        let windows = (VALUES / depth.max(1)).clamp(256, 1024);
        (windows / self.windows[1].max(1)).max(1)
    }

    /// Rows of windows in a product that all threads share.
    fn rows_in_product(&self) -> usize {
        (1024 / self.windows[1].max(1)).max(1)
    }

    /// The part of a row of a window's pixels `pixels`, from column `start` of the image (counted
    /// from the padding), that lies inside of the image.
    #[inline(always)]
    fn inside(&self, start: usize, pixels: Range<usize>) -> Range<usize> {
        let first = self.padding.saturating_sub(start).max(pixels.start);
        let end = (self.image[1] + self.padding).saturating_sub(start);
        let end = end.min(pixels.end);
        first.min(end)..end
    }
}

/// The columns of a window's row `row` that `positions` takes in.
#[inline(always)]
fn columns_of(row: usize, kernel: usize, positions: &Range<usize>) -> Range<usize> {
    let start = positions.start.max(row * kernel) - row * kernel;
    let end = positions.end.min((row + 1) * kernel) - row * kernel;
    start..end
}

vectorised! {
    /// Copies the pixels `positions` (counted along the rows of a window) of all windows in rows
    /// `lines` (counted over all images) to one row of `columns` for each window.
    fn gather(
        at: Windows,
        x: &[f32],
        channels: usize,
        lines: Range<usize>,
        positions: Range<usize>,
        columns: &mut [f32],
    ) {
        let Windows { kernel, stride, padding, image: [height, width], .. } = at;
        let [down, across] = at.windows;
        let rows = positions.start / kernel..positions.end.div_ceil(kernel);
        let depth = positions.len() * channels;
        let windows = lines.flat_map(|line| (0..across).map(move |column| (line, column)));
        for ((line, column), window) in windows.zip(columns.chunks_exact_mut(depth)) {
            let (image, line) = (line / down, line % down);
            let mut rest = window;
            for row in rows.clone() {
                let pixels = columns_of(row, kernel, &positions);
                let (to, after) = rest.split_at_mut(pixels.len() * channels);
                rest = after;
                let y = line * stride + row;
                if y < padding || y >= height + padding {
                    to.fill(0.0);
                    continue;
                }
                let start = column * stride;
                let inside = at.inside(start, pixels.clone());
                if inside.is_empty() {
                    to.fill(0.0);
                    continue;
                }
                let from = (image * height + y - padding) * width + start + inside.start - padding;
                let from = &x[from * channels..][..inside.len() * channels];
                let left = (inside.start - pixels.start) * channels;
                to[..left].fill(0.0);
                let right = left + from.len();
                to[right..].fill(0.0);
                let to = &mut to[left..right];
                if to.len() <= 32 {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = *from;
                    }
                } else {
                    to.copy_from_slice(from);
                }
            }
        }
    }

    /// Adds the rows of `columns`, one for each window in rows `lines`, to the pixels below.
    fn scatter(
        at: Windows,
        columns: &[f32],
        channels: usize,
        lines: Range<usize>,
        x: &mut [f32],
    ) {
        let Windows { kernel, stride, padding, image: [height, width], .. } = at;
        let [down, across] = at.windows;
        let depth = kernel * kernel * channels;
        let windows = lines.flat_map(|line| (0..across).map(move |column| (line, column)));
        for ((line, column), window) in windows.zip(columns.chunks_exact(depth)) {
            let (image, line) = (line / down, line % down);
            let start = column * stride;
            let inside = at.inside(start, 0..kernel);
            if inside.is_empty() {
                continue;
            }
            for (row, from) in window.chunks_exact(kernel * channels).enumerate() {
                let y = line * stride + row;
                if y < padding || y >= height + padding {
                    continue;
                }
                let to = (image * height + y - padding) * width + start + inside.start - padding;
                let to = &mut x[to * channels..][..inside.len() * channels];
                let from = &from[inside.start * channels..][..to.len()];
                for (to, from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
    }
}
