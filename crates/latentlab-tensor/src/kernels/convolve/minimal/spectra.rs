//! The maps between images, windows and their spectra, one row of tiles or pixels at a time.

use super::super::Windows;
use super::{
    lanes::{LANES, Lanes, add, both, load, store, sub},
    tiles,
};
use crate::vectorised;

/// `(x₀ − x₁, x₁, x₂ − x₁)`.
#[inline(always)]
fn differences(x0: Lanes, x1: Lanes, x2: Lanes) -> [Lanes; 3] {
    [sub(x0, x1), x1, sub(x2, x1)]
}

/// Where a tile's pixel lies along one side: `s m + p` less the padding, if that is inside.
#[inline(always)]
fn inside(at: Windows, m: usize, p: usize, size: usize) -> Option<usize> {
    let place = (at.stride * m + p).checked_sub(at.padding)?;
    (place < size).then_some(place)
}

vectorised! {
    /// The spectrum of one row of tiles of an image `[H, W, C]`: for each tile the planes, each of
    /// `channels` values.
    pub(super) fn images_to(
        at: Windows,
        channels: usize,
        image: &[f32],
        row: usize,
        lines: &mut [&mut [f32]; 9],
    ) {
        let [height, width] = at.image;
        let depth = at.stride * at.stride * channels;
        let (all, whole) = (tiles(at.windows[1], 0), tiles(at.windows[1], 2));
        let short = lines[6].is_empty();
        for tile in 0..all {
            for plane in 0..at.stride * at.stride {
                let (p, q) = (plane / at.stride, plane % at.stride);
                // Where the nine pixels begin.
                let mut pixels = [None; 9];
                for (place, pixel) in pixels.iter_mut().enumerate() {
                    let y = inside(at, 2 * row + place / 3, p, height);
                    let x = inside(at, 2 * tile + place % 3, q, width);
                    *pixel = y.zip(x).map(|(y, x)| (y * width + x) * channels);
                }
                let to = tile * depth + plane * channels;
                for first in (0..channels).step_by(LANES) {
                    let count = LANES.min(channels - first);
                    let mut x = [[0.0; LANES]; 9];
                    for (x, start) in x.iter_mut().zip(&pixels) {
                        if let Some(start) = start {
                            *x = load(image, start + first, count);
                        }
                    }
                    // Along the rows, then along the columns.
                    let rows = [
                        differences(x[0], x[1], x[2]),
                        differences(x[3], x[4], x[5]),
                        differences(x[6], x[7], x[8]),
                    ];
                    for j in 0..3 {
                        if j == 2 && tile >= whole {
                            continue;
                        }
                        let [upper, middle, lower] =
                            differences(rows[0][j], rows[1][j], rows[2][j]);
                        store(upper, lines[j], to + first, count);
                        store(middle, lines[3 + j], to + first, count);
                        if !short {
                            store(lower, lines[6 + j], to + first, count);
                        }
                    }
                }
            }
        }
    }

    /// The spectrum of one row of tiles of windows `[H', W', O]`.
    pub(super) fn windows_to(
        at: Windows,
        channels: usize,
        windows: &[f32],
        row: usize,
        lines: &mut [&mut [f32]; 9],
    ) {
        let [height, width] = at.windows;
        let (all, whole) = (tiles(width, 0), tiles(width, 2));
        let short = lines[6].is_empty();
        for tile in 0..all {
            let start = |a: usize, b: usize| {
                let (y, x) = (2 * row + a, 2 * tile + b);
                (y < height && x < width).then_some((y * width + x) * channels)
            };
            let starts = [[start(0, 0), start(0, 1)], [start(1, 0), start(1, 1)]];
            for first in (0..channels).step_by(LANES) {
                let count = LANES.min(channels - first);
                let window = |a: usize, b: usize| match starts[a][b] {
                    Some(start) => load(windows, start + first, count),
                    None => [0.0; LANES],
                };
                let rows = [
                    both(window(0, 0), window(0, 1)),
                    both(window(1, 0), window(1, 1)),
                ];
                let to = tile * channels + first;
                for j in 0..3 {
                    if j == 2 && tile >= whole {
                        continue;
                    }
                    let [upper, middle, lower] = both(rows[0][j], rows[1][j]);
                    store(upper, lines[j], to, count);
                    store(middle, lines[3 + j], to, count);
                    if !short {
                        store(lower, lines[6 + j], to, count);
                    }
                }
            }
        }
    }

    /// The rows of windows `[W', O]`, two or at an odd end one, of the products of a row of tiles.
    pub(super) fn windows_from(
        at: Windows,
        channels: usize,
        lines: &[&[f32]; 9],
        windows: &mut [f32],
    ) {
        let width = at.windows[1];
        let line = width * channels;
        let whole = tiles(width, 2);
        let short = windows.len() == line;
        for tile in 0..tiles(width, 0) {
            for first in (0..channels).step_by(LANES) {
                let count = LANES.min(channels - first);
                let at = tile * channels + first;
                let to = 2 * tile * channels + first;
                // Sums along the columns for one i.
                let sums = |i: usize| {
                    let m = |j: usize| load(lines[3 * i + j], at, count);
                    match tile < whole {
                        true => [add(m(0), m(1)), add(m(1), m(2))],
                        false => [add(m(0), m(1)), [0.0; LANES]],
                    }
                };
                let (upper, middle) = (sums(0), sums(1));
                store(add(upper[0], middle[0]), windows, to, count);
                if tile < whole {
                    store(add(upper[1], middle[1]), windows, to + channels, count);
                }
                if !short {
                    let lower = sums(2);
                    store(add(middle[0], lower[0]), windows, line + to, count);
                    if tile < whole {
                        store(add(middle[1], lower[1]), windows, line + to + channels, count);
                    }
                }
            }
        }
    }

    /// Row `row` of an image, `[W, C]`, of the products of all its tiles.
    pub(super) fn images_from(
        at: Windows,
        channels: usize,
        products: &[&[f32]; 9],
        row: usize,
        pixels: &mut [f32],
    ) {
        let depth = at.stride * at.stride * channels;
        let (m, p) = ((row + at.padding) / at.stride, (row + at.padding) % at.stride);
        let down = terms(m, at.windows[0]);
        for (column, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
            let (m, q) = ((column + at.padding) / at.stride, (column + at.padding) % at.stride);
            let plane = (p * at.stride + q) * channels;
            let along = terms(m, at.windows[1]);
            // Which values are added, and which of them are taken off.
            let (mut starts, mut count) = ([(0, 0, false); 9], 0);
            for (line, i, negative) in down.into_iter().flatten() {
                for (tile, j, other) in along.into_iter().flatten() {
                    let tile = line * tiles(at.windows[1], j) + tile;
                    starts[count] = (3 * i + j, tile * depth + plane, negative != other);
                    count += 1;
                }
            }
            for first in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - first);
                let mut sum = [0.0; LANES];
                for (place, start, negative) in &starts[..count] {
                    let value = load(products[*place], start + first, lanes);
                    sum = match negative {
                        true => sub(sum, value),
                        false => add(sum, value),
                    };
                }
                store(sum, pixel, first, lanes);
            }
        }
    }
}

/// What a pixel `m` of a plane takes of the products along a side with so many windows: tile, `i`,
/// and whether it is taken off. `x₀ ← m₀`, `x₁ ← m₁ − m₀ − m₂`, `x₂ ← m₂`, and the last pixel of a
/// tile is the first of the next.
#[inline(always)]
fn terms(m: usize, windows: usize) -> [Option<(usize, usize, bool)>; 3] {
    let tile = m / 2;
    let term = |tile: usize, i: usize, negative: bool| {
        (tile < tiles(windows, i)).then_some((tile, i, negative))
    };
    match m % 2 {
        0 => [
            term(tile, 0, false),
            tile.checked_sub(1).and_then(|tile| term(tile, 2, false)),
            None,
        ],
        _ => [
            term(tile, 1, false),
            term(tile, 0, true),
            term(tile, 2, true),
        ],
    }
}
