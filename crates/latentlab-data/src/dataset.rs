//! A data set in memory: its training, validation and test images.

use std::sync::Arc;

use candle_core::Device;
use latentlab_core::{Batch, DataInfo, ValueRange};
use latentlab_tensor::Rng;

use crate::{
    Binarise, DataConfig, Error, Options, Result, Source, Summary, binarise, dice,
    images::{HostBatch, Images, Loaded},
    points,
    split::{hold_out, hold_out_lowest},
};

/// What a part of the data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train on.
    Train,
    /// Held out of the training images, to choose settings by.
    Validation,
    /// To judge the result by.
    Test,
}

/// Images and labels in memory, a pure function of the configuration and the files it names.
#[derive(Debug)]
pub struct Dataset {
    images: Arc<Images>,
    train: Vec<u32>,
    validation: Vec<u32>,
    test: Vec<u32>,
    info: DataInfo,
    options: Options,
    fingerprints: Vec<(String, String)>,
    summary: Summary,
}

impl Dataset {
    /// Reads or draws the whole data set.
    ///
    /// # Errors
    /// If a file is missing or broken, or a key has a value that does not fit the data.
    pub fn open(config: &DataConfig) -> Result<Self> {
        let options = config.options.clone();
        let seed = options.seed;
        let loaded = match &config.source {
            Source::Mnist(source) => source.load(),
            Source::Idx(source) => source.load(seed),
            Source::Folder(source) => source.load(seed),
            Source::Npz(source) => source.load(seed),
            Source::Ring(counts) => points::ring(counts, seed),
            Source::Grid(counts) => points::grid(counts, seed),
            Source::Spiral(counts) => points::spiral(counts, seed),
            Source::Dice(counts) => dice::load(counts, seed),
            Source::Shapes(source) => source.load(seed),
        }?;
        check(&options, &loaded)?;
        let (train, validation) = match &loaded.ranks {
            Some(ranks) => hold_out_lowest(&loaded.train, options.validation, ranks),
            None => {
                let mut rng = Rng::stream(seed, "data/validation", 0);
                hold_out(&loaded.train, options.validation, &mut rng)
            }
        };
        let info = DataInfo {
            shape: loaded.images.shape,
            range: loaded.range,
            classes: loaded.images.classes(),
            mean: loaded.images.mean(&train),
        };
        let labels = loaded.images.labels.as_deref().unwrap_or_default();
        let names = loaded.classes.as_deref();
        let summary = Summary {
            source: config.source.name().to_owned(),
            shape: info.shape,
            range: info.range,
            train: train.len(),
            validation: validation.len(),
            test: loaded.test.len(),
            classes: Summary::classes(labels, names, [&train, &validation, &loaded.test]),
            notes: loaded.notes.0,
        };
        Ok(Self {
            images: loaded.images,
            train,
            validation,
            test: loaded.test,
            info,
            options,
            fingerprints: loaded.fingerprints,
            summary,
        })
    }

    /// Shape, range, classes and the mean training image. The mean is of grey levels, which is what
    /// a pixel of binarised images is on average.
    pub fn info(&self) -> &DataInfo {
        &self.info
    }

    /// Number of images of a split.
    pub fn len(&self, split: Split) -> usize {
        self.rows(split).len()
    }

    /// Whether a split has no images.
    pub fn is_empty(&self, split: Split) -> bool {
        self.len(split) == 0
    }

    /// Origin and SHA-256, in hexadecimal, of everything the data were made of.
    pub fn fingerprints(&self) -> &[(String, String)] {
        &self.fingerprints
    }

