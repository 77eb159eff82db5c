//! The complete MNIST, compiled into the program.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use latentlab_core::ValueRange;
use latentlab_mnist::{File, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    idx::decode,
    images::{Images, Loaded},
    parts::{Found, Part, Reading},
    summary::Notes,
};

/// Handwritten digits, 28x28 grey levels: 60,000 to train on and 10,000 to test on (LeCun et al.
/// 1998). They come with the program and have no keys of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mnist {}

/// Images and labels to train on, and to test on.
static FILES: [[&File; 2]; 2] = [[&TRAIN_IMAGES, &TRAIN_LABELS], [&TEST_IMAGES, &TEST_LABELS]];
const TRAIN: u32 = 60_000;
const ALL: u32 = 70_000;

impl Mnist {
    pub(crate) fn load(&self) -> Result<Loaded> {
        // Decoded once for a process, however many data sets are opened.
        static IMAGES: OnceLock<Arc<Images>> = OnceLock::new();
        let images = match IMAGES.get() {
            Some(images) => images.clone(),
            None => {
                let images = read()?;
                IMAGES.get_or_init(|| images).clone()
            }
        };
        let files = FILES.iter().flatten();
        Ok(Loaded {
            images,
            range: ValueRange::Unit,
            train: (0..TRAIN).collect(),
            test: (TRAIN..ALL).collect(),
            ranks: None,
            classes: None,
            fingerprints: files
                .map(|f| (f.name.to_owned(), f.sha256.to_owned()))
                .collect(),
            notes: Notes::default(),
        })
    }
}

fn read() -> Result<Arc<Images>> {
    let part = |[images, labels]: &[&File; 2]| -> Result<Part> {
        Ok(Part {
            images: unpack(images)?,
            labels: Some(unpack(labels)?),
        })
    };
    let [train, test] = [part(&FILES[0])?, part(&FILES[1])?];
    let (images, _) = train.join(Some(test), Reading::default(), &mut Notes::default())?;
    Ok(Arc::new(images))
}

fn unpack(file: &File) -> Result<Found> {
    let path = Path::new(file.name);
    let bytes = file.read().map_err(|error| Error::io(path, error))?;
    Ok(Found {
        path: path.to_owned(),
        array: decode(path, &bytes)?,
    })
}
