//! Some channels side by side, as many as the widest vector register holds.
//!
//! Everything is written as plain loops: the closures of `array::map` and its like would not be
//! compiled for the instructions of the function that calls them.

/// Channels that are worked on side by side.
pub(super) const LANES: usize = 16;
pub(super) type Lanes = [f32; LANES];

/// Up to sixteen values from `start` on, and zeros for the rest.
#[inline(always)]
pub(super) fn load(values: &[f32], start: usize, count: usize) -> Lanes {
    match values[start..].first_chunk::<LANES>() {
        Some(lanes) if count == LANES => *lanes,
        _ => {
            let mut lanes = [0.0; LANES];
            for (lane, value) in lanes.iter_mut().zip(&values[start..start + count]) {
                *lane = *value;
            }
            lanes
        }
    }
}

#[inline(always)]
pub(super) fn store(lanes: Lanes, values: &mut [f32], start: usize, count: usize) {
    let values = &mut values[start..start + count];
    match values.first_chunk_mut::<LANES>() {
        Some(values) => *values = lanes,
        None => {
            for (value, lane) in values.iter_mut().zip(&lanes) {
                *value = *lane;
            }
        }
    }
}

#[inline(always)]
pub(super) fn add(mut a: Lanes, b: Lanes) -> Lanes {
    for (a, b) in a.iter_mut().zip(&b) {
        *a += b;
    }
    a
}

#[inline(always)]
pub(super) fn sub(mut a: Lanes, b: Lanes) -> Lanes {
    for (a, b) in a.iter_mut().zip(&b) {
        *a -= b;
    }
    a
}

/// `(a, a + b, b)`, the transform of two weights or two windows.
#[inline(always)]
pub(super) fn both(a: Lanes, b: Lanes) -> [Lanes; 3] {
    [a, add(a, b), b]
}

/// Runs the block for every sixteen of so many channels, with the first of them and their count, and
/// once more for what is left over. Written out twice, so that sixteen is a constant.
macro_rules! for_each_lanes {
    ($channels:expr, |$first:ident, $count:ident| $body:block) => {{
        let whole = $channels / LANES * LANES;
        for $first in (0..whole).step_by(LANES) {
            let $count = LANES;
            $body
        }
        if whole < $channels {
            let ($first, $count) = (whole, $channels - whole);
            $body
        }
    }};
}

pub(super) use for_each_lanes;
