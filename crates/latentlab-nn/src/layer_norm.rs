//! Layer normalisation over the last dimension (Ba et al. 2016).
//!
//! Made of primitives: candle_nn's layer has no backward pass, and cuts the gradient without a word
//! (huggingface/candle #2168).

use candle_core::{D, Module, Result as TensorResult, Tensor};

use latentlab_tensor::{Init, ParamBuilder, Parameter, Result};

/// Added to the variance, as in PyTorch.
const EPS: f64 = 1e-5;

/// Layer normalisation, `y = (x − mean) / √(variance + 1e-5) · weight + bias` with the biased
/// variance over the last dimension, `[…, D]` to `[…, D]`: PyTorch's `nn.LayerNorm`.
///
/// Parameters: `weight` `[D]` and `bias` `[D]`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
}

/// Declares a layer normalisation over a last dimension of size `features`.
pub fn layer_norm(features: usize, params: &ParamBuilder) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: params.parameter("weight", features, Init::ONES)?,
        bias: params.parameter("bias", features, Init::ZEROS)?,
    })
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?; // […, 1]
        let normalised = centred.broadcast_mul(&(variance + EPS)?.powf(-0.5)?)?;
        normalised
            .broadcast_mul(&self.weight.value())?
            .broadcast_add(&self.bias.value())
    }
}
