//! Arrays of images and labels, to train and to test on, as one data set.

use std::{path::PathBuf, sync::Arc};

use latentlab_core::ValueRange;

use crate::{
    Error, Result,
    array::Array,
    images::{Images, Loaded, Values},
    pixels::{Layout, Scale, labels, planes, transposed},
    share::{Divided, Share},
    summary::Notes,
};

/// An array with the name of where it was found, which is for errors.
#[derive(Debug)]
pub(crate) struct Found {
    pub path: PathBuf,
    pub array: Array,
}

/// Images and their labels, where there are some.
#[derive(Debug)]
pub(crate) struct Part {
    pub images: Found,
    pub labels: Option<Found>,
}

/// How arrays are taken as images.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub layout: Layout,
    pub scale: Scale,
    /// Whether rows are stored as columns.
    pub transpose: bool,
}

impl Part {
    /// The images of this part, and then those of `test`, as they are in memory; what was done to their
    /// values; and how many of them are of this part.
    pub fn join(
        self,
        test: Option<Self>,
        reading: Reading,
        notes: &mut Notes,
    ) -> Result<(Images, usize)> {
        self.check()?;
        let train_count = self.images.count();
        let (images, labels) = match test {
            None => (self.images, self.labels),
            Some(test) => {
                test.check()?;
                let labels = match (self.labels, test.labels) {
                    (Some(labels), Some(more)) => Some(labels.followed_by(more)?),
                    (None, None) => None,
                    (Some(labels), None) => return Err(labels.alone("test")),
                    (None, Some(labels)) => return Err(labels.alone("training")),
                };
                (self.images.followed_by(test.images)?, labels)
            }
        };
        let count = images.count();
        let labels = labels.map(|labels| labels.labels(count)).transpose()?;
        let wrong = |problem: String| Error::file(&images.path, problem);
        let (mut shape, last) = reading.layout.shape(&images.array.dims).map_err(wrong)?;
        let (values, note) = reading.scale.values(images.array).map_err(wrong)?;
        if let Some(note) = note {
            notes.add_many(note, count);
        }
        let mut values = match values {
            Values::Bytes(bytes) if last => Values::Bytes(planes(bytes, shape)),
            Values::Floats(floats) if last => Values::Floats(planes(floats, shape)),
            values => values,
        };
        if reading.transpose {
            values = match values {
                Values::Bytes(bytes) => Values::Bytes(transposed(bytes, shape)),
                Values::Floats(floats) => Values::Floats(transposed(floats, shape)),
            };
            (shape.height, shape.width) = (shape.width, shape.height);
            notes.add_many("rows and columns swapped", count);
        }
        let images = Images {
            shape,
            values,
            labels,
        };
        Ok((images, train_count))
    }

    /// The data set of this part and of `test`; without that, `share` holds some images out.
    pub fn load(
        self,
        test: Option<Self>,
        reading: Reading,
        share: Share,
        fingerprints: Vec<(String, String)>,
        mut notes: Notes,
    ) -> Result<Loaded> {
        let is_split = test.is_some();
        let (images, train_count) = self.join(test, reading, &mut notes)?;
        let count = images.len();
        let labels = images.labels.as_deref();
        let Divided { train, test, ranks } = match is_split {
            true => Divided {
                train: (0..train_count as u32).collect(),
                test: (train_count as u32..count as u32).collect(),
                ranks: None,
            },
            false => share.divide(count, labels, || images.ranks(share.seed))?,
        };
        Ok(Loaded {
            images: Arc::new(images),
            range: ValueRange::Unit,
            train,
            test,
            ranks,
            classes: None,
            fingerprints,
            notes,
        })
    }

    /// Whether there is one label for each image.
    fn check(&self) -> Result<()> {
        let Some(labels) = &self.labels else {
            return Ok(());
        };
        let (have, want) = (labels.count(), self.images.count());
        if have != want {
            let images = self.images.path.display();
            let problem = format!("holds {have} labels, but {images} holds {want} images");
            return Err(Error::file(&labels.path, problem));
        }
        Ok(())
    }
}

impl Found {
    fn count(&self) -> usize {
        self.array.dims.first().copied().unwrap_or(0)
    }

    /// The rows of this array, then those of `other`.
    fn followed_by(self, other: Self) -> Result<Self> {
        let (here, there) = (self.array.in_words(), other.array.in_words());
        let array = self.array.followed_by(other.array).ok_or_else(|| {
            let place = self.path.display();
            let problem = format!(
                "holds {there}, but {place} holds {here}: training and test set differ in type or in \
                 more than the first dimension"
            );
            Error::file(&other.path, problem)
        })?;
        Ok(Self { array, ..self })
    }

    fn labels(&self, count: usize) -> Result<Vec<u32>> {
        labels(&self.array, count).map_err(|problem| Error::file(&self.path, problem))
    }

    /// Labels of one part where the other has none.
    fn alone(&self, other: &str) -> Error {
        let problem = format!("holds labels, but the {other} images have none");
        Error::file(&self.path, problem)
    }
}
