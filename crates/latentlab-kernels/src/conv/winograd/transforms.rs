//! The maps between images, windows and their transforms, one row of tiles or pixels at a time.

use super::super::Windows;
use super::{
    lanes::{LANES, Lanes, add, both, for_each_lanes, load, store, sub},
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

/// The channels at `start`, or zeros where there are none.
#[inline(always)]
fn load_at(values: &[f32], start: Option<usize>, first: usize, count: usize) -> Lanes {
    match start {
        Some(start) => load(values, start + first, count),
        None => [0.0; LANES],
    }
}

vectorised! {
    /// The transform of one row of tiles of an image `[H, W, C]`: for each tile the planes, each of
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
                let mut starts = [[None; 3]; 3];
                for (i, starts) in starts.iter_mut().enumerate() {
                    for (j, start) in starts.iter_mut().enumerate() {
                        let y = inside(at, 2 * row + i, p, height);
                        let x = inside(at, 2 * tile + j, q, width);
                        *start = y.zip(x).map(|(y, x)| (y * width + x) * channels);
                    }
                }
                let to = tile * depth + plane * channels;
                for_each_lanes!(channels, |first, count| {
                    // Along the rows, then along the columns.
                    let rows = [
                        pixels_to(image, starts[0], first, count),
                        pixels_to(image, starts[1], first, count),
                        pixels_to(image, starts[2], first, count),
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
                });
            }
        }
    }

    /// The transform of one row of tiles of windows `[H', W', O]`.
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
            let (y, x) = (2 * row, 2 * tile);
            let start = (y * width + x) * channels;
            let right = (x + 1 < width).then_some(start + channels);
            let below = (y + 1 < height).then_some(start + width * channels);
            let across = right.zip(below).map(|(right, _)| right + width * channels);
            let to = tile * channels;
            for_each_lanes!(channels, |first, count| {
                let upper = both(
                    load(windows, start + first, count),
                    load_at(windows, right, first, count),
                );
                let lower = both(
                    load_at(windows, below, first, count),
                    load_at(windows, across, first, count),
                );
                for j in 0..3 {
                    if j == 2 && tile >= whole {
                        continue;
                    }
                    store(upper[j], lines[j], to + first, count);
                    store(add(upper[j], lower[j]), lines[3 + j], to + first, count);
                    if !short {
                        store(lower[j], lines[6 + j], to + first, count);
                    }
                }
            });
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
        let short = windows.len() == line;
        for tile in 0..tiles(width, 0) {
            let wide = tile < tiles(width, 2);
            for_each_lanes!(channels, |first, count| {
                let from = tile * channels + first;
                let to = 2 * tile * channels + first;
                let upper = forward(lines, 0, from, wide, count);
                let middle = forward(lines, 1, from, wide, count);
                store(add(upper[0], middle[0]), windows, to, count);
                if wide {
                    store(add(upper[1], middle[1]), windows, to + channels, count);
                }
                if !short {
                    let lower = forward(lines, 2, from, wide, count);
                    store(add(middle[0], lower[0]), windows, line + to, count);
                    if wide {
                        store(add(middle[1], lower[1]), windows, line + to + channels, count);
                    }
                }
            });
        }
    }

    /// The rows of pixels `[W, C]` that begin in a row of tiles, of the products of all tiles of an
    /// image; there may be one more row of tiles, and one more tile in a row, than there are products.
    ///
    /// In each plane a tile has `x₀ ← m₀ + m₂` of the tile before, and `x₁ ← m₁ − m₀ − m₂`.
    pub(super) fn images_from(
        at: Windows,
        channels: usize,
        products: &[&[f32]; 9],
        row: usize,
        pixels: &mut [f32],
    ) {
        let [height, width] = at.image;
        let depth = at.stride * at.stride * channels;
        let all = tiles(at.windows[1], 0);
        let top = first_row(at, row);
        for plane in 0..at.stride * at.stride {
            let (p, q) = (plane / at.stride, plane % at.stride);
            let rows = [inside(at, 2 * row, p, height), inside(at, 2 * row + 1, p, height)];
            for_each_lanes!(channels, |first, count| {
                // m₂ of the tile before, in both rows.
                let mut before = [[0.0; LANES]; 2];
                for tile in 0..=all {
                    let place = [tile, depth, tile * depth + plane * channels + first];
                    let m0 = column_of(at, products, 0, row, place, count);
                    let m1 = column_of(at, products, 1, row, place, count);
                    let m2 = column_of(at, products, 2, row, place, count);
                    let columns = [
                        inside(at, 2 * tile, q, width),
                        inside(at, 2 * tile + 1, q, width),
                    ];
                    for side in 0..2 {
                        if let Some(y) = rows[side] {
                            let line = (y - top) * width;
                            if let Some(x) = columns[0] {
                                let even = add(m0[side], before[side]);
                                store(even, pixels, (line + x) * channels + first, count);
                            }
                            if let Some(x) = columns[1] {
                                let odd = sub(sub(m1[side], m0[side]), m2[side]);
                                store(odd, pixels, (line + x) * channels + first, count);
                            }
                        }
                    }
                    before = m2;
                }
            });
        }
    }
}

/// The first row of an image's pixels that begins in a row of tiles; the last row of tiles ends with
/// the image.
#[inline(always)]
pub(super) fn first_row(at: Windows, row: usize) -> usize {
    let height = at.image[0];
    match row > tiles(at.windows[0], 0) {
        true => height,
        false => (2 * at.stride * row).saturating_sub(at.padding).min(height),
    }
}

#[inline(always)]
fn pixels_to(image: &[f32], starts: [Option<usize>; 3], first: usize, count: usize) -> [Lanes; 3] {
    differences(
        load_at(image, starts[0], first, count),
        load_at(image, starts[1], first, count),
        load_at(image, starts[2], first, count),
    )
}

/// `y₀` and `y₁` along the columns, of the products with one `i`.
#[inline(always)]
fn forward(lines: &[&[f32]; 9], i: usize, from: usize, wide: bool, count: usize) -> [Lanes; 2] {
    let middle = load(lines[3 * i + 1], from, count);
    let first = add(load(lines[3 * i], from, count), middle);
    match wide {
        true => [first, add(middle, load(lines[3 * i + 2], from, count))],
        false => [first, [0.0; LANES]],
    }
}

/// `x₀` and `x₁` along the rows, of the products with one `j`, for the values from `start` on of a row
/// of tiles that have one.
#[inline(always)]
fn column_of(
    at: Windows,
    products: &[&[f32]; 9],
    j: usize,
    row: usize,
    [tile, depth, start]: [usize; 3],
    count: usize,
) -> [Lanes; 2] {
    let along = tiles(at.windows[1], j);
    if tile >= along {
        return [[0.0; LANES]; 2];
    }
    let (all, whole) = (tiles(at.windows[0], 0), tiles(at.windows[0], 2));
    let line = along * depth;
    let start_in = |row: usize, many: usize| (row < many).then_some(row * line + start);
    let above = row.checked_sub(1).and_then(|row| start_in(row, whole));
    let m0 = load_at(products[j], start_in(row, all), 0, count);
    let m1 = load_at(products[3 + j], start_in(row, all), 0, count);
    let m2 = load_at(products[6 + j], start_in(row, whole), 0, count);
    let before = load_at(products[6 + j], above, 0, count);
    [add(m0, before), sub(sub(m1, m0), m2)]
}
