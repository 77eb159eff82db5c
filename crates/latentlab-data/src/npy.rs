//! One array of a `.npy` file, the format of `numpy.save`.

use std::{io::Read, path::Path};

use crate::{Error, Result, images::checked_size};

/// An array in C order with its shape.
#[derive(Debug, PartialEq)]
pub(crate) struct Array {
    pub dims: Vec<usize>,
    pub numbers: Numbers,
}

/// The numbers of an array; 64-bit floats are rounded to 32 bits.
#[derive(Debug, PartialEq)]
pub(crate) enum Numbers {
    /// `|u1`
    Bytes(Vec<u8>),
    /// `<f4` and `<f8`
    Floats(Vec<f32>),
    /// `<i4` and `<i8`
    Integers(Vec<i64>),
}

/// The longest header that is read. That of a plain array takes 128 bytes.
const HEADER_LIMIT: usize = 1 << 16;

/// Reads the array in a stream that holds at most `most` bytes; `path` is for errors.
pub(crate) fn read(path: &Path, mut stream: impl Read, most: u64) -> Result<Array> {
    let wrong = |problem: String| Error::file(path, problem);
    let header = read_header(&mut stream).map_err(wrong)?;
    let (kind, dims) = parse_header(&header).map_err(wrong)?;
    let width = match kind {
        "|u1" => 1,
        "<f4" | "<i4" => 4,
        "<f8" | "<i8" => 8,
        other => {
            let problem = format!("has type `{other}`, expected |u1, <f4, <f8, <i4 or <i8");
            return Err(wrong(problem));
        }
    };
    let size = checked_size(path, &dims, width)? * width;
    if size > most {
        let problem = format!("its header promises {size} bytes, more than the file can hold");
        return Err(wrong(problem));
    }
    let mut bytes = Vec::with_capacity(size as usize + 1);
    // One byte more than there should be, to notice an array that is too long.
    let read = stream.take(size + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(format!("cannot read its values: {error}")))?;
    if bytes.len() as u64 != size {
        let relation = if bytes.len() as u64 > size {
            "more"
        } else {
            "fewer"
        };
        let problem = format!("holds {relation} than the {size} bytes of its shape {dims:?}");
        return Err(wrong(problem));
    }
    let numbers = match kind {
        "|u1" => Numbers::Bytes(bytes),
        "<f4" => Numbers::Floats(words(&bytes, f32::from_le_bytes)),
        "<f8" => Numbers::Floats(words(&bytes, |word| f64::from_le_bytes(word) as f32)),
        "<i4" => Numbers::Integers(words(&bytes, |word| i32::from_le_bytes(word).into())),
        _ => Numbers::Integers(words(&bytes, i64::from_le_bytes)),
    };
    let dims = dims.into_iter().map(|dim| dim as usize).collect();
    Ok(Array { dims, numbers })
}

fn words<const WIDTH: usize, T>(bytes: &[u8], word: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|bytes| word(*bytes)).collect()
}

fn read_header(stream: &mut impl Read) -> Result<String, String> {
    let mut take = |length: usize| {
        let mut bytes = vec![0; length];
        let read = stream.read_exact(&mut bytes);
        read.map_err(|error| format!("cannot read its header: {error}"))?;
        Ok::<_, String>(bytes)
    };
    let start = take(8)?;
    let length = match (&start[..6], start[6]) {
        (b"\x93NUMPY", 1) => take(2)?,
        (b"\x93NUMPY", 2 | 3) => take(4)?,
        _ => return Err(format!("starts with {start:?}, which no .npy file does")),
    };
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > HEADER_LIMIT {
        return Err(format!(
            "has a header of {length} bytes, the limit is {HEADER_LIMIT}"
        ));
    }
    String::from_utf8(take(length)?).map_err(|error| format!("its header is no text: {error}"))
}

/// Type and shape from a header like
/// `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }`.
fn parse_header(header: &str) -> Result<(&str, Vec<u64>), String> {
    let value = |key: &str| {
        let (_, rest) = header.split_once(&format!("'{key}':"))?;
        Some(rest.trim_start())
    };
    let parsed = || {
        let kind = value("descr")?.strip_prefix('\'')?.split_once('\'')?.0;
        let shape = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let dims = shape
            .split(',')
            .map(str::trim)
            .filter(|dim| !dim.is_empty());
        let dims = dims
            .map(|dim| dim.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        let columns_first = value("fortran_order")?.starts_with("True");
        Some((kind, dims, columns_first))
    };
    match parsed() {
        Some((kind, dims, false)) => Ok((kind, dims)),
        Some((.., true)) => Err("is in Fortran order; save np.ascontiguousarray(...)".to_owned()),
        None => Err(format!(
            "has a header that cannot be understood: {header:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Array> {
        read(Path::new("x.npy"), bytes, bytes.len() as u64)
    }

    #[test]
    fn bytes_and_floats_keep_their_values() {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
        let array = decode(&file(header, &[1, 2, 3])).unwrap();
        assert_eq!(
            array,
            Array {
                dims: vec![3],
                numbers: Numbers::Bytes(vec![1, 2, 3])
            }
        );
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }";
        let array = decode(&file(header, &0.5f64.to_le_bytes())).unwrap();
        assert_eq!(
            array,
            Array {
                dims: vec![1, 1],
                numbers: Numbers::Floats(vec![0.5])
            }
        );
    }

    #[test]
    fn a_shape_that_the_file_cannot_hold_is_refused() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99), }";
        let message = decode(&file(header, &[0; 16])).unwrap_err().to_string();
        assert!(message.contains("more than the file can hold"), "{message}");
    }

    #[test]
    fn fortran_order_and_unknown_types_are_refused() {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }";
        let message = decode(&file(header, &[0; 4])).unwrap_err().to_string();
        assert!(message.contains("Fortran order"), "{message}");
        let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
        let message = decode(&file(header, &[0; 4])).unwrap_err().to_string();
        assert!(message.contains("has type `|O`"), "{message}");
    }
}
