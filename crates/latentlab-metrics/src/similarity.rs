//! The structural similarity of two images.

use candle_core::Tensor;
use latentlab_core::{Error, Result};
use latentlab_kernels::pool;

use crate::{host::host, nothing};

/// Half the width of the window, without its middle.
const REACH: usize = 5;
/// Pixels along a side of the window.
const WINDOW: usize = 2 * REACH + 1;
/// The standard deviation of the window's weights, in pixels.
const DEVIATION: f64 = 1.5;

/// The structural similarity of each of `images` to the one of `others` at its place, both
/// `[N, C, H, W]`, in a range of values as wide as `range` (1 for `[0, 1]`). At most 1, for equal
/// images, and at least -1; higher is better.
///
/// Wang et al. 2004, eq. 13, with their constants 0.01 and 0.03 and their Gaussian window of 11 by 11
/// pixels with deviation 1.5; averaged over the windows that lie within the image, then over channels.
/// So does scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
///
/// # Errors
/// If the shapes differ, the images have no channels or are smaller than the window, or the range is
/// not above 0 and finite, or so small or large that its square is not.
pub fn structural_similarities(images: &Tensor, others: &Tensor, range: f64) -> Result<Vec<f64>> {
    check_range(range)?;
    let (count, channels, height, width) = images.dims4()?;
    if others.dims() != images.dims() {
        let problem = format!(
            "images of shape {:?} cannot be compared with others of shape {:?}",
            images.dims(),
            others.dims()
        );
        return Err(Error::Data(problem));
    }
    if channels == 0 {
        return Err(nothing("channels"));
    }
    if height < WINDOW || width < WINDOW {
        let problem = format!(
            "images of {height} × {width} pixels are smaller than the window of structural \
             similarity, {WINDOW} × {WINDOW}"
        );
        return Err(Error::Data(problem));
    }
    let values =
        |images: &Tensor| -> Result<Vec<f64>> { Ok(host(images)?.flatten_all()?.to_vec1()?) };
    let (images, others) = (values(images)?, values(others)?);
    let plane = height * width;
    let planes = pool::map(count * channels, |index| {
        let [image, other] = [&images, &others].map(|all| &all[index * plane..][..plane]);
        of_planes(image, other, width, range)
    });
    let of_image = |planes: &[f64]| planes.iter().sum::<f64>() / channels as f64;
    Ok(planes.chunks_exact(channels).map(of_image).collect())
}

/// That values can lie in a range so wide, and that the squares of it are numbers above 0.
pub(crate) fn check_range(range: f64) -> Result<()> {
    let [low, high] = [0.01, 1.0].map(|factor: f64| (factor * range).powi(2));
    if range > 0.0 && low > 0.0 && high.is_finite() {
        return Ok(());
    }
    let problem = format!(
        "the range of values is {range}: it must be above 0, and its square neither 0 nor infinite"
    );
    Err(Error::Data(problem))
}

/// The mean over all windows within two planes, whose rows have `width` values.
fn of_planes(x: &[f64], y: &[f64], width: usize, range: f64) -> f64 {
    let [luminance, contrast] = [0.01, 0.03].map(|factor: f64| (factor * range).powi(2));
    let mean_of = |a: &[f64], b: &[f64]| {
        let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        blurred(&products, width)
    };
    let (mean_x, mean_y) = (blurred(x, width), blurred(y, width));
    let (mean_xx, mean_yy, mean_xy) = (mean_of(x, x), mean_of(y, y), mean_of(x, y));
    let windows = mean_x.len();
    let similarities = (0..windows).map(|place| {
        let (mu_x, mu_y) = (mean_x[place], mean_y[place]);
        let variances = mean_xx[place] - mu_x * mu_x + mean_yy[place] - mu_y * mu_y;
        let covariance = mean_xy[place] - mu_x * mu_y;
        (2.0 * mu_x * mu_y + luminance) * (2.0 * covariance + contrast)
            / ((mu_x * mu_x + mu_y * mu_y + luminance) * (variances + contrast))
    });
    similarities.sum::<f64>() / windows as f64
}

/// The weighted means over all windows within a plane, row by row.
fn blurred(plane: &[f64], width: usize) -> Vec<f64> {
    let weights = weights();
    let along = plane.chunks_exact(width).flat_map(|row| {
        let windows = row.windows(WINDOW);
        windows.map(|window| window.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>())
    });
    let along: Vec<f64> = along.collect(); // [H, W - 10]
    let width = width + 1 - WINDOW;
    let windows = along.len() - width * (WINDOW - 1);
    let down = |start: usize| {
        let column = along[start..].iter().step_by(width).zip(&weights);
        column.map(|(x, w)| x * w).sum()
    };
    (0..windows).map(down).collect() // [H - 10, W - 10]
}

/// The weights of the window along one side, which add up to 1.
fn weights() -> [f64; WINDOW] {
    let weight = |place: usize| {
        let distance = place as f64 - REACH as f64;
        (-0.5 * (distance / DEVIATION).powi(2)).exp()
    };
    let sum: f64 = (0..WINDOW).map(weight).sum();
    std::array::from_fn(|place| weight(place) / sum)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn images(shape: (usize, usize, usize, usize), value: impl Fn(usize) -> f64) -> Tensor {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        let values: Vec<f64> = (0..count).map(value).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn similarities_are_those_of_scikit_image() {
        // import numpy as np; from skimage.metrics import structural_similarity  # 0.26.0
        // for shape in [(2, 1, 28, 28), (1, 3, 16, 20)]:
        //     n = np.arange(np.prod(shape))
        //     a = ((n * n * 7 + n * 13) % 256 / 255.0).reshape(shape)
        //     b = (a * 192 + (n * 5 % 64).reshape(shape)) / 256
        //     print([structural_similarity(x, y, data_range=1.0, gaussian_weights=True, sigma=1.5,
        //            use_sample_covariance=False, channel_axis=0) for x, y in zip(a, b)])
        let expected = [
            ((2, 1, 28, 28), vec![0.926674485115575, 0.927034312430381]),
            ((1, 3, 16, 20), vec![0.9271237868516788]),
        ];
        for (shape, expected) in expected {
            let value = |n: usize| ((n * n * 7 + n * 13) % 256) as f64 / 255.0;
            let other = |n: usize| (value(n) * 192.0 + (n * 5 % 64) as f64) / 256.0;
            let (a, b) = (images(shape, value), images(shape, other));
            let found = structural_similarities(&a, &b, 1.0).unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn an_image_is_similar_to_itself_and_not_to_its_negative() {
        let image = images((1, 1, 11, 14), |n| (n % 7) as f64 / 6.0);
        let negative = image.affine(-1.0, 1.0).unwrap();
        let of = |other| structural_similarities(&image, other, 1.0).unwrap()[0];
        assert!((of(&image) - 1.0).abs() < 1e-12);
        assert!((-1.0..0.0).contains(&of(&negative)));
    }

    #[test]
    fn small_images_and_different_shapes_are_errors() {
        let (small, large) = (
            images((1, 1, 10, 11), |_| 0.0),
            images((1, 1, 11, 11), |_| 0.0),
        );
        let message = structural_similarities(&small, &small, 1.0)
            .unwrap_err()
            .to_string();
        assert!(message.contains("10 × 11 pixels are smaller"), "{message}");
        assert!(structural_similarities(&small, &large, 1.0).is_err());
    }
}
