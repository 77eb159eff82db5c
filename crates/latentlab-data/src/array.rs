//! An array of numbers as a file holds it: a shape, a type, and bytes.

use std::{io::Read, path::Path};

use crate::{Error, Result, images::checked_size};

/// Deflate cannot expand by more than this factor (zlib's technical notes).
pub(crate) const LARGEST_EXPANSION: u64 = 1032;

/// What the numbers of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 or 1.
    Truth,
    Unsigned,
    Signed,
    Float,
}

/// The type of the numbers of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub kind: Kind,
    /// Bytes of a number: 1, 2, 4 or 8, as far as the kind has such numbers.
    pub width: usize,
    /// Whether the highest byte comes first.
    pub big_endian: bool,
}

/// An array in C order.
#[derive(Debug, PartialEq)]
pub(crate) struct Array {
    pub dims: Vec<usize>,
    pub element: Element,
    /// The numbers, one after the other.
    pub bytes: Vec<u8>,
}

impl Array {
    /// Reads an array of shape `dims` to the end of a stream, which holds at most `most` bytes; `path`
    /// is for errors.
    pub fn read(
        path: &Path,
        dims: &[u64],
        element: Element,
        stream: impl Read,
        most: u64,
    ) -> Result<Self> {
        let width = element.width as u64;
        let size = checked_size(path, dims, width)? * width;
        if size > most {
            let problem = format!(
                "its header promises {size} bytes of shape {dims:?}, more than a file of this \
                 length can hold"
            );
            return Err(Error::file(path, problem));
        }
        let mut bytes = Vec::with_capacity(size as usize + 1);
        // One byte more than there should be, to notice a file that is too long.
        let read = stream.take(size + 1).read_to_end(&mut bytes);
        read.map_err(|error| Error::file(path, format!("cannot read its values: {error}")))?;
        if bytes.len() as u64 != size {
            let relation = match bytes.len() as u64 > size {
                true => "more",
                false => "fewer",
            };
            let problem = format!("holds {relation} than the {size} bytes of its shape {dims:?}");
            return Err(Error::file(path, problem));
        }
        let dims = dims.iter().map(|dim| *dim as usize).collect();
        Ok(Self {
            dims,
            element,
            bytes,
        })
    }

    /// The numbers, where they are whole ones by their type.
    pub fn integers(&self) -> Option<Box<dyn Iterator<Item = i128> + '_>> {
        let Element { kind, width, .. } = self.element;
        Some(match (kind, width) {
            (Kind::Truth, _) => Box::new(self.bytes.iter().map(|byte| i128::from(*byte != 0))),
            (Kind::Unsigned, 1) => Box::new(self.words(u8::from_le_bytes).map(i128::from)),
            (Kind::Unsigned, 2) => Box::new(self.words(u16::from_le_bytes).map(i128::from)),
            (Kind::Unsigned, 4) => Box::new(self.words(u32::from_le_bytes).map(i128::from)),
            (Kind::Unsigned, _) => Box::new(self.words(u64::from_le_bytes).map(i128::from)),
            (Kind::Signed, 1) => Box::new(self.words(i8::from_le_bytes).map(i128::from)),
            (Kind::Signed, 2) => Box::new(self.words(i16::from_le_bytes).map(i128::from)),
            (Kind::Signed, 4) => Box::new(self.words(i32::from_le_bytes).map(i128::from)),
            (Kind::Signed, _) => Box::new(self.words(i64::from_le_bytes).map(i128::from)),
            (Kind::Float, _) => return None,
        })
    }

    /// The numbers, where they are floats by their type; those of 64 bits are rounded to 32.
    pub fn floats(&self) -> Option<Vec<f32>> {
        let Element { kind, width, .. } = self.element;
        match (kind, width) {
            (Kind::Float, 2) => Some(self.words(u16::from_le_bytes).map(half).collect()),
            (Kind::Float, 4) => Some(self.words(f32::from_le_bytes).collect()),
            (Kind::Float, _) => {
                let rounded = |number: f64| number as f32;
                Some(self.words(f64::from_le_bytes).map(rounded).collect())
            }
            _ => None,
        }
    }

    fn words<const WIDTH: usize, T>(
        &self,
        word: impl Fn([u8; WIDTH]) -> T,
    ) -> impl ExactSizeIterator<Item = T> {
        let (words, _) = self.bytes.as_chunks();
        let big_endian = self.element.big_endian;
        words.iter().map(move |bytes| {
            let mut bytes = *bytes;
            if big_endian {
                bytes.reverse();
            }
            word(bytes)
        })
    }

    /// The rows of this array, then those of `other`, where the two differ in the first dimension alone.
    pub fn followed_by(mut self, other: Self) -> Option<Self> {
        let alike = self.element == other.element && !self.dims.is_empty();
        if !alike || self.dims.get(1..) != other.dims.get(1..) {
            return None;
        }
        self.bytes.reserve_exact(other.bytes.len());
        self.bytes.extend(other.bytes);
        self.dims[0] += other.dims[0];
        Some(self)
    }

    /// Type and shape in words.
    pub fn in_words(&self) -> String {
        format!("{} {:?}", self.element.name(), self.dims)
    }
}

