//! Variational autoencoder (Kingma and Welling 2014), its β form (Higgins et al. 2017), free bits
//! (Kingma et al. 2016) and, with more than one importance sample, the IWAE (Burda et al. 2016).
//!
//! The encoder gives a distribution q(z|x) = N(μ(x), diag σ²(x)) instead of a point, and training
//! goes up the evidence lower bound `log p(x) ≥ E_q log p(x|z) - KL(q(z|x) ‖ N(0, I))`.

mod config;

use candle_core::{DType, Device, Module, Tensor};
use latentlab_core::{
    Batch, DataInfo, Elbo, Error, GenerativeModel, Likelihood, Loss, ModelSpec, Phase, Reconstruct,
    Result, Sample, Step, ValueRange,
};
use latentlab_losses::{batch_mean, divergence, reconstruction};
use latentlab_nn::Linear;
use latentlab_tensor::{Init, Mode, ParamBuilder, Parameter, Rng, ops::reparameterise, segment};

pub use config::VaeConfig;

use crate::{Observation, OutputBias};
use latentlab_nn::{Network, NetworkConfig};

/// The model `vae`.
pub struct Vae {
    config: VaeConfig,
    encoder: Network,
    mu: Linear,
    log_var: Linear,
    decoder: Network,
    pixel: Pixel,
    /// Values of an image.
    pixels: usize,
    range: ValueRange,
    dtype: DType,
    device: Device,
}

/// Values that a step may compute of all importance samples together, 16 GiB in `f32`.
const MOST_VALUES: usize = 1 << 32;

/// The distribution of a pixel around what the decoder gives.
enum Pixel {
    Bernoulli,
    FixedVariance(f64),
    /// The log-variance of all pixels, `[1]`.
    LearnedVariance(Parameter),
}

impl ModelSpec for Vae {
    const NAME: &'static str = "vae";
    const SUMMARY: &'static str = "variational autoencoder: beta-VAE, free bits, IWAE";
    type Config = VaeConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        config.check(data)?;
        let inwards = NetworkConfig {
            architecture: config.architecture,
            hidden: config.hidden.clone(),
            activation: config.activation,
            norm: config.norm,
            init: config.init,
        };
        let (encoder, features) = inwards.features(data.shape, &params.at("encoder"))?;
        let decoder =
            inwards
                .mirrored()
                .decoder(config.latent, data.shape, &params.at("decoder"))?;
        if config.output_bias == OutputBias::DataMean {
            config.decoder.start_at_mean(&decoder, data)?;
        }
        let pixel = match (config.decoder, config.decoder_log_var) {
            (Observation::Bernoulli, _) => Pixel::Bernoulli,
            (_, Some(log_var)) => Pixel::FixedVariance(log_var.exp()),
            (_, None) => {
                Pixel::LearnedVariance(params.parameter("pixel_log_var", 1, Init::ZEROS)?)
            }
        };
        Ok(Self {
            encoder,
            mu: inwards.linear(features, config.latent, &params.at("mu"))?,
            log_var: inwards.linear(features, config.latent, &params.at("log_var"))?,
            decoder,
            pixel,
            pixels: data.shape.pixels(),
            range: data.range,
            dtype: params.dtype(),
            device: params.device().clone(),
            config: config.clone(),
        })
    }
}

impl GenerativeModel for Vae {
    fn phases(&self) -> Vec<Phase<'_>> {
        let loss = |batch: &Batch, step: &mut Step| segment(|| self.loss(batch, step));
        vec![Phase::new("vae", loss).moving("")]
    }

    fn check_batch_size(&self, images: usize) -> Result<()> {
        self.encoder.check_batch_size(images, 1)?;
        let samples = self.config.samples;
        if samples == 1 {
            return self.decoder.check_batch_size(images, 1);
        }
        let values = self.pixels.max(self.config.latent);
        let at_once = samples
            .checked_mul(images)
            .and_then(|rows| rows.checked_mul(values));
        if at_once.is_some_and(|values| values <= MOST_VALUES) {
            return Ok(());
        }
        let problem = format!(
            "{samples} importance samples of each of {images} images are more than {MOST_VALUES} \
             values at once: lower `batch_size` or `model.config.samples`"
        );
        Err(Error::config("batch_size", problem))
    }

    fn sampler(&self) -> Option<&dyn Sample> {
        Some(self)
    }

    fn reconstructor(&self) -> Option<&dyn Reconstruct> {
        Some(self)
    }

    fn likelihood(&self) -> Option<&dyn Likelihood> {
        Some(self)
    }
}

impl Sample for Vae {
    fn prior(&self, count: usize, rng: &mut Rng) -> Result<Tensor> {
        Ok(rng.normal((count, self.config.latent), self.dtype, &self.device)?)
    }

    fn generate(&self, latent: &Tensor, _labels: Option<&Tensor>) -> Result<Tensor> {
        let mean = self.decode(latent)?;
        match self.range {
            ValueRange::Unit => Ok(mean.clamp(0.0, 1.0)?),
            ValueRange::Real => Ok(mean),
        }
    }
}

impl Reconstruct for Vae {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        Ok(self.posterior(images, Mode::Eval)?.0)
    }

    fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        let output = self.decoder.forward(latent, Mode::Eval)?;
        self.config.decoder.mean(&output)
    }
}

