//! A model from outside with a state, labels and a layer of its own: an autoencoder whose latent
//! vectors are codes of a learned codebook (VQ-VAE, van den Oord et al. 2017), plugged into LatentLab.
//!
//! Copy this crate if your model has any of the three; the denoising example is the shorter one.
//! [`plugin`] is all that a program has to add.

mod quantiser;

use candle_core::{D, DType, Module, Tensor};
use latentlab_core::{
    Batch, Classify, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Reconstruct,
    Registry, Result, Step,
};
use latentlab_losses::{batch_mean, classification::cross_entropy, reconstruction};
use latentlab_nn::{Linear, linear};
use latentlab_nn::{Network, NetworkConfig};
use latentlab_tensor::{Mode, ParamBuilder, segment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use quantiser::{Quantised, Quantiser, QuantiserConfig, quantiser};

/// Registers the model of this crate.
pub fn plugin(registry: &mut Registry) -> Result<()> {
    registry.add::<CodebookAutoencoder>()
}

/// Configuration of the model `codebook-ae`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CodebookConfig {
    /// Codes that stand for an image; a latent vector is this many codes, one after the other.
    pub slots: usize,
    /// The codebook.
    pub codebook: QuantiserConfig,
    /// Weight β of the commitment loss.
    pub commitment: f64,
    /// The encoder's layers; the decoder mirrors them.
    pub network: NetworkConfig,
}

impl Default for CodebookConfig {
    fn default() -> Self {
        Self {
            slots: 16,
            codebook: QuantiserConfig::default(),
            commitment: 0.25,
            network: NetworkConfig {
                hidden: vec![512, 256],
                ..NetworkConfig::default()
            },
        }
    }
}

/// The model `codebook-ae`: images through a few codes and back, and a probe that tells the classes of
/// the images by these codes.
pub struct CodebookAutoencoder {
    slots: usize,
    width: usize,
    commitment: f64,
    encoder: Network,
    quantiser: Quantiser,
    decoder: Network,
    /// A linear layer to the classes, where images have labels.
    probe: Option<Linear>,
}

impl ModelSpec for CodebookAutoencoder {
    const NAME: &'static str = "codebook-ae";
    const SUMMARY: &'static str = "autoencoder with a codebook (VQ-VAE), from an outside crate";
    type Config = CodebookConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        let CodebookConfig {
            slots,
            codebook,
            commitment,
            ref network,
        } = *config;
        if slots == 0 {
            return Err(Error::config("slots", "must be at least 1"));
        }
        if !(commitment.is_finite() && commitment >= 0.0) {
            let problem = format!("must be 0 or more, not {commitment}");
            return Err(Error::config("commitment", problem));
        }
        // One group for what learns to restore images, with the codebook in it, and one for the probe.
        let autoencoder = params.at("autoencoder");
        let quantiser = quantiser(codebook, &autoencoder.at("codebook")).map_err(in_codebook)?;
        let latent = slots.saturating_mul(codebook.width);
        let encoder = network.encoder(data.shape, latent, &autoencoder.at("encoder"))?;
        let outwards = network.mirrored();
        let probe = data
            .classes
            .map(|classes| linear(latent, classes, &params.at("probe")));
        Ok(Self {
            slots,
            width: codebook.width,
            commitment,
            encoder,
            quantiser,
            decoder: outwards.decoder(latent, data.shape, &autoencoder.at("decoder"))?,
            probe: probe.transpose()?,
        })
    }
}

/// The error of a part of the configuration, by its place in the whole.
fn in_codebook(error: Error) -> Error {
    match error {
        Error::Config { field, problem } => Error::config(format!("codebook.{field}"), problem),
        other => other,
    }
}

impl GenerativeModel for CodebookAutoencoder {
    fn phases(&self) -> Vec<Phase<'_>> {
        let mut phases = vec![Phase::new("autoencoder", |batch, step| {
            segment(|| self.autoencoder_loss(batch, step))
        })];
        if let Some(probe) = &self.probe {
            let loss = |batch: &Batch, _: &mut Step| segment(|| self.probe_loss(probe, batch));
            phases.push(Phase::new("probe", loss));
        }
        phases
    }

    fn reconstructor(&self) -> Option<&dyn Reconstruct> {
        Some(self)
    }

    fn classifier(&self) -> Option<&dyn Classify> {
        self.probe.is_some().then_some(self as &dyn Classify)
    }
}

impl Reconstruct for CodebookAutoencoder {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        let quantised = self
            .quantiser
            .quantise(&self.vectors(images, Mode::Eval)?)?;
        self.latent(&quantised)
    }

    fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        self.decoder.forward(latent, Mode::Eval)
    }
}

impl Classify for CodebookAutoencoder {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.encode(images)
    }

    fn class_logits(&self, features: &Tensor) -> Result<Tensor> {
        let probe = self.probe.as_ref().ok_or_else(unlabelled)?;
        Ok(probe.forward(features)?)
    }
}

fn unlabelled() -> Error {
    Error::Data("images without labels have no classes to tell apart".to_owned())
}

impl CodebookAutoencoder {
    fn autoencoder_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let images = &batch.images;
        let vectors = self.vectors(images, Mode::Train)?;
        let quantised = self.quantiser.quantise(&vectors)?;
        self.quantiser
            .learn(&vectors, &quantised.indices, &mut step.rng)?;
        let output = self
            .decoder
            .forward(&self.latent(&quantised)?, Mode::Train)?;
        let error = batch_mean(&reconstruction::squared_error(&output, images)?)?;
        let distance = quantised.distance.reshape(((), self.slots))?; // [N, slots]
        let commitment = batch_mean(&distance.sum(D::Minus1)?)?;
        let total = (&error + (&commitment * self.commitment)?)?;
        let (quantiser, indices) = (self.quantiser.clone(), quantised.indices);
        Ok(Loss::new(total)
            .term("squared_error", &error)
            .term("commitment", &commitment)
            .term_later("perplexity", move || Ok(quantiser.perplexity(&indices)?)))
    }

    /// Trained beside the autoencoder, which it leaves alone: only its own group moves, so that the
    /// codes are constants here.
    fn probe_loss(&self, probe: &Linear, batch: &Batch) -> Result<Loss> {
        let labels = batch.labels.as_ref().ok_or_else(unlabelled)?;
        let logits = probe.forward(&self.encode(&batch.images)?)?;
        let loss = Loss::new(batch_mean(&cross_entropy(&logits, labels)?)?);
        let (logits, labels) = (logits.detach(), labels.clone());
        Ok(loss.term_later("accuracy", move || {
            let right = logits.argmax(D::Minus1)?.eq(&labels)?;
            Ok(right.to_dtype(DType::F32)?.mean_all()?)
        }))
    }

    /// What the encoder makes of images `[N, C, H, W]`: a vector for each slot, `[N · slots, width]`.
    fn vectors(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let latent = self.encoder.forward(images, mode)?; // [N, slots · width]
        Ok(latent.reshape(((), self.width))?)
    }

    /// The codes of an image, one after the other: `[N, slots · width]`.
    fn latent(&self, quantised: &Quantised) -> Result<Tensor> {
        Ok(quantised.codes.reshape(((), self.slots * self.width))?)
    }
}
