//! One array of a `.npy` file, the format of `numpy.save`.

use std::{io::Read, path::Path};

use crate::{
    Error, Result,
    array::{Array, Element, Kind},
};

/// How an `.npy` file begins.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read. That of a plain array takes 128 bytes.
const HEADER_LIMIT: usize = 1 << 16;

/// Reads the array in a stream that holds at most `most` bytes; `path` is for errors.
pub(crate) fn read(path: &Path, mut stream: impl Read, most: u64) -> Result<Array> {
    let wrong = |problem: String| Error::file(path, problem);
    let header = read_header(&mut stream).map_err(wrong)?;
    let (kind, dims) = parse_header(&header).map_err(wrong)?;
    let element = element(kind).map_err(wrong)?;
    Array::read(path, &dims, element, stream, most)
}

/// Type and shape of the array in a stream, in words.
pub(crate) fn describe(mut stream: impl Read) -> String {
    let header = match read_header(&mut stream) {
        Ok(header) => header,
        Err(problem) => return problem,
    };
    match parse_header(&header) {
        Ok((kind, dims)) => match element(kind) {
            Ok(element) => format!("{} {dims:?}", element.name()),
            Err(_) => format!("{kind} {dims:?}"),
        },
        Err(problem) => problem,
    }
}

/// The type that numpy calls `descr`.
fn element(descr: &str) -> Result<Element, String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
    let (kind, width) = kind.split_at_checked(1).unwrap_or_default();
    let (kind, widths): (_, &[usize]) = match kind {
        "b" => (Kind::Truth, &[1]),
        "u" => (Kind::Unsigned, &[1, 2, 4, 8]),
        "i" => (Kind::Signed, &[1, 2, 4, 8]),
        "f" => (Kind::Float, &[2, 4, 8]),
        _ => (Kind::Truth, &[]),
    };
    match (order, width.parse()) {
        ("<" | ">" | "|", Ok(width)) if widths.contains(&width) => Ok(Element {
            kind,
            width,
            big_endian: order == ">",
        }),
        _ => Err(format!(
            "has type `{descr}`, expected bool, integers of 8 to 64 bits or floats of 16 to 64"
        )),
    }
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
        None if value("descr").is_some_and(|kind| kind.starts_with('[')) => {
            Err("is a table of fields of their own types; save each field alone".to_owned())
        }
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
    fn arrays_keep_shape_type_and_bytes() {
        for (descr, kind, width, big_endian) in [
            ("|b1", Kind::Truth, 1, false),
            ("|u1", Kind::Unsigned, 1, false),
            ("<u2", Kind::Unsigned, 2, false),
            (">u8", Kind::Unsigned, 8, true),
            ("|i1", Kind::Signed, 1, false),
            (">i4", Kind::Signed, 4, true),
            ("<f2", Kind::Float, 2, false),
            (">f8", Kind::Float, 8, true),
        ] {
            let header =
                format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (3, 1), }}");
            let bytes: Vec<u8> = (0..3 * width as u8).collect();
            let array = decode(&file(&header, &bytes)).unwrap();
            let element = Element {
                kind,
                width,
                big_endian,
            };
            assert_eq!(
                (array.dims, array.element, array.bytes),
                (vec![3, 1], element, bytes)
            );
        }
    }

    #[test]
    fn a_shape_that_the_file_cannot_hold_is_refused() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99), }";
        let message = decode(&file(header, &[0; 16])).unwrap_err().to_string();
        assert!(
            message.contains("more than a file of this length can hold"),
            "{message}"
        );
    }

    #[test]
    fn fortran_order_and_unknown_types_are_refused() {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }";
        let message = decode(&file(header, &[0; 4])).unwrap_err().to_string();
        assert!(message.contains("Fortran order"), "{message}");
        for descr in ["|O", "<U3", "<c8", "<f16", "<M8[ns]", "<f", "f4", "", "é1"] {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}");
            let message = decode(&file(&header, &[0; 4])).unwrap_err().to_string();
            assert!(
                message.contains(&format!("has type `{descr}`")),
                "{message}"
            );
        }
        let header = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }";
        let message = decode(&file(header, &[0; 4])).unwrap_err().to_string();
        assert!(message.contains("table of fields"), "{message}");
    }

    #[test]
    fn an_array_that_is_not_read_is_still_described() {
        let header = "{'descr': '<U3', 'fortran_order': False, 'shape': (7,), }";
        assert_eq!(describe(file(header, &[]).as_slice()), "<U3 [7]");
        let header = "{'descr': '>i2', 'fortran_order': False, 'shape': (7, 2), }";
        assert_eq!(describe(file(header, &[]).as_slice()), "int16 [7, 2]");
    }
}
