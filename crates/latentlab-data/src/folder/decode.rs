//! One file of a folder as the values of one image.

use std::{fs, io::Cursor, path::Path};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops::FilterType,
    metadata::Orientation as Turn,
};
use sha2::{Digest, Sha256};

use super::{Background, Folder, Orientation, background, fit::Plan, jpeg, png};
use crate::{Error, Result, array::LARGEST_EXPANSION};

/// The largest width and height of a file, in pixels.
const LARGEST_SIDE: u32 = 1 << 14;
/// The most memory that decoding one file may take, in bytes.
const DECODING_LIMIT: u64 = 1 << 30;

/// What may be done to a picture.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Composed,
    AlphaKept,
    AlphaDropped,
    Turned,
    Cropped,
    Padded,
    Stretched,
    Reduced,
    Enlarged,
    MadeGrey,
    MadeColour,
    LeftOver,
    Rounded,
}

impl Step {
    pub const ALL: [Self; 13] = [
        Self::Composed,
        Self::AlphaKept,
        Self::AlphaDropped,
        Self::Turned,
        Self::Cropped,
        Self::Padded,
        Self::Stretched,
        Self::Reduced,
        Self::Enlarged,
        Self::MadeGrey,
        Self::MadeColour,
        Self::LeftOver,
        Self::Rounded,
    ];

    /// The step in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Composed => "transparent in places, composed on the background",
            Self::AlphaKept => "transparent in places, alpha kept as a channel",
            Self::AlphaDropped => "transparent in places, alpha dropped: hidden colours show",
            Self::Turned => "turned as their EXIF orientation says",
            Self::Cropped => "cropped to their middle",
            Self::Padded => "padded",
            Self::Stretched => "stretched to another ratio of height and width",
            Self::Reduced => "resized to fewer pixels",
            Self::Enlarged => "resized to more pixels",
            Self::MadeGrey => "colours made grey",
            Self::MadeColour => "grey levels taken as colours",
            Self::LeftOver => "JPEG data left over behind the last pixel, perhaps damaged",
            Self::Rounded => "of 16 bits, rounded to 8",
        }
    }
}

/// What is known of a file that was read.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// A bit for each [`Step`] that was taken.
    steps: u16,
}

impl Outcome {
    fn took(&mut self, step: Step, taken: bool) {
        self.steps |= u16::from(taken) << step as u16;
    }

    /// Whether a step was taken.
    pub fn has(&self, step: Step) -> bool {
        self.steps >> step as u16 & 1 == 1
    }
}

impl Folder {
    /// Reads the file `path` into the values of one image, `[C, H, W]`.
    pub(super) fn decode(&self, path: &Path, values: &mut [u8]) -> Result<Outcome> {
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let mut outcome = Outcome {
            hash: Sha256::digest(&bytes).into(),
            steps: 0,
        };
        let wrong = |problem: String| Error::file(path, problem);
        let image = self.read(bytes, &mut outcome).map_err(wrong)?;
        let shape = self.shape();
        let plan = self.fit.plan(
            [image.width(), image.height()],
            [shape.width as u32, shape.height as u32],
        );
        self.note_shape(&image, plan, &mut outcome);
        let pixels = self.pixels(image, plan);
        self.place(&pixels, plan, values);
        Ok(outcome)
    }

