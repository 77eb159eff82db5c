//! Images in memory, in the type they came in, and what a source hands over.

use std::{ops::Range, path::Path, sync::Arc};

use candle_core::{Device, Tensor};
use latentlab_core::{Batch, ImageShape, ValueRange};
use latentlab_kernels::vectorised;
use rayon::prelude::*;

use crate::{Error, Result, split::rank, summary::Notes};

/// The most bytes that one source may take in memory.
pub(crate) const MEMORY_LIMIT: u64 = 4 << 30;

/// The values of all images, image after image, each in `[C, H, W]` order.
#[derive(Debug)]
pub(crate) enum Values {
    /// Grey levels or colours, 255 for white.
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

#[derive(Debug)]
pub(crate) struct Images {
    pub shape: ImageShape,
    pub values: Values,
    /// One for each image.
    pub labels: Option<Vec<u32>>,
}

/// What a source yields: its images, and which of them are for what.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub images: Arc<Images>,
    pub range: ValueRange,
    /// Rows of `images` to train on.
    pub train: Vec<u32>,
    /// Rows of `images` to test on.
    pub test: Vec<u32>,
    /// The numbers of all rows by which they were split, where it was by hash.
    pub ranks: Option<Vec<u64>>,
    /// The names of the classes, by label, where they have some.
    pub classes: Option<Vec<String>>,
    /// Origin and SHA-256 of everything that was read or drawn.
    pub fingerprints: Vec<(String, String)>,
    /// What was done to files, and what was passed over.
    pub notes: Notes,
}

/// Images on their way into a batch.
#[derive(Debug, PartialEq)]
pub(crate) struct HostBatch {
    pub values: Vec<f32>,
    pub labels: Option<Vec<u32>>,
}

impl Images {
    /// The number of images.
    pub fn len(&self) -> usize {
        let values = match &self.values {
            Values::Bytes(bytes) => bytes.len(),
            Values::Floats(floats) => floats.len(),
        };
        values / self.shape.pixels().max(1)
    }

    /// The images of `rows`; bytes become numbers in `[0, 1]`.
    pub fn gather(&self, rows: &[u32]) -> HostBatch {
        let size = self.shape.pixels();
        let mut values = Vec::with_capacity(rows.len() * size);
        match &self.values {
            Values::Bytes(bytes) => {
                values.resize(rows.len() * size, 0.0);
                for (values, row) in values.chunks_exact_mut(size.max(1)).zip(rows) {
                    grey_levels(&bytes[self.place(*row)], values);
                }
            }
            Values::Floats(floats) => {
                for row in rows {
                    values.extend_from_slice(&floats[self.place(*row)]);
                }
            }
        }
        let labels = self.labels.as_ref();
        let labels = labels.map(|labels| rows.iter().map(|row| labels[*row as usize]).collect());
        HostBatch { values, labels }
    }

    /// Where the values of an image lie.
    fn place(&self, row: u32) -> Range<usize> {
        let (size, row) = (self.shape.pixels(), row as usize);
        row * size..(row + 1) * size
    }

    /// Mean of each value over `rows`, `[C, H, W]`.
    pub fn mean(&self, rows: &[u32]) -> Vec<f32> {
        let (size, count) = (self.shape.pixels(), rows.len() as f64);
        match &self.values {
            Values::Bytes(bytes) => {
                let mut sums = vec![0u64; size];
                for row in rows {
                    let image = &bytes[self.place(*row)];
                    sums.iter_mut()
                        .zip(image)
                        .for_each(|(sum, b)| *sum += u64::from(*b));
                }
                sums.into_iter()
                    .map(|sum| (sum as f64 / 255.0 / count) as f32)
                    .collect()
            }
            Values::Floats(floats) => {
                let mut sums = vec![0f64; size];
                for row in rows {
                    let image = &floats[self.place(*row)];
                    sums.iter_mut()
                        .zip(image)
                        .for_each(|(sum, v)| *sum += f64::from(*v));
                }
                sums.into_iter().map(|sum| (sum / count) as f32).collect()
            }
        }
    }

    /// The number of each image by its values, as [`rank`] gives it.
    pub fn ranks(&self, seed: u64) -> Vec<u64> {
        let size = self.shape.pixels().max(1);
        match &self.values {
            Values::Bytes(bytes) => {
                let images = bytes.par_chunks_exact(size);
                images.map(|image| rank(seed, [image])).collect()
            }
            Values::Floats(floats) => {
                let images = floats.par_chunks_exact(size).map(|image| {
                    let bytes: Vec<[u8; 4]> = image.iter().map(|v| v.to_le_bytes()).collect();
                    rank(seed, [bytes.as_flattened()])
                });
                images.collect()
            }
        }
    }

    /// One more than the largest label.
    pub fn classes(&self) -> Option<usize> {
        let largest = self.labels.as_ref()?.iter().max()?;
        Some(*largest as usize + 1)
    }
}

vectorised! {
    /// Bytes as numbers in `[0, 1]`.
    fn grey_levels(bytes: &[u8], values: &mut [f32]) {
        for (value, byte) in values.iter_mut().zip(bytes) {
            *value = f32::from(*byte) / 255.0;
        }
    }
}

impl HostBatch {
    pub fn upload(self, shape: ImageShape, device: &Device) -> latentlab_core::Result<Batch> {
        let count = self.values.len() / shape.pixels();
        let upload = |labels| Tensor::from_vec(labels, count, device);
        Ok(Batch {
            images: Tensor::from_vec(self.values, shape.batch(count), device)?,
            labels: self.labels.map(upload).transpose()?,
        })
    }
}

/// The product of `dims`, where it is positive and such an array of `bytes_each` fits in memory.
pub(crate) fn checked_size(path: &Path, dims: &[u64], bytes_each: u64) -> Result<u64> {
    let count = dims
        .iter()
        .try_fold(1u64, |size, dim| size.checked_mul(*dim));
    match count {
        Some(0) => Err(Error::file(
            path,
            format!("is empty: its shape is {dims:?}"),
        )),
        Some(count) if count.saturating_mul(bytes_each) < MEMORY_LIMIT => Ok(count),
        _ => {
            let problem = format!("shape {dims:?} takes more than the limit of 4 GiB of memory");
            Err(Error::file(path, problem))
        }
    }
}
