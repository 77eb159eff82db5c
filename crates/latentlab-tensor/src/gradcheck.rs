//! Gradients against central differences, first and second order, in 64 bits.
//!
//! Both checks return the worst error over all entries of all inputs, `|a − n| / max(1, |n|)` for
//! the gradient `a` by backpropagation and `n` by differences. A right gradient of a function with
//! values and derivatives around 1 gives less than 1e-8; a wrong one hardly ever less than 1e-4.
//! Keep the inputs off the kinks of functions that have some.

use candle_core::{DType, Tensor, Var};

use crate::{Error, ParamStore, Result, Rng, autograd::require_second_order};

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
    first_order_error(&vars, || function(&inputs))
}

/// [`check_gradient`] with respect to every parameter of `store`, for functions that use layers.
/// A parameter whose group is frozen counts as one with gradient zero.
///
/// The gradient of a penalty on an [`input_gradient`](crate::input_gradient) is of the second
/// order, so this also checks the mixed derivatives by inputs and parameters.
///
/// # Errors
/// As [`check_gradient`].
pub fn check_parameters(store: &ParamStore, function: impl Fn() -> Result<Tensor>) -> Result<f64> {
    check_group(store, "", function)
}

/// [`check_parameters`] of the group below `prefix` alone.
///
/// # Errors
/// As [`check_gradient`].
pub fn check_group(
    store: &ParamStore,
    prefix: &str,
    function: impl Fn() -> Result<Tensor>,
) -> Result<f64> {
    let parameters = store.parameters(prefix);
    let vars: Vec<Var> = parameters.iter().map(|(_, p)| p.var().clone()).collect();
    for var in &vars {
        require_f64(var)?;
    }
    first_order_error(&vars, function)
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
        let mut slopes = Vec::with_capacity(first.len());
        for (gradient, direction) in first.iter().zip(&directions) {
            slopes.push((gradient * direction)?.sum_all()?);
        }
        Ok(Tensor::stack(&slopes, 0)?.sum_all()?)
    };
    let analytic = gradients(&slope()?, &vars)?;
    worst_error(&vars, &analytic, || Ok(slope()?.to_scalar::<f64>()?))
}

fn first_order_error(vars: &[Var], function: impl Fn() -> Result<Tensor>) -> Result<f64> {
    let analytic = gradients(&scalar(function()?)?, vars)?;
    worst_error(vars, &analytic, || {
        Ok(scalar(function()?)?.to_scalar::<f64>()?)
    })
}

/// Variables that start at `inputs`, and tensors that see what they are set to.
fn variables(inputs: &[Tensor]) -> Result<(Vec<Var>, Vec<Tensor>)> {
    let mut vars = Vec::with_capacity(inputs.len());
    for input in inputs {
        require_f64(input)?;
        vars.push(Var::from_tensor(&input.copy()?.detach())?);
    }
    let tensors = vars.iter().map(|var| var.as_tensor().clone()).collect();
    Ok((vars, tensors))
}

fn require_f64(tensor: &Tensor) -> Result<()> {
    match tensor.dtype() {
        DType::F64 => Ok(()),
        other => Err(Error::Argument(format!(
            "a gradient check needs tensors of type F64, not {other:?}"
        ))),
    }
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

#[cfg(test)]
mod tests {
    use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape};

    use super::*;

    fn x() -> Tensor {
        Tensor::new(&[[0.3f64, -0.7], [1.1, 2.0]], &Device::Cpu).unwrap()
    }

    fn cube(inputs: &[Tensor]) -> Result<Tensor> {
        Ok((inputs[0].sqr()? * &inputs[0])?.sum_all()?)
    }

    #[test]
    fn a_right_gradient_passes() {
        assert!(check_gradient(&[x()], cube).unwrap() < 1e-9);
        assert!(check_second_order(&[x()], cube).unwrap() < 1e-9);
    }

    #[test]
    fn every_input_is_checked() {
        let product = |inputs: &[Tensor]| Ok((&inputs[0] * &inputs[1].detach())?.sum_all()?);
        let other = (x() + 1.0).unwrap();
        // The cut gradient of the second input is 0 instead of `x`, whose largest entry is 2.
        let error = check_gradient(&[x(), other], product).unwrap();
        assert!((error - 1.0).abs() < 1e-9, "{error}");
    }

    #[test]
    fn a_gradient_that_is_off_by_a_factor_is_caught() {
        let half = |inputs: &[Tensor]| Ok((&inputs[0] * inputs[0].detach())?.sum_all()?);
        assert!(check_gradient(&[x()], half).unwrap() > 0.4);
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_caught() {
        let root = |inputs: &[Tensor]| Ok(inputs[0].sqr()?.sum_all()?.sqrt()?);
        let zero = x().zeros_like().unwrap();
        assert!(check_gradient(&[zero], root).unwrap().is_nan());
    }

    /// x², whose gradient is right but itself has none.
    struct CutSquare;

    impl CustomOp1 for CutSquare {
        fn name(&self) -> &'static str {
            "cut-square"
        }

        fn cpu_fwd(
            &self,
            storage: &CpuStorage,
            layout: &Layout,
        ) -> candle_core::Result<(CpuStorage, Shape)> {
            let values = storage.as_slice::<f64>()?.iter().map(|x| x * x).collect();
            Ok((CpuStorage::F64(values), layout.shape().clone()))
        }

        fn bwd(
            &self,
            x: &Tensor,
            _: &Tensor,
            gradient: &Tensor,
        ) -> candle_core::Result<Option<Tensor>> {
            Ok(Some((gradient * (x.detach() * 2.0)?)?))
        }
    }

    #[test]
    fn a_second_order_that_is_cut_is_caught_and_only_there() {
        let square = |inputs: &[Tensor]| Ok(inputs[0].apply_op1(CutSquare)?.sum_all()?);
        assert!(check_gradient(&[x()], square).unwrap() < 1e-9);
        assert!(check_second_order(&[x()], square).unwrap() > 0.1);
    }

    #[test]
    fn parameters_are_checked_where_they_are_and_keep_their_values() {
        let store = ParamStore::new(1, DType::F64, &Device::Cpu);
        let scale = store
            .root()
            .parameter("scale", 2, crate::Init::ONES)
            .unwrap();
        let right = || Ok(x().broadcast_mul(&scale.value().sqr()?)?.sum_all()?);
        assert!(check_parameters(&store, right).unwrap() < 1e-9);
        assert_eq!(scale.value().to_vec1::<f64>().unwrap(), [1.0, 1.0]);
        store.freeze();
        assert!(check_parameters(&store, right).unwrap() > 0.9);
    }

    #[test]
    fn an_output_that_is_no_scalar_or_an_input_of_32_bits_is_refused() {
        let vector = |inputs: &[Tensor]| Ok(inputs[0].sqr()?);
        let message = check_gradient(&[x()], vector).unwrap_err().to_string();
        assert_eq!(
            message,
            "a gradient check needs a scalar output, not one of shape [2, 2]"
        );
        let single = x().to_dtype(DType::F32).unwrap();
        let message = check_gradient(&[single], cube).unwrap_err().to_string();
        assert_eq!(
            message,
            "a gradient check needs tensors of type F64, not F32"
        );
    }
}
