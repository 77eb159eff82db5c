//! Convolution and transposed convolution composed of operations that are right to any order of
//! gradients, for every device and type.

use candle_core::{Device, Error, Result, Tensor};

use super::unfold::Windows;
use crate::ops::matmul;

/// Stride and padding of a convolution, in pixels, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
}

/// `images` `[N, in, H, W]` under `weight` `[out, in, k, k]`: `[N, out, H', W']` with
/// `H' = ⌊(H + 2·padding − k) / stride⌋ + 1`.
pub(super) fn convolve(images: &Tensor, weight: &Tensor, geometry: Geometry) -> Result<Tensor> {
    let Geometry { stride, padding } = geometry;
    if !matches!(images.device(), Device::Cpu) {
        return images.conv2d(weight, padding, stride, 1, 1);
    }
    let (count, channels, height, width) = images.dims4()?;
    let (outputs, inputs, kernel, _) = weight.dims4()?;
    let (down, across) = (height + 2 * padding, width + 2 * padding);
    if inputs != channels || down < kernel || across < kernel || stride == 0 {
        return Err(Error::Msg(format!(
            "cannot convolve images {:?} by a weight {:?} with stride {stride} and padding {padding}",
            images.dims(),
            weight.dims()
        )));
    }
    let windows = Windows {
        kernel,
        stride,
        padding,
        images: [count, channels, height, width],
        count: [(down - kernel) / stride + 1, (across - kernel) / stride + 1],
    };
    let columns = windows.unfold(images)?; // [in · k², N · H' · W']
    let rows = weight.reshape((outputs, channels * kernel * kernel))?;
    let [down, across] = windows.count;
    matmul(&rows, &columns)?
        .reshape((outputs, count, down, across))?
        .transpose(0, 1)? // [N, out, H', W']
        .contiguous()
}

