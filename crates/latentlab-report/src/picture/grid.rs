//! Images in rows and columns, or each as a picture of its own.

use candle_core::{DType, Device, Tensor};
use latentlab_core::Error as CoreError;
use png::ColorType;

use super::{Picture, png};
use latentlab_train::Result;

const GREY: [u8; 3] = [128, 128, 128];

/// Images of at most this many rows and columns are drawn at twice their size.
const SMALL: usize = 64;
/// Side of the square that a pixel is drawn as, at most.
const MOST_SCALE: usize = 64;
/// Pixels of a picture, at most: 3 GiB of memory.
const MOST_PIXELS: usize = 1 << 30;
/// Channels that a picture can show: red, green, blue and alpha.
const MOST_CHANNELS: usize = 4;

/// How images are drawn.
///
/// Values in `[0, 1]` are drawn; what exceeds them is clipped, and what is no number is black. What a
/// pixel looks like depends on its number of channels, as in PNG files:
///
/// | channels | are shown as |
/// | --- | --- |
/// | 1 | grey |
/// | 2 | grey and alpha (1 is opaque), on white |
/// | 3 | red, green and blue |
/// | 4 | red, green, blue and alpha, on white |
/// | more | the first three as red, green and blue |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Images in a row.
    pub columns: usize,
    /// Side of the square that a pixel is drawn as, 1 to 64; without it 2 for images of at most 64
    /// rows and columns, and 1 for larger ones.
    pub scale: Option<usize>,
    /// A grey line of one pixel around each image.
    pub frame: bool,
    /// The channels to show, counted from 0, one to four, instead of all: images of these channels
    /// are then drawn as the table says.
    pub channels: Option<Vec<usize>>,
}

impl Grid {
    /// So many images in a row, each in a frame, at the usual scale, with all channels.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            scale: None,
            frame: true,
            channels: None,
        }
    }

    /// Whether images of so many channels can be drawn so. To be asked before the work that leads to
    /// them.
    ///
    /// # Errors
    /// If there is no column, the scale is out of range, or a channel is not there.
    pub fn check(&self, channels: usize) -> Result<()> {
        let problem = |text: String| Err(CoreError::Data(text).into());
        if self.columns == 0 {
            return problem("cannot draw images in 0 columns: at least one is needed".to_owned());
        }
        if let Some(scale) = self.scale.filter(|scale| !(1..=MOST_SCALE).contains(scale)) {
            return problem(format!(
                "cannot draw images at a scale of {scale}: it must be from 1 to {MOST_SCALE}"
            ));
        }
        if channels == 0 {
            return problem("cannot draw images without channels".to_owned());
        }
        let Some(chosen) = &self.channels else {
            return Ok(());
        };
        if !(1..=MOST_CHANNELS).contains(&chosen.len()) {
            let count = chosen.len();
            return problem(format!(
                "cannot draw {count} channels: choose from 1 to {MOST_CHANNELS}"
            ));
        }
        match chosen.iter().find(|channel| **channel >= channels) {
            None => Ok(()),
            Some(channel) => problem(format!(
                "cannot draw channel {channel}: the images have the channels 0 to {}",
                channels - 1
            )),
        }
    }

    /// Images `[N, C, H, W]`, row by row; places of the last row without an image are grey.
    ///
    /// # Errors
    /// As [`check`](Self::check), and if there are no images or the picture would be too large.
    pub fn draw(&self, images: &Tensor) -> Result<Picture> {
        let images = Images::new(images, self)?;
        let cells: Vec<Option<usize>> = (0..images.count).map(Some).collect();
        self.lay_out(&images, &cells)
    }

    /// Originals `[N, C, H, W]` with their reconstructions below them.
    ///
    /// # Errors
    /// As [`draw`](Self::draw), and if the two differ in shape.
    pub fn pairs(&self, originals: &Tensor, reconstructions: &Tensor) -> Result<Picture> {
        if originals.dims() != reconstructions.dims() {
            let (have, want) = (reconstructions.dims(), originals.dims());
            let problem = format!("cannot draw reconstructions {have:?} of images {want:?}");
            return Err(CoreError::Data(problem).into());
        }
        let both = Tensor::cat(&[originals, reconstructions], 0)?;
        let images = Images::new(&both, self)?;
        let count = images.count / 2;
        let mut cells = Vec::new();
        for start in (0..count).step_by(self.columns) {
            for first in [start, count + start] {
                let places = 0..self.columns;
                cells.extend(places.map(|place| (start + place < count).then_some(first + place)));
            }
        }
        self.lay_out(&images, &cells)
    }

    /// Each of the images `[N, C, H, W]` as the bytes of a PNG file of its own: without a frame, at its
    /// own size unless a scale is given, and with alpha where it has any.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn each(&self, images: &Tensor) -> Result<Vec<Vec<u8>>> {
        let images = Images::new(images, self)?;
        let scale = self.scale.unwrap_or(1);
        let (width, height) = (images.width * scale, images.height * scale);
        let kind = match images.shown.len() {
            2 => ColorType::GrayscaleAlpha,
            4 => ColorType::Rgba,
            _ => ColorType::Rgb,
        };
        require_size(width, height)?;
        let file = |image| {
            let mut levels = Vec::with_capacity(width * height * kind.samples());
            for place in 0..width * height {
                let (row, column) = (place / width / scale, place % width / scale);
                match kind {
                    ColorType::Rgb => levels.extend(images.colour(image, row, column)),
                    _ => levels.extend(
                        images
                            .shown
                            .iter()
                            .map(|channel| level(images.value(image, *channel, row, column))),
                    ),
                }
            }
            png([width, height], kind, &levels)
        };
        Ok((0..images.count).map(file).collect())
    }

    /// The images of `cells`, row by row.
    fn lay_out(&self, images: &Images, cells: &[Option<usize>]) -> Result<Picture> {
        let (height, width) = (images.height, images.width);
        let small = height.max(width) <= SMALL;
        let scale = self.scale.unwrap_or(if small { 2 } else { 1 });
        let line = usize::from(self.frame);
        let (tile_width, tile_height) = (width * scale + line, height * scale + line);
        let rows = cells.len().div_ceil(self.columns);
        let (all_width, all_height) = (self.columns * tile_width + line, rows * tile_height + line);
        require_size(all_width, all_height)?;
        let mut picture = Picture::new(all_width, all_height, GREY);
        for (place, image) in cells.iter().enumerate() {
            let Some(image) = *image else { continue };
            let left = line + place % self.columns * tile_width;
            let top = line + place / self.columns * tile_height;
            for row in 0..height {
                for column in 0..width {
                    let (x, y) = (left + column * scale, top + row * scale);
                    picture.fill(x, y, scale, scale, images.colour(image, row, column));
                }
            }
        }
        Ok(picture)
    }
}

