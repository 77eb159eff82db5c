//! Arrays to begin with: IDX files, plain and compressed, `.npz` and `.npy` files.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::Seeds;

/// An IDX file of bytes: sizes, and the values below them.
fn idx_file(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    idx_of(8, sizes, values)
}

/// An IDX file of this type.
fn idx_of(code: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, sizes.len() as u8];
    sizes
        .iter()
        .for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Two images of 2x3 pixels.
pub fn images() -> Vec<u8> {
    idx_file(&[2, 2, 3], &[7; 12])
}

/// Their labels.
pub fn labels() -> Vec<u8> {
    idx_file(&[2], &[3, 1])
}

/// The training images among the files of a set.
pub const IDX_IMAGES: &str = "train-images-idx3-ubyte";
/// The training labels among the files of a set.
pub const IDX_LABELS: &str = "train-labels-idx1-ubyte";

/// The files of a set of two images to train on and two to test on.
pub fn idx_set() -> [(&'static str, Vec<u8>); 4] {
    [
        (IDX_IMAGES, images()),
        (IDX_LABELS, labels()),
        ("t10k-images-idx3-ubyte", images()),
        ("t10k-labels-idx1-ubyte", labels()),
    ]
}

pub fn idx() -> Seeds {
    vec![
        ("images", images()),
        ("labels", labels()),
        (
            "2^31 images of 2^31 x 2^31",
            idx_file(&[1 << 31; 3], &[7; 12]),
        ),
        ("2^32 - 1 labels", idx_file(&[u32::MAX], &[1, 2])),
        ("images without pixels", idx_file(&[u32::MAX, 0, 3], &[])),
        ("no images", idx_file(&[0, 28, 28], &[])),
        ("values of eight bytes", {
            let mut bytes = images();
            bytes[2] = 0x0e;
            bytes
        }),
        ("signed bytes", idx_of(0x09, &[2, 2, 3], &[7; 12])),
        (
            "integers of 16 bits",
            idx_of(0x0b, &[2, 2, 3], &[0, 7].repeat(12)),
        ),
        (
            "integers of 32 bits",
            idx_of(0x0c, &[2, 2, 3], &[0, 0, 0, 7].repeat(12)),
        ),
        (
            "floats",
            idx_of(0x0d, &[2, 2, 3], &[0x3f, 0, 0, 0].repeat(12)),
        ),
        (
            "wide floats",
            idx_of(0x0e, &[2, 2, 3], &[0x3f, 0xe0, 0, 0, 0, 0, 0, 0].repeat(12)),
        ),
        ("2^28 wide floats", idx_of(0x0e, &[1 << 28], &[0; 16])),
        ("colours", idx_file(&[2, 2, 2, 3], &[7; 24])),
        ("labels in a column", idx_file(&[2, 1], &[3, 1])),
        (
            "labels as floats",
            idx_of(0x0d, &[2], &[0x3f, 0x80, 0, 0].repeat(2)),
        ),
    ]
}

fn zipped_up(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

pub fn gzip() -> Seeds {
    let bomb = [idx_file(&[2, 2, 3], &[7; 12]), vec![0; 8 << 20]].concat();
    let lie = idx_file(&[60_000, 28, 28], &[]);
    vec![
        ("images", zipped_up(&images())),
        ("8 MiB of zeros behind them", zipped_up(&bomb)),
        ("60,000 images that are not there", zipped_up(&lie)),
        ("empty", zipped_up(&[])),
        (
            "two members",
            [zipped_up(&images()), zipped_up(&images())].concat(),
        ),
    ]
}

/// An array in the format of `numpy.save`.
fn array(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// An `.npz` file with one array.
pub fn zipped(name: &str, array: &[u8]) -> Vec<u8> {
    zipped_all(&[(name, array.to_vec())])
}

/// An `.npz` file with these arrays.
fn zipped_all(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, array) in arrays {
        let started = writer.start_file(format!("{name}.npy"), options);
        started.expect("the name is short");
        writer.write_all(array).expect("memory takes bytes");
    }
    writer.finish().expect("memory takes bytes").into_inner()
}

pub fn npz() -> Seeds {
    let right = zipped("images", &array("|u1", "10, 2, 2", &[9; 40]));
    let place = |bytes: &[u8], signature: &[u8]| {
        let mut windows = bytes.windows(4);
        windows
            .position(|window| window == signature)
            .expect("it is a zip")
    };
    // The central directory says how large an entry is once it is unpacked.
    let mut large = right.clone();
    let directory = place(&large, b"PK\x01\x02");
    large[directory + 24..directory + 28].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    let bomb = array("|u1", "10, 2, 2", &vec![0; 8 << 20]);
    vec![
        ("images", right),
        ("an entry of 4 GiB", large),
        ("8 MiB of zeros", zipped("images", &bomb)),
        ("8 MiB of halves", {
            let halves = array("<f2", "1024, 64, 64", &vec![0; 8 << 20]);
            zipped("images", &halves)
        }),
        ("8 MiB of truth", {
            let truth = array("|b1", "2048, 64, 64", &vec![0; 8 << 20]);
            zipped("images", &truth)
        }),
        ("a set with labels", {
            let images = || array("|u1", "2, 8, 8, 3", &[9; 384]);
            let labels = || array("<i8", "2, 1", &[1, 0, 0, 0, 0, 0, 0, 0].repeat(2));
            zipped_all(&[
                ("x_train", images()),
                ("y_train", labels()),
                ("x_test", images()),
                ("y_test", labels()),
            ])
        }),
        ("names that nobody knows", {
            let one = || array("|O", "2, 8, 8, 3", &[9; 384]);
            zipped_all(&[("a", one()), ("b", one()), ("", one())])
        }),
        (
            "an array without an archive",
            array("|u1", "10, 2, 2", &[9; 40]),
        ),
    ]
}

pub fn npy() -> Seeds {
    vec![
        ("bytes", array("|u1", "10, 2, 2", &[9; 40])),
        ("floats", array("<f4", "10, 1, 1", &[0; 40])),
        (
            "2^62 images",
            array("|u1", "4611686018427387904, 2, 2", &[9; 40]),
        ),
        ("no shape", array("|u1", "", &[9; 40])),
        (
            "2^63 floats",
            array("<f8", "9223372036854775807, 9223372036854775807", &[9; 40]),
        ),
        ("halves", array("<f2", "10, 1, 1", &[0; 20])),
        (
            "wide floats, highest byte first",
            array(">f8", "5, 1, 1", &[0; 40]),
        ),
        ("truth", array("|b1", "10, 2, 2", &[1; 40])),
        ("integers of 64 bits", array(">i8", "5, 1, 1", &[0; 40])),
        ("2^64 - 1", array("<u8", "5, 1, 1", &[0xff; 40])),
        ("13 channels first", array("|u1", "2, 13, 2, 2", &[9; 104])),
        ("a table of fields", array("'), ('", "10,", &[9; 40])),
        ("NaN", array("<f4", "10, 1, 1", &[0xff; 40])),
        ("a long header", {
            let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
            bytes.extend(u32::MAX.to_le_bytes());
            bytes
        }),
    ]
}