/// `images` `[N, in, H, W]` under `weight` `[in, out, k, k]`: `[N, out, H', W']` with
/// `H' = (H − 1)·stride − 2·padding + k + output_padding`.
pub(super) fn convolve_transposed(
    images: &Tensor,
    weight: &Tensor,
    geometry: Geometry,
    output_padding: usize,
) -> Result<Tensor> {
    let Geometry { stride, padding } = geometry;
    if !matches!(images.device(), Device::Cpu) {
        return images.conv_transpose2d(weight, padding, output_padding, stride, 1);
    }
    let (count, channels, height, width) = images.dims4()?;
    let (inputs, outputs, kernel, _) = weight.dims4()?;
    let size = |pixels: usize| {
        let whole = (pixels.checked_sub(1)? * stride) + kernel + output_padding;
        whole.checked_sub(2 * padding).filter(|size| *size > 0)
    };
    let fits = inputs == channels && stride > 0;
    let (Some(down), Some(across), true) = (size(height), size(width), fits) else {
        return Err(Error::Msg(format!(
            "cannot convolve images {:?} by a transposed weight {:?} with stride {stride}, padding \
             {padding} and output padding {output_padding}",
            images.dims(),
            weight.dims()
        )));
    };
    let windows = Windows {
        kernel,
        stride,
        padding,
        images: [count, outputs, down, across],
        count: [height, width],
    };
    let pixels = images
        .transpose(0, 1)?
        .contiguous()?
        .reshape((channels, count * height * width))?;
    let rows = weight.reshape((channels, outputs * kernel * kernel))?;
    windows.fold(&matmul(&rows.t()?, &pixels)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};
    use latentlab_testing::Unit;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Rng,
        gradcheck::{check_gradient, check_second_order},
    };

    fn random(shape: (usize, usize, usize, usize), purpose: &str, dtype: DType) -> Tensor {
        let mut rng = Rng::stream(3, purpose, 0);
        rng.normal(shape, dtype, &Device::Cpu).unwrap()
    }

    fn worst(a: &Tensor, b: &Tensor) -> f64 {
        let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        difference.max(0).unwrap().to_scalar::<f64>().unwrap()
    }

    prop_compose! {
        fn cases()(
            kernel in 1usize..5, stride in 1usize..4, count in 1usize..4, inputs in 1usize..4,
            outputs in 1usize..4, extra in (0usize..5, 0usize..5),
        )(
            padding in 0..kernel, output_padding in 0..stride,
            kernel in Just(kernel), stride in Just(stride), count in Just(count),
            inputs in Just(inputs), outputs in Just(outputs), extra in Just(extra),
        ) -> (Geometry, usize, [usize; 6]) {
            let (height, width) = (kernel + extra.0, kernel + extra.1);
            let sizes = [count, inputs, outputs, kernel, height, width];
            (Geometry { stride, padding }, output_padding, sizes)
        }
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(64))]

        #[test]
        fn it_is_the_convolution_of_candle((geometry, _, sizes) in cases()) {
            let [count, inputs, outputs, kernel, height, width] = sizes;
            let x = random((count, inputs, height, width), "x", DType::F64);
            let w = random((outputs, inputs, kernel, kernel), "w", DType::F64);
            let ours = convolve(&x, &w, geometry).unwrap();
            let theirs = x.conv2d(&w, geometry.padding, geometry.stride, 1, 1).unwrap();
            prop_assert_eq!(ours.dims(), theirs.dims());
            let terms = inputs * kernel * kernel;
            prop_assert!(worst(&ours, &theirs) < 2.0 * Unit::F64.of_drawn(terms));
        }

        #[test]
        fn it_is_the_transposed_convolution_of_candle((geometry, more, sizes) in cases()) {
            let [count, inputs, outputs, kernel, height, width] = sizes;
            let Geometry { stride, padding } = geometry;
            let x = random((count, inputs, height, width), "x", DType::F64);
            let w = random((inputs, outputs, kernel, kernel), "w", DType::F64);
            let size = |pixels: usize| (pixels - 1) * stride + kernel + more;
            prop_assume!(size(height) > 2 * padding && size(width) > 2 * padding);
            let ours = convolve_transposed(&x, &w, geometry, more).unwrap();
            let theirs = x.conv_transpose2d(&w, padding, more, stride, 1).unwrap();
            prop_assert_eq!(ours.dims(), theirs.dims());
            let terms = inputs * kernel * kernel;
            prop_assert!(worst(&ours, &theirs) < 2.0 * Unit::F64.of_drawn(terms));
        }

        #[test]
        fn the_two_are_each_others_adjoint((geometry, _, sizes) in cases()) {
            let [count, inputs, outputs, kernel, height, width] = sizes;
            let x = random((count, inputs, height, width), "x", DType::F64);
            let w = random((outputs, inputs, kernel, kernel), "w", DType::F64);
            let y = convolve(&x, &w, geometry).unwrap();
            let (_, _, down, across) = y.dims4().unwrap();
            let g = random((count, outputs, down, across), "g", DType::F64);
            let back = Var::from_tensor(&x).unwrap();
            let forward = convolve(back.as_tensor(), &w, geometry).unwrap();
            let pairing = (forward * &g).unwrap().sum_all().unwrap();
            let by_x = pairing.backward().unwrap().get(&back).unwrap().clone();
            let left = (y * &g).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            let right = (by_x * &x).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            // Both are sums of the same products of three normal numbers, so is the bound.
            let terms = g.elem_count() * inputs * kernel * kernel;
            prop_assert!((left - right).abs() < 2.0 * Unit::F64.of_drawn(terms));
        }
    }

    #[test]
    fn gradients_are_right_to_second_order() {
        let geometry = Geometry {
            stride: 2,
            padding: 1,
        };
        let inputs = [
            random((2, 2, 5, 4), "x", DType::F64),
            random((3, 2, 3, 3), "w", DType::F64),
        ];
        let loss = |t: &[Tensor]| Ok(convolve(&t[0], &t[1], geometry)?.tanh()?.sqr()?.sum_all()?);
        assert!(check_gradient(&inputs, loss).unwrap() < 1e-7);
        assert!(check_second_order(&inputs, loss).unwrap() < 1e-6);
        let inputs = [
            random((2, 3, 3, 2), "x", DType::F64),
            random((3, 2, 3, 3), "w", DType::F64),
        ];
        let loss = |t: &[Tensor]| {
            Ok(convolve_transposed(&t[0], &t[1], geometry, 1)?
                .tanh()?
                .sqr()?
                .sum_all()?)
        };
        assert!(check_gradient(&inputs, loss).unwrap() < 1e-7);
        assert!(check_second_order(&inputs, loss).unwrap() < 1e-6);
    }

    #[test]
    fn shapes_that_do_not_fit_are_an_error_that_shows_them() {
        let x = random((1, 2, 3, 3), "x", DType::F32);
        let w = random((4, 3, 3, 3), "w", DType::F32);
        let geometry = Geometry {
            stride: 1,
            padding: 0,
        };
        let error = convolve(&x, &w, geometry).unwrap_err().to_string();
        assert!(
            error.contains("[1, 2, 3, 3]") && error.contains("[4, 3, 3, 3]"),
            "{error}"
        );
        let error = convolve_transposed(&x, &w, geometry, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("[1, 2, 3, 3]"), "{error}");
        let standing = Geometry {
            stride: 0,
            padding: 0,
        };
        let w = random((2, 4, 3, 3), "w", DType::F32);
        assert!(convolve_transposed(&x, &w, standing, 0).is_err());
    }
}
