//! Drawn colour pictures: shapes with textures, in sixty classes.

use std::sync::Arc;

use latentlab_core::{ImageShape, ValueRange};
use latentlab_shapes::{CLASSES, draw};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fingerprint::sha256,
    images::{Images, Loaded, MEMORY_LIMIT, Values},
    summary::Notes,
};

/// The index of the first picture to test on, a multiple of the number of classes: training pictures
/// count from 0, so that no picture is in both, however many there are of either.
const FIRST_TEST: u64 = (CLASSES as u64) << 57;
/// Sides of a picture in pixels: smaller ones show nothing.
const SIZES: std::ops::RangeInclusive<u32> = 8..=1024;

/// How many pictures to draw, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shapes {
    /// Number of pictures to train on; every class has as many, to within one.
    pub train: u32,
    /// Number of pictures to test on.
    pub test: u32,
    /// Side of the pictures in pixels, 8 to 1024; they are made for 32.
    pub size: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            train: 48_000,
            test: 6_000,
            size: 32,
        }
    }
}

impl Shapes {
    /// Draws the pictures of `seed`. With more of them, those that there were stay as they are.
    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        if !SIZES.contains(&self.size) {
            let problem = format!("is {}, expected 8 to 1024 pixels", self.size);
            return Err(Error::config("size", problem));
        }
        let side = self.size as usize;
        let shape = ImageShape {
            channels: 3,
            height: side,
            width: side,
        };
        let count = u64::from(self.train) + u64::from(self.test);
        if count * shape.pixels() as u64 >= MEMORY_LIMIT {
            let problem = format!(
                "{count} pictures of {side}x{side} take more than the limit of 4 GiB of memory"
            );
            return Err(Error::config("train", problem));
        }
        let mut bytes = vec![0; count as usize * shape.pixels()];
        let pictures = bytes.par_chunks_exact_mut(shape.pixels()).enumerate();
        let draw = |(row, planes): (usize, &mut [u8])| {
            let row = row as u64;
            let train = u64::from(self.train);
            let test = row.checked_sub(train).map(|place| FIRST_TEST + place);
            draw(seed, test.unwrap_or(row), side, planes).label()
        };
        let labels: Vec<u32> = pictures.map(draw).collect();
        let fingerprints = vec![("shapes".to_owned(), sha256([bytes.as_slice()]))];
        let images = Images {
            shape,
            values: Values::Bytes(bytes),
            labels: Some(labels),
        };
        Ok(Loaded {
            images: Arc::new(images),
            range: ValueRange::Unit,
            train: (0..self.train).collect(),
            test: (self.train..count as u32).collect(),
            ranks: None,
            classes: None,
            fingerprints,
            notes: Notes::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::HostBatch;

    fn drawn(train: u32, test: u32, size: u32) -> Loaded {
        Shapes { train, test, size }.load(3).unwrap()
    }

    fn train(loaded: &Loaded, count: usize) -> HostBatch {
        loaded.images.gather(&loaded.train[..count])
    }

    fn test(loaded: &Loaded, count: usize) -> HostBatch {
        loaded.images.gather(&loaded.test[..count])
    }

    fn problem(train: u32, size: u32) -> String {
        let source = Shapes {
            train,
            test: 0,
            size,
        };
        source.load(0).unwrap_err().to_string()
    }

    #[test]
    fn a_larger_set_begins_with_the_pictures_of_a_smaller_one() {
        let (small, large) = (drawn(70, 20, 16), drawn(150, 40, 16));
        assert_eq!(train(&small, 70), train(&large, 70));
        assert_eq!(test(&small, 20), test(&large, 20));
        assert_ne!(train(&small, 20), test(&small, 20));
    }

    #[test]
    fn labels_are_balanced_and_those_of_what_is_drawn() {
        let loaded = drawn(120, 60, 8);
        for (rows, each) in [(&loaded.train, 2), (&loaded.test, 1)] {
            let mut counts = [0; CLASSES as usize];
            for label in loaded.images.gather(rows).labels.unwrap() {
                counts[label as usize] += 1;
            }
            assert_eq!(counts, [each; CLASSES as usize]);
        }
        assert_eq!(loaded.images.classes(), Some(60));
        let mut planes = vec![0; 3 * 64];
        let label = draw(3, 61, 8, &mut planes).label();
        let row = loaded.images.gather(&[61]);
        assert_eq!(row.labels, Some(vec![label]));
        let values: Vec<f32> = planes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        assert_eq!(row.values, values);
    }

    #[test]
    fn the_seed_of_the_data_draws_other_pictures() {
        let other = Shapes {
            train: 9,
            test: 0,
            size: 16,
        };
        let (other, this) = (other.load(4).unwrap(), drawn(9, 0, 16));
        assert_ne!(train(&other, 9).values, train(&this, 9).values);
        assert_ne!(other.fingerprints, this.fingerprints);
    }

    #[test]
    fn sizes_and_numbers_that_cannot_be_are_refused_by_their_keys() {
        assert!(problem(10, 7).contains("size") && problem(10, 7).contains("8 to 1024"));
        assert!(problem(10, 1025).contains("1025"));
        let problem = problem(u32::MAX, 32);
        assert!(
            problem.contains("train") && problem.contains("4 GiB"),
            "{problem}"
        );
    }
}
