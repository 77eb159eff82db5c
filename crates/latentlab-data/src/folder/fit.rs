//! How a picture of any size becomes one of a given size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a picture of another shape is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The largest part in its middle that has the shape wanted is taken and resized.
    #[default]
    Crop,
    /// All of it is resized to fit in, and the rest is filled with the background: black where that is
    /// "drop", transparent where it is "keep".
    Pad,
    /// All of it is resized, with height and width each by a factor of its own.
    Stretch,
}

/// A part of a picture, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Left, top, width and height of the part that is taken.
    pub taken: [u32; 4],
    /// Width and height that the part is resized to.
    pub resized: [u32; 2],
    /// Left and top of the place that it takes in the image.
    pub place: [u32; 2],
}

impl Fit {
    /// What to do with a picture of width and height `from`, both positive, for an image of width and
    /// height `to`, both positive.
    pub(super) fn plan(self, from: [u32; 2], to: [u32; 2]) -> Plan {
        match self {
            Self::Crop => {
                let [width, height] = within(from, to);
                let [left, top] = [(from[0] - width) / 2, (from[1] - height) / 2];
                Plan {
                    taken: [left, top, width, height],
                    resized: to,
                    place: [0, 0],
                }
            }
            Self::Pad => {
                let [width, height] = within(to, from);
                Plan {
                    taken: [0, 0, from[0], from[1]],
                    resized: [width, height],
                    place: [(to[0] - width) / 2, (to[1] - height) / 2],
                }
            }
            Self::Stretch => Plan {
                taken: [0, 0, from[0], from[1]],
                resized: to,
                place: [0, 0],
            },
        }
    }
}

/// The largest width and height in the ratio of `shape` that lie within `room`, to the nearest pixel.
fn within(room: [u32; 2], shape: [u32; 2]) -> [u32; 2] {
    let [width, height] = room.map(u64::from);
    let [across, down] = shape.map(u64::from);
    // One side is that of the room, the other lies within it, and is one pixel at least.
    let side = |side: u64, part: u64, whole: u64| ((side * part + whole / 2) / whole).max(1) as u32;
    match width * down > height * across {
        true => [side(height, across, down).min(room[0]), room[1]],
        false => [room[0], side(width, down, across).min(room[1])],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_middle_is_taken_in_the_shape_wanted() {
        let taken = |from, to| Fit::Crop.plan(from, to).taken;
        assert_eq!(taken([6, 4], [2, 2]), [1, 0, 4, 4]);
        assert_eq!(taken([4, 7], [9, 9]), [0, 1, 4, 4]);
        assert_eq!(taken([100, 100], [20, 10]), [0, 25, 100, 50]);
        assert_eq!(taken([5000, 1], [1, 8]), [2499, 0, 1, 1]);
    }

    #[test]
    fn a_padded_picture_is_whole_and_in_the_middle() {
        let plan = Fit::Pad.plan([30, 10], [12, 8]);
        assert_eq!(plan.taken, [0, 0, 30, 10]);
        assert_eq!((plan.resized, plan.place), ([12, 4], [0, 2]));
        let strip = Fit::Pad.plan([5000, 1], [8, 8]);
        assert_eq!((strip.resized, strip.place), ([8, 1], [0, 3]));
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn every_part_and_place_lies_within(
            from in [1u32..5000, 1u32..5000], to in [1u32..4096, 1u32..4096],
        ) {
            for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
                let Plan { taken, resized, place } = fit.plan(from, to);
                for axis in 0..2 {
                    prop_assert!(taken[2 + axis] > 0 && resized[axis] > 0);
                    prop_assert!(taken[axis] + taken[2 + axis] <= from[axis]);
                    prop_assert!(place[axis] + resized[axis] <= to[axis]);
                }
                // A square out of the middle is what was always taken.
                if fit == Fit::Crop && to[0] == to[1] {
                    prop_assert_eq!([taken[2], taken[3]], [from[0].min(from[1]); 2]);
                }
            }
        }
    }
}
