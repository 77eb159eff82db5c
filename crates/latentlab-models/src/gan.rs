//! Generative adversarial network (Goodfellow et al. 2014), dense or convolutional (DCGAN, Radford
//! et al. 2016), under any adversarial objective and gradient penalty.
//!
//! The generator turns noise into images; the discriminator tells them from real ones. One training
//! step moves the discriminator, and every `critic_steps` steps the generator. The discriminator
//! sees values centred on zero: images in `[0, 1]` are shown to it as `2x - 1`.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, Criticise, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Result, Sample,
    Step, ValueRange,
};
use latentlab_losses::{
    adversarial::{self, Objective, Smoothing},
    penalty::{self, Sided},
};
use latentlab_tensor::{Mode, ParamBuilder, Rng, input_gradient, layers::Activation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Network, NetworkConfig};

/// Distribution of the generator's noise, independent in each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// Standard normal.
    Gaussian,
    /// Uniform in `[-1, 1)`.
    Uniform,
}

/// What bounds the generator's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorOutput {
    /// `tanh` for data in `[0, 1]`, nothing for unbounded data.
    Auto,
    /// A distribution over the channels, for one-hot data.
    Softmax,
}

/// Which gradient of the discriminator is kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PenaltyKind {
    /// None.
    None,
    /// At real images (Mescheder et al. 2018, eq. 9).
    R1,
    /// At generated images (Mescheder et al. 2018, eq. 10).
    R2,
    /// Between real and generated images, towards norm 1 (Gulrajani et al. 2017, eq. 3).
    WganGp,
    /// Around real images, towards norm 1 (Kodali et al. 2017).
    Dragan,
}

/// A gradient penalty on the discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Penalty {
    /// `none`, `r1`, `r2`, `wgan_gp` or `dragan`.
    pub name: PenaltyKind,
    /// γ of `r1` and `r2`, λ of `wgan_gp` and `dragan`.
    pub weight: f64,
    /// 1 adds the penalty to the discriminator's loss. More makes it a phase of its own at every
    /// that many steps, weighted by their number (Karras et al. 2020, section 3.1).
    pub every: u64,
    /// `two` penalises any norm but 1 (`wgan_gp`, `dragan`), `one` only norms above.
    pub sided: Sided,
}

/// Configuration of the model `gan`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GanConfig {
    /// Length of the noise vector.
    pub latent: usize,
    /// Distribution of the noise: `gaussian` or `uniform`.
    pub prior: Prior,
    /// The game: `minimax` (saturating), `non_saturating`, `least_squares`, `hinge`, `wasserstein`.
    pub objective: Objective,
    /// Discriminator steps for each generator step.
    pub critic_steps: u64,
    /// Target probability of real images; 0.9 is one-sided label smoothing (Salimans et al. 2016).
    pub real_target: f64,
    /// Target probability of generated images.
    pub fake_target: f64,
    /// What bounds the generator's output: `auto` or `softmax`.
    pub output: GeneratorOutput,
    /// The generator's layers, from noise to image.
    pub generator: NetworkConfig,
    /// The discriminator's layers, from image to logit.
    pub discriminator: NetworkConfig,
    /// A gradient penalty on the discriminator.
    pub penalty: Penalty,
}

impl Default for Penalty {
    fn default() -> Self {
        Self {
            name: PenaltyKind::None,
            weight: 10.0,
            every: 1,
            sided: Sided::Two,
        }
    }
}

impl Default for GanConfig {
    fn default() -> Self {
        let layers = |hidden: &[usize]| NetworkConfig {
            hidden: hidden.to_vec(),
            activation: Activation::LeakyRelu,
            ..NetworkConfig::default()
        };
        Self {
            latent: 100,
            prior: Prior::Gaussian,
            objective: Objective::NonSaturating,
            critic_steps: 1,
            real_target: 1.0,
            fake_target: 0.0,
            output: GeneratorOutput::Auto,
            generator: layers(&[256, 512, 1024]),
            discriminator: layers(&[512, 256]),
            penalty: Penalty::default(),
        }
    }
}

/// The model `gan`.
pub struct Gan {
    config: GanConfig,
    smoothing: Smoothing,
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
        if config.latent == 0 {
            return Err(Error::config("latent", "must be at least 1"));
        }
        if config.critic_steps == 0 {
            return Err(Error::config("critic_steps", "must be at least 1"));
        }
        if config.penalty.every == 0 {
            return Err(Error::config("penalty.every", "must be at least 1"));
        }
        if !(config.penalty.weight.is_finite() && config.penalty.weight >= 0.0) {
            return Err(Error::config("penalty.weight", "must be 0 or more"));
        }
        if config.output == GeneratorOutput::Softmax && data.range == ValueRange::Real {
            return Err(Error::config(
                "output",
                "`softmax` gives values in [0, 1], these data are unbounded; use `auto`",
            ));
        }
        let smoothing = Smoothing {
            real: config.real_target,
            fake: config.fake_target,
        };
        config
            .objective
            .check(smoothing)
            .map_err(|error| Error::config("real_target", error.to_string()))?;
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
            smoothing,
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
        let loss = objective.discriminator_loss(&real_logits, &fake_logits, self.smoothing)?;
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
