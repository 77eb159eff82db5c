//! The gradient of a group of parameters: averaged over parts of a batch, measured, clipped.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, backprop::GradStore};
use latentlab_tensor::Parameter;

use crate::Result;

/// Gradients by parameter path. Parameters that a loss does not reach have no entry.
pub type Gradients = BTreeMap<String, Tensor>;

/// Adds what one backward pass left for `parameters` to `sum`.
///
/// The gradients are detached: where candle keeps the graph of a gradient, it ends here.
pub(crate) fn add(
    sum: &mut Gradients,
    part: &GradStore,
    parameters: &[(String, Parameter)],
) -> Result<()> {
    for (path, parameter) in parameters {
        let Some(gradient) = part.get(parameter.var()) else {
            continue;
        };
        let gradient = match sum.get(path) {
            Some(before) => (before + gradient.detach())?,
            None => gradient.detach(),
        };
        sum.insert(path.clone(), gradient);
    }
    Ok(())
}

/// Scales the gradients down to the Euclidean norm `max_norm` where they exceed it, and returns
/// their norm before, a scalar `[]`.
///
/// `g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶))` over all gradients together, as in PyTorch's
/// `clip_grad_norm_` (Pascanu et al. 2013, algorithm 1).
///
/// The norm stays on the device. Every gradient is summed in its own type, then the sums in path
/// order: the result does not depend on the number of threads.
pub(crate) fn clip_norm(gradients: &mut Gradients, max_norm: f64) -> Result<Option<Tensor>> {
    let squares = gradients
        .values()
        .map(|gradient| Ok(gradient.sqr()?.sum_all()?.to_dtype(DType::F32)?))
        .collect::<Result<Vec<_>>>()?;
    if squares.is_empty() {
        return Ok(None);
    }
    let norm = Tensor::stack(&squares, 0)?.sum_all()?.sqrt()?;
    let factor = ((&norm + 1e-6)?.recip()? * max_norm)?.minimum(1f32)?;
    for gradient in gradients.values_mut() {
        *gradient = gradient.broadcast_mul(&factor.to_dtype(gradient.dtype())?)?;
    }
    Ok(Some(norm))
}