    /// The whole picture in a file, turned and without alpha as far as that is wanted.
    fn read(&self, bytes: Vec<u8>, outcome: &mut Outcome) -> Result<DynamicImage, String> {
        let broken = |error: image::ImageError| match error {
            image::ImageError::Limits(_) => too_large(),
            error => error.to_string().trim_end().to_owned(),
        };
        let (length, bits) = (bytes.len() as u64, png_bits(&bytes));
        let mut reader = ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| error.to_string())?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(LARGEST_SIDE);
        limits.max_image_height = Some(LARGEST_SIDE);
        limits.max_alloc = Some(DECODING_LIMIT);
        reader.limits(limits);
        let format = reader.format();
        match format {
            Some(ImageFormat::Png | ImageFormat::Jpeg) => {}
            Some(other) => {
                let name = other.extensions_str().first().unwrap_or(&"unknown");
                return Err(format!(
                    "holds a picture in another format, {name}; PNG and JPEG are read"
                ));
            }
            None => return Err("begins like no picture; PNG and JPEG are read".to_owned()),
        }
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if !is_plausible(format, pixels, bits, length) {
            return Err(format!(
                "its {length} bytes cannot hold {width} x {height} pixels"
            ));
        }
        let turn = match format {
            Some(ImageFormat::Png) => png::check(&bytes)?.exif.and_then(Turn::from_exif_chunk),
            Some(ImageFormat::Jpeg) => {
                outcome.took(Step::LeftOver, jpeg::check(&bytes)? > 0);
                Some(decoder.orientation().map_err(broken)?)
            }
            _ => None,
        };
        let kind = decoder.color_type();
        let bits = kind.bytes_per_pixel() / kind.channel_count();
        outcome.took(Step::Rounded, bits > 1);
        let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
        drop(bytes);
        let turn = turn.filter(|turn| *turn != Turn::NoTransforms);
        if let (Orientation::Exif, Some(turn)) = (self.orientation, turn) {
            outcome.took(Step::Turned, true);
            image.apply_orientation(turn);
        }
        let transparent = background::is_transparent(&image);
        Ok(match self.background {
            Background::Colour(colour) => {
                outcome.took(Step::Composed, transparent);
                background::compose(image, colour, self.grey.level(colour), self.channels == 3)
            }
            Background::Keep => {
                outcome.took(Step::AlphaKept, transparent);
                image
            }
            Background::Drop => {
                outcome.took(Step::AlphaDropped, transparent);
                image
            }
        })
    }

    fn note_shape(&self, image: &DynamicImage, plan: Plan, outcome: &mut Outcome) {
        let Plan { taken, resized, .. } = plan;
        let (from, to) = ([taken[2], taken[3]], resized);
        let whole = from == [image.width(), image.height()];
        outcome.took(Step::Cropped, !whole);
        let shape = self.shape();
        let filled = resized == [shape.width as u32, shape.height as u32];
        outcome.took(Step::Padded, !filled);
        let area = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
        // A ratio that no whole numbers meet is off by half a pixel, which nobody would call stretched.
        let [off, pixel] = [
            (u64::from(from[0]) * u64::from(to[1])).abs_diff(u64::from(from[1]) * u64::from(to[0])),
            u64::from(from[0].max(from[1]).max(to[0]).max(to[1])),
        ];
        outcome.took(Step::Stretched, off > pixel);
        outcome.took(Step::Reduced, area(to) < area(from));
        outcome.took(Step::Enlarged, area(to) > area(from));
        let colours = image.color().has_color();
        outcome.took(Step::MadeGrey, colours && self.channels == 1);
        outcome.took(Step::MadeColour, !colours && self.channels == 3);
    }

    /// The part of the picture that is taken, resized: bytes in `[H, W, C]` order.
    fn pixels(&self, image: DynamicImage, plan: Plan) -> Vec<u8> {
        let Plan {
            taken: [left, top, width, height],
            resized,
            ..
        } = plan;
        let image = match [width, height] == [image.width(), image.height()] {
            true => image,
            false => image.crop_imm(left, top, width, height),
        };
        let [width, height] = resized;
        if self.background == Background::Keep {
            let weighted = background::weighted(&image);
            drop(image);
            let resized = image::imageops::resize(&weighted, width, height, FilterType::Triangle);
            let pixels = background::unweighted(&resized);
            return match self.channels {
                1 => {
                    let (pixels, _) = pixels.as_chunks::<4>();
                    let grey = |[red, green, blue, alpha]: &[u8; 4]| {
                        [self.grey.level([*red, *green, *blue]), *alpha]
                    };
                    pixels.iter().flat_map(grey).collect()
                }
                _ => pixels,
            };
        }
        let image = image.resize_exact(width, height, FilterType::Triangle);
        match self.channels {
            1 => self.grey.levels(image),
            _ => image.into_rgb8().into_raw(),
        }
    }

    /// Writes pixels `[H, W, C]` to their place in an image `[C, H, W]`, and the background around it.
    fn place(&self, pixels: &[u8], plan: Plan, values: &mut [u8]) {
        let shape = self.shape();
        let [left, top] = plan.place.map(|place| place as usize);
        let [width, height] = plan.resized.map(|side| side as usize);
        let around = self.around();
        let planes = values.chunks_exact_mut(shape.height * shape.width);
        for (channel, plane) in planes.enumerate() {
            if [width, height] != [shape.width, shape.height] {
                plane.fill(around[channel]);
            }
            for row in 0..height {
                let from = pixels[row * width * shape.channels + channel..].iter();
                let start = (top + row) * shape.width + left;
                let to = plane[start..start + width].iter_mut();
                to.zip(from.step_by(shape.channels))
                    .for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// The value of each channel around a picture that is padded.
    fn around(&self) -> Vec<u8> {
        let colour = self.background.colour();
        let mut around = match self.channels {
            1 => vec![self.grey.level(colour)],
            _ => colour.to_vec(),
        };
        if self.background == Background::Keep {
            around.push(0);
        }
        around
    }
}

/// What is wrong with a picture beyond the limits, and how far they go.
fn too_large() -> String {
    format!(
        "is too large a picture: {LARGEST_SIDE} pixels a side and {} GiB decoded are read; make it \
         smaller",
        DECODING_LIMIT >> 30
    )
}

/// Whether so many bytes can hold the pixels that their header tells of, `bits` each in a PNG file, so
/// that no memory is taken for a lie.
fn is_plausible(format: Option<ImageFormat>, pixels: u64, bits: u64, bytes: u64) -> bool {
    match format {
        Some(ImageFormat::Png) => pixels * bits / 8 <= bytes.saturating_mul(LARGEST_EXPANSION),
        // A block of 8x8 pixels of a JPEG file takes a bit at least, that of its mean.
        _ => pixels / 64 <= bytes.saturating_mul(8),
    }
}

/// Bits of a pixel of the PNG file `bytes`, of which its header tells first of all (PNG, section
/// 11.2.1); 1 of what is none.
fn png_bits(bytes: &[u8]) -> u64 {
    let (Some(depth), Some(colour)) = (bytes.get(24), bytes.get(25)) else {
        return 1;
    };
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    u64::from(*depth).clamp(1, 16) * channels
}
