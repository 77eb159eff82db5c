//! One IDX file, plain or gzip-compressed.
//!
//! A header may promise anything, so every size in it is checked against the length of the file
//! before memory is taken.

use std::{io::Read, path::Path};

use flate2::read::MultiGzDecoder;

use crate::{
    Error, Result,
    array::{Array, Element, Kind, LARGEST_EXPANSION},
};

/// More dimensions than this are not read.
const MOST_DIMENSIONS: u8 = 4;

/// The array in `bytes`, the contents of the file `path`.
pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Array> {
    let length = bytes.len() as u64;
    match bytes.starts_with(&[0x1f, 0x8b]) {
        true => read(path, MultiGzDecoder::new(bytes), length * LARGEST_EXPANSION),
        false => read(path, bytes, length),
    }
}

/// Reads an array from a stream that can hold at most `most` bytes.
fn read(path: &Path, mut stream: impl Read, most: u64) -> Result<Array> {
    let cut = |error| Error::file(path, format!("cannot read its header: {error}"));
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(cut)?;
    // Two zeros, the type, the number of dimensions.
    let [0, 0, code, rank @ 1..=MOST_DIMENSIONS] = magic else {
        let problem = format!(
            "starts with {magic:?}, an IDX file with 0, 0, a type and 1 to {MOST_DIMENSIONS} \
             dimensions"
        );
        return Err(Error::file(path, problem));
    };
    let element = element(code).map_err(|problem| Error::file(path, problem))?;
    let mut dims = Vec::with_capacity(rank.into());
    for _ in 0..rank {
        let mut dim = [0; 4];
        stream.read_exact(&mut dim).map_err(cut)?;
        dims.push(u64::from(u32::from_be_bytes(dim)));
    }
    Array::read(path, &dims, element, stream, most)
}

/// The type of this code.
fn element(code: u8) -> Result<Element, String> {
    let (kind, width) = match code {
        0x08 => (Kind::Unsigned, 1),
        0x09 => (Kind::Signed, 1),
        0x0b => (Kind::Signed, 2),
        0x0c => (Kind::Signed, 4),
        0x0d => (Kind::Float, 4),
        0x0e => (Kind::Float, 8),
        _ => {
            return Err(format!(
                "has type {code:#04x}, expected 0x08 (uint8), 0x09 (int8), 0x0b (int16), 0x0c \
                 (int32), 0x0d (float32) or 0x0e (float64)"
            ));
        }
    };
    Ok(Element {
        kind,
        width,
        // A byte has no order; told alike, arrays of bytes are alike wherever they come from.
        big_endian: width > 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(code: u8, dims: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, code, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn problem(bytes: &[u8]) -> String {
        decode(Path::new("digits"), bytes).unwrap_err().to_string()
    }

    #[test]
    fn an_array_keeps_its_shape_and_values() {
        let array = decode(Path::new("digits"), &file(8, &[1, 2, 2], &[1, 2, 3, 4])).unwrap();
        let expected = Array {
            dims: vec![1, 2, 2],
            element: Element {
                kind: Kind::Unsigned,
                width: 1,
                big_endian: false,
            },
            bytes: vec![1, 2, 3, 4],
        };
        assert_eq!(array, expected);
    }

    #[test]
    fn wider_types_have_their_highest_byte_first() {
        let array = decode(Path::new("x"), &file(0x0b, &[2], &[0, 1, 0xff, 0xfe])).unwrap();
        let numbers: Vec<i128> = array.integers().unwrap().collect();
        assert_eq!(numbers, [1, -2]);
        let array = decode(Path::new("x"), &file(0x0e, &[1], &0.25f64.to_be_bytes())).unwrap();
        assert_eq!(array.floats(), Some(vec![0.25]));
    }

    #[test]
    fn an_unknown_type_is_met_with_the_known_ones() {
        let message = problem(&file(0x0a, &[1], &[0]));
        assert!(
            message.contains("has type 0x0a, expected 0x08 (uint8)"),
            "{message}"
        );
    }

    #[test]
    fn a_shape_beyond_the_limit_is_refused() {
        let message = problem(&file(8, &[1 << 31, 1 << 31, 1 << 31], &[0; 8]));
        assert!(message.contains("limit of 4 GiB"), "{message}");
    }

    #[test]
    fn a_shape_that_the_file_cannot_hold_is_refused() {
        for code in [8, 0x0e] {
            let message = problem(&file(code, &[1 << 28], &[0; 8]));
            assert!(
                message.contains("more than a file of this length can hold"),
                "{message}"
            );
        }
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        for bytes in [[0, 0, 8, 0, 0], [0, 0, 8, 5, 0], [1, 0, 8, 1, 0]] {
            let message = problem(&bytes);
            assert!(message.contains("starts with ["), "{message}");
        }
    }

    #[test]
    fn bytes_after_the_last_value_are_refused() {
        assert_eq!(
            problem(&file(8, &[2], &[0; 3])),
            "digits: holds more than the 2 bytes of its shape [2]"
        );
    }
}
