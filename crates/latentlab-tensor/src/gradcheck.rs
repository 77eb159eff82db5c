//! Gradients against central differences, first and second order, in 64 bits.
//!
//! Both checks return the worst error over all entries of all inputs, `|a − n| / max(1, |n|)` for
//! the gradient `a` by backpropagation and `n` by differences. A right gradient of a function with
//! values and derivatives around 1 gives less than 1e-8; a wrong one hardly ever less than 1e-4.
//! Keep the inputs off the kinks of functions that have some.

use candle_core::{DType, Tensor, Var};

use crate::{Error, Result, Rng, autograd::require_second_order};

/// Half the distance between the two points of a central difference: near the cube root of the
/// rounding error, where rounding and truncation add up to the least.
const STEP: f64 = 1e-5;

/// The worst error of the gradient of the scalar `function` with respect to the `f64` tensors
/// `inputs`. An input that the graph does not reach counts as one with gradient zero.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_tensor::gradcheck::check_gradient;
///
/// let x = Tensor::new(&[0.5f64, -1.5], &Device::Cpu)?;
/// let error = check_gradient(&[x], |inputs| Ok(inputs[0].tanh()?.sum_all()?)).unwrap();
/// assert!(error < 1e-9);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If an input is not `f64`, or the output is not a scalar.
pub fn check_gradient(
    inputs: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<f64> {
    let (vars, inputs) = variables(inputs)?;
    let scalar = || scalar(function(&inputs)?);
    let analytic = gradients(&scalar()?, &vars)?;
    worst_error(&vars, &analytic, || Ok(scalar()?.to_scalar::<f64>()?))
}

/// The worst error of a second derivative: with `v` a fixed random direction, the gradient of
/// `⟨∇f, v⟩` by backpropagation through the gradient, against differences of the first-order
/// `⟨∇f, v⟩`. Arguments as for [`check_gradient`].
///
/// # Errors
/// As [`check_gradient`], and [`Error::SecondOrderOff`] where candle detaches gradients.
pub fn check_second_order(
    inputs: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<f64> {
    require_second_order()?;
    let (vars, inputs) = variables(inputs)?;
    let mut rng = Rng::stream(0, "gradcheck/direction", 0);
    let directions = vars
        .iter()
        .map(|var| rng.normal_like(var))
        .collect::<Result<Vec<_>>>()?;
    let slope = || -> Result<Tensor> {
        let first = gradients(&scalar(function(&inputs)?)?, &vars)?;
        let mut slope = Tensor::zeros((), DType::F64, first[0].device())?;
        for (gradient, direction) in first.iter().zip(&directions) {
            slope = (slope + (gradient * direction)?.sum_all()?)?;
        }
        Ok(slope)
    };
    let analytic = gradients(&slope()?, &vars)?;
    worst_error(&vars, &analytic, || Ok(slope()?.to_scalar::<f64>()?))
}

/// Variables that start at `inputs`, and tensors that see what they are set to.
fn variables(inputs: &[Tensor]) -> Result<(Vec<Var>, Vec<Tensor>)> {
    if inputs.is_empty() {
        return Err(Error::Argument("no input to differentiate by".to_owned()));
    }
    let vars = inputs
        .iter()
        .map(|input| match input.dtype() {
            DType::F64 => Ok(Var::from_tensor(&input.copy()?.detach())?),
            other => Err(Error::Argument(format!(
                "a gradient check needs inputs of type F64, not {other:?}"
            ))),
        })
        .collect::<Result<Vec<_>>>()?;
    let tensors = vars.iter().map(|var| var.as_tensor().clone()).collect();
    Ok((vars, tensors))
}

fn scalar(output: Tensor) -> Result<Tensor> {
    match output.rank() {
        0 => Ok(output),
        _ => Err(Error::Argument(format!(
            "a gradient check needs a scalar output, not one of shape {:?}",
            output.dims()
        ))),
    }
}

fn gradients(output: &Tensor, vars: &[Var]) -> Result<Vec<Tensor>> {
    let store = output.backward()?;
    vars.iter()
        .map(|var| match store.get(var) {
            Some(gradient) => Ok(gradient.clone()),
            None => Ok(var.zeros_like()?),
        })
        .collect()
}

/// Compares `analytic` with central differences of `evaluate` over every entry of every variable.
fn worst_error(
    vars: &[Var],
    analytic: &[Tensor],
    evaluate: impl Fn() -> Result<f64>,
) -> Result<f64> {
    let mut worst: f64 = 0.0;
    for (var, gradient) in vars.iter().zip(analytic) {
        let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
        let values = var.copy()?.flatten_all()?.to_vec1::<f64>()?;
        let evaluate_at = |entry: usize, value: f64| -> Result<f64> {
            let mut moved = values.clone();
            moved[entry] = value;
            var.set(&Tensor::from_vec(moved, var.shape(), var.device())?)?;
            evaluate()
        };
        for (entry, (&analytic, &value)) in gradient.iter().zip(&values).enumerate() {
            let difference = evaluate_at(entry, value + STEP)? - evaluate_at(entry, value - STEP)?;
            let numeric = difference / (2.0 * STEP);
            let error = (analytic - numeric).abs() / numeric.abs().max(1.0);
            // Not `max`, which would pass over a NaN.
            if error.is_nan() || error > worst {
                worst = error;
            }
        }
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(worst)
}
