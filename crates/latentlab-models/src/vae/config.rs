//! What can be chosen of a variational autoencoder.

use latentlab_core::{DataInfo, Error, Result};
use latentlab_tensor::ops::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Observation, OutputBias};
use latentlab_nn::{Architecture, Initial, Norm};

/// Configuration of the model `vae`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VaeConfig {
    /// `dense` or `conv`.
    pub architecture: Architecture,
    /// Units (dense) or channels (conv) of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<usize>,
    /// Length of the latent vector.
    pub latent: usize,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// `none`, `batch` or `spectral`.
    pub norm: Norm,
    /// Where the weights start: `pytorch`, `kaiming`, `xavier`, `orthogonal` or `dcgan`.
    pub init: Initial,
    /// Distribution of a pixel: `bernoulli`, `gaussian`, or `gaussian_sigmoid` with means in (0, 1).
    pub decoder: Observation,
    /// Log-variance of a Gaussian pixel; without it, one for all pixels is learned.
    pub decoder_log_var: Option<f64>,
    /// Start of the output bias: `layer` or `data_mean`.
    pub output_bias: OutputBias,
    /// Weight of the KL term; 1 is the evidence lower bound.
    pub beta: f64,
    /// Steps over which the weight of the KL term rises linearly from 0 to `beta`.
    pub beta_warmup: u64,
    /// Importance samples k; above 1 the loss is the bound of Burda et al. 2016, eq. 8.
    pub samples: usize,
    /// Nats per latent dimension below which the KL term does not push.
    pub free_bits: f64,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Dense,
            hidden: vec![400],
            latent: 20,
            activation: Activation::Relu,
            norm: Norm::None,
            init: Initial::Pytorch,
            decoder: Observation::Bernoulli,
            decoder_log_var: None,
            output_bias: OutputBias::Layer,
            beta: 1.0,
            beta_warmup: 0,
            samples: 1,
            free_bits: 0.0,
        }
    }
}

impl VaeConfig {
    pub(super) fn check(&self, data: &DataInfo) -> Result<()> {
        self.decoder.check(data)?;
        let at_least_one = |field, value| match value {
            0 => Err(Error::config(field, "must be at least 1")),
            _ => Ok(()),
        };
        at_least_one("latent", self.latent)?;
        at_least_one("samples", self.samples)?;
        for (field, value) in [("beta", self.beta), ("free_bits", self.free_bits)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(
                    field,
                    format!("must be 0 or more, not {value}"),
                ));
            }
        }
        let weighs_kl = self.beta != 1.0 || self.beta_warmup > 0 || self.free_bits > 0.0;
        if self.samples > 1 && weighs_kl {
            return Err(Error::config(
                "samples",
                "the importance-weighted bound has no KL term of its own, so `beta`, \
                 `beta_warmup` and `free_bits` need `samples = 1`",
            ));
        }
        match self.decoder_log_var {
            Some(_) if self.decoder == Observation::Bernoulli => Err(Error::config(
                "decoder_log_var",
                "only a `gaussian` decoder has a variance",
            )),
            Some(log_var) if !log_var.exp().is_normal() => Err(Error::config(
                "decoder_log_var",
                format!("must be the logarithm of a variance, not {log_var}"),
            )),
            _ => Ok(()),
        }
    }
}
