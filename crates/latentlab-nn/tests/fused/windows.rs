//! Convolutions in both directions as sums over copied pixels, which candle differentiates right for
//! every shape; its own convolutions are not differentiable for all strides and paddings.

use candle_core::{DType, Result, Tensor};

/// The windows of a convolution along both sides of an image.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Windows down and across.
    pub count: [usize; 2],
}

impl Windows {
    /// Those of a convolution of an image.
    pub fn of_image(image: [usize; 2], kernel: usize, stride: usize, padding: usize) -> Self {
        let count = image.map(|size| (size + 2 * padding - kernel) / stride + 1);
        Self {
            kernel,
            stride,
            padding,
            image,
            count,
        }
    }

    /// `[B, C, H, W]` and `[O, C, k, k]` to `[B, O, down, across]`.
    pub fn convolve(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (batch, inner, _, _) = x.dims4()?;
        let outer = w.dim(0)?;
        let taps = self.kernel * self.kernel;
        let columns = self.pixels_of_windows();
        let windows = columns.len() / taps;
        let x = with_zero(&x.flatten_from(2)?)?;
        let columns = select(&x, &columns)?.reshape((batch, inner * taps, windows))?;
        let y = w
            .reshape((outer, inner * taps))?
            .broadcast_matmul(&columns)?;
        y.reshape((batch, outer, self.count[0], self.count[1]))
    }

    /// `[B, O, down, across]` and `[O, C, k, k]` to `[B, C, H, W]`.
    pub fn convolve_transposed(&self, y: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (batch, outer, _, _) = y.dims4()?;
        let inner = w.dim(1)?;
        let taps = self.kernel * self.kernel;
        let windows = self.count[0] * self.count[1];
        let w = w.reshape((outer, inner * taps))?.t()?.contiguous()?;
        let parts = w.broadcast_matmul(&y.flatten_from(2)?.contiguous()?)?;
        let parts = with_zero(&parts.reshape((batch, inner, taps * windows))?)?;
        let parts = select(&parts, &self.parts_of_pixels())?;
        let [height, width] = self.image;
        let pixels = parts
            .reshape((batch, inner, taps, height * width))?
            .sum(2)?;
        pixels.reshape((batch, inner, height, width))
    }

    /// For every tap and window the pixel below it, or one past the last for the padding.
    fn pixels_of_windows(&self) -> Vec<u32> {
        let [height, width] = self.image;
        let within = |window: usize, tap: usize, size: usize| {
            let place = (window * self.stride + tap).checked_sub(self.padding);
            place.filter(|place| *place < size)
        };
        self.taps_and(self.count, |[a, b], [row, column]| {
            let row = within(row, a, height);
            let column = within(column, b, width);
            row.zip(column)
                .map_or(height * width, |(row, column)| row * width + column)
        })
    }

    /// For every tap and pixel the part that the window with that tap on it adds, or one past the
    /// last if there is none.
    fn parts_of_pixels(&self) -> Vec<u32> {
        let [down, across] = self.count;
        let window = |pixel: usize, tap: usize, count: usize| {
            let start = (pixel + self.padding).checked_sub(tap)?;
            let window = start / self.stride;
            (start % self.stride == 0 && window < count).then_some(window)
        };
        self.taps_and(self.image, |[a, b], [row, column]| {
            let window = window(row, a, down).zip(window(column, b, across));
            let tap = a * self.kernel + b;
            let none = self.kernel * self.kernel * down * across;
            window.map_or(none, |(row, column)| (tap * down + row) * across + column)
        })
    }

    fn taps_and(
        &self,
        [rows, columns]: [usize; 2],
        place: impl Fn([usize; 2], [usize; 2]) -> usize,
    ) -> Vec<u32> {
        let mut places = Vec::new();
        for a in 0..self.kernel {
            for b in 0..self.kernel {
                for row in 0..rows {
                    for column in 0..columns {
                        places.push(place([a, b], [row, column]) as u32);
                    }
                }
            }
        }
        places
    }
}

/// `[B, C, N]` to `[B, C, N + 1]`.
fn with_zero(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, _) = x.dims3()?;
    Tensor::cat(
        &[
            x,
            &Tensor::zeros((batch, channels, 1), DType::F64, x.device())?,
        ],
        2,
    )
}

fn select(x: &Tensor, places: &[u32]) -> Result<Tensor> {
    x.contiguous()?
        .index_select(&Tensor::new(places, x.device())?, 2)
}
