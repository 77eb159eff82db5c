//! How the weight and the bias of an affine layer are declared.

use candle_core::{Result as TensorResult, Shape, Tensor};

use super::spectral_norm::{SpectralNorm, spectral_norm};
use crate::{Init, ParamBuilder, Parameter, Result};

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
