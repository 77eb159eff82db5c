//! Generative adversarial network (Goodfellow et al. 2014), dense or convolutional (DCGAN, Radford
//! et al. 2016), under any adversarial objective and gradient penalty.
//!
//! The generator turns noise into images; the discriminator tells them from real ones. One training
//! step moves the discriminator, and every `critic_steps` steps the generator. The discriminator
//! sees values centred on zero: images in `[0, 1]` are shown to it as `2x - 1`.

mod config;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, Criticise, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Result, Sample,
    Step, ValueRange,
};
use latentlab_losses::{adversarial, penalty};
use latentlab_tensor::{Mode, ParamBuilder, Rng, input_gradient};

pub use config::{GanConfig, GeneratorOutput, Penalty, PenaltyKind, Prior};

use crate::Network;

/// The model `gan`.
pub struct Gan {
    config: GanConfig,
    generator: Network,
    discriminator: Network,
    range: ValueRange,
    dtype: DType,
    device: Device,
}

impl ModelSpec for Gan {
    const NAME: &'static str = "gan";
    const SUMMARY: &'static str = "generative adversarial network, dense or DCGAN";
    type Config = GanConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        config.check(data)?;
        let within = |part: &'static str| {
            move |error| match error {
                Error::Config { field, problem } => {
                    Error::config(format!("{part}.{field}"), problem)
                }
                other => other,
            }
        };
        Ok(Self {
            generator: config
                .generator
                .decoder(config.latent, data.shape, &params.at("generator"))
                .map_err(within("generator"))?,
            discriminator: config
                .discriminator
                .encoder(data.shape, 1, &params.at("discriminator"))
                .map_err(within("discriminator"))?,
            range: data.range,
            dtype: params.dtype(),
            device: params.device().clone(),
            config: config.clone(),
        })
    }
}

impl GenerativeModel for Gan {
    fn phases(&self) -> Vec<Phase<'_>> {
        let mut phases = vec![Phase::new("discriminator", |batch, step| {
            self.discriminator_loss(batch, step)
        })];
        if self.penalty_is_lazy() {
            let phase = Phase::new("penalty", |batch, step| self.lazy_penalty(batch, step));
            phases.push(
                phase
                    .moving("discriminator")
                    .every(self.config.penalty.every),
            );
        }
        let generator = Phase::new("generator", |batch, step| self.generator_loss(batch, step));
        phases.push(generator.every(self.config.critic_steps));
        phases
    }

    fn sampler(&self) -> Option<&dyn Sample> {
        Some(self)
    }

    fn critic(&self) -> Option<&dyn Criticise> {
        Some(self)
    }
}

impl Sample for Gan {
    fn prior(&self, count: usize, rng: &mut Rng) -> Result<Tensor> {
        let shape = (count, self.config.latent);
        Ok(match self.config.prior {
            Prior::Gaussian => rng.normal(shape, self.dtype, &self.device)?,
            Prior::Uniform => rng.uniform(-1.0, 1.0, shape, self.dtype, &self.device)?,
        })
    }

    fn generate(&self, latent: &Tensor, _labels: Option<&Tensor>) -> Result<Tensor> {
        let centred = self.imagine(latent, Mode::Eval)?;
        match self.range {
            ValueRange::Unit => Ok(((centred + 1.0)? * 0.5)?),
            ValueRange::Real => Ok(centred),
        }
    }
}

impl Criticise for Gan {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.judge(&self.centre(images)?, Mode::Eval)
    }
}

