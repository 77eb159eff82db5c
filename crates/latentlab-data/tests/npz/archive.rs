//! `.npz` files of given arrays.

use std::{
    fs,
    io::{Cursor, Write},
};

use latentlab_data::{Dataset, Result};
use tempfile::tempdir;
use toml::Table;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::opened::open;

/// The bytes of `numpy.save` of an array of `descr` and `shape`.
pub fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

pub fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer
            .start_file(format!("{name}.npy"), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Opens an `.npz` file of these arrays, all of which is to train on where it is not split.
pub fn read(arrays: &[(&str, Vec<u8>)], mut keys: Table) -> Result<Dataset> {
    let dir = tempdir().unwrap();
    let path = dir.path().join("data.npz");
    fs::write(&path, npz(arrays)).unwrap();
    keys.insert("test_fraction".to_owned(), 0.0.into());
    open("npz", "path", &path, keys)
}

pub fn refused(arrays: &[(&str, Vec<u8>)], keys: Table) -> String {
    read(arrays, keys).unwrap_err().to_string()
}

/// Numbers as an array of type `descr`.
pub fn numbers(descr: &str, shape: &str, numbers: &[i64]) -> Vec<u8> {
    let (order, kind) = descr.split_at(1);
    let bytes = numbers.iter().flat_map(|number| {
        let mut bytes = match kind {
            "b1" => vec![u8::from(*number != 0)],
            "f2" => {
                // 0, 1 and 2⁻¹ alone, which have no fraction.
                let half: u16 = [0, 0x3c00, 0x3800][*number as usize];
                half.to_le_bytes().to_vec()
            }
            "f4" => (*number as f32).to_le_bytes().to_vec(),
            "f8" => (*number as f64).to_le_bytes().to_vec(),
            _ => number.to_le_bytes()[..kind[1..].parse().unwrap()].to_vec(),
        };
        if order == ">" {
            bytes.reverse();
        }
        bytes
    });
    npy(descr, shape, &bytes.collect::<Vec<u8>>())
}
