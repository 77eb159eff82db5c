//! Files of pictures, chosen by their ending: PNG, JPEG and GIF, the first and the last also animated.

use std::{path::Path, time::Duration};

use gif::{Encoder, Frame, Repeat};
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use latentlab_core::Error as CoreError;

use super::Picture;
use crate::{Result, durable};

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
mod tests {
    use super::*;

    fn encoded(pictures: &[Picture], format: Format) -> Vec<u8> {
        let timing = Timing {
            each: Duration::from_millis(40),
            last: Duration::from_millis(2500),
        };
        let bytes = format.encode(pictures, timing).unwrap();
        assert_eq!(bytes, format.encode(pictures, timing).unwrap());
        bytes
    }

    /// A grey picture with a corner of a colour.
    fn picture(corner: [u8; 3]) -> Picture {
        let mut picture = Picture::new(6, 4, [90; 3]);
        picture.fill(0, 0, 2, 2, corner);
        picture
    }

    /// The frames of a GIF, with their hundredths of a second.
    fn read_gif(bytes: &[u8]) -> Vec<(Picture, u16)> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(bytes).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            let pixels = frame.buffer.as_chunks::<4>().0.iter();
            let picture = Picture {
                width: usize::from(frame.width),
                height: usize::from(frame.height),
                pixels: pixels.map(|[r, g, b, _]| [*r, *g, *b]).collect(),
            };
            frames.push((picture, frame.delay));
        }
        frames
    }

    #[test]
    fn the_ending_decides_and_any_other_is_refused_with_those_there_are() {
        for (name, format) in [
            ("a.png", Format::Png),
            ("a.b.JPG", Format::Jpeg),
            ("a.jpeg", Format::Jpeg),
            ("dir.png/a.Gif", Format::Gif),
        ] {
            assert_eq!(Format::of(Path::new(name)).unwrap(), format, "{name}");
        }
        for name in ["a.webp", "png", "a.", "dir.png/a"] {
            let message = Format::of(Path::new(name)).unwrap_err().to_string();
            let expected =
                format!("{name}: the name of a picture must end in .png, .jpg, .jpeg or .gif");
            assert_eq!(message, expected);
        }
    }

    #[test]
    fn each_format_begins_with_its_signature_and_holds_the_picture() {
        let picture = picture([250, 3, 120]);
        let one = std::slice::from_ref(&picture);
        let png = encoded(one, Format::Png);
        assert_eq!(png, picture.to_png());
        let gif = encoded(one, Format::Gif);
        assert!(gif.starts_with(b"GIF89a"));
        assert_eq!(read_gif(&gif)[0].0, picture);
        let jpeg = encoded(one, Format::Jpeg);
        assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]));
        let flat = Picture::new(16, 8, [200, 30, 60]);
        let jpeg = encoded(std::slice::from_ref(&flat), Format::Jpeg);
        let format = image::ImageFormat::Jpeg;
        let back = image::load_from_memory_with_format(&jpeg, format)
            .unwrap()
            .to_rgb8();
        assert_eq!(back.dimensions(), (16, 8));
        for pixel in back.pixels() {
            let near = pixel.0.iter().zip([200, 30, 60]);
            assert!(
                near.into_iter().all(|(a, b)| a.abs_diff(b) <= 3),
                "{pixel:?}"
            );
        }
    }

    #[test]
    fn several_pictures_are_an_animation_with_the_last_shown_longer() {
        let pictures = [[10; 3], [20; 3], [30; 3]].map(picture);
        let frames = read_gif(&encoded(&pictures, Format::Gif));
        let delays: Vec<u16> = frames.iter().map(|(_, delay)| *delay).collect();
        assert_eq!(delays, [4, 4, 250]);
        assert!(frames.iter().map(|(frame, _)| frame).eq(&pictures));
        let png = encoded(&pictures, Format::Png);
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
        for (picture, delay) in pictures.iter().zip([40, 40, 2500]) {
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels, picture.pixels.as_flattened());
            let control = reader.info().frame_control().unwrap();
            assert_eq!((control.delay_num, control.delay_den), (delay, 1000));
        }
    }

    #[test]
    fn a_gif_of_many_colours_is_near_them() {
        let mut picture = Picture::new(64, 64, [0; 3]);
        for place in 0..64 * 64 {
            let (x, y) = (place % 64, place / 64);
            picture.set_pixel(x, y, [4 * x as u8, 4 * y as u8, 128]);
        }
        let (back, _) = &read_gif(&encoded(std::slice::from_ref(&picture), Format::Gif))[0];
        let pixels = back
            .pixels
            .as_flattened()
            .iter()
            .zip(picture.pixels.as_flattened());
        let error: f64 = pixels.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let mean = error / (3.0 * 64.0 * 64.0);
        assert!(mean < 8.0, "{mean} of 255 levels");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let (small, large) = (Picture::new(2, 2, [0; 3]), Picture::new(70_000, 1, [0; 3]));
        for (pictures, format, problem) in [
            (vec![], Format::Png, "there is no picture to write"),
            (
                vec![small.clone(); 2],
                Format::Jpeg,
                "a JPEG file holds one picture, not 2; one whose name ends in .png or .gif",
            ),
            (
                vec![small.clone(), large.clone()],
                Format::Gif,
                "the pictures of an animation have one size, not 2x2 and 70000x1 pixels",
            ),
            (
                vec![large.clone()],
                Format::Gif,
                "a picture of 70000x1 pixels cannot",
            ),
            (
                vec![large.clone()],
                Format::Jpeg,
                "a picture of 70000x1 pixels cannot",
            ),
            (
                vec![Picture::new(0, 3, [0; 3])],
                Format::Png,
                "a picture of 0x3 pixels cannot",
            ),
        ] {
            let message = format
                .encode(&pictures, Timing::default())
                .unwrap_err()
                .to_string();
            assert!(message.starts_with(problem), "{message}");
        }
        Format::Png.encode(&[large], Timing::default()).unwrap();
    }

    #[test]
    fn a_file_is_written_as_it_is_called_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = [picture([1; 3]), picture([2; 3])];
        for (name, format) in [("walk.gif", Format::Gif), ("walk.png", Format::Png)] {
            let file = folder.path().join(name);
            write(&file, &pictures, Timing::default()).unwrap();
            let wanted = format.encode(&pictures, Timing::default()).unwrap();
            assert_eq!(std::fs::read(file).unwrap(), wanted);
        }
        for name in ["walk.jpg", "walk.bmp"] {
            write(&folder.path().join(name), &pictures, Timing::default()).unwrap_err();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
