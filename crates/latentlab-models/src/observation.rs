//! The distribution of a pixel given the decoder's output.

use candle_core::Tensor;
use latentlab_core::{DataInfo, Error, Result, ValueRange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the decoder's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Logits of independent Bernoulli pixels; grey levels in `[0, 1]` count as probabilities.
    Bernoulli,
    /// Means of independent normal pixels.
    Gaussian,
}

/// Where the bias of the decoder's last layer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputBias {
    /// As the layer's other parameters.
    Layer,
    /// Such that the untrained decoder gives about the mean of the training images, as in the code
    /// of Burda et al. 2016.
    DataMean,
}

impl Observation {
    /// Refuses data that this distribution cannot describe.
    pub(crate) fn check(self, data: &DataInfo) -> Result<()> {
        match (self, data.range) {
            (Self::Bernoulli, ValueRange::Real) => Err(Error::config(
                "decoder",
                "`bernoulli` needs values in [0, 1], these data are unbounded; use `gaussian`",
            )),
            _ => Ok(()),
        }
    }

    /// The mean image of a decoder's output, both `[N, C, H, W]`.
    pub(crate) fn mean(self, output: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => Ok(candle_nn::ops::sigmoid(output)?),
            Self::Gaussian => Ok(output.clone()),
        }
    }

    /// The output bias under which the decoder gives the data's mean.
    pub(crate) fn bias_for(self, mean: &[f32]) -> Vec<f32> {
        match self {
            Self::Bernoulli => mean
                .iter()
                .map(|p| p.clamp(0.001, 0.999))
                .map(|p| (p / (1.0 - p)).ln())
                .collect(),
            Self::Gaussian => mean.to_vec(),
        }
    }
}
