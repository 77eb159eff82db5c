//! PNG and JPEG files in a folder, a sub-folder for each class.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops::FilterType};
use latentlab_core::{ImageShape, ValueRange};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fingerprint::sha256,
    idx::LARGEST_EXPANSION,
    images::{Images, Loaded, Values, checked_size},
    split::{check_fraction, test_share},
};

/// A folder of PNG and JPEG files (`.png`, `.jpg`, `.jpeg`; other files are passed over).
///
/// Each sub-folder is a class, numbered from 0 in the order of their names; images that lie in the
/// folder itself have no labels. From each image the largest square in its middle is taken and
/// resized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Folder {
    /// The folder, seen from the working folder of the program unless it starts at the root.
    /// Required.
    pub dir: PathBuf,
    /// Width and height of the images in pixels, 1 to 4096.
    pub size: u32,
    /// 1 for grey levels, 3 for colours.
    pub channels: usize,
    /// Share of the images to test on, chosen at random.
    pub test_fraction: f64,
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            size: 64,
            channels: 3,
            test_fraction: 0.1,
        }
    }
}

/// The largest width and height of a file, in pixels.
const LARGEST_SIDE: u32 = 1 << 14;
/// The most memory that decoding one file may take, in bytes.
const DECODING_LIMIT: u64 = 1 << 30;

impl Folder {
    /// Width and height of every file as it is, in pixels, without decoding it.
    ///
    /// # Errors
    /// If there is no such folder, or a file in it is no picture.
    pub fn sizes(&self) -> Result<Vec<[u32; 2]>> {
        let (files, _) = self.files()?;
        let size = |file: &PathBuf| {
            let reader = ImageReader::open(file).and_then(ImageReader::with_guessed_format);
            let reader = reader.map_err(|error| Error::io(file, error))?;
            let found = reader.into_dimensions();
            let (width, height) = found.map_err(|error| Error::file(file, error.to_string()))?;
            Ok([width, height])
        };
        files.par_iter().map(size).collect()
    }

    pub(crate) fn load(&self, seed: u64) -> Result<Loaded> {
        self.check()?;
        let (files, labels) = self.files()?;
        let shape = self.shape();
        let dims = [files.len() as u64, shape.pixels() as u64];
        checked_size(&self.dir, &dims, 1)?;
        let decoded = files.par_iter().map(|file| self.decode(file));
        let decoded = decoded.collect::<Result<Vec<_>>>()?;
        let (train, test) = test_share(files.len(), self.test_fraction, seed);
        let fingerprint = self.fingerprint(&files, &decoded);
        let values = decoded.into_iter().flat_map(|(values, _)| values).collect();
        Ok(Loaded {
            images: Arc::new(Images {
                shape,
                values: Values::Bytes(values),
                labels,
            }),
            range: ValueRange::Unit,
            train,
            test,
            fingerprints: vec![("folder".to_owned(), fingerprint)],
        })
    }

    fn check(&self) -> Result<()> {
        if self.dir.as_os_str().is_empty() {
            let what = "the folder of the images";
            return Err(Error::unnamed("dir", what, "my-pictures"));
        }
        if !(1..=4096).contains(&self.size) {
            let problem = format!("is {}, expected 1 to 4096 pixels", self.size);
            return Err(Error::config("size", problem));
        }
        if !matches!(self.channels, 1 | 3) {
            let problem = format!("is {}, expected 1 (grey) or 3 (colour)", self.channels);
            return Err(Error::config("channels", problem));
        }
        if !self.dir.is_dir() {
            return Err(Error::absent("dir", "folder", &self.dir));
        }
        check_fraction(self.test_fraction)
    }

    fn shape(&self) -> ImageShape {
        let side = self.size as usize;
        ImageShape {
            channels: self.channels,
            height: side,
            width: side,
        }
    }

    /// The image files in a fixed order, and their labels where there are sub-folders.
    fn files(&self) -> Result<(Vec<PathBuf>, Option<Vec<u32>>)> {
        let (files, folders) = list(&self.dir)?;
        match (files.is_empty(), folders.is_empty()) {
            (false, true) => return Ok((files, None)),
            (false, false) => {
                let problem = "holds both images and sub-folders; sub-folders are classes, so \
                               move the images into one";
                return Err(Error::file(&self.dir, problem));
            }
            (true, true) => {
                let problem = "holds no PNG or JPEG file and no sub-folder of such files";
                return Err(Error::file(&self.dir, problem));
            }
            (true, false) => {}
        }
        let (mut all, mut labels) = (Vec::new(), Vec::new());
        for (label, folder) in folders.iter().enumerate() {
            let (files, _) = list(folder)?;
            if files.is_empty() {
                return Err(Error::file(folder, "is a class without a PNG or JPEG file"));
            }
            labels.extend(files.iter().map(|_| label as u32));
            all.extend(files);
        }
        Ok((all, Some(labels)))
    }

    /// The pixels of one file in `[C, H, W]` order, and the SHA-256 of its bytes.
    fn decode(&self, path: &Path) -> Result<(Vec<u8>, String)> {
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let hash = sha256([bytes.as_slice()]);
        let broken = |error: image::ImageError| Error::file(path, error.to_string());
        let (length, bits) = (bytes.len() as u64, png_bits(&bytes));
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| Error::io(path, error))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(LARGEST_SIDE);
        limits.max_image_height = Some(LARGEST_SIDE);
        limits.max_alloc = Some(DECODING_LIMIT);
        reader.limits(limits);
        let format = reader.format();
        let decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if !is_plausible(format, pixels, bits, length) {
            let problem = format!("its {length} bytes cannot hold {width} x {height} pixels");
            return Err(Error::file(path, problem));
        }
        let image = middle_square(&DynamicImage::from_decoder(decoder).map_err(broken)?);
        let image = image.resize_exact(self.size, self.size, FilterType::Triangle);
        let values = if self.channels == 1 {
            image.into_luma8().into_raw()
        } else {
            let pixels = image.into_rgb8().into_raw(); // [H, W, 3]
            (0..3)
                .flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied())
                .collect()
        };
        Ok((values, hash))
    }

    /// One hash over the relative path and the hash of every file.
    fn fingerprint(&self, files: &[PathBuf], decoded: &[(Vec<u8>, String)]) -> String {
        let lines = files.iter().zip(decoded).map(|(file, (_, hash))| {
            let name = file.strip_prefix(&self.dir).unwrap_or(file);
            format!("{hash}  {}\n", name.to_string_lossy())
        });
        sha256([lines.collect::<String>().as_bytes()])
    }
}

/// The image files and the sub-folders of a folder, each sorted; hidden ones are passed over.
fn list(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let entries = fs::read_dir(dir).map_err(|error| Error::io(dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(dir, error))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if is_image(&path) {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["png", "jpg", "jpeg"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
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

fn middle_square(image: &DynamicImage) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    image.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}
