//! `.npz` files: what is right is read, what is broken is refused, and nothing panics.

use std::{
    fs,
    io::{Cursor, Write},
};

use latentlab_data::{Dataset, Result, Split};
use opened::{labels, open, values};
use proptest::prelude::*;
use tempfile::tempdir;
use toml::Table;
use zip::{ZipWriter, write::SimpleFileOptions};

mod opened;

/// The bytes of `numpy.save` of an array of `descr` and `shape`.
fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer
            .start_file(format!("{name}.npy"), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Two colour images of 1x2 pixels to train on and one to test on, as Keras stores them.
fn keras() -> Vec<u8> {
    npz(&[
        (
            "x_train",
            npy(
                "|u1",
                "2, 1, 2, 3",
                &[0, 51, 102, 153, 204, 255, 0, 0, 0, 0, 0, 0],
            ),
        ),
        (
            "y_train",
            npy("<i8", "2,", &[[4, 0, 0, 0, 0, 0, 0, 0], [0; 8]].concat()),
        ),
        ("x_test", npy("|u1", "1, 1, 2, 3", &[255; 6])),
        (
            "y_test",
            npy("<i8", "1,", &[[1, 0, 0, 0, 0, 0, 0, 0]].concat()),
        ),
    ])
}

#[test]
fn an_npz_file_in_the_order_of_keras_becomes_planes() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("colours.npz");
    fs::write(&path, keras()).unwrap();
    let dataset = open("npz", "path", &path, Table::new()).unwrap();
    assert_eq!(dataset.info().shape.batch(2), (2, 3, 1, 2));
    assert_eq!(
        values(&dataset, Split::Train)[..6],
        [0.0, 0.6, 0.2, 0.8, 0.4, 1.0]
    );
    assert_eq!(labels(&dataset, Split::Train), [4, 0]);
    assert_eq!(labels(&dataset, Split::Test), [1]);
}

#[test]
fn an_npz_file_of_images_alone_is_split() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("images.npz");
    let floats: Vec<u8> = (0..10)
        .flat_map(|n| (n as f32 / 10.0).to_le_bytes())
        .collect();
    fs::write(&path, npz(&[("images", npy("<f4", "10, 1, 1", &floats))])).unwrap();
    let dataset = open("npz", "path", &path, toml::toml! { test_fraction = 0.3 }).unwrap();
    assert_eq!(
        (dataset.len(Split::Train), dataset.len(Split::Test)),
        (7, 3)
    );
    let mut all = [
        values(&dataset, Split::Train),
        values(&dataset, Split::Test),
    ]
    .concat();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..10).map(|n| n as f32 / 10.0).collect::<Vec<_>>());
}

#[test]
fn floats_outside_of_the_unit_range_are_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("images.npz");
    for odd in [255.0, -0.5, f32::NAN, f32::INFINITY] {
        let floats = [0.5f32, odd].map(f32::to_le_bytes).concat();
        fs::write(&path, npz(&[("images", npy("<f4", "2, 1, 1", &floats))])).unwrap();
        let message = open("npz", "path", &path, Table::new())
            .unwrap_err()
            .to_string();
        assert!(
            message.ends_with(&format!("its images hold {odd}, expected floats in [0, 1]")),
            "{message}"
        );
    }
}

fn open_npz(bytes: &[u8]) -> Result<Dataset> {
    let dir = tempdir().unwrap();
    let path = dir.path().join("damaged.npz");
    fs::write(&path, bytes).unwrap();
    open("npz", "path", &path, Table::new())
}

#[test]
fn every_prefix_of_a_file_is_an_error() {
    let archive = keras();
    for length in 0..archive.len() {
        assert!(
            open_npz(&archive[..length]).is_err(),
            "the first {length} bytes"
        );
    }
}

proptest! {
    #![proptest_config(latentlab_testing::cases(1000))]

    #[test]
    fn a_damaged_file_is_refused_or_read_without_a_panic(
        place: prop::sample::Index, change in 1u8..,
    ) {
        let mut archive = keras();
        let place = place.index(archive.len());
        archive[place] ^= change;
        let _ = open_npz(&archive);
    }
}
