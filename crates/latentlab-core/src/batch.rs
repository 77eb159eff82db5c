//! One minibatch.

use candle_core::Tensor;

use crate::Result;

/// Images and, where the data have them, their labels.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[N, C, H, W]`, values in the data's [`ValueRange`](crate::ValueRange).
    pub images: Tensor,
    /// Class of each image, `[N]`, `u32`.
    pub labels: Option<Tensor>,
}

impl Batch {
    /// The number of images.
    pub fn size(&self) -> Result<usize> {
        Ok(self.images.dim(0)?)
    }

    /// The batch as `parts` batches of nearly equal size, in order; none of them empty.
    pub fn chunks(&self, parts: usize) -> Result<Vec<Self>> {
        let images = self.images.chunk(parts, 0)?;
        let labels = match &self.labels {
            Some(labels) => labels.chunk(parts, 0)?.into_iter().map(Some).collect(),
            None => vec![None; images.len()],
        };
        let pairs = images.into_iter().zip(labels);
        Ok(pairs
            .map(|(images, labels)| Self { images, labels })
            .collect())
    }
}
