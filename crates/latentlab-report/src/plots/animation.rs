//! The pictures of a run one after the other: an animated PNG.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use crate::evenly::evenly;
use latentlab_run::{Error, Result};

/// Frames, at most.
const FRAMES: usize = 100;
/// Milliseconds that the frames before the last take together, unless they are few.
const LENGTH: usize = 6_000;
/// Milliseconds that a frame is seen, at most.
const LONGEST: usize = 400;
/// Milliseconds that the last frame is seen.
const LAST: u16 = 2_500;

/// An animated PNG of `pictures`, files by step, that plays for ever; none if there are less than
/// two. A program that shows one image of it shows the last picture.
///
/// Pictures of another size than the last are left out.
///
/// # Errors
/// If a picture cannot be read.
pub(crate) fn animation(pictures: &[(u64, PathBuf)]) -> Result<Option<Vec<u8>>> {
    let Some(((_, last), earlier)) = pictures.split_last() else {
        return Ok(None);
    };
    let last = Frame::read(last)?;
    let mut frames = Vec::new();
    for index in evenly(earlier.len(), FRAMES - 1) {
        let frame = Frame::read(&earlier[index].1)?;
        if frame.is_like(&last) {
            frames.push(frame);
        }
    }
    match frames.is_empty() {
        true => Ok(None),
        false => Ok(Some(encode(&frames, &last))),
    }
}

/// The pixels of a picture.
struct Frame {
    size: (u32, u32),
    colour: png::ColorType,
    pixels: Vec<u8>,
}

impl Frame {
    fn read(file: &Path) -> Result<Self> {
        let opened = File::open(file).map_err(Error::file(file))?;
        let broken = |error: png::DecodingError| Error::format(file, error);
        let mut decoder = png::Decoder::new(BufReader::new(opened));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(broken)?;
        let size = reader.output_buffer_size();
        let size =
            size.ok_or_else(|| Error::format(file, "the picture is too large to be read"))?;
        let mut pixels = vec![0; size];
        let info = reader.next_frame(&mut pixels).map_err(broken)?;
        pixels.truncate(info.buffer_size());
        Ok(Self {
            size: (info.width, info.height),
            colour: info.color_type,
            pixels,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.size == other.size && self.colour == other.colour
    }
}

/// The frames and `last`, which is the still image as well.
fn encode(frames: &[Frame], last: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    let delay = (LENGTH / frames.len()).min(LONGEST) as u16;
    let mut encoder = png::Encoder::new(&mut bytes, last.size.0, last.size.1);
    encoder.set_color(last.colour);
    encoder.set_depth(png::BitDepth::Eight);
    let written = (|| {
        encoder.set_animated(frames.len() as u32 + 1, 0)?;
        encoder.set_sep_def_img(true)?;
        encoder.set_frame_delay(delay, 1_000)?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&last.pixels)?;
        for frame in frames {
            writer.write_image_data(&frame.pixels)?;
        }
        writer.set_frame_delay(LAST, 1_000)?;
        writer.write_image_data(&last.pixels)?;
        writer.finish()
    })();
    written.expect("every frame has the size of the last, and memory takes every byte");
    bytes
}

#[cfg(test)]
mod tests {
    use crate::Picture;

    use super::*;

    /// Pictures whose grey level is their step.
    fn pictures(folder: &Path, sizes: &[usize]) -> Vec<(u64, PathBuf)> {
        let steps = sizes.iter().zip(1u8..);
        steps
            .map(|(size, step)| {
                let file = folder.join(format!("{step}.png"));
                std::fs::write(&file, Picture::new(*size, 2, [step; 3]).to_png()).unwrap();
                (u64::from(step), file)
            })
            .collect()
    }

    /// The still image, and each frame's grey level with its milliseconds.
    fn read(bytes: &[u8]) -> (u8, Vec<(u8, u16)>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let count = reader.info().animation_control().unwrap().num_frames;
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        assert!(
            reader.info().frame_control().is_none(),
            "the still image is no frame"
        );
        reader.next_frame(&mut pixels).unwrap();
        let still = pixels[0];
        let frames = (0..count).map(|_| {
            reader.next_frame(&mut pixels).unwrap();
            let control = reader.info().frame_control().unwrap();
            assert_eq!(control.delay_den, 1_000);
            (pixels[0], control.delay_num)
        });
        (still, frames.collect())
    }

    #[test]
    fn the_frames_follow_the_steps_and_the_still_image_is_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = pictures(folder.path(), &[3, 3, 3]);
        let bytes = animation(&pictures).unwrap().unwrap();
        assert_eq!(read(&bytes), (3, vec![(1, 400), (2, 400), (3, 2_500)]));
        assert_eq!(animation(&pictures).unwrap().unwrap(), bytes);
    }

    #[test]
    fn many_pictures_are_a_hundred_frames_and_the_last_is_among_them() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = animation(&pictures(folder.path(), &[2; 250]))
            .unwrap()
            .unwrap();
        let (still, frames) = read(&bytes);
        assert_eq!((still, frames.len()), (250, 100));
        assert_eq!((frames[0], frames[99]), ((1, 60), (250, 2_500)));
        assert!(frames.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_picture_of_another_size_is_left_out_and_one_alone_does_not_move() {
        let folder = tempfile::tempdir().unwrap();
        let mixed = pictures(folder.path(), &[3, 4, 3]);
        assert_eq!(read(&animation(&mixed).unwrap().unwrap()).1.len(), 2);
        assert_eq!(animation(&mixed[..2]).unwrap(), None);
        assert_eq!(animation(&[]).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("step-000001.png");
        std::fs::write(&file, "png").unwrap();
        let message = animation(&[(1, file)]).unwrap_err().to_string();
        assert!(message.contains("step-000001.png"), "{message}");
    }
}
