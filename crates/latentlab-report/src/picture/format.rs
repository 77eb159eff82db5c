//! Files of pictures, chosen by their ending: PNG, JPEG and GIF, the first and the last also animated.

use std::{path::Path, time::Duration};

use gif::{Encoder, Frame, Repeat};
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use latentlab_core::Error as CoreError;

use super::Picture;
use latentlab_train::{Result, durable};

/// Of 100: what is lost is not seen in pictures of small images.
const JPEG_QUALITY: u8 = 95;
/// Of 1 (best) to 30 (fastest), for pictures of more than 256 colours.
const GIF_SPEED: i32 = 10;

/// What a file of pictures is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Exact; several pictures are an animated PNG.
    Png,
    /// One picture, not exact.
    Jpeg,
    /// Exact up to 256 colours in a picture, with the nearest 256 beyond; several pictures are an
    /// animation.
    Gif,
}

/// How long the pictures of an animation are shown. It begins anew after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Each but the last, to the millisecond (in a GIF to the hundredth of a second), up to a minute.
    pub each: Duration,
    /// The last.
    pub last: Duration,
}

impl Default for Timing {
    /// A fifth of a second, and a second for the last.
    fn default() -> Self {
        Self {
            each: Duration::from_millis(200),
            last: Duration::from_secs(1),
        }
    }
}

impl Format {
    /// The format of a file by its ending, in any case: `.png`, `.jpg`, `.jpeg` or `.gif`. To be asked
    /// before the work that leads to a picture.
    ///
    /// # Errors
    /// For another ending or none, with those there are.
    pub fn of(file: &Path) -> Result<Self> {
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        match ending.to_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "gif" => Ok(Self::Gif),
            _ => Err(CoreError::Data(format!(
                "{}: the name of a picture must end in .png, .jpg, .jpeg or .gif",
                file.display()
            ))
            .into()),
        }
    }

    /// The bytes of a file with these pictures; the same pictures give the same bytes.
    ///
    /// # Errors
    /// If there is no picture, there are several and the format is JPEG, they differ in size, or they
    /// have no pixels or more rows or columns than the format can say.
    pub fn encode(self, pictures: &[Picture], timing: Timing) -> Result<Vec<u8>> {
        let problem = |text: String| Err(CoreError::Data(text).into());
        let [first, others @ ..] = pictures else {
            return problem("there is no picture to write".to_owned());
        };
        let size = |picture: &Picture| (picture.width, picture.height);
        let (width, height) = size(first);
        if let Some(other) = others.iter().find(|other| size(other) != (width, height)) {
            let (other_width, other_height) = size(other);
            return problem(format!(
                "the pictures of an animation have one size, not {width}x{height} and \
                 {other_width}x{other_height} pixels"
            ));
        }
        let most = match self {
            Self::Png => i32::MAX as usize,
            Self::Jpeg | Self::Gif => usize::from(u16::MAX),
        };
        if width.min(height) == 0 || width.max(height) > most {
            return problem(format!(
                "a picture of {width}x{height} pixels cannot be written as {self:?}: it must have 1 \
                 to {most} rows and columns"
            ));
        }
        match (self, others) {
            (Self::Png, []) => Ok(first.to_png()),
            (Self::Png, _) => Ok(animated_png(pictures, timing)),
            (Self::Jpeg, []) => Ok(jpeg(first)),
            (Self::Jpeg, _) => problem(format!(
                "a JPEG file holds one picture, not {}; one whose name ends in .png or .gif can hold \
                 several",
                pictures.len()
            )),
            (Self::Gif, _) => Ok(gif(pictures, timing)),
        }
    }
}

/// Writes a file with these pictures, whole or not at all, as its ending says (see [`Format`]).
///
/// # Errors
/// Those of [`Format::of`] and [`Format::encode`], and if the file cannot be written.
pub fn write(file: &Path, pictures: &[Picture], timing: Timing) -> Result<()> {
    durable::replace(file, &Format::of(file)?.encode(pictures, timing)?)
}

/// A duration in so many parts of a second, at most a minute.
fn parts(duration: Duration, of_a_second: u32) -> u16 {
    let minute = duration.min(Duration::from_secs(60));
    (minute.as_secs_f64() * f64::from(of_a_second)).round() as u16
}

/// The pictures, each with how long it is shown.
fn timed(pictures: &[Picture], timing: Timing) -> impl Iterator<Item = (&Picture, Duration)> {
    let last = pictures.len().saturating_sub(1);
    let pictures = pictures.iter().enumerate();
    pictures.map(move |(index, picture)| {
        let duration = if index == last {
            timing.last
        } else {
            timing.each
        };
        (picture, duration)
    })
}

fn animated_png(pictures: &[Picture], timing: Timing) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (pictures[0].width as u32, pictures[0].height as u32);
    let written = (|| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_animated(pictures.len() as u32, 0)?;
        let mut writer = encoder.write_header()?;
        for (picture, duration) in timed(pictures, timing) {
            writer.set_frame_delay(parts(duration, 1000), 1000)?;
            writer.write_image_data(picture.pixels.as_flattened())?;
        }
        writer.finish()
    })();
    written.expect("the pictures have pixels and one size, and memory takes every byte");
    bytes
}

fn jpeg(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = picture.pixels.as_flattened();
    let (width, height) = (picture.width as u32, picture.height as u32);
    let written = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode(
        pixels,
        width,
        height,
        ExtendedColorType::Rgb8,
    );
    written.expect("the size is one that a JPEG has, and memory takes every byte");
    bytes
}

fn gif(pictures: &[Picture], timing: Timing) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (pictures[0].width as u16, pictures[0].height as u16);
    let written = (|| -> Result<(), gif::EncodingError> {
        let mut encoder = Encoder::new(&mut bytes, width, height, &[])?;
        if pictures.len() > 1 {
            encoder.set_repeat(Repeat::Infinite)?;
        }
        for (picture, duration) in timed(pictures, timing) {
            let pixels = picture.pixels.as_flattened();
            let mut frame = Frame::from_rgb_speed(width, height, pixels, GIF_SPEED);
            frame.delay = parts(duration, 100);
            encoder.write_frame(&frame)?;
        }
        Ok(())
    })();
    written.expect("the size is one that a GIF has, and memory takes every byte");
    bytes
}

#[cfg(test)]
mod tests;
