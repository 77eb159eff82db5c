//! Activations as one operation, and the product with bias and activation as another.
//!
//! Both run kernels on `f32` in the CPU's memory, [`is_for`](kernels::is_for) tells where. Their
//! backward passes are kernels too if the gradients are the last ones, see [`is_final_backward`];
//! otherwise they are made of operations that can be differentiated again.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::product::product;
use crate::{
    autograd::{apply1, apply2, apply3},
    is_final_backward,
    kernels::{
        self, Curve, contiguous,
        gemm::{Into, Matrix, multiply},
        overwritten, slopes, slopes_and_sums, tensor, view,
    },
};

/// `φ(x)`, any shape.
pub(super) fn activate(x: &Tensor, curve: Curve) -> Result<Tensor> {
    apply1(&x.contiguous()?, Activate(curve))
}

/// `φ(x · wᵀ + b)`: `x` `[N, in]`, `w` `[out, in]`, `b` `[out]` to `[N, out]`.
pub(super) fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>, curve: Curve) -> Result<Tensor> {
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    match b {
        Some(b) => apply3(&x, &w, &b.contiguous()?, Linear(curve)),
        None => apply2(&x, &w, Linear(curve)),
    }
}

/// `gradient · φ′`, with the slope as a function of the values `y = φ(x)`, in operations that can be
/// differentiated.
pub(super) fn compose_slope(curve: Curve, y: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    match curve {
        Curve::Identity => Ok(gradient.clone()),
        Curve::Leaky(slope) => {
            let slope = f64::from(slope);
            let positive = y.gt(0.0)?.to_dtype(y.dtype())?; // 0 or 1
            gradient * positive.affine(1.0 - slope, slope)?
        }
        // Below 0 it is eˣ = y + 1.
        Curve::Elu => {
            let below = y.lt(0.0)?.to_dtype(y.dtype())?;
            gradient * ((y * below)? + 1.0)?
        }
        Curve::Tanh => gradient * y.sqr()?.affine(-1.0, 1.0)?,
        Curve::Sigmoid => gradient * (y * y.affine(-1.0, 1.0)?)?,
    }
}

struct Activate(Curve);

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        kernels::activate_all(self.0, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if !is_final_backward() {
            return compose_slope(self.0, y, gradient).map(Some);
        }
        let gradient = gradient.contiguous()?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: `slopes` writes every value.
        let mut result = unsafe { overwritten(y.elem_count()) };
        slopes(self.0, &view(y)?, &view(&gradient)?, &mut result);
        tensor(result, y.shape()).map(Some)
    }
}

/// The product with a bias and an activation.
struct Linear(Curve);

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
            candle_core::bail!(
                "cannot multiply [{rows}, {inner}] by the transpose of [{outputs}, {inputs}] and \
                 add {:?} biases",
                bias.map(<[f32]>::len)
            );
        }
        let x = Matrix::new(contiguous(x, x_layout)?, rows, inner);
        let w = Matrix::new(contiguous(w, w_layout)?, outputs, inputs).transposed();
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: the product overwrites every value.
        let mut y = unsafe { overwritten(rows * outputs) };
        multiply(&mut y, Into::Overwritten, x, w, |column, row| {
            let bias = bias.map(|bias| &bias[column..column + row.len()]);
            kernels::activate(self.0, bias, row);
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
            let by_x = || product(&d, w);
            let by_w = || product(&d.t()?, x);
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
        let mut d = unsafe { overwritten(rows * outputs) };
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
    let mut result = unsafe { overwritten(rows * columns) };
    multiply(&mut result, Into::Overwritten, a, b, |_, _| {});
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
