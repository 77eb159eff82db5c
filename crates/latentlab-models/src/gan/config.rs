//! What can be chosen of a generative adversarial network.

use latentlab_core::{DataInfo, Error, Result, ValueRange};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    penalty::Sided,
};
use latentlab_tensor::ops::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use latentlab_nn::NetworkConfig;

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
    /// Images that the discriminator judges together, stacked by their channels: what they have in
    /// common betrays a collapsed generator (Lin et al. 2018). 1 judges each alone.
    pub packing: usize,
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
            packing: 1,
            real_target: 1.0,
            fake_target: 0.0,
            output: GeneratorOutput::Auto,
            generator: layers(&[256, 512, 1024]),
            discriminator: layers(&[512, 256]),
            penalty: Penalty::default(),
        }
    }
}

/// Images that are judged together, at most; Lin et al. 2018 pack four.
const MOST_PACKED: usize = 256;

impl GanConfig {
    pub(super) fn check(&self, data: &DataInfo) -> Result<()> {
        if self.latent == 0 {
            return Err(Error::config("latent", "must be at least 1"));
        }
        if self.critic_steps == 0 {
            return Err(Error::config("critic_steps", "must be at least 1"));
        }
        if !(1..=MOST_PACKED).contains(&self.packing) {
            let problem = format!("must be 1 to {MOST_PACKED}, not {}", self.packing);
            return Err(Error::config("packing", problem));
        }
        if self.penalty.every == 0 {
            return Err(Error::config("penalty.every", "must be at least 1"));
        }
        if !(self.penalty.weight.is_finite() && self.penalty.weight >= 0.0) {
            return Err(Error::config("penalty.weight", "must be 0 or more"));
        }
        if self.output == GeneratorOutput::Softmax && data.range == ValueRange::Real {
            return Err(Error::config(
                "output",
                "`softmax` gives values in [0, 1], these data are unbounded; use `auto`",
            ));
        }
        let Smoothing { real, fake } = self.smoothing();
        let unsmoothed = Smoothing::default();
        for (field, smoothing) in [
            ("real_target", Smoothing { real, ..unsmoothed }),
            ("fake_target", Smoothing { fake, ..unsmoothed }),
        ] {
            self.objective
                .check(smoothing)
                .map_err(|error| Error::config(field, error.to_string()))?;
        }
        Ok(())
    }

    pub(super) fn smoothing(&self) -> Smoothing {
        Smoothing {
            real: self.real_target,
            fake: self.fake_target,
        }
    }
}