impl Likelihood for Vae {
    fn elbo(&self, images: &Tensor, rng: &mut Rng) -> Result<Elbo> {
        let (mu, log_var) = self.posterior(images, Mode::Eval)?;
        let latent = reparameterise(&mu, &log_var, &rng.normal_like(&mu)?)?;
        let output = self.decoder.forward(&latent, Mode::Eval)?;
        Ok(Elbo {
            reconstruction: self.reconstruction_nll(&output, images)?,
            kl: divergence::gaussian_kl_per_dimension(&mu, &log_var)?,
        })
    }

    fn draw_latent(&self, images: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let (mu, log_var) = self.posterior(images, Mode::Eval)?;
        Ok(reparameterise(&mu, &log_var, &rng.normal_like(&mu)?)?)
    }

    fn log_weights(&self, images: &Tensor, samples: usize, rng: &mut Rng) -> Result<Tensor> {
        let posterior = self.posterior(images, Mode::Eval)?;
        self.importance_log_weights(images, &posterior, samples, rng, Mode::Eval)
    }
}

impl Vae {
    fn loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        if self.config.samples > 1 {
            return self.importance_weighted_loss(batch, step);
        }
        let images = &batch.images;
        let (mu, log_var) = self.posterior(images, Mode::Train)?;
        let noise = step.rng.normal_like(&mu)?;
        let latent = reparameterise(&mu, &log_var, &noise)?;
        let output = self.decoder.forward(&latent, Mode::Train)?;
        let reconstruction = batch_mean(&self.reconstruction_nll(&output, images)?)?;
        let kl = batch_mean(&divergence::gaussian_kl(&mu, &log_var)?)?;
        let pushed = match self.config.free_bits {
            0.0 => kl.clone(),
            nats => {
                let per_dimension = divergence::gaussian_kl_per_dimension(&mu, &log_var)?; // [N, D]
                divergence::free_bits(&per_dimension, nats)?
            }
        };
        let beta = match self.config.beta_warmup {
            0 => self.config.beta,
            steps => self.config.beta * (step.number as f64 / steps as f64).min(1.0),
        };
        let total = (&reconstruction + (pushed * beta)?)?;
        Ok(Loss::new(total)
            .term("reconstruction", &reconstruction)
            .term("kl", &kl))
    }

    fn importance_weighted_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let images = &batch.images;
        let posterior = self.posterior(images, Mode::Train)?;
        let log_weights = self.importance_log_weights(
            images,
            &posterior,
            self.config.samples,
            &mut step.rng,
            Mode::Train,
        )?;
        let bound = batch_mean(&divergence::importance_weighted_bound(&log_weights)?)?;
        let kl = batch_mean(&divergence::gaussian_kl(&posterior.0, &posterior.1)?)?;
        Ok(Loss::new(bound.neg()?)
            .term("elbo", &log_weights.mean_all()?)
            .term("kl", &kl))
    }

    /// Mean and log-variance of q(z|x), `[N, D]` each.
    fn posterior(&self, images: &Tensor, mode: Mode) -> Result<(Tensor, Tensor)> {
        let features = self.encoder.forward(images, mode)?;
        Ok((
            self.mu.forward(&features)?,
            self.log_var.forward(&features)?,
        ))
    }

    /// `-log p(x|z)` in nats per image, `[N]`, from the decoder's output.
    fn reconstruction_nll(&self, output: &Tensor, images: &Tensor) -> Result<Tensor> {
        let mean = || self.config.decoder.mean(output);
        Ok(match &self.pixel {
            Pixel::Bernoulli => reconstruction::bernoulli_nll(output, images)?,
            Pixel::FixedVariance(variance) => match self.config.decoder {
                Observation::GaussianSigmoid => {
                    reconstruction::gaussian_nll_of_sigmoid(output, images, *variance)?
                }
                _ => reconstruction::gaussian_nll_with_variance(&mean()?, images, *variance)?,
            },
            Pixel::LearnedVariance(log_var) => {
                reconstruction::gaussian_nll(&mean()?, &log_var.value(), images)?
            }
        })
    }

    /// `log p(x|z) + log p(z) - log q(z|x)` for draws of z, `[samples, N]`.
    fn importance_log_weights(
        &self,
        images: &Tensor,
        (mu, log_var): &(Tensor, Tensor),
        samples: usize,
        rng: &mut Rng,
        mode: Mode,
    ) -> Result<Tensor> {
        let (count, dimensions) = mu.dims2()?;
        let noise = rng.normal((samples, count, dimensions), self.dtype, &self.device)?;
        let deviation = (log_var * 0.5)?.exp()?;
        let latent = noise.broadcast_mul(&deviation)?.broadcast_add(mu)?; // [K, N, D]
        let output = self
            .decoder
            .forward(&latent.reshape((samples * count, dimensions))?, mode)?;
        let repeated = images
            .unsqueeze(0)?
            .expand([&[samples], images.dims()].concat())?
            .reshape(output.shape())?; // [K * N, C, H, W]
        let nll = self
            .reconstruction_nll(&output, &repeated)?
            .reshape((samples, count))?;
        let log_prior = divergence::standard_normal_log_density(&latent)?;
        let log_posterior = divergence::gaussian_log_density(&latent, mu, log_var)?;
        Ok(((log_prior - log_posterior)? - nll)?)
    }
}
