//! The maps between a weight and its transform.

use super::super::{Channels, Windows, with_scratch};
use super::{
    lanes::{LANES, add, both, for_each_lanes, load, store},
    planes,
};
use crate::{
    pool::{self, Shared},
    uninitialised, vectorised,
};

/// Which channels of a weight's transform lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nine matrices `[planes · C, O]`.
    WindowsLast,
    /// Nine matrices `[O, planes · C]`.
    ImageLast,
}

/// `w̃ = (w₀, w₀ + w₁, w₁)` in both directions and every plane, of a weight `[O, C, k, k]`.
pub(super) fn weight_to(at: Windows, channels: Channels, w: &[f32], order: Order) -> Vec<f32> {
    let (inner, outer) = (channels.image, channels.windows);
    let size = planes(at) * inner * outer;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: the tasks write all components of all channels.
    let mut transform = unsafe { uninitialised(9 * size) };
    let to = Shared::new(&mut transform);
    // One channel of the one kind, and all of the other, which lie side by side.
    let (tasks, length, step) = match order {
        Order::WindowsLast => (inner, outer, inner),
        Order::ImageLast => (outer, inner, 1),
    };
    let area = at.kernel * at.kernel;
    pool::for_each(tasks, |channel| {
        let kernels = match order {
            Order::WindowsLast => &w[channel * area..],
            Order::ImageLast => &w[channel * inner * area..],
        };
        with_scratch(BLOCK * area, |taps| {
            for first in (0..length).step_by(BLOCK) {
                let count = BLOCK.min(length - first);
                let taps = &mut taps[..count * area];
                read_taps(&kernels[first * step * area..], step * area, count, taps);
                for plane in 0..planes(at) {
                    let row = match order {
                        Order::WindowsLast => plane * inner + channel,
                        Order::ImageLast => channel * planes(at) + plane,
                    };
                    let mut lines: [&mut [f32]; 9] = std::array::from_fn(|component| {
                        #[allow(unsafe_code, reason = "rows of matrices on several threads")]
                        // SAFETY: each task has its own rows, each component its own matrix.
                        unsafe {
                            to.part(component * size + row * length + first, count)
                        }
                    });
                    spread(at.stride, plane, taps, &mut lines);
                }
            }
        });
    });
    transform
}

/// The weight `[O, C, k, k]` of nine sums `[O, planes · C]`: `w₀ = g₀ + g₁` and `w₁ = g₁ + g₂` in both
/// directions.
pub(super) fn weight_from(at: Windows, channels: Channels, sums: &[f32]) -> Vec<f32> {
    let inner = channels.image;
    let size = planes(at) * inner * channels.windows;
    let area = at.kernel * at.kernel;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is the whole kernel of a channel, and every plane of it is gathered.
    let mut w = unsafe { uninitialised(area * inner * channels.windows) };
    pool::for_each_part(&mut w, area * inner, |channel, w| {
        for plane in 0..planes(at) {
            let row = (channel * planes(at) + plane) * inner;
            let lines: [&[f32]; 9] =
                std::array::from_fn(|component| &sums[component * size + row..][..inner]);
            gather(at.stride, plane, &lines, w);
        }
    });
    w
}

/// Tap `(a, b)` of a plane, in a kernel of twice the stride.
#[inline(always)]
fn tap(stride: usize, plane: usize, a: usize, b: usize) -> usize {
    let (p, q) = (plane / stride, plane % stride);
    (stride * a + p) * 2 * stride + stride * b + q
}

/// Kernels whose taps are worked on at a time.
const BLOCK: usize = 128;

vectorised! {
    /// Tap by tap, `count` kernels, each `step` values after the one before.
    fn read_taps(w: &[f32], step: usize, count: usize, taps: &mut [f32]) {
        let area = taps.len() / count;
        for lane in 0..count {
            let kernel = &w[lane * step..][..area];
            for (tap, value) in taps.chunks_exact_mut(count).zip(kernel) {
                tap[lane] = *value;
            }
        }
    }

    /// The nine values of a plane of as many kernels as the lines are long.
    fn spread(stride: usize, plane: usize, taps: &[f32], lines: &mut [&mut [f32]; 9]) {
        let length = lines[0].len();
        for_each_lanes!(length, |first, count| {
            let mut rows = [[[0.0; LANES]; 3]; 2];
            for (a, row) in rows.iter_mut().enumerate() {
                let start = |b| tap(stride, plane, a, b) * length + first;
                *row = both(load(taps, start(0), count), load(taps, start(1), count));
            }
            for j in 0..3 {
                store(rows[0][j], lines[j], first, count);
                store(add(rows[0][j], rows[1][j]), lines[3 + j], first, count);
                store(rows[1][j], lines[6 + j], first, count);
            }
        });
    }

    /// The taps of a plane, of the sums of as many kernels as the lines are long.
    fn gather(stride: usize, plane: usize, lines: &[&[f32]; 9], w: &mut [f32]) {
        let (area, length) = (4 * stride * stride, lines[0].len());
        for_each_lanes!(length, |first, count| {
            let mut sums = [[0.0; LANES]; 9];
            for (sum, line) in sums.iter_mut().zip(lines) {
                *sum = load(line, first, count);
            }
            for a in 0..2 {
                for b in 0..2 {
                    let place = tap(stride, plane, a, b);
                    let upper = add(sums[3 * a + b], sums[3 * a + b + 1]);
                    let lower = add(sums[3 * a + 3 + b], sums[3 * a + b + 4]);
                    let taps = add(upper, lower);
                    for (lane, tap) in taps.iter().enumerate().take(count) {
                        w[(first + lane) * area + place] = *tap;
                    }
                }
            }
        });
    }
}
