//! The gradient of a group of parameters: averaged over parts of a batch, measured, clipped.

use std::collections::BTreeMap;

use candle_core::{Tensor, backprop::GradStore};
use latentlab_tensor::Parameter;

use latentlab_core::Result;

/// Gradients by parameter path. Parameters that a loss does not reach have no entry.
pub type Gradients = BTreeMap<String, Tensor>;

/// What one backward pass left for `parameters`, detached.
pub fn gradients_of(parameters: &[(String, Parameter)], pass: &GradStore) -> Gradients {
    let gradient = |(path, parameter): &(String, Parameter)| {
        Some((path.clone(), pass.get(parameter.var())?.detach()))
    };
    parameters.iter().filter_map(gradient).collect()
}

/// Adds what one backward pass left for `parameters` to `sum`.
///
/// The gradients are detached: where candle keeps the graph of a gradient, it ends here.
pub fn accumulate(
    sum: &mut Gradients,
    part: &GradStore,
    parameters: &[(String, Parameter)],
) -> Result<()> {
    for (path, gradient) in gradients_of(parameters, part) {
        let gradient = match sum.get(&path) {
            Some(before) => (before + gradient)?,
            None => gradient,
        };
        sum.insert(path, gradient);
    }
    Ok(())
}

/// Scales the gradients down to the Euclidean norm `max_norm` where they exceed it, and returns
/// their norm before, a scalar `[]`.
///
/// `g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶))` over all gradients together, as in PyTorch's
/// `clip_grad_norm_` (Pascanu et al. 2013, algorithm 1).
///
/// The norm stays on the device.
pub fn clip_norm(gradients: &mut Gradients, max_norm: f64) -> Result<Option<Tensor>> {
    let squares = gradients
        .values()
        .map(|gradient| gradient.sqr()?.sum_all())
        .collect::<candle_core::Result<Vec<_>>>()?;
    if squares.is_empty() {
        return Ok(None);
    }
    let norm = Tensor::stack(&squares, 0)?.sum_all()?.sqrt()?;
    let factor = ((&norm + 1e-6)?.recip()? * max_norm)?.minimum(1.0)?;
    for gradient in gradients.values_mut() {
        *gradient = gradient.broadcast_mul(&factor)?;
    }
    Ok(Some(norm))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn gradients() -> Gradients {
        let tensor = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
        Gradients::from([
            ("a".to_owned(), tensor(&[3.0, 4.0])),
            ("b".to_owned(), tensor(&[12.0])),
        ])
    }

    fn values(gradients: &Gradients) -> Vec<f64> {
        let values = gradients.values().map(|g| g.to_vec1::<f64>().unwrap());
        values.flatten().collect()
    }

    // p = [Parameter(zeros(2)), Parameter(zeros(1))]; grads (3, 4) and (12)
    // clip_grad_norm_(p, 6.5) returns 13.0 and leaves (1.5, 2.0) and (6.0), up to its 1e-6
    #[test]
    fn the_norm_over_all_gradients_is_clipped_as_in_pytorch() {
        let mut gradients = gradients();
        let norm = clip_norm(&mut gradients, 6.5).unwrap().unwrap();
        assert_eq!(norm.to_scalar::<f64>().unwrap(), 13.0);
        for (have, want) in values(&gradients).iter().zip([1.5, 2.0, 6.0]) {
            assert!((have - want).abs() < 1e-6, "{have} is not {want}");
        }
    }

    #[test]
    fn gradients_below_the_norm_are_left_alone() {
        let mut gradients = gradients();
        clip_norm(&mut gradients, 13.1).unwrap();
        assert_eq!(values(&gradients), [3.0, 4.0, 12.0]);
    }

    #[test]
    fn no_gradients_have_no_norm() {
        assert!(clip_norm(&mut Gradients::new(), 1.0).unwrap().is_none());
    }
}
