//! Generative adversarial network (Goodfellow et al. 2014), dense or convolutional (DCGAN, Radford
//! et al. 2016), under any adversarial objective and gradient penalty.
//!
//! The generator turns noise into images; the discriminator tells them from real ones. One training
//! step moves the discriminator, and every `critic_steps` steps the generator. The discriminator
//! sees values centred on zero: images in `[0, 1]` are shown to it as `2x - 1`.

mod config;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, Criticise, DataInfo, Error, GenerativeModel, ImageShape, Loss, ModelSpec, Phase, Result,
    Sample, Step, ValueRange,
};
use latentlab_losses::{
    adversarial::{self, Objective},
    penalty,
};
use latentlab_tensor::{
    Mode, ParamBuilder, Rng, input_gradient,
    ops::{Activation, affine},
    reshape, segment,
};

pub use config::{GanConfig, GeneratorOutput, Penalty, PenaltyKind, Prior};

use latentlab_nn::Network;

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
        let output = match (config.output, data.range) {
            (GeneratorOutput::Auto, ValueRange::Unit) => Activation::Tanh,
            _ => Activation::Identity,
        };
        let pack = ImageShape {
            channels: config.packing * data.shape.channels,
            ..data.shape
        };
        Ok(Self {
            generator: config
                .generator
                .decoder_then(config.latent, data.shape, output, &params.at("generator"))
                .map_err(within("generator"))?,
            discriminator: config
                .discriminator
                .encoder(pack, 1, &params.at("discriminator"))
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
        let discriminator = Phase::new("discriminator", |batch, step| {
            segment(|| self.discriminator_loss(batch, step))
        });
        let mut phases = vec![match self.shares_fakes() {
            true => discriminator.preparing("generator"),
            false => discriminator,
        }];
        if self.penalty_is_lazy() {
            let phase = Phase::new("penalty", |batch, step| {
                segment(|| self.lazy_penalty(batch, step))
            });
            phases.push(
                phase
                    .moving("discriminator")
                    .every(self.config.penalty.every),
            );
        }
        let generator = Phase::new("generator", |batch, step| {
            segment(|| self.generator_loss(batch, step))
        });
        phases.push(generator.every(self.config.critic_steps));
        phases
    }

    fn check_batch_size(&self, images: usize) -> Result<()> {
        let packing = self.config.packing;
        if !images.is_multiple_of(packing) {
            let problem = format!(
                "{images} images cannot be judged in packs of {packing}: use a multiple of \
                 `model.config.packing`"
            );
            return Err(Error::config("batch_size", problem));
        }
        self.generator.check_batch_size(images, 1)?;
        self.discriminator.check_batch_size(images, packing)
    }

    fn sampler(&self) -> Option<&dyn Sample> {
        Some(self)
    }

    fn critic(&self) -> Option<&dyn Criticise> {
        // A Wasserstein critic ranks images; it has no boundary between real and generated. One that
        // judges packs has nothing to say of a single image.
        let judges = self.config.objective != Objective::Wasserstein && self.config.packing == 1;
        judges.then_some(self as &dyn Criticise)
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
            ValueRange::Unit => Ok(affine(&centred, 0.5, 0.5)?),
            ValueRange::Real => Ok(centred),
        }
    }
}

impl Criticise for Gan {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let scores = self.judge(&self.centre(images)?, Mode::Eval)?;
        logits_of(self.config.objective, &scores)
    }
}

