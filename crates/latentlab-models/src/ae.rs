//! Autoencoder: an encoder squeezes images through a bottleneck, a decoder restores them
//! (Hinton and Salakhutdinov 2006).

use candle_core::Tensor;
use latentlab_core::{
    Batch, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Reconstruct, Result,
};
use latentlab_losses::{batch_mean, reconstruction};
use latentlab_tensor::{Mode, ParamBuilder, ops::Activation, segment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Observation, OutputBias};
use latentlab_nn::{Architecture, Initial, Network, NetworkConfig, Norm};

/// Configuration of the model `ae`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AutoencoderConfig {
    /// `dense` or `conv`.
    pub architecture: Architecture,
    /// Units (dense) or channels (conv) of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<usize>,
    /// Length of the latent vector: the bottleneck.
    pub latent: usize,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// `none`, `batch` or `spectral`.
    pub norm: Norm,
    /// Where the weights start: `pytorch`, `kaiming`, `xavier`, `orthogonal` or `dcgan`.
    pub init: Initial,
    /// `gaussian` trains on the squared error, `gaussian_sigmoid` does so with outputs kept in
    /// (0, 1), `bernoulli` trains on the cross-entropy of the pixels.
    pub decoder: Observation,
    /// Start of the output bias: `layer` or `data_mean`.
    pub output_bias: OutputBias,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Dense,
            hidden: vec![512, 256],
            latent: 32,
            activation: Activation::Relu,
            norm: Norm::None,
            init: Initial::Pytorch,
            decoder: Observation::Gaussian,
            output_bias: OutputBias::Layer,
        }
    }
}

/// The model `ae`.
pub struct Autoencoder {
    observation: Observation,
    encoder: Network,
    decoder: Network,
}

impl ModelSpec for Autoencoder {
    const NAME: &'static str = "ae";
    const SUMMARY: &'static str = "autoencoder, dense or convolutional";
    type Config = AutoencoderConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        config.decoder.check(data)?;
        if config.latent == 0 {
            return Err(Error::config("latent", "must be at least 1"));
        }
        let inwards = NetworkConfig {
            architecture: config.architecture,
            hidden: config.hidden.clone(),
            activation: config.activation,
            norm: config.norm,
            init: config.init,
        };
        let outwards = inwards.mirrored();
        let encoder = inwards.encoder(data.shape, config.latent, &params.at("encoder"))?;
        let decoder = outwards.decoder(config.latent, data.shape, &params.at("decoder"))?;
        if config.output_bias == OutputBias::DataMean {
            config.decoder.start_at_mean(&decoder, data)?;
        }
        Ok(Self {
            observation: config.decoder,
            encoder,
            decoder,
        })
    }
}

impl GenerativeModel for Autoencoder {
    fn phases(&self) -> Vec<Phase<'_>> {
        vec![Phase::new("ae", |batch, _| segment(|| self.loss(batch))).moving("")]
    }

    fn check_batch_size(&self, images: usize) -> Result<()> {
        self.encoder.check_batch_size(images, 1)?;
        self.decoder.check_batch_size(images, 1)
    }

    fn reconstructor(&self) -> Option<&dyn Reconstruct> {
        Some(self)
    }
}

impl Reconstruct for Autoencoder {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        self.encoder.forward(images, Mode::Eval)
    }

    fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        self.observation
            .mean(&self.decoder.forward(latent, Mode::Eval)?)
    }
}

impl Autoencoder {
    fn loss(&self, batch: &Batch) -> Result<Loss> {
        let latent = self.encoder.forward(&batch.images, Mode::Train)?;
        let output = self.decoder.forward(&latent, Mode::Train)?;
        let images = &batch.images;
        let error = match self.observation {
            Observation::Gaussian => reconstruction::squared_error(&output, images)?,
            Observation::GaussianSigmoid => {
                reconstruction::squared_error_of_sigmoid(&output, images)?
            }
            Observation::Bernoulli => {
                let total = batch_mean(&reconstruction::bernoulli_nll(&output, images)?)?;
                let (logits, images) = (output.detach(), images.clone());
                let squared_error = move || {
                    let error = reconstruction::squared_error_of_sigmoid(&logits, &images)?;
                    Ok(batch_mean(&error)?)
                };
                return Ok(Loss::new(total).term_later("squared_error", squared_error));
            }
        };
        let total = batch_mean(&error)?;
        Ok(Loss::new(total.clone()).term("squared_error", &total))
    }
}
