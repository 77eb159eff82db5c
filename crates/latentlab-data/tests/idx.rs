//! IDX folders: what is right is read, what is broken is refused, and nothing panics.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use latentlab_data::{Dataset, Result, Split};
use opened::{labels, open, values};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};
use toml::Table;

mod opened;

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two training images and one test image of 1x2 pixels, the training images compressed.
fn idx_folder() -> TempDir {
    let dir = tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write(
        "train-images-idx3-ubyte.gz",
        &gzip(&idx(&[2, 1, 2], &[0, 51, 102, 255])),
    );
    write("train-labels-idx1-ubyte", &idx(&[2], &[3, 1]));
    write("t10k-images-idx3-ubyte", &idx(&[1, 1, 2], &[255, 0]));
    write("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[1], &[2])));
    dir
}

#[test]
fn an_idx_folder_is_read_plain_or_compressed() {
    let dir = idx_folder();
    let dataset = open("idx", "dir", dir.path(), Table::new()).unwrap();
    assert_eq!(values(&dataset, Split::Train), [0.0, 0.2, 0.4, 1.0]);
    assert_eq!(values(&dataset, Split::Test), [1.0, 0.0]);
    assert_eq!(labels(&dataset, Split::Train), [3, 1]);
    assert_eq!(dataset.info().classes, Some(4));
    assert_eq!(dataset.fingerprints().len(), 4);
}

#[test]
fn a_count_mismatch_names_both_idx_files() {
    let dir = idx_folder();
    fs::write(
        dir.path().join("train-labels-idx1-ubyte"),
        idx(&[3], &[3, 1, 2]),
    )
    .unwrap();
    let message = open("idx", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("train-labels-idx1-ubyte: holds 3 labels"),
        "{message}"
    );
    assert!(
        message.contains("train-images-idx3-ubyte.gz holds 2 images"),
        "{message}"
    );
}

#[test]
fn a_missing_idx_file_is_named() {
    let dir = idx_folder();
    fs::remove_file(dir.path().join("t10k-images-idx3-ubyte")).unwrap();
    let message = open("idx", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("holds neither t10k-images-idx3-ubyte nor"),
        "{message}"
    );
}

#[test]
fn a_gzip_bomb_is_refused_by_the_size_in_its_header() {
    let dir = idx_folder();
    // 64 MiB of zeros in 64 KiB, announced as one image of two pixels.
    let bomb = gzip(&[idx(&[1, 1, 2], &[0, 0]), vec![0; 64 << 20]].concat());
    fs::write(dir.path().join("train-images-idx3-ubyte.gz"), bomb).unwrap();
    let message = open("idx", "dir", dir.path(), Table::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("holds more than the 2 bytes"), "{message}");
}

/// Opens the IDX folder with other bytes for its compressed training images.
fn open_idx(bytes: &[u8], name: &str) -> Result<Dataset> {
    let dir = idx_folder();
    fs::remove_file(dir.path().join("train-images-idx3-ubyte.gz")).unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    open("idx", "dir", dir.path(), Table::new())
}

#[test]
fn every_prefix_of_a_file_is_an_error() {
    let plain = idx(&[2, 1, 2], &[0, 51, 102, 255]);
    let compressed = gzip(&plain);
    for length in 0..plain.len() {
        assert!(open_idx(&plain[..length], "train-images-idx3-ubyte").is_err());
    }
    for length in 0..compressed.len() {
        assert!(open_idx(&compressed[..length], "train-images-idx3-ubyte.gz").is_err());
    }
}

proptest! {
    #![proptest_config(latentlab_testing::cases(300))]

    #[test]
    fn a_damaged_file_is_refused_or_read_without_a_panic(
        place: prop::sample::Index, change in 1u8..,
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            bytes
        };
        let plain = idx(&[2, 1, 2], &[0, 51, 102, 255]);
        let _ = open_idx(&damaged(plain.clone()), "train-images-idx3-ubyte");
        // The checksum of gzip covers the values: what is read is what was written.
        if let Ok(dataset) = open_idx(&damaged(gzip(&plain)), "train-images-idx3-ubyte.gz") {
            prop_assert_eq!(values(&dataset, Split::Train), [0.0, 0.2, 0.4, 1.0]);
        }
    }
}