impl Gan {
    fn discriminator_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let real = self.centre(&batch.images)?;
        let fake = self.fakes(batch, step)?;
        let real_logits = self.judge(&real, Mode::Train)?;
        let fake_logits = self.judge(&fake, Mode::Train)?;
        let objective = self.config.objective;
        let loss =
            objective.discriminator_loss(&real_logits, &fake_logits, self.config.smoothing())?;
        let probability = |logits: &Tensor| candle_nn::ops::sigmoid(logits)?.mean_all();
        let share = |mask: Tensor| mask.to_dtype(self.dtype)?.mean_all();
        let record = |total: Tensor| -> Result<Loss> {
            Ok(Loss::new(total)
                .term("value", &adversarial::value(&real_logits, &fake_logits)?)
                .term("real_probability", &probability(&real_logits)?)
                .term("fake_probability", &probability(&fake_logits)?)
                .term("real_accuracy", &share(real_logits.gt(0.0)?)?)
                .term("fake_accuracy", &share(fake_logits.lt(0.0)?)?))
        };
        if self.config.penalty.name == PenaltyKind::None || self.penalty_is_lazy() {
            return record(loss);
        }
        let penalty = self.penalty(&real, &fake, step)?;
        Ok(record((loss + &penalty)?)?.term("penalty", &penalty))
    }

    fn generator_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let fake = self.fakes(batch, step)?;
        let logits = self.judge(&fake, Mode::Train)?;
        Ok(Loss::new(self.config.objective.generator_loss(&logits)?))
    }

    fn lazy_penalty(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let real = self.centre(&batch.images)?;
        let fake = self.fakes(batch, step)?;
        let penalty = self.penalty(&real, &fake, step)?;
        Ok(Loss::new((penalty * self.config.penalty.every as f64)?))
    }

    fn penalty(&self, real: &Tensor, fake: &Tensor, step: &mut Step) -> Result<Tensor> {
        let Penalty {
            name,
            weight,
            sided,
            ..
        } = self.config.penalty;
        let at = match name {
            PenaltyKind::None | PenaltyKind::R1 => real.clone(),
            PenaltyKind::R2 => fake.clone(),
            PenaltyKind::WganGp => {
                let epsilon = step
                    .rng
                    .uniform(0.0, 1.0, real.dim(0)?, self.dtype, &self.device)?;
                penalty::interpolate(real, fake, &epsilon)?
            }
            PenaltyKind::Dragan => {
                let noise = step
                    .rng
                    .uniform(0.0, 1.0, real.shape(), self.dtype, &self.device)?;
                penalty::dragan_perturb(real, &noise)?
            }
        };
        let gradient = input_gradient(&at, |images| {
            let logits = self.discriminator.forward(images, Mode::Train);
            logits.map_err(|error| latentlab_tensor::Error::Argument(error.to_string()))
        })?
        .gradient;
        Ok(match name {
            PenaltyKind::None | PenaltyKind::R1 => penalty::r1(&gradient, weight)?,
            PenaltyKind::R2 => penalty::r2(&gradient, weight)?,
            PenaltyKind::WganGp | PenaltyKind::Dragan => {
                penalty::wgan_gp(&gradient, 1.0, sided, weight)?
            }
        })
    }

    fn penalty_is_lazy(&self) -> bool {
        self.config.penalty.name != PenaltyKind::None && self.config.penalty.every > 1
    }

    /// As many generated images as the batch has real ones, centred.
    fn fakes(&self, batch: &Batch, step: &mut Step) -> Result<Tensor> {
        let latent = self.prior(batch.size()?, &mut step.rng)?;
        self.imagine(&latent, Mode::Train)
    }

    /// Centred images of noise vectors.
    fn imagine(&self, latent: &Tensor, mode: Mode) -> Result<Tensor> {
        let output = self.generator.forward(latent, mode)?;
        Ok(match (self.config.output, self.range) {
            (GeneratorOutput::Softmax, _) => self.centre(&candle_nn::ops::softmax(&output, 1)?)?,
            (GeneratorOutput::Auto, ValueRange::Unit) => output.tanh()?,
            (GeneratorOutput::Auto, ValueRange::Real) => output,
        })
    }

    /// Logits `[N]` of centred images.
    fn judge(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.discriminator.forward(images, mode)?.squeeze(1)?)
    }

    fn centre(&self, images: &Tensor) -> Result<Tensor> {
        match self.range {
            ValueRange::Unit => Ok(images.affine(2.0, -1.0)?),
            ValueRange::Real => Ok(images.clone()),
        }
    }
}
