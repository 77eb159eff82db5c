//! Images whose channels lie last in memory, `[N, H, W, C]`: the layout in which the pixels below a
//! window are a few long runs of memory, and a convolution is fast.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};

use super::{Activation, convolution, fused};
use crate::{
    autograd::{apply1, apply2, apply3, reshape},
    is_final_backward,
    kernels::{
        self, Curve, contiguous,
        convolve::{self, Channels, Windows},
        overwritten, pool, slopes, slopes_and_sums, tensor, view,
    },
};
use candle_core::Module as _;
use convolution::Geometry;

/// `[N, C, H, W]` to `[N, H, W, C]`.
///
/// # Errors
/// If `images` has another rank.
pub fn to_channels_last(images: &Tensor) -> Result<Tensor> {
    let (count, channels, height, width) = images.dims4()?;
    if channels == 1 {
        return reshape(images, (count, height, width, channels));
    }
    if !kernels::is_for(&[images]) {
        return images.permute((0, 2, 3, 1))?.contiguous();
    }
    let move_last = Transpose {
        sizes: [count, channels, height * width],
    };
    let moved = apply1(&images.contiguous()?, move_last)?;
    reshape(&moved, (count, height, width, channels))
}

/// `[N, H, W, C]` to `[N, C, H, W]`.
///
/// # Errors
/// If `images` has another rank.
pub fn to_channels_first(images: &Tensor) -> Result<Tensor> {
    let (count, height, width, channels) = images.dims4()?;
    if channels == 1 {
        return reshape(images, (count, channels, height, width));
    }
    if !kernels::is_for(&[images]) {
        return images.permute((0, 3, 1, 2))?.contiguous();
    }
    let move_first = Transpose {
        sizes: [count, height * width, channels],
    };
    let moved = apply1(&images.contiguous()?, move_first)?;
    reshape(&moved, (count, channels, height, width))
}

/// Transposes each of a batch of matrices; its own adjoint, with the sizes exchanged.
struct Transpose {
    sizes: [usize; 3],
}

impl CustomOp1 for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn cpu_fwd(&self, values: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [count, rows, columns] = self.sizes;
        let values = contiguous(values, layout)?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: each part is overwritten by a transpose.
        let mut result = unsafe { overwritten(values.len()) };
        pool::for_each_part(&mut result, rows * columns, |index, result| {
            let values = &values[index * rows * columns..][..rows * columns];
            convolve::transpose(values, rows, columns, result);
        });
        Ok((CpuStorage::F32(result), (count, columns, rows).into()))
    }

    fn bwd(&self, values: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [count, rows, columns] = self.sizes;
        let back = Transpose {
            sizes: [count, columns, rows],
        };
        let gradient = last(gradient.contiguous()?);
        gradient.apply_op1(back)?.reshape(values.shape()).map(Some)
    }
}

/// The tensor without its graph, if nobody will differentiate it again.
fn last(tensor: Tensor) -> Tensor {
    match is_final_backward() {
        true => tensor.detach(),
        false => tensor,
    }
}

/// `φ(x ∗ w + b)`: `x` `[N, H, W, C]`, `w` `[O, C, k, k]`, `b` `[O]` to `[N, H', W', O]`.
pub(super) fn convolve(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    geometry: Geometry,
    then: Activation,
) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let (windows, inner, kernel, _) = w.dims4()?;
    let count = |size: usize| {
        let room = (size + 2 * geometry.padding).checked_sub(kernel)?;
        Some(room.checked_div(geometry.stride)? + 1)
    };
    let (Some(down), Some(across), true) = (count(height), count(width), inner == channels) else {
        bail!(
            "cannot convolve images {:?} (channels last) by a weight {:?} with {geometry:?}",
            x.dims(),
            w.dims()
        );
    };
    let product = Product {
        form: Form::Windows,
        channels: Channels {
            image: channels,
            windows,
        },
        at: Windows {
            kernel,
            stride: geometry.stride,
            padding: geometry.padding,
            batch,
            image: [height, width],
            windows: [down, across],
        },
    };
    let compose = || convolution::convolve(&x.permute((0, 3, 1, 2))?, w, geometry);
    apply(product, [x, w], b, then, compose)
}

