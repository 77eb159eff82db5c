//! Convolution and transposed convolution of images whose channels lie last in memory, with a bias and
//! an activation.

mod reference;
mod unfold;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Module, Result, Shape, Tensor, bail};
use latentlab_kernels::{
    ActivationKind,
    conv::{self, Channels, Windows},
    slopes, slopes_and_sums, uninitialised,
};

use super::{Activation, activation::compose_slope};
use crate::{
    autograd::{apply2, apply3, last},
    cpu::{contiguous, is_for, tensor, view},
    is_final_backward,
};
pub use reference::Geometry;

/// `φ(x ∗ w + b)`: `x` `[N, H, W, C]`, `w` `[O, C, k, k]`, `b` `[O]` to `[N, H', W', O]`.
pub fn conv2d(
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
    let compose = || reference::convolve(&x.permute((0, 3, 1, 2))?, w, geometry);
    apply(product, [x, w], b, then, compose)
}

/// `φ(x ∗ᵀ w + b)`: `x` `[N, H, W, in]`, `w` `[in, out, k, k]`, `b` `[out]` to `[N, H', W', out]`.
pub fn conv_transpose2d(
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
        reference::convolve_transposed(&first, w, geometry, output_padding)
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
    if !is_for(&[x, w]) {
        let y = compose()?.permute((0, 2, 3, 1))?.contiguous()?;
        let y = match b {
            Some(b) => y.broadcast_add(b)?,
            None => y,
        };
        return then.forward(&y);
    }
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    let Some(kind) = then.kind() else {
        return then.forward(&apply(product, [&x, &w], b, Activation::Identity, compose)?);
    };
    let op = Convolution { product, kind };
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

/// One of the three products of a convolution; see [`latentlab_kernels::conv`]. Their gradients are the
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
            Form::Windows => conv::forward(self.at, self.channels, a, b, finish),
            Form::Images => conv::backward_data(self.at, self.channels, a, b, finish),
            Form::Weight => conv::backward_weight(self.at, self.channels, a, b),
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
    kind: ActivationKind,
}

impl Convolution {
    fn forward(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> (CpuStorage, Shape) {
        let (channels, kind) = (self.product.outputs(), self.kind);
        let y = self.product.compute(x, w, |channel, values| match bias {
            Some(bias) if values.len() > bias.len() => {
                latentlab_kernels::activate_rows(kind, bias, values)
            }
            _ => {
                let bias = bias.map(|bias| &bias[channel..channel + values.len()]);
                latentlab_kernels::activate(kind, bias, values);
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
            let d = compose_slope(self.kind, y, gradient)?;
            let by_bias = || d.reshape(((), channels))?.sum(0);
            let by_bias = biased.then(by_bias).transpose()?;
            (d, by_bias)
        } else if biased {
            let gradient = gradient.contiguous()?;
            #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
            // SAFETY: `slopes_and_sums` writes every value.
            let mut d = unsafe { uninitialised(y.elem_count()) };
            let sums = slopes_and_sums(self.kind, &view(y)?, &view(&gradient)?, channels, &mut d);
            (tensor(d, y.shape())?, Some(tensor(sums, channels)?))
        } else if self.kind == ActivationKind::Identity {
            (gradient.contiguous()?, None)
        } else {
            let gradient = gradient.contiguous()?;
            #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
            // SAFETY: `slopes` writes every value.
            let mut d = unsafe { uninitialised(y.elem_count()) };
            slopes(self.kind, &view(y)?, &view(&gradient)?, &mut d);
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
