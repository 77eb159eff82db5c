//! The gradient of an output with respect to an input, itself differentiable.
//!
//! Gradient penalties (R1, WGAN-GP, DRAGAN) are losses on such a gradient. candle builds the graph
//! of a gradient only where the environment variable `CANDLE_GRAD_DO_NOT_DETACH` was set before a
//! thread's first backward pass, and gives wrong numbers without a word where it was not
//! (huggingface/candle #1241, #2462). So the first call on each thread differentiates x⁴ twice.

mod process;
mod tape;

use std::cell::{Cell, OnceCell};

use candle_core::{Device, Tensor, Var, backprop::GradStore};

use crate::{Error, Result};

pub use process::enable_second_order;
pub use tape::{apply1, apply2, apply3, once, reshape, segment};

/// What [`input_gradient`] returns.
#[derive(Clone, Debug)]
pub struct InputGradient {
    /// The output, as the function returned it.
    pub output: Tensor,
    /// The gradient of the output's sum with respect to the input, with the input's shape.
    pub gradient: Tensor,
}

/// Applies `function` to `input` and differentiates the sum of its output by the input.
///
/// For a function that treats the rows of a batch independently, row `i` of the gradient is
/// `∇ f(xᵢ)`. The gradient is part of the graph: a loss made of it has gradients with respect to
/// the parameters used in `function`, and with respect to `input` where that is tracked.
///
/// ```
/// # // The documentation tests of a workspace run with the variable of `.cargo/config.toml` set.
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[1f64, 2.0], &Device::Cpu)?;
/// let slope = latentlab_tensor::input_gradient(&x, |x| Ok(x.sqr()?)).unwrap().gradient;
/// assert_eq!(slope.to_vec1::<f64>()?, [2.0, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::SecondOrderOff`] where the gradient would not be differentiable;
/// [`Error::NoGradient`] if the output does not depend on the input.
pub fn input_gradient(
    input: &Tensor,
    function: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<InputGradient> {
    require_second_order()?;
    // A zero added to the input: its gradient is the input's, and the input keeps its own graph.
    let shift = Var::from_tensor(&input.zeros_like()?)?;
    tape::without_tape(|| {
        let output = function(&(input + shift.as_tensor())?)?;
        let gradients = output.sum_all()?.backward()?;
        let gradient = gradients.get(&shift).ok_or(Error::NoGradient)?.clone();
        Ok(InputGradient { output, gradient })
    })
}

thread_local!(static FINAL: Cell<bool> = const { Cell::new(false) });

/// The gradients of `loss`, for the last time: nobody will differentiate them again.
///
/// They are the numbers of [`Tensor::backward`], which must leave a graph behind for a gradient of
/// the gradient. Without it the operations of this crate compute their gradients in fused kernels
/// and keep no intermediate value alive.
///
/// # Errors
/// As [`Tensor::backward`].
pub fn final_backward(loss: &Tensor) -> Result<GradStore> {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            FINAL.set(self.0);
        }
    }
    let _restore = Restore(FINAL.replace(true));
    let mut gradients = loss.backward()?;
    tape::unwind(&mut gradients)?;
    Ok(gradients)
}

/// Whether the gradients being computed on this thread are those of [`final_backward`]: then the
/// backward pass of an operation may work on plain memory. Otherwise it must be made of operations
/// that can be differentiated, or the gradient of a gradient would be wrong without a word.
pub fn is_final_backward() -> bool {
    FINAL.get()
}

/// The tensor without its graph, if nobody will differentiate it again.
pub(crate) fn last(tensor: Tensor) -> Tensor {
    match is_final_backward() {
        true => tensor.detach(),
        false => tensor,
    }
}

/// Fails on a thread where candle detaches the gradients it computes.
pub(crate) fn require_second_order() -> Result<()> {
    thread_local!(static WORKS: OnceCell<bool> = const { OnceCell::new() });
    let works = WORKS.with(|works| match works.get() {
        Some(works) => Ok(*works),
        None => probe().map(|answer| *works.get_or_init(|| answer)),
    })?;
    if works {
        Ok(())
    } else {
        Err(Error::SecondOrderOff)
    }
}

/// Whether d²(x⁴)/dx² at 2 is 48, as it must; where gradients are detached it comes out as 16.
fn probe() -> Result<bool> {
    let x = Var::new(2f64, &Device::Cpu)?;
    let first = x.sqr()?.sqr()?.backward()?;
    let Some(first) = first.get(&x) else {
        return Ok(false);
    };
    let second = first.backward()?;
    let Some(second) = second.get(&x) else {
        return Ok(false);
    };
    Ok(second.to_scalar::<f64>()? == 48.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x() -> Tensor {
        Tensor::new(&[[1f64, 2.0], [3.0, -1.0]], &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn each_row_has_the_gradient_of_its_own_output() {
        // f(a, b) = a² b, so ∇f = (2ab, a²).
        let function = |x: &Tensor| {
            let (a, b) = (x.narrow(1, 0, 1)?, x.narrow(1, 1, 1)?);
            Ok((a.sqr()? * b)?)
        };
        let InputGradient { output, gradient } = input_gradient(&x(), function).unwrap();
        assert_eq!(values(&output), [2.0, -9.0]);
        assert_eq!(values(&gradient), [4.0, 1.0, -6.0, 9.0]);
    }

    #[test]
    fn a_penalty_on_the_gradient_reaches_the_parameters() {
        // f = w x³ has f' = 3 w x²; the penalty Σ f'² = 9 w² Σ x⁴ has d/dw = 18 w Σ x⁴.
        let w = Var::new(0.5f64, &Device::Cpu).unwrap();
        let cube = |x: &Tensor| Ok((x.sqr()? * x)?.broadcast_mul(&w)?);
        let gradient = input_gradient(&x(), cube).unwrap().gradient;
        let penalty = gradient.sqr().unwrap().sum_all().unwrap();
        let slope = penalty.backward().unwrap().get(&w).unwrap().clone();
        let sum_of_fourth_powers = 1.0 + 16.0 + 81.0 + 1.0;
        assert_eq!(values(&slope), [18.0 * 0.5 * sum_of_fourth_powers]);
    }

    #[test]
    fn a_tracked_input_keeps_its_own_graph() {
        // The input is 2v; f = x² has f' = 2x = 4v, and d(Σ f')/dv = 4.
        let v = Var::from_tensor(&x()).unwrap();
        let input = (v.as_tensor() * 2.0).unwrap();
        let gradient = input_gradient(&input, |x| Ok(x.sqr()?)).unwrap().gradient;
        let slope = gradient.sum_all().unwrap().backward().unwrap();
        assert_eq!(values(slope.get(&v).unwrap()), [4.0; 4]);
    }

    #[test]
    fn an_output_that_ignores_the_input_has_no_gradient() {
        let error = input_gradient(&x(), |x| Ok(x.zeros_like()?)).unwrap_err();
        assert!(matches!(error, Error::NoGradient));
        let error = input_gradient(&x(), |x| Ok(x.detach())).unwrap_err();
        assert!(matches!(error, Error::NoGradient));
    }
}
