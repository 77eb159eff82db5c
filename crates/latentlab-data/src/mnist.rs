//! The complete MNIST, compiled into the program.

use std::{
    io::Read,
    path::Path,
    sync::{Arc, OnceLock},
};

use flate2::read::GzDecoder;
use latentlab_core::ValueRange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fingerprint::sha256,
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

struct Embedded {
    name: &'static str,
    compressed: &'static [u8],
    /// Of the uncompressed file.
    sha256: &'static str,
}

const FILES: [[Embedded; 2]; 2] = [
    [
        Embedded {
            name: "train-images-idx3-ubyte",
            compressed: include_bytes!("../data/mnist/train-images-idx3-ubyte.gz"),
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        Embedded {
            name: "train-labels-idx1-ubyte",
            compressed: include_bytes!("../data/mnist/train-labels-idx1-ubyte.gz"),
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
    ],
    [
        Embedded {
            name: "t10k-images-idx3-ubyte",
            compressed: include_bytes!("../data/mnist/t10k-images-idx3-ubyte.gz"),
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        Embedded {
            name: "t10k-labels-idx1-ubyte",
            compressed: include_bytes!("../data/mnist/t10k-labels-idx1-ubyte.gz"),
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
];
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
    let part = |[images, labels]: &[Embedded; 2]| -> Result<Part> {
        Ok(Part {
            images: unpack(images)?,
            labels: Some(unpack(labels)?),
        })
    };
    let [train, test] = [part(&FILES[0])?, part(&FILES[1])?];
    let (images, _) = train.join(Some(test), Reading::default(), &mut Notes::default())?;
    Ok(Arc::new(images))
}

fn unpack(file: &Embedded) -> Result<Found> {
    let path = Path::new(file.name);
    let mut bytes = Vec::new();
    GzDecoder::new(file.compressed)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, error))?;
    let found = sha256([bytes.as_slice()]);
    if found != file.sha256 {
        let problem = format!("has SHA-256 {found}, expected {}", file.sha256);
        return Err(Error::file(path, problem));
    }
    Ok(Found {
        path: path.to_owned(),
        array: decode(path, &bytes)?,
    })
}