impl Gan {
    fn discriminator_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let real = self.packed(&self.centre(&batch.images)?)?;
        let fake = self.fakes(batch, step)?;
        if self.shares_fakes() {
            step.carried.push_back(fake.clone());
        }
        let fake = fake.detach();
        let real_scores = self.judge(&real, Mode::Train)?;
        let fake_scores = self.judge(&fake, Mode::Train)?;
        let (objective, smoothing) = (self.config.objective, self.config.smoothing());
        let loss = objective.discriminator_loss(&real_scores, &fake_scores, smoothing)?;
        if self.config.penalty.name == PenaltyKind::None || self.penalty_is_lazy() {
            return Ok(self.record(Loss::new(loss), &real_scores, &fake_scores));
        }
        let penalty = self.penalty(&real, || Ok(fake), step)?;
        let loss = Loss::new((loss + &penalty)?).term("penalty", &penalty);
        Ok(self.record(loss, &real_scores, &fake_scores))
    }

    /// What a reader wants to see of the game beside the loss.
    fn record(&self, mut loss: Loss, real_scores: &Tensor, fake_scores: &Tensor) -> Loss {
        let objective = self.config.objective;
        if objective == Objective::Wasserstein {
            // Scores without an origin: there is no boundary, and no probability.
            for (name, scores) in [("real_score", real_scores), ("fake_score", fake_scores)] {
                let scores = scores.detach();
                loss = loss.term_later(name, move || Ok(scores.mean_all()?));
            }
            return loss;
        }
        for (name, figure) in FIGURES {
            let (real, fake) = (real_scores.detach(), fake_scores.detach());
            loss = loss.term_later(name, move || {
                figure(&logits_of(objective, &real)?, &logits_of(objective, &fake)?)
            });
        }
        loss
    }

    fn generator_loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let fake = match step.carried.pop_front() {
            Some(fake) => fake,
            None => self.fakes(batch, step)?,
        };
        let logits = self.judge(&fake, Mode::Train)?;
        Ok(Loss::new(self.config.objective.generator_loss(&logits)?))
    }

    fn lazy_penalty(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let real = self.packed(&self.centre(&batch.images)?)?;
        let latent = self.prior(batch.size()?, &mut step.rng)?;
        let penalty = self.penalty(&real, || self.fakes_of(&latent), step)?;
        Ok(Loss::new((penalty * self.config.penalty.every as f64)?))
    }

    /// The penalty at the points that it is taken at; `fake` makes images where these need some.
    fn penalty(
        &self,
        real: &Tensor,
        fake: impl FnOnce() -> Result<Tensor>,
        step: &mut Step,
    ) -> Result<Tensor> {
        let Penalty {
            name,
            weight,
            sided,
            ..
        } = self.config.penalty;
        let at = match name {
            PenaltyKind::None | PenaltyKind::R1 => real.clone(),
            PenaltyKind::R2 => fake()?,
            PenaltyKind::WganGp => {
                let epsilon = step
                    .rng
                    .uniform(0.0, 1.0, real.dim(0)?, self.dtype, &self.device)?;
                penalty::interpolate(real, &fake()?, &epsilon)?
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
            logits.map_err(|error| candle_core::Error::from(error).into())
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

    /// Whether both sides of a step play on the same generated images, as in DCGAN's training code;
    /// a generator that moves less often than the discriminator gets images of its own.
    fn shares_fakes(&self) -> bool {
        self.config.critic_steps <= 1
    }

    /// As many generated images as the batch has real ones, centred and packed.
    fn fakes(&self, batch: &Batch, step: &mut Step) -> Result<Tensor> {
        let latent = self.prior(batch.size()?, &mut step.rng)?;
        self.fakes_of(&latent)
    }

    fn fakes_of(&self, latent: &Tensor) -> Result<Tensor> {
        self.packed(&self.imagine(latent, Mode::Train)?)
    }

    /// Centred images of noise vectors.
    fn imagine(&self, latent: &Tensor, mode: Mode) -> Result<Tensor> {
        let output = self.generator.forward(latent, mode)?;
        Ok(match self.config.output {
            GeneratorOutput::Softmax => self.centre(&candle_nn::ops::softmax(&output, 1)?)?,
            GeneratorOutput::Auto => output,
        })
    }

    /// Images as the discriminator takes them in training: `packing` = m of them stacked by their
    /// channels, `[N, C, H, W]` to `[N / m, m C, H, W]`.
    fn packed(&self, images: &Tensor) -> Result<Tensor> {
        let packing = self.config.packing;
        if packing == 1 {
            return Ok(images.clone());
        }
        let (count, channels, height, width) = images.dims4()?;
        if !count.is_multiple_of(packing) {
            let problem =
                format!("a batch of {count} images cannot be judged in packs of {packing}");
            return Err(Error::Data(problem));
        }
        let shape = (count / packing, packing * channels, height, width);
        Ok(reshape(images, shape)?)
    }

    /// Scores `[N]` of centred images, or of packs of them.
    fn judge(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(reshape(&self.discriminator.forward(images, mode)?, ((),))?)
    }

    fn centre(&self, images: &Tensor) -> Result<Tensor> {
        match self.range {
            ValueRange::Unit => Ok(affine(images, 2.0, -1.0)?),
            ValueRange::Real => Ok(images.clone()),
        }
    }
}

/// The logit of D(x) for each score. Under least squares the score itself estimates D(x), the
/// targets being 1 and 0.
fn logits_of(objective: Objective, scores: &Tensor) -> Result<Tensor> {
    if objective != Objective::LeastSquares {
        return Ok(scores.clone());
    }
    let odds = scores.clamp(1e-6, 1.0 - 1e-6)?;
    Ok((odds.log()? - odds.affine(-1.0, 1.0)?.log()?)?)
}

/// A figure of the game from the logits of real and generated images.
type Figure = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// The figures that are recorded, see [`Gan::record`].
const FIGURES: [(&str, Figure); 5] = [
    ("value", |real, fake| Ok(adversarial::value(real, fake)?)),
    ("real_probability", |real, _| mean_probability(real)),
    ("fake_probability", |_, fake| mean_probability(fake)),
    ("real_accuracy", |real, _| share_above_zero(real)),
    ("fake_accuracy", |_, fake| share_above_zero(&fake.neg()?)),
];

fn mean_probability(logits: &Tensor) -> Result<Tensor> {
    Ok(candle_nn::ops::sigmoid(logits)?.mean_all()?)
}

fn share_above_zero(logits: &Tensor) -> Result<Tensor> {
    Ok(logits.gt(0.0)?.to_dtype(logits.dtype())?.mean_all()?)
}
