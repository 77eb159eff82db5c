//! The complete MNIST (LeCun, Cortes and Burges 1998), compiled into the program.
//!
//! Four files in the IDX format: big-endian sizes, then a byte for each pixel, 0 to 255, or for each
//! digit, 0 to 9.
//!
//! ```
//! let labels = latentlab_mnist::TEST_LABELS.read()?;
//! // Two bytes of zero, the type (8: unsigned bytes), the number of dimensions, their sizes.
//! assert_eq!(labels[..8], [0, 0, 8, 1, 0, 0, 0x27, 0x10]);
//! assert_eq!(labels[8..13], [7, 2, 1, 0, 4]);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, Read};

use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest, Sha256};

/// One of the files.
#[derive(Debug)]
pub struct File {
    /// The name of the original file.
    pub name: &'static str,
    /// Bytes of the original file.
    pub bytes: usize,
    /// SHA-256 of the original file, in hexadecimal.
    pub sha256: &'static str,
    compressed: &'static [u8],
}

/// 60,000 images of 28x28 pixels, `[60000, 28, 28]`.
pub static TRAIN_IMAGES: File = File {
    name: "train-images-idx3-ubyte",
    bytes: 47_040_016,
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    compressed: include_bytes!("../data/train-images-idx3-ubyte.zst"),
};

/// The digits of [`TRAIN_IMAGES`], `[60000]`.
pub static TRAIN_LABELS: File = File {
    name: "train-labels-idx1-ubyte",
    bytes: 60_008,
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    compressed: include_bytes!("../data/train-labels-idx1-ubyte.zst"),
};

/// 10,000 images of 28x28 pixels, `[10000, 28, 28]`.
pub static TEST_IMAGES: File = File {
    name: "t10k-images-idx3-ubyte",
    bytes: 7_840_016,
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    compressed: include_bytes!("../data/t10k-images-idx3-ubyte.zst"),
};

/// The digits of [`TEST_IMAGES`], `[10000]`.
pub static TEST_LABELS: File = File {
    name: "t10k-labels-idx1-ubyte",
    bytes: 10_008,
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    compressed: include_bytes!("../data/t10k-labels-idx1-ubyte.zst"),
};

impl File {
    /// The original file, in the IDX format.
    ///
    /// # Errors
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the bytes in the program are not the original's.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let invalid = |problem: String| {
            let problem = format!("{}: {problem}", self.name);
            io::Error::new(io::ErrorKind::InvalidData, problem)
        };
        let decoder = StreamingDecoder::new(self.compressed);
        let mut decoder = decoder.map_err(|error| invalid(error.to_string()))?;
        let mut bytes = Vec::with_capacity(self.bytes);
        decoder.read_to_end(&mut bytes)?;
        let digest = Sha256::digest(&bytes);
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        match found == self.sha256 {
            true => Ok(bytes),
            false => Err(invalid(format!(
                "has SHA-256 {found}, expected {}",
                self.sha256
            ))),
        }
    }
}

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_the_original() {
        for file in [&TRAIN_IMAGES, &TRAIN_LABELS, &TEST_IMAGES, &TEST_LABELS] {
            assert_eq!(file.read().unwrap().len(), file.bytes, "{}", file.name);
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let other = File {
            name: "t10k-labels-idx1-ubyte",
            bytes: TEST_LABELS.bytes,
            sha256: TRAIN_LABELS.sha256,
            compressed: TEST_LABELS.compressed,
        };
        let error = other.read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("t10k-labels"), "{error}");
        let cut = File {
            compressed: &TEST_LABELS.compressed[..100],
            ..other
        };
        assert!(cut.read().is_err());
    }
}