    /// What the data are made of, and what was done to them or passed over on the way in.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The images of a split at `indices` (each below [`len`](Self::len)), `[N, C, H, W]`, with
    /// their labels: never mirrored, and with one fixed draw for each image where they are
    /// binarised, so that two evaluations agree.
    ///
    /// # Errors
    /// For an index that is out of range.
    pub fn images(
        &self,
        split: Split,
        indices: &[usize],
        device: &Device,
    ) -> latentlab_core::Result<Batch> {
        let rows = self.rows(split);
        let find = |index: &usize| {
            rows.get(*index).copied().ok_or_else(|| {
                let problem = format!(
                    "image {index} of {split:?} is out of range, it has {}",
                    rows.len()
                );
                latentlab_core::Error::Data(problem)
            })
        };
        let rows = indices
            .iter()
            .map(find)
            .collect::<latentlab_core::Result<Vec<_>>>()?;
        let mut batch = self.images.gather(&rows);
        if self.options.binarise != Binarise::None {
            self.binarise_once(&rows, &mut batch);
        }
        batch.upload(self.info.shape, device)
    }

    /// The first images of a split, at most `count`, as [`images`](Self::images) gives them.
    ///
    /// # Errors
    /// If they do not fit into the memory of the device.
    pub fn first(
        &self,
        split: Split,
        count: usize,
        device: &Device,
    ) -> latentlab_core::Result<Batch> {
        let indices: Vec<usize> = (0..count.min(self.len(split))).collect();
        self.images(split, &indices, device)
    }

    /// All images of a split in their order, as [`images`](Self::images) gives them, in batches of
    /// `batch_size` (0 is taken as 1); the last one may be smaller.
    pub fn batches(
        &self,
        split: Split,
        batch_size: usize,
        device: &Device,
    ) -> impl Iterator<Item = latentlab_core::Result<Batch>> {
        let (length, size) = (self.len(split), batch_size.max(1));
        (0..length).step_by(size).map(move |start| {
            let indices: Vec<usize> = (start..length.min(start + size)).collect();
            self.images(split, &indices, device)
        })
    }

    /// The rows of the training images, for [`Loader`](crate::Loader).
    pub(crate) fn train_rows(&self) -> &[u32] {
        &self.train
    }

    /// The images of `rows` before anything random is done to them anew.
    pub(crate) fn train_images(&self, rows: &[u32]) -> HostBatch {
        let mut batch = self.images.gather(rows);
        if self.options.binarise == Binarise::Static {
            self.binarise_once(rows, &mut batch);
        }
        batch
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Binarises each image by a draw of its own, which depends on its row only.
    fn binarise_once(&self, rows: &[u32], batch: &mut HostBatch) {
        let images = batch.values.chunks_exact_mut(self.info.shape.pixels());
        for (row, image) in rows.iter().zip(images) {
            let purpose = "data/binarise/static";
            let mut rng = Rng::stream(self.options.seed, purpose, u64::from(*row));
            binarise::draw(image, &mut rng);
        }
    }

    fn rows(&self, split: Split) -> &[u32] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

/// Whether the options fit the data.
fn check(options: &Options, loaded: &Loaded) -> Result<()> {
    let train = loaded.train.len();
    if train == 0 {
        let problem = format!(
            "the {} images are all to test on, none is left to train on",
            loaded.test.len()
        );
        return Err(latentlab_core::Error::config("data", problem).into());
    }
    if options.binarise != Binarise::None && loaded.range != ValueRange::Unit {
        let problem = "needs values in [0, 1], and these data are real numbers; use \"none\"";
        return Err(Error::config("binarise", problem));
    }
    if options.flip && loaded.images.shape.width == 1 {
        let problem = "would do nothing, the images are one pixel wide; use false";
        return Err(Error::config("flip", problem));
    }
    if options.shift > 0 && loaded.range != ValueRange::Unit {
        let problem = "needs values in [0, 1], and these data are real numbers; use 0";
        return Err(Error::config("shift", problem));
    }
    let (height, width) = (loaded.images.shape.height, loaded.images.shape.width);
    if options.shift >= height.min(width) {
        let shift = options.shift;
        let problem = format!("is {shift}, which moves images of {height}x{width} out of sight");
        return Err(Error::config("shift", problem));
    }
    if options.validation >= train {
        let validation = options.validation;
        let problem =
            format!("is {validation}, but it must leave some of the {train} training images");
        return Err(Error::config("validation", problem));
    }
    Ok(())
}