impl Element {
    /// The type as numpy calls it.
    pub fn name(self) -> String {
        let bits = 8 * self.width;
        match self.kind {
            Kind::Truth => "bool".to_owned(),
            Kind::Unsigned => format!("uint{bits}"),
            Kind::Signed => format!("int{bits}"),
            Kind::Float => format!("float{bits}"),
        }
    }
}

/// A float of 16 bits (IEEE 754, binary16).
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let magnitude = match (exponent, fraction) {
        // Subnormal: a multiple of 2⁻²⁴.
        (0, fraction) => fraction as f32 / 16_777_216.0,
        (31, 0) => f32::INFINITY,
        (31, _) => f32::NAN,
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(kind: Kind, width: usize, big_endian: bool, bytes: &[u8]) -> Array {
        Array {
            dims: vec![bytes.len() / width],
            element: Element {
                kind,
                width,
                big_endian,
            },
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn every_type_is_read_in_either_order_of_bytes() {
        let integers = |kind, width, bytes: &[u8]| {
            let mut reversed = bytes.to_vec();
            reversed.reverse();
            let [little, big] = [(false, bytes), (true, &reversed)].map(|(big, bytes)| {
                let array = array(kind, width, big, bytes);
                let numbers: Vec<i128> = array.integers().unwrap().collect();
                numbers[0]
            });
            assert_eq!(little, big);
            little
        };
        assert_eq!(integers(Kind::Truth, 1, &[7]), 1);
        assert_eq!(integers(Kind::Unsigned, 1, &[200]), 200);
        assert_eq!(integers(Kind::Unsigned, 2, &[1, 2]), 0x0201);
        assert_eq!(integers(Kind::Unsigned, 4, &[0, 0, 0, 0x80]), 1 << 31);
        assert_eq!(
            integers(Kind::Unsigned, 8, &[0xff; 8]),
            i128::from(u64::MAX)
        );
        assert_eq!(integers(Kind::Signed, 1, &[0xff]), -1);
        assert_eq!(integers(Kind::Signed, 2, &[0, 0x80]), -32_768);
        assert_eq!(integers(Kind::Signed, 4, &[0xfe, 0xff, 0xff, 0xff]), -2);
        assert_eq!(integers(Kind::Signed, 8, &[3, 0, 0, 0, 0, 0, 0, 0]), 3);
        let big = array(Kind::Float, 4, true, &0.5f32.to_be_bytes());
        assert_eq!(big.floats(), Some(vec![0.5]));
        let wide = array(Kind::Float, 8, false, &0.1f64.to_le_bytes());
        assert_eq!(wide.floats(), Some(vec![0.1]));
        assert!(wide.integers().is_none());
    }

    #[test]
    fn halves_are_those_of_numpy() {
        // numpy.array([…], "<u2").view("<f2").astype("f4")
        for (bits, value) in [
            (0x3c00, 1.0),
            (0x3555, 0.333_251_95),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:x}");
        }
        assert!(half(0x7e00).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }

    #[test]
    fn arrays_are_joined_where_they_differ_in_the_first_dimension_alone() {
        let one = || array(Kind::Unsigned, 1, false, &[1, 2]);
        let both = one().followed_by(one()).unwrap();
        assert_eq!((both.dims, both.bytes), (vec![4], vec![1, 2, 1, 2]));
        let other = array(Kind::Signed, 1, false, &[1, 2]);
        assert!(one().followed_by(other).is_none());
    }
}