/// [`Grid::draw`] with so many columns, and everything else as usual.
///
/// # Errors
/// Those of [`Grid::draw`].
pub fn image_grid(images: &Tensor, columns: usize) -> Result<Picture> {
    Grid::new(columns).draw(images)
}

/// [`Grid::pairs`] with so many columns, and everything else as usual.
///
/// # Errors
/// Those of [`Grid::pairs`].
pub fn pairs(originals: &Tensor, reconstructions: &Tensor, columns: usize) -> Result<Picture> {
    Grid::new(columns).pairs(originals, reconstructions)
}

/// Images on the host, and which of their channels are shown.
struct Images {
    values: Vec<f32>,
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    shown: Vec<usize>,
}

impl Images {
    fn new(images: &Tensor, grid: &Grid) -> Result<Self> {
        let (count, channels, height, width) = images.dims4()?;
        grid.check(channels)?;
        if count == 0 || height == 0 || width == 0 {
            let problem = format!("cannot draw images of shape {:?}", images.dims());
            return Err(CoreError::Data(problem).into());
        }
        let shown = match &grid.channels {
            Some(chosen) => chosen.clone(),
            None if channels > MOST_CHANNELS => vec![0, 1, 2],
            None => (0..channels).collect(),
        };
        let images = images.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        Ok(Self {
            values: images.flatten_all()?.to_vec1()?,
            count,
            channels,
            height,
            width,
            shown,
        })
    }

    fn colour(&self, image: usize, row: usize, column: usize) -> [u8; 3] {
        let value = |channel| self.value(image, channel, row, column);
        let on_white = |colour: [usize; 3], alpha| {
            let alpha = value(alpha);
            colour.map(|channel| level(value(channel) * alpha + (1.0 - alpha)))
        };
        match self.shown[..] {
            [grey] => [level(value(grey)); 3],
            [grey, alpha] => on_white([grey; 3], alpha),
            [red, green, blue, alpha] => on_white([red, green, blue], alpha),
            ref more => [more[0], more[1], more[2]].map(|channel| level(value(channel))),
        }
    }

    /// A value in `[0, 1]`.
    fn value(&self, image: usize, channel: usize, row: usize, column: usize) -> f32 {
        let plane = image * self.channels + channel;
        self.values[(plane * self.height + row) * self.width + column].clamp(0.0, 1.0)
    }
}

/// # Errors
/// If so many columns and rows are more than memory should be taken for.
fn require_size(width: usize, height: usize) -> Result<()> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
        _ => {
            let problem = format!(
                "a picture of {width}x{height} pixels is too large: take fewer images or a smaller \
                 scale"
            );
            Err(CoreError::Data(problem).into())
        }
    }
}

fn level(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests;
