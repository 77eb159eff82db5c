//! How the weight and the bias of an affine layer are declared.

use candle_core::{Result as TensorResult, Shape, Tensor};

use crate::spectral_norm::{SpectralNorm, spectral_norm};
use latentlab_tensor::{Init, ParamBuilder, Parameter, Result};

/// How a bias starts, or that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Bias {
    /// Uniform in ±1/√fan_in of the weight: PyTorch's default.
    #[default]
    FanIn,
    /// These values.
    Init(Init),
    /// No bias.
    None,
}

impl Bias {
    /// Declares `bias` `[size]` beside a weight with this fan in.
    pub(super) fn declare(
        self,
        size: usize,
        fan_in: usize,
        params: &ParamBuilder,
    ) -> Result<Option<Parameter>> {
        let init = match self {
            Self::FanIn => Init::Uniform {
                bound: 1.0 / (fan_in as f64).sqrt(),
            },
            Self::Init(init) => init,
            Self::None => return Ok(None),
        };
        params.parameter("bias", size, init).map(Some)
    }
}

/// Whether a weight is normalised before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightNorm {
    /// The weight as it is.
    #[default]
    None,
    /// Divided by its largest singular value, see [`SpectralNorm`].
    Spectral,
}

/// The weight of a layer, as [`WeightNorm`] says.
#[derive(Clone, Debug)]
pub(super) enum Weight {
    Plain(Parameter),
    Spectral(SpectralNorm),
}

impl Weight {
    /// Declares `weight`, or the three entries of a spectral norm.
    pub(super) fn declare(
        shape: impl Into<Shape>,
        init: Init,
        norm: WeightNorm,
        params: &ParamBuilder,
    ) -> Result<Self> {
        match norm {
            WeightNorm::None => params.parameter("weight", shape, init).map(Self::Plain),
            WeightNorm::Spectral => spectral_norm(shape, init, params).map(Self::Spectral),
        }
    }

    /// The weight for one forward pass.
    pub(super) fn value(&self) -> TensorResult<Tensor> {
        match self {
            Self::Plain(weight) => Ok(weight.value()),
            Self::Spectral(weight) => weight.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::{ConvTranspose2dConfig, LinearConfig, conv_transpose2d, linear_with};
    use latentlab_tensor::ParamStore;

    fn store() -> ParamStore {
        ParamStore::new(9, DType::F64, &Device::Cpu)
    }

    fn largest(store: &ParamStore, path: &str) -> f64 {
        let values = store.get(path).unwrap().value().flatten_all().unwrap();
        let values = values.to_vec1::<f64>().unwrap();
        values.iter().fold(0.0, |largest, x| x.abs().max(largest))
    }

    #[test]
    fn a_layer_without_bias_declares_none() {
        let store = store();
        let config = LinearConfig {
            bias: Bias::None,
            ..Default::default()
        };
        linear_with(3, 2, config, &store.root()).unwrap();
        assert_eq!(store.paths(), ["weight"]);
    }

    #[test]
    fn a_bias_starts_as_it_is_told() {
        let store = store();
        let config = LinearConfig {
            bias: Bias::Init(Init::Constant(0.5)),
            ..Default::default()
        };
        linear_with(3, 2, config, &store.root()).unwrap();
        let bias = store.get("bias").unwrap().value();
        assert_eq!(bias.to_vec1::<f64>().unwrap(), [0.5, 0.5]);
    }

    // PyTorch 2.15: nn.ConvTranspose2d(2, 500, 3) starts both from U(±1/√(500·3·3)), for
    // torch.nn.init._calculate_fan_in_and_fan_out(weight) is (4500, 18).
    #[test]
    fn a_transposed_convolution_counts_its_fan_in_as_pytorch_does() {
        let store = store();
        conv_transpose2d(2, 500, ConvTranspose2dConfig::default(), &store.root()).unwrap();
        let bound = 1.0 / 4500f64.sqrt();
        for path in ["weight", "bias"] {
            let largest = largest(&store, path);
            assert!(
                (0.97 * bound..=bound).contains(&largest),
                "{path}: {largest}"
            );
        }
    }
}
