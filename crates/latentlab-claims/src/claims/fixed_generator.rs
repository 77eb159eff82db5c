//! A discriminator against a generator that never moves and whose distribution is known: a model of
//! its own, plugged in like any other.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{
    Batch, Criticise, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Result, Step,
};
use latentlab_data::{RING_DEVIATION, ring_modes};
use latentlab_losses::adversarial::{Objective, Smoothing};
use latentlab_nn::{Network, NetworkConfig};
use latentlab_tensor::{Mode, ParamBuilder, Rng, ops::Activation, reshape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Generator {
    /// One-hot throws of a fair die.
    FairDie,
    /// The ring's modes, mode k with probability k/36.
    LoadedRing,
}

/// Configuration of the model `fixed-generator`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What the generator makes: `fair_die` or `loaded_ring`.
    pub generator: Generator,
    /// The discriminator's layers.
    pub discriminator: NetworkConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            generator: Generator::FairDie,
            discriminator: NetworkConfig {
                hidden: vec![64, 64],
                activation: Activation::LeakyRelu,
                ..NetworkConfig::default()
            },
        }
    }
}

/// The model `fixed-generator`.
pub(crate) struct FixedGenerator {
    generator: Generator,
    discriminator: Network,
    dtype: DType,
    device: Device,
}

impl Generator {
    /// The probability of each face or mode.
    pub(crate) fn probabilities(self) -> Vec<f64> {
        match self {
            Self::FairDie => vec![1.0 / 6.0; 6],
            Self::LoadedRing => (1..=8).map(|mode| f64::from(mode) / 36.0).collect(),
        }
    }

    /// Values in each image.
    fn values(self) -> usize {
        match self {
            Self::FairDie => 6,
            Self::LoadedRing => 2,
        }
    }

    fn draw(self, rng: &mut Rng) -> Vec<f32> {
        let mut left = rng.unit();
        let probabilities = self.probabilities();
        let outcome = probabilities.iter().position(|probability| {
            left -= probability;
            left < 0.0
        });
        let outcome = outcome.unwrap_or(probabilities.len() - 1);
        match self {
            Self::FairDie => (0..6).map(|face| f32::from(face == outcome)).collect(),
            Self::LoadedRing => {
                let [x, y] = ring_modes()[outcome];
                let (right, up) = rng.normal_pair();
                vec![
                    (x + RING_DEVIATION * right) as f32,
                    (y + RING_DEVIATION * up) as f32,
                ]
            }
        }
    }
}

impl ModelSpec for FixedGenerator {
    const NAME: &'static str = "fixed-generator";
    const SUMMARY: &'static str = "discriminator against a known distribution";
    type Config = Config;

    fn build(config: &Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        if data.shape.pixels() != config.generator.values() {
            let problem = format!(
                "makes {} values, the data have {}",
                config.generator.values(),
                data.shape.pixels()
            );
            return Err(Error::config("generator", problem));
        }
        let discriminator = params.at("discriminator");
        Ok(Self {
            generator: config.generator,
            discriminator: config
                .discriminator
                .encoder(data.shape, 1, &discriminator)?,
            dtype: params.dtype(),
            device: params.device().clone(),
        })
    }
}

impl GenerativeModel for FixedGenerator {
    fn phases(&self) -> Vec<Phase<'_>> {
        vec![Phase::new("discriminator", |batch, step| {
            self.loss(batch, step)
        })]
    }

    fn critic(&self) -> Option<&dyn Criticise> {
        Some(self)
    }
}

impl Criticise for FixedGenerator {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.judge(images, Mode::Eval)
    }
}

impl FixedGenerator {
    fn loss(&self, batch: &Batch, step: &mut Step) -> Result<Loss> {
        let draws = (0..batch.size()?).flat_map(|_| self.generator.draw(&mut step.rng));
        let fake = Tensor::from_iter(draws, &self.device)?
            .reshape(batch.images.shape())?
            .to_dtype(self.dtype)?;
        let real = self.judge(&batch.images, Mode::Train)?;
        let fake = self.judge(&fake, Mode::Train)?;
        let game = Objective::NonSaturating;
        Ok(Loss::new(game.discriminator_loss(
            &real,
            &fake,
            Smoothing::default(),
        )?))
    }

    fn judge(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(reshape(&self.discriminator.forward(images, mode)?, ((),))?)
    }
}
