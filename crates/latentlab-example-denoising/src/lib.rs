//! A model from outside: a denoising autoencoder (Vincent et al. 2008), plugged into LatentLab.
//!
//! Copy this crate to start one of your own. It depends on the public crates only; nothing in them
//! mentions it. [`plugin`] is all that a program has to add.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Reconstruct, Registry, Result,
    Step,
};
use latentlab_losses::{batch_mean, reconstruction};
use latentlab_nn::{Network, NetworkConfig};
use latentlab_tensor::{Mode, ParamBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registers the model of this crate.
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.add::<DenoisingAutoencoder>()
}

/// Configuration of the model `denoising-ae`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DenoisingConfig {
    /// Share of pixels set to 0 before the encoder sees them, in `[0, 1)`.
    pub corruption: f64,
    /// Length of the latent vector.
    pub latent: usize,
    /// The encoder's layers; the decoder mirrors them.
    pub network: NetworkConfig,
}

impl Default for DenoisingConfig {
    fn default() -> Self {
        Self {
            corruption: 0.25,
            latent: 32,
            network: NetworkConfig {
                hidden: vec![256],
                ..NetworkConfig::default()
            },
        }
    }
}

/// The model `denoising-ae`: restores images from copies with missing pixels.
pub struct DenoisingAutoencoder {
    corruption: f64,
    encoder: Network,
    decoder: Network,
    dtype: DType,
    device: Device,
}

impl ModelSpec for DenoisingAutoencoder {
    const NAME: &'static str = "denoising-ae";
    const SUMMARY: &'static str = "autoencoder that restores missing pixels, from an outside crate";
    type Config = DenoisingConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        if !(0.0..1.0).contains(&config.corruption) {
            let problem = format!("must be in [0, 1), not {}", config.corruption);
            return Err(Error::config("corruption", problem));
        }
        let (encoder, decoder) = (params.at("encoder"), params.at("decoder"));
        let (inwards, outwards) = (&config.network, config.network.mirrored());
        Ok(Self {
            corruption: config.corruption,
            encoder: inwards.encoder(data.shape, config.latent, &encoder)?,
            decoder: outwards.decoder(config.latent, data.shape, &decoder)?,
            dtype: params.dtype(),
            device: params.device().clone(),
        })
    }
}

impl GenerativeModel for DenoisingAutoencoder {
    fn phases(&self) -> Vec<Phase<'_>> {
        vec![Phase::new("denoising", |batch, step| self.loss(batch, step)).moving("")]
    }

    fn reconstructor(&self) -> Option<&dyn Reconstruct> {
        Some(self)
    }
}

impl Reconstruct for DenoisingAutoencoder {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        self.encoder.forward(images, Mode::Eval)
    }

    fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        self.decoder.forward(latent, Mode::Eval)
    }
}

impl DenoisingAutoencoder {
    fn loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let images = &batch.images;
        let draw = step
            .rng
            .uniform(0.0, 1.0, images.shape(), self.dtype, &self.device)?;
        let kept = draw.ge(self.corruption)?.to_dtype(self.dtype)?;
        let latent = self.encoder.forward(&(images * kept)?, Mode::Train)?;
        let output = self.decoder.forward(&latent, Mode::Train)?;
        let error = reconstruction::squared_error(&output, images)?;
        Ok(Loss::new(batch_mean(&error)?))
    }
}
