//! The distribution of a pixel given the decoder's output.

use candle_core::{Module, Tensor};
use latentlab_core::{DataInfo, Error, Result, ValueRange};
use latentlab_tensor::ops::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use latentlab_nn::Network;

/// What the decoder's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Logits of independent Bernoulli pixels; grey levels in `[0, 1]` count as probabilities.
    Bernoulli,
    /// Means of independent normal pixels.
    Gaussian,
    /// Logits of the means of independent normal pixels, which so stay in `(0, 1)`.
    GaussianSigmoid,
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
        let name = match (self, data.range) {
            (Self::Gaussian, _) | (_, ValueRange::Unit) => return Ok(()),
            (Self::Bernoulli, ValueRange::Real) => "bernoulli",
            (Self::GaussianSigmoid, ValueRange::Real) => "gaussian_sigmoid",
        };
        Err(Error::config(
            "decoder",
            format!("`{name}` needs values in [0, 1], these data are unbounded; use `gaussian`"),
        ))
    }

    /// The mean image of a decoder's output, both `[N, C, H, W]`.
    pub(crate) fn mean(self, output: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli | Self::GaussianSigmoid => Ok(Activation::Sigmoid.forward(output)?),
            Self::Gaussian => Ok(output.clone()),
        }
    }

    /// Sets the decoder's output bias to where its mean would be that of the data, if the rest of
    /// its last layer gave 0. A convolution has one bias per channel: that of the channel's mean.
    pub(crate) fn start_at_mean(self, decoder: &Network, data: &DataInfo) -> Result<()> {
        if data.mean.len() != data.shape.pixels() {
            return Err(Error::Data(format!(
                "the mean image has {} values, not {} as an image",
                data.mean.len(),
                data.shape.pixels()
            )));
        }
        let Some(bias) = decoder.output_bias() else {
            return Ok(());
        };
        let bias_for = |pixels: &[f32]| {
            let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
            match self {
                Self::Bernoulli | Self::GaussianSigmoid => {
                    let p = mean.clamp(0.001, 0.999);
                    (p / (1.0 - p)).ln()
                }
                Self::Gaussian => mean,
            }
        };
        let count = bias.var().elem_count();
        let pixels_each = data.mean.len() / count;
        let values: Vec<f32> = data.mean.chunks(pixels_each).map(bias_for).collect();
        let values = Tensor::new(values, bias.var().device())?.to_dtype(bias.var().dtype())?;
        Ok(bias.set(&values)?)
    }
}
