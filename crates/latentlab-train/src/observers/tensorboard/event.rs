//! One event of TensorBoard and its bytes in a file.
//!
//! The messages are those of TensorFlow's `event.proto` and `summary.proto`, as far as scalars and
//! images need them; the framing is that of a TFRecord file.

use prost::{Message, Oneof};

use crate::Record;

/// The version of the format, which the first event of a file names.
const VERSION: &str = "brain.Event:2";
/// `RGB` in TensorFlow's `summary.proto`.
const RGB: i32 = 3;
/// Added to a rotated checksum, so that the checksum of data that hold checksums is as good.
const MASK: u32 = 0xa282_ead8;

/// What happened at one step.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(oneof = "Shown", tags = "2, 4")]
    shown: Option<Shown>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Shown {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colour_space: i32,
    #[prost(bytes = "vec", tag = "4")]
    png: Vec<u8>,
}

impl Event {
    /// The first event of every file.
    pub(super) fn version() -> Self {
        Self {
            wall_time: 0.0,
            step: 0,
            what: Some(What::FileVersion(VERSION.to_owned())),
        }
    }

    /// The numbers of a record in 32 bits; what these cannot hold is infinite. Every NaN has the same
    /// bits, also one that `metrics.jsonl` gave back.
    pub(super) fn scalars(record: &Record) -> Self {
        let value = |(tag, value): (&str, f64)| Value {
            tag: tag.to_owned(),
            shown: Some(Shown::Scalar(match value.is_nan() {
                true => f32::NAN,
                false => value as f32,
            })),
        };
        let values = record.iter().map(value).collect();
        Self::summary(record.elapsed_s, record.step, values)
    }

    /// A PNG file after `step`.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn image(
        seconds: f64,
        step: u64,
        tag: &str,
        png: Vec<u8>,
    ) -> Result<Self, png::DecodingError> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&png));
        let (width, height) = decoder.read_header_info()?.size();
        let image = Image {
            height: height as i32,
            width: width as i32,
            colour_space: RGB,
            png,
        };
        let value = Value {
            tag: tag.to_owned(),
            shown: Some(Shown::Image(image)),
        };
        Ok(Self::summary(seconds, step, vec![value]))
    }

    fn summary(seconds: f64, step: u64, values: Vec<Value>) -> Self {
        Self {
            wall_time: seconds,
            step: step as i64,
            what: Some(What::Summary(Summary { values })),
        }
    }
}

/// An event as a file holds it: its length, the length's checksum, its bytes, their checksum.
pub(super) fn framed(event: &Event) -> Vec<u8> {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(message.len() + 16);
    bytes.extend(length);
    bytes.extend(masked_checksum(&length).to_le_bytes());
    bytes.extend(&message);
    bytes.extend(masked_checksum(&message).to_le_bytes());
    bytes
}

fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}