/// `φ(x ∗ᵀ w + b)`: `x` `[N, H, W, in]`, `w` `[in, out, k, k]`, `b` `[out]` to `[N, H', W', out]`.
pub(super) fn convolve_transposed(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    (geometry, output_padding): (Geometry, usize),
    then: Activation,
) -> Result<Tensor> {
    let (batch, down, across, windows) = x.dims4()?;
    let (inner, channels, kernel, _) = w.dims4()?;
    let size = |count: usize| {
        let whole = count.checked_sub(1)? * geometry.stride + kernel + output_padding;
        whole
            .checked_sub(2 * geometry.padding)
            .filter(|size| *size > 0)
    };
    let fits = inner == windows && geometry.stride > 0;
    let (Some(height), Some(width), true) = (size(down), size(across), fits) else {
        bail!(
            "cannot convolve images {:?} (channels last) by a transposed weight {:?} with \
             {geometry:?} and output padding {output_padding}",
            x.dims(),
            w.dims()
        );
    };
    let product = Product {
        form: Form::Images,
        channels: Channels {
            image: channels,
            windows,
        },
        at: Windows {
            kernel,
            stride: geometry.stride,
            padding: geometry.padding,
            batch,
            image: [height, width],
            windows: [down, across],
        },
    };
    let compose = || {
        let first = x.permute((0, 3, 1, 2))?;
        convolution::convolve_transposed(&first, w, geometry, output_padding)
    };
    apply(product, [x, w], b, then, compose)
}

fn apply(
    product: Product,
    [x, w]: [&Tensor; 2],
    b: Option<&Tensor>,
    then: Activation,
    compose: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    if !kernels::is_for(&[x, w]) {
        let y = compose()?.permute((0, 2, 3, 1))?.contiguous()?;
        let y = match b {
            Some(b) => y.broadcast_add(b)?,
            None => y,
        };
        return then.forward(&y);
    }
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    let Some(curve) = then.curve() else {
        return then.forward(&apply(product, [&x, &w], b, Activation::Identity, compose)?);
    };
    let op = Convolution { product, curve };
    match b {
        Some(b) => apply3(&x, &w, &b.contiguous()?, op),
        None => apply2(&x, &w, op),
    }
}

/// Which of the three factors of a convolution a product gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Of images and weight.
    Windows,
    /// Of windows and weight.
    Images,
    /// Of images and windows.
    Weight,
}

/// One of the three products of a convolution; see [`kernels::convolve`]. Their gradients are the
/// two others: the family is closed, so all are right to any order.
#[derive(Clone, Copy, Debug)]
struct Product {
    form: Form,
    channels: Channels,
    at: Windows,
}

impl Product {
    /// `form` of the tensors `a` and `b`, in the order in which [`Form`] names them.
    fn of(self, form: Form, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (a, b) = (last(a.contiguous()?), last(b.contiguous()?));
        a.apply_op2(&b, Self { form, ..self })
    }

    fn shape(self) -> Shape {
        let (kernel, batch) = (self.at.kernel, self.at.batch);
        let [rows, columns] = match self.form {
            Form::Windows => self.at.windows,
            Form::Images => self.at.image,
            Form::Weight => {
                let Channels { image, windows } = self.channels;
                return (windows, image, kernel, kernel).into();
            }
        };
        (batch, rows, columns, self.outputs()).into()
    }

    /// Channels of the result.
    fn outputs(self) -> usize {
        match self.form {
            Form::Windows => self.channels.windows,
            Form::Images | Form::Weight => self.channels.image,
        }
    }

