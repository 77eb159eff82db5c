//! Windows of an image as the columns of a matrix, and back: what makes a convolution a product.
//!
//! [`Windows::unfold`] copies every window of a batch of images into a column, [`Windows::fold`]
//! adds columns up into images. Both are linear and each is the other's adjoint, so each is the
//! other's gradient, to any order. A convolution is `W · unfold(x)`, a transposed one is
//! `fold(Wᵀ · x)`, and all of their gradients are products of the same kind. candle's own gradients
//! of a convolution are a plain loop and a convolution with the whole output as its kernel.
//!
//! Every element is written by one task, and sums run in a fixed order, so the bytes do not depend
//! on the number of threads.

use std::ops::Range;

use candle_core::{
    CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor, WithDType, cpu_backend::Map1,
};
use rayon::prelude::*;

/// Where the windows of a batch of images lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    /// Side of a window.
    pub kernel: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Images, channels, rows and columns of the batch.
    pub images: [usize; 4],
    /// Windows from top to bottom, and from left to right.
    pub count: [usize; 2],
}

impl Windows {
    /// Images `[N, C, H, W]` to columns `[C · kernel², N · windows]`.
    pub(super) fn unfold(self, images: &Tensor) -> Result<Tensor> {
        images.contiguous()?.apply_op1(Unfold(self))
    }

    /// Columns `[C · kernel², N · windows]` to images `[N, C, H, W]`, sums where windows overlap.
    pub(super) fn fold(self, columns: &Tensor) -> Result<Tensor> {
        columns.contiguous()?.apply_op1(Fold(self))
    }

    /// Length of a row of the columns.
    fn row(self) -> usize {
        self.images[0] * self.count[0] * self.count[1]
    }

    fn columns_shape(self) -> Shape {
        (self.images[1] * self.kernel * self.kernel, self.row()).into()
    }

    /// The windows along one side whose pixel `offset` lies inside of the image's `size` pixels.
    fn inside(self, offset: usize, size: usize, count: usize) -> Range<usize> {
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let end = (size + self.padding)
            .saturating_sub(offset)
            .div_ceil(self.stride)
            .min(count);
        first.min(end)..end
    }

    /// Calls `run` for each row of windows of image `image` whose pixel (`down`, `right`) lies
    /// inside: with the place of the first such pixel in a plane of the image, that of the window
    /// in a row of the columns, and the number of windows.
    fn runs(
        self,
        image: usize,
        down: usize,
        right: usize,
        mut run: impl FnMut(usize, usize, usize),
    ) {
        let [_, _, height, width] = self.images;
        let [rows, columns] = self.count;
        let across = self.inside(right, width, columns);
        if across.is_empty() {
            return;
        }
        for row in self.inside(down, height, rows) {
            let pixel_row = row * self.stride + down - self.padding;
            let pixel_column = across.start * self.stride + right - self.padding;
            let window = (image * rows + row) * columns + across.start;
            run(pixel_row * width + pixel_column, window, across.len());
        }
    }
}

struct Unfold(Windows);

impl Map1 for Unfold {
    fn f<T: WithDType>(&self, images: &[T], layout: &Layout) -> Result<Vec<T>> {
        let windows = self.0;
        let [count, channels, height, width] = windows.images;
        let images = contiguous(images, layout)?;
        let (plane, window) = (height * width, windows.kernel * windows.kernel);
        let mut columns = vec![T::zero(); windows.columns_shape().elem_count()];
        let rows = columns.par_chunks_mut(windows.row().max(1)).enumerate();
        rows.for_each(|(index, row)| {
            let (channel, pixel) = (index / window, index % window);
            let (down, right) = (pixel / windows.kernel, pixel % windows.kernel);
            for image in 0..count {
                let from = &images[(image * channels + channel) * plane..][..plane];
                windows.runs(image, down, right, |start, to, length| {
                    let from = from[start..].iter().step_by(windows.stride);
                    let to = &mut row[to..to + length];
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                });
            }
        });
        Ok(columns)
    }
}

struct Fold(Windows);

impl Map1 for Fold {
    fn f<T: WithDType>(&self, columns: &[T], layout: &Layout) -> Result<Vec<T>> {
        let windows = self.0;
        let [count, channels, height, width] = windows.images;
        let columns = contiguous(columns, layout)?;
        let row = windows.row();
        let mut images = vec![T::zero(); count * channels * height * width];
        let planes = images.par_chunks_mut((height * width).max(1)).enumerate();
        planes.for_each(|(index, plane)| {
            let (image, channel) = (index / channels, index % channels);
            for down in 0..windows.kernel {
                for right in 0..windows.kernel {
                    let pixel = (channel * windows.kernel + down) * windows.kernel + right;
                    let from = &columns[pixel * row..][..row];
                    windows.runs(image, down, right, |start, window, length| {
                        let to = plane[start..].iter_mut().step_by(windows.stride);
                        let from = &from[window..window + length];
                        to.zip(from).for_each(|(to, from)| *to += *from);
                    });
                }
            }
        });
        Ok(images)
    }
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        expect(layout, &self.0.images.as_slice().into(), self.name())?;
        Ok((self.map(storage, layout)?, self.0.columns_shape()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        self.0.fold(gradient).map(Some)
    }
}

impl CustomOp1 for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        expect(layout, &self.0.columns_shape(), self.name())?;
        let images = self.map(storage, layout)?;
        Ok((images, self.0.images.as_slice().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        self.0.unfold(gradient).map(Some)
    }
}

fn expect(layout: &Layout, shape: &Shape, name: &str) -> Result<()> {
    if layout.shape() == shape {
        return Ok(());
    }
    let found = layout.shape();
    Err(Error::Msg(format!(
        "{name}: expected the shape {shape:?}, not {found:?}"
    )))
}

fn contiguous<'a, T>(values: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => Err(Error::Msg("expected a contiguous tensor".to_owned())),
    }
}
