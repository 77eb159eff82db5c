//! Pictures in the size that a network takes: resampled without aliasing, grey ones in every channel.

use candle_core::{Device, Tensor};
use latentlab_core::{Error, ImageShape, Result};

/// Images `[N, C, H, W]` in `shape`, `[N, C', H', W']`, of the same type and on the same device.
///
/// Each side is resampled with a triangle filter, which is as wide as two pixels of the coarser of
/// both sizes (the bilinear filter of Pillow, with its antialiasing; the plain one of other libraries
/// lets fine patterns turn into coarse ones). Values stay within the range that they had. What is not
/// of the same proportions is stretched. Grey images are repeated in every channel. Images that have
/// the shape are returned as they are.
///
/// # Errors
/// If the tensor has no such shape, or its images are neither grey nor of as many channels.
pub fn resized(images: &Tensor, shape: ImageShape) -> Result<Tensor> {
    let ImageShape {
        channels,
        height,
        width,
    } = shape;
    let (count, found, rows, columns) = images.dims4().map_err(|_| {
        let problem = format!(
            "expected images of shape [N, C, H, W], not {:?}",
            images.dims()
        );
        Error::Data(problem)
    })?;
    if rows == 0 || columns == 0 || height == 0 || width == 0 {
        let problem =
            format!("images of {rows}x{columns} pixels cannot be resized to {height}x{width}");
        return Err(Error::Data(problem));
    }
    if found != channels && found != 1 {
        let problem = format!(
            "images of {found} channels cannot be shown to a network for images of {channels}"
        );
        return Err(Error::Data(problem));
    }
    let images = along_rows(images, width)?; // [N, C, H, W']
    let images = along_rows(&images.transpose(2, 3)?, height)?; // [N, C, W', H']
    let images = images.transpose(2, 3)?;
    let images = images.broadcast_as((count, channels, height, width))?;
    Ok(images.contiguous()?)
}

/// Images `[N, C, H, W]` with rows of `length`, `[N, C, H, length]`.
fn along_rows(images: &Tensor, length: usize) -> Result<Tensor> {
    let (count, channels, height, before) = images.dims4()?;
    if before == length {
        return Ok(images.clone());
    }
    let weights = Tensor::from_vec(weights(before, length), (before, length), &Device::Cpu)?;
    let weights = weights
        .to_dtype(images.dtype())?
        .to_device(images.device())?;
    let rows = images.reshape((count * channels * height, before))?;
    let rows = rows.matmul(&weights)?; // [N·C·H, length]
    Ok(rows.reshape((count, channels, height, length))?)
}

