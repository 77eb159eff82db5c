//! A model that does as it should until a certain step of a certain phase.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;
use latentlab_core::{
    Batch, DataInfo, GenerativeModel, ImageShape, Loss, ModelSpec, Phase, Result, Sample, Step,
};
use latentlab_tensor::{Init, ParamBuilder, Parameter, Rng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the model does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Nothing.
    None,
    /// Panics when it is built.
    PanicAtBuild,
    /// Panics.
    Panic,
    /// Multiplies what does not fit.
    WrongShape,
    /// Returns a loss that is no scalar.
    WrongLoss,
    /// Has a parameter that nothing depends on.
    NoGradient,
    /// Draws from a generator that no seed knows.
    ForeignGenerator,
    /// The loss is no number.
    NanLoss,
    /// The loss is infinite.
    InfiniteLoss,
    /// The loss is finite, its gradient is not.
    NanGradient,
    /// The loss is multiplied by 1e30 from then on.
    Explosion,
    /// Samples have another shape than the data.
    WrongSamples,
}

/// Configuration of the model `saboteur`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What it does wrong.
    pub deed: Deed,
    /// In which phase: `first` or `second`.
    pub phase: String,
    /// In which step.
    pub step: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            deed: Deed::None,
            phase: "first".to_owned(),
            step: 1,
        }
    }
}

/// Two parameters, each drawn to the mean of the data by a phase of its own.
pub struct Saboteur {
    config: Config,
    first: Parameter,
    second: Parameter,
    shape: ImageShape,
}

impl ModelSpec for Saboteur {
    const NAME: &'static str = "saboteur";
    const SUMMARY: &'static str = "does as it should until it does not";
    type Config = Config;

    fn build(config: &Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        assert!(config.deed != Deed::PanicAtBuild, "built to fall");
        if config.deed == Deed::NoGradient {
            params.at("second").parameter("idle", 2, Init::ONES)?;
        }
        Ok(Self {
            config: config.clone(),
            first: params.at("first").parameter("centre", 2, Init::ONES)?,
            second: params.at("second").parameter("centre", 2, Init::ONES)?,
            shape: data.shape,
        })
    }
}

/// Numbers that are others every time.
static FOREIGN: AtomicU64 = AtomicU64::new(1);

impl Saboteur {
    fn loss(&self, name: &str, centre: &Parameter, batch: &Batch, step: &Step) -> Result<Loss> {
        let points = batch.images.flatten_from(1)?.narrow(1, 0, 2)?;
        let distance = points.broadcast_sub(&centre.value())?.sqr()?;
        let loss = distance.mean_all()?;
        let due = name == self.config.phase && step.number == self.config.step;
        let begun = name == self.config.phase && step.number >= self.config.step;
        Ok(Loss::new(match self.config.deed {
            Deed::Panic if due => panic!("step {} is one too many", step.number),
            Deed::WrongShape if due => points.matmul(&points)?.mean_all()?,
            Deed::WrongLoss if due => distance,
            Deed::NanLoss if due => (loss * f64::NAN)?,
            Deed::InfiniteLoss if due => (loss * f64::INFINITY)?,
            // The root of 0 has no slope.
            Deed::NanGradient if due => {
                let centre = centre.value();
                let nothing = (&centre - centre.detach())?.sqr()?.sqrt()?;
                (loss + nothing.sum_all()?)?
            }
            Deed::Explosion if begun => (loss * 1e30)?,
            Deed::ForeignGenerator => {
                let foreign = FOREIGN.fetch_add(1, Ordering::Relaxed) as f64;
                (loss * (1.0 + foreign / 1e3))?
            }
            _ => loss,
        }))
    }
}

impl GenerativeModel for Saboteur {
    fn phases(&self) -> Vec<Phase<'_>> {
        let phase = |name: &'static str, centre| {
            Phase::new(name, move |batch, step| {
                self.loss(name, centre, batch, step)
            })
        };
        vec![phase("first", &self.first), phase("second", &self.second)]
    }

    fn sampler(&self) -> Option<&dyn Sample> {
        (self.config.deed == Deed::WrongSamples).then_some(self)
    }
}

impl Sample for Saboteur {
    fn prior(&self, count: usize, rng: &mut Rng) -> Result<Tensor> {
        let centre = self.first.value();
        Ok(rng.normal((count, 2), centre.dtype(), centre.device())?)
    }

    fn generate(&self, latent: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        let one_too_many = ImageShape {
            width: self.shape.width + 1,
            ..self.shape
        };
        let shape = one_too_many.batch(latent.dim(0)?);
        Ok(Tensor::zeros(shape, latent.dtype(), latent.device())?)
    }
}