    fn compute(self, a: &[f32], b: &[f32], finish: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
        match self.form {
            Form::Windows => convolve::windows_of(self.at, self.channels, a, b, finish),
            Form::Images => convolve::images_of(self.at, self.channels, a, b, finish),
            Form::Weight => convolve::weight_of(self.at, self.channels, a, b),
        }
    }

    /// The gradients of the product of `a` and `b`, of those that are tracked.
    fn gradients(self, a: &Tensor, b: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; 2]> {
        let by_a = || match self.form {
            Form::Windows => self.of(Form::Images, gradient, b),
            Form::Images => self.of(Form::Windows, gradient, b),
            Form::Weight => self.of(Form::Images, b, gradient),
        };
        let by_b = || match self.form {
            Form::Windows => self.of(Form::Weight, a, gradient),
            Form::Images => self.of(Form::Weight, gradient, a),
            Form::Weight => self.of(Form::Windows, a, gradient),
        };
        Ok([
            a.track_op().then(by_a).transpose()?,
            b.track_op().then(by_b).transpose()?,
        ])
    }
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "convolution product"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (a, b) = (contiguous(a, a_layout)?, contiguous(b, b_layout)?);
        Ok((CpuStorage::F32(self.compute(a, b, |_, _| {})), self.shape()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [by_a, by_b] = self.gradients(a, b, gradient)?;
        Ok((by_a, by_b))
    }
}

/// A product of images or windows and a weight, with bias and activation.
struct Convolution {
    product: Product,
    curve: Curve,
}

impl Convolution {
    fn forward(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> (CpuStorage, Shape) {
        let (channels, curve) = (self.product.outputs(), self.curve);
        let y = self.product.compute(x, w, |channel, values| match bias {
            Some(bias) if values.len() > bias.len() => kernels::activate_rows(curve, bias, values),
            _ => {
                let bias = bias.map(|bias| &bias[channel..channel + values.len()]);
                kernels::activate(curve, bias, values);
            }
        });
        debug_assert!(bias.is_none_or(|bias| bias.len() == channels));
        (CpuStorage::F32(y), self.product.shape())
    }

    fn backward(
        &self,
        [x, w, y, gradient]: [&Tensor; 4],
        biased: bool,
    ) -> Result<[Option<Tensor>; 3]> {
        let channels = self.product.outputs();
        let (d, by_bias) = if !is_final_backward() {
            let d = fused::compose_slope(self.curve, y, gradient)?;
            let by_bias = || d.reshape(((), channels))?.sum(0);
            let by_bias = biased.then(by_bias).transpose()?;
            (d, by_bias)
        } else if biased {
            let gradient = gradient.contiguous()?;
            #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
            // SAFETY: `slopes_and_sums` writes every value.
            let mut d = unsafe { overwritten(y.elem_count()) };
            let sums = slopes_and_sums(self.curve, &view(y)?, &view(&gradient)?, channels, &mut d);
            (tensor(d, y.shape())?, Some(tensor(sums, channels)?))
        } else if self.curve == Curve::Identity {
            (gradient.contiguous()?, None)
        } else {
            let gradient = gradient.contiguous()?;
            #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
            // SAFETY: `slopes` writes every value.
            let mut d = unsafe { overwritten(y.elem_count()) };
            slopes(self.curve, &view(y)?, &view(&gradient)?, &mut d);
            (tensor(d, y.shape())?, None)
        };
        let [by_x, by_w] = self.product.gradients(x, w, &d)?;
        Ok([by_x, by_w, by_bias])
    }
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(contiguous(x, x_layout)?, contiguous(w, w_layout)?, None))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [by_x, by_w, _] = self.backward([x, w, y, gradient], false)?;
        Ok((by_x, by_w))
    }
}

impl CustomOp3 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (contiguous(x, x_layout)?, contiguous(w, w_layout)?);
        Ok(self.forward(x, w, Some(contiguous(b, b_layout)?)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [by_x, by_w, by_b] = self.backward([x, w, y, gradient], b.track_op())?;
        Ok((by_x, by_w, by_b))
    }
}