/// What each of `before` pixels contributes to each of `after`, `[before, after]`; the contributions
/// to one add up to 1.
fn weights(before: usize, after: usize) -> Vec<f64> {
    let scale = before as f64 / after as f64;
    let reach = scale.max(1.0);
    let mut weights = vec![0.0; before * after];
    for to in 0..after {
        let centre = (to as f64 + 0.5) * scale;
        let weight = |from: usize| (1.0 - (from as f64 + 0.5 - centre).abs() / reach).max(0.0);
        let sum: f64 = (0..before).map(weight).sum();
        for from in 0..before {
            weights[from * after + to] = weight(from) / sum;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape {
            channels,
            height,
            width,
        }
    }

    /// Images with `((7n² + 13n) mod 256) / 255` as their n-th value.
    fn images(dims: (usize, usize, usize, usize), dtype: DType) -> Tensor {
        let count = dims.0 * dims.1 * dims.2 * dims.3;
        let value = |n: usize| ((n * n * 7 + n * 13) % 256) as f64 / 255.0;
        let values: Vec<f64> = (0..count).map(value).collect();
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu).unwrap();
        tensor.to_dtype(dtype).unwrap()
    }

    fn values(images: &Tensor) -> Vec<f64> {
        let values = images.to_dtype(DType::F64).unwrap();
        values.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn message(images: &Tensor, shape: ImageShape) -> String {
        resized(images, shape).unwrap_err().to_string()
    }

    #[test]
    fn sizes_are_changed_as_pillow_changes_them() {
        // import numpy as np; from PIL import Image  # 13.0.0
        // for (h, w), (H, W) in [((9, 7), (4, 3)), ((5, 8), (7, 4)), ((3, 2), (5, 5)),
        //                        ((16, 16), (4, 4))]:
        //     n = np.arange(h * w)
        //     a = ((n * n * 7 + n * 13) % 256).reshape(h, w).astype(np.float32) / 255
        //     print(np.asarray(Image.fromarray(a).resize((W, H), Image.BILINEAR)).ravel())
        type Size = (usize, usize);
        let expected: [(Size, Size, &[f64]); 4] = [
            (
                (9, 7),
                (4, 3),
                &[
                    0.3455943, 0.5335706, 0.6370708, 0.4556535, 0.6809351, 0.6023229, 0.4162738,
                    0.4934087, 0.4895949, 0.6211284, 0.535772, 0.527555,
                ],
            ),
            (
                (5, 8),
                (7, 4),
                &[
                    0.0638655, 0.3196079, 0.6803921, 0.5579832, 0.2508203, 0.4630252, 0.5369748,
                    0.5042017, 0.505002, 0.6422969, 0.4652661, 0.457463, 0.789916, 0.8215686,
                    0.554902, 0.4414566, 0.7162865, 0.6422969, 0.554902, 0.4766707, 0.6119248,
                    0.4630252, 0.4473389, 0.4811525, 0.5120448, 0.3196079, 0.3039216, 0.4683473,
                ],
            ),
            (
                (3, 2),
                (5, 5),
                &[
                    0.0, 0.0078431, 0.0392157, 0.0705882, 0.0784314, 0.0847059, 0.0969412,
                    0.1458824, 0.1948235, 0.2070588, 0.2117647, 0.2305882, 0.3058824, 0.3811765,
                    0.4, 0.4705882, 0.496, 0.5976471, 0.6992941, 0.7247059, 0.6431373, 0.6729412,
                    0.7921569, 0.9113725, 0.9411765,
                ],
            ),
            (
                (16, 16),
                (4, 4),
                &[
                    0.5046819, 0.5173669, 0.5218487, 0.4845938, 0.4571429, 0.4803922, 0.4362745,
                    0.4565826, 0.5322129, 0.4970588, 0.5156863, 0.535014, 0.4627451, 0.452381,
                    0.5812325, 0.5572629,
                ],
            ),
        ];
        for ((rows, columns), (height, width), expected) in expected {
            for dtype in [DType::F32, DType::F64] {
                let images = images((1, 1, rows, columns), dtype);
                let found = resized(&images, shape(1, height, width)).unwrap();
                assert_eq!(found.dims(), [1, 1, height, width]);
                assert_eq!(found.dtype(), dtype);
                for (found, expected) in values(&found).iter().zip(expected) {
                    // Pillow's values are of 32 bits and given to seven decimals.
                    assert!((found - expected).abs() < 5e-7, "{found}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn every_image_and_channel_is_resized_by_itself() {
        let all = images((2, 3, 9, 7), DType::F64);
        let found = resized(&all, shape(3, 4, 5)).unwrap();
        for (image, channel) in [(0, 0), (0, 2), (1, 1)] {
            let part = |all: &Tensor| {
                let image = all.narrow(0, image, 1).unwrap();
                image.narrow(1, channel, 1).unwrap().contiguous().unwrap()
            };
            let alone = resized(&part(&all), shape(1, 4, 5)).unwrap();
            assert_eq!(values(&part(&found)), values(&alone));
        }
    }

    #[test]
    fn grey_images_are_repeated_and_images_of_the_shape_stay() {
        let grey = images((2, 1, 6, 6), DType::F32);
        let colour = resized(&grey, shape(3, 6, 6)).unwrap();
        assert_eq!(colour.dims(), [2, 3, 6, 6]);
        for channel in 0..3 {
            let plane = colour.narrow(1, channel, 1).unwrap();
            assert_eq!(values(&plane), values(&grey));
        }
        let same = resized(&colour, shape(3, 6, 6)).unwrap();
        assert_eq!(values(&same), values(&colour));
    }

    #[test]
    fn one_colour_stays_that_colour_and_fine_stripes_turn_grey() {
        let one = Tensor::full(0.7f64, (1, 3, 17, 5), &Device::Cpu).unwrap();
        let found = values(&resized(&one, shape(3, 4, 9)).unwrap());
        assert!(found.iter().all(|value| (value - 0.7).abs() < 1e-12));
        // Without antialiasing every eighth pixel would be taken: all 0.
        let stripes: Vec<f64> = (0..64).map(|column| f64::from(column % 2)).collect();
        let stripes = Tensor::from_vec(stripes, (1, 1, 1, 64), &Device::Cpu).unwrap();
        let found = values(&resized(&stripes, shape(1, 1, 8)).unwrap());
        assert!(
            found.iter().all(|value| (value - 0.5).abs() < 0.02),
            "{found:?}"
        );
    }

    #[test]
    fn what_cannot_be_shown_to_the_network_is_told() {
        let two = images((1, 2, 4, 4), DType::F32);
        let expected = "images of 2 channels cannot be shown to a network for images of 3";
        assert_eq!(message(&two, shape(3, 4, 4)), expected);
        let flat = two.flatten_from(1).unwrap();
        assert!(message(&flat, shape(3, 4, 4)).contains("[1, 32]"));
        let none = Tensor::zeros((1, 3, 0, 4), DType::F32, &Device::Cpu).unwrap();
        assert!(message(&none, shape(3, 4, 4)).contains("0x4 pixels cannot be resized to 4x4"));
    }
}
