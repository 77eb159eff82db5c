//! A batch in blocks whose transforms fit the cache, and where the values of a block lie.

use std::ops::Range;

use super::super::{Channels, LARGE, Windows};
use super::{planes, tiles};
use crate::{
    gemm::Matrix,
    pool::{self, Shared},
};

/// Values of transforms that a core's cache holds beside the weight.
const VALUES: usize = 256 * 1024;
/// Values of transforms in a block that all threads share.
pub(super) const SHARED_VALUES: usize = 8 * VALUES;

/// Where a batch may be cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Between two images, and within large ones between two rows of tiles.
    Rows,
    /// Between two images.
    Images,
}

/// Some rows of tiles of each of some images.
pub(super) struct Block {
    pub(super) images: Range<usize>,
    rows: Range<usize>,
}

/// The batch in blocks whose transforms have about so many values.
pub(super) fn blocks(at: Windows, channels: Channels, cut: Cut, values: usize) -> Vec<Block> {
    let rows = tiles(at.windows[0], 0);
    let line = 9 * tiles(at.windows[1], 0) * (planes(at) * channels.image + channels.windows);
    let lines = (values / line.max(1)).max(1);
    if lines >= rows || cut == Cut::Images {
        let images = (lines / rows.max(1)).max(1);
        let starts = (0..at.batch).step_by(images);
        let blocks = starts.map(|start| Block {
            images: start..at.batch.min(start + images),
            rows: 0..rows,
        });
        return blocks.collect();
    }
    let within = |image| {
        let starts = (0..rows).step_by(lines);
        starts.map(move |start| Block {
            images: image..image + 1,
            rows: start..rows.min(start + lines),
        })
    };
    (0..at.batch).flat_map(within).collect()
}

/// Calls `task` for each block of the batch, on all threads.
///
/// With a small weight each thread works on blocks of its own. A large one is not worth being read
/// by every thread: all of them share a block, and within it cut the products.
pub(super) fn for_each_block(
    at: Windows,
    channels: Channels,
    cut: Cut,
    task: impl Fn(&Block) + Sync,
) {
    match at.kernel * at.kernel * channels.image * channels.windows >= LARGE {
        true => blocks(at, channels, cut, SHARED_VALUES)
            .iter()
            .for_each(task),
        false => {
            let blocks = blocks(at, channels, cut, VALUES);
            pool::for_each(blocks.len(), |index| task(&blocks[index]));
        }
    }
}

impl Block {
    /// Calls `task` for every image and row of tiles, on all threads.
    pub(super) fn for_each_line(&self, task: impl Fn(usize, usize) + Sync) {
        let rows = self.rows.len();
        pool::for_each(self.images.len() * rows, |line| {
            task(
                self.images.start + line / rows,
                self.rows.start + line % rows,
            );
        });
    }

    /// Where the values of this block's nine matrices lie, for so many values a tile.
    pub(super) fn transform(&self, at: Windows, width: usize) -> TransformLayout<'_> {
        let lines = |i| {
            self.rows
                .end
                .min(tiles(at.windows[0], i))
                .saturating_sub(self.rows.start)
        };
        let (lines, columns) = (
            [0, 1, 2].map(lines),
            [0, 1, 2].map(|i| tiles(at.windows[1], i)),
        );
        let mut starts = [0; 10];
        for place in 0..9 {
            let tiles = self.images.len() * lines[place / 3] * columns[place % 3];
            starts[place + 1] = starts[place] + tiles * width;
        }
        TransformLayout {
            block: self,
            width,
            lines,
            columns,
            starts,
        }
    }
}

/// The nine matrices `mᵢⱼ`, `x̃ᵢⱼ` or `ỹᵢⱼ` of a block, one after the other: a row for each tile.
pub(super) struct TransformLayout<'a> {
    block: &'a Block,
    /// Values of a tile.
    pub(super) width: usize,
    /// Rows of tiles of an image that have an `i`.
    lines: [usize; 3],
    /// Tiles of such a row that have a `j`.
    columns: [usize; 3],
    /// Where each matrix begins, and where the last one ends.
    starts: [usize; 10],
}

impl TransformLayout<'_> {
    pub(super) fn len(&self) -> usize {
        self.starts[9]
    }

    /// Matrix `3 i + j`.
    pub(super) fn matrix<'v>(&self, values: &'v [f32], place: usize) -> Matrix<'v> {
        let range = self.starts[place]..self.starts[place + 1];
        Matrix::new(&values[range.clone()], range.len() / self.width, self.width)
    }

    /// The values of one row of tiles in each matrix; none where the row has no `i`.
    fn range(&self, place: usize, image: usize, row: usize) -> Range<usize> {
        let (lines, line) = (self.lines[place / 3], row - self.block.rows.start);
        let length = self.columns[place % 3] * self.width;
        let start =
            self.starts[place] + ((image - self.block.images.start) * lines + line) * length;
        match line < lines {
            true => start..start + length,
            false => 0..0,
        }
    }

    pub(super) fn slices<'v>(&self, values: &'v [f32], image: usize, row: usize) -> [&'v [f32]; 9] {
        std::array::from_fn(|place| &values[self.range(place, image, row)])
    }

    /// The values of all tiles of an image; the block must be of whole images.
    pub(super) fn images<'v>(&self, values: &'v [f32], image: usize) -> [&'v [f32]; 9] {
        std::array::from_fn(|place| {
            let length = self.lines[place / 3] * self.columns[place % 3] * self.width;
            &values[self.starts[place] + (image - self.block.images.start) * length..][..length]
        })
    }

    /// Calls `task` with the lines of every image and row of tiles, as [`slices`](Self::slices) has
    /// them, to write them, on all threads.
    pub(super) fn write(
        &self,
        values: &mut [f32],
        task: impl Fn(usize, usize, &mut [&mut [f32]; 9]) + Sync,
    ) {
        let shared = Shared::new(values);
        self.block.for_each_line(|image, row| {
            let mut lines = std::array::from_fn(|place| {
                let range = self.range(place, image, row);
                #[allow(unsafe_code, reason = "lines of one matrix on several threads")]
                // SAFETY: ranges of different matrices do not overlap, nor do those of different
                // rows of tiles, each of which comes up once.
                unsafe {
                    shared.part(range.start, range.len())
                }
            });
            task(image, row, &mut lines);
        });
    }
}
