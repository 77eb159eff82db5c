//! Pictures of images, points and bars, drawn as plain pixels.

mod draw;
mod format;
mod grid;

pub use draw::{bars, scatter};
pub use format::{Format, Timing, write};
pub use grid::{Grid, image_grid, pairs};

/// An RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// A picture of one colour.
    pub fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self {
            width,
            height,
            pixels: vec![colour; width * height],
        }
    }

    /// Columns of pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colour at a column from the left and a row from the top; none outside of the picture.
    pub fn pixel(&self, column: usize, row: usize) -> Option<[u8; 3]> {
        let inside = column < self.width && row < self.height;
        inside.then(|| self.pixels[row * self.width + column])
    }

    /// Colours a pixel; does nothing outside of the picture.
    pub fn set_pixel(&mut self, column: usize, row: usize, colour: [u8; 3]) {
        if column < self.width && row < self.height {
            self.pixels[row * self.width + column] = colour;
        }
    }

    /// Colours a rectangle; what lies outside of the picture is cut off.
    pub fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: [u8; 3]) {
        for row in top..top + height {
            for column in left..left + width {
                self.set_pixel(column, row, colour);
            }
        }
    }

    /// The bytes of a PNG file; the same picture gives the same bytes. [`write()`] and [`Format`] know
    /// other formats.
    ///
    /// # Panics
    /// If the picture has no pixel.
    pub fn to_png(&self) -> Vec<u8> {
        let size = [self.width, self.height];
        png(size, png::ColorType::Rgb, self.pixels.as_flattened())
    }
}

/// The bytes of a PNG file of so many columns and rows, at least one.
fn png([width, height]: [usize; 2], kind: png::ColorType, levels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(kind);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(levels)?;
        writer.finish()
    });
    written.expect("a picture has at least one pixel, and memory takes every byte");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_decodes_to_the_same_pixels() {
        let mut picture = Picture::new(3, 2, [9, 8, 7]);
        picture.fill(1, 1, 9, 9, [1, 2, 3]);
        let bytes = picture.to_png();
        assert_eq!(bytes, picture.to_png());
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(pixels, picture.pixels.as_flattened());
        assert_eq!(picture.pixel(2, 1), Some([1, 2, 3]));
        assert_eq!(picture.pixel(3, 1), None);
    }
}
