//! A matrix product with a bias and an activation.
//!
//! A kernel on `f32` in the CPU's memory. Its backward pass is one too if the gradients are the last
//! ones, see [`is_final_backward`]; otherwise it is made of operations that can be differentiated
//! again.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Module, Result, Shape, Tensor, bail};
use latentlab_kernels::{
    ActivationKind,
    gemm::{Accumulate, Matrix, multiply},
    slopes, slopes_and_sums, uninitialised,
};

use super::{Activation, activation::compose_slope, matmul};
use crate::{
    autograd::{apply2, apply3},
    cpu::{contiguous, is_for, tensor, view},
    is_final_backward,
};

/// `φ(x · wᵀ + b)`: `x` `[N, in]`, `w` `[out, in]`, `b` `[out]` to `[N, out]`.
///
/// # Errors
/// If the sizes do not fit.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>, then: Activation) -> Result<Tensor> {
    match then.kind() {
        Some(kind) if is_for(&[x, w]) => cpu(x, w, b, kind),
        _ => then.forward(&reference(x, w, b)?),
    }
}

/// For every device and type, without the activation.
fn reference(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let y = matmul(x, &w.t()?)?;
    match b {
        Some(b) => y.broadcast_add(b),
        None => Ok(y),
    }
}

fn cpu(x: &Tensor, w: &Tensor, b: Option<&Tensor>, kind: ActivationKind) -> Result<Tensor> {
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    match b {
        Some(b) => apply3(&x, &w, &b.contiguous()?, Linear(kind)),
        None => apply2(&x, &w, Linear(kind)),
    }
}

/// The product with a bias and an activation.
struct Linear(ActivationKind);

impl Linear {
    fn forward(
        &self,
        (x, x_layout): (&CpuStorage, &Layout),
        (w, w_layout): (&CpuStorage, &Layout),
        bias: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = x_layout.shape().dims2()?;
        let (outputs, inputs) = w_layout.shape().dims2()?;
        let fits = bias.is_none_or(|bias| bias.len() == outputs);
        if inner != inputs || !fits {
            bail!(
                "cannot multiply [{rows}, {inner}] by the transpose of [{outputs}, {inputs}] and \
                 add {:?} biases",
                bias.map(<[f32]>::len)
            );
        }
        let x = Matrix::new(contiguous(x, x_layout)?, rows, inner);
        let w = Matrix::new(contiguous(w, w_layout)?, outputs, inputs).transposed();
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: the product overwrites every value.
        let mut y = unsafe { uninitialised(rows * outputs) };
        multiply(&mut y, Accumulate::Overwrite, x, w, |column, row| {
            let bias = bias.map(|bias| &bias[column..column + row.len()]);
            latentlab_kernels::activate(self.0, bias, row);
        });
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
    }

    /// The gradients by `x` and `w`, and by the bias if `biased`, of those that are tracked.
    fn backward(
        &self,
        [x, w, y, gradient]: [&Tensor; 4],
        biased: bool,
    ) -> Result<[Option<Tensor>; 3]> {
        let (wants_x, wants_w) = (x.track_op(), w.track_op());
        if !is_final_backward() {
            let d = compose_slope(self.0, y, gradient)?;
            let by_x = || matmul(&d, w);
            let by_w = || matmul(&d.t()?, x);
            return Ok([
                wants_x.then(by_x).transpose()?,
                wants_w.then(by_w).transpose()?,
                biased.then(|| d.sum(0)).transpose()?,
            ]);
        }
        let ((rows, outputs), inputs) = (y.dims2()?, x.dim(1)?);
        let gradient = gradient.contiguous()?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: `slopes_and_sums` or `slopes` writes every value.
        let mut d = unsafe { uninitialised(rows * outputs) };
        let by_bias = if biased {
            let sums = slopes_and_sums(self.0, &view(y)?, &view(&gradient)?, outputs, &mut d);
            Some(tensor(sums, outputs)?)
        } else {
            slopes(self.0, &view(y)?, &view(&gradient)?, &mut d);
            None
        };
        let d = Matrix::new(&d, rows, outputs);
        let by_x = || multiplied(d, Matrix::new(&view(w)?, outputs, inputs));
        let by_w = || multiplied(d.transposed(), Matrix::new(&view(x)?, rows, inputs));
        Ok([
            wants_x.then(by_x).transpose()?,
            wants_w.then(by_w).transpose()?,
            by_bias,
        ])
    }
}

fn multiplied(a: Matrix<'_>, b: Matrix<'_>) -> Result<Tensor> {
    let (rows, columns) = (a.rows(), b.columns());
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: the product overwrites every value.
    let mut result = unsafe { uninitialised(rows * columns) };
    multiply(&mut result, Accumulate::Overwrite, a, b, |_, _| {});
    tensor(result, (rows, columns))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, x_layout), (w, w_layout), None)
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

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let bias = contiguous(b, b_layout)?;
        self.forward((x, x_layout), (w, w_layout), Some(bias))
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
