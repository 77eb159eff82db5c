//! What a model must know of the data, and where batches come from.

use serde::{Deserialize, Serialize};

use crate::{Batch, Result};

/// Shape of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Colour planes: 1 for grey, 3 for RGB; coordinates for points in space.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Values in one image; the largest number for sides that no image has, for which there are no
    /// parameters either.
    pub fn pixels(self) -> usize {
        let plane = self.height.saturating_mul(self.width);
        self.channels.saturating_mul(plane)
    }

    /// The shape of `count` images.
    pub fn batch(self, count: usize) -> (usize, usize, usize, usize) {
        (count, self.channels, self.height, self.width)
    }
}

/// The values a pixel can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueRange {
    /// `[0, 1]`: intensities, probabilities.
    Unit,
    /// Any real number: coordinates.
    Real,
}

/// What a model may know of the data it is built for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Shape of every image.
    pub shape: ImageShape,
    /// Range of every value.
    pub range: ValueRange,
    /// Number of classes, where images have labels.
    pub classes: Option<usize>,
    /// Mean of each value over the training set, in `[C, H, W]` order.
    pub mean: Vec<f32>,
}

impl DataInfo {
    /// Whether the images are pictures, rather than points in the plane or one-hot outcomes.
    pub fn are_pictures(&self) -> bool {
        let shape = self.shape;
        let one = shape.height * shape.width == 1;
        !(one && (self.range == ValueRange::Unit || shape.channels == 2))
    }
}

/// An endless stream of batches, any of which can be had by its number.
pub trait BatchSource {
    /// Batch `index`: the same bytes whenever and however often it is asked for.
    fn batch(&mut self, index: u64) -> Result<Batch>;
}
