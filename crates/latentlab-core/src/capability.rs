//! What a trained model can do. Metrics, reports and the command line ask for these, never for a
//! model by name. All methods evaluate: no dropout, running statistics instead of the batch's.

use candle_core::Tensor;
use latentlab_tensor::Rng;

use crate::Result;

/// Makes images from nothing but randomness.
pub trait Sample {
    /// `count` latent vectors from the prior, `[count, D]`.
    fn prior(&self, count: usize, rng: &mut Rng) -> Result<Tensor>;

    /// The images of latent vectors `[N, D]`, `[N, C, H, W]` in the data's range; `labels` `[N]`
    /// choose the class in a conditional model and are ignored by others.
    fn generate(&self, latent: &Tensor, labels: Option<&Tensor>) -> Result<Tensor>;

    /// `count` images from the prior.
    fn sample(&self, count: usize, rng: &mut Rng) -> Result<Tensor> {
        self.generate(&self.prior(count, rng)?, None)
    }

    /// `count` images from the prior, at most `at_once` (0 is taken as 1) passing through the model
    /// at a time, which bounds its memory.
    ///
    /// # Errors
    /// If there are none, or the model fails.
    fn sample_in_batches(&self, count: usize, at_once: usize, rng: &mut Rng) -> Result<Tensor> {
        let at_once = at_once.max(1);
        let starts = (0..count).step_by(at_once);
        let batches = starts.map(|start| self.sample(at_once.min(count - start), rng));
        Ok(Tensor::cat(&batches.collect::<Result<Vec<_>>>()?, 0)?)
    }
}

/// Takes images to latent vectors and back.
pub trait Reconstruct {
    /// The latent vectors `[N, D]` of images `[N, C, H, W]`; for a distribution, its mean.
    fn encode(&self, images: &Tensor) -> Result<Tensor>;

    /// The mean images `[N, C, H, W]` of latent vectors `[N, D]`. Not clipped: those of a Gaussian
    /// decoder may leave the data's range, and its squared error is that of what it says.
    fn decode(&self, latent: &Tensor) -> Result<Tensor>;

    /// What is left of images after the bottleneck.
    fn reconstruct(&self, images: &Tensor) -> Result<Tensor> {
        self.decode(&self.encode(images)?)
    }
}

/// The two parts of the evidence lower bound, `ELBO = -reconstruction - Σ_d kl`.
#[derive(Clone, Debug)]
pub struct Elbo {
    /// `-log p(x|z)` at one sample `z ~ q(z|x)`, nats per image, `[N]`.
    pub reconstruction: Tensor,
    /// `KL(q(z|x) ‖ p(z))` per latent dimension, nats, `[N, D]`.
    pub kl: Tensor,
}

/// Bounds the log-likelihood of images.
pub trait Likelihood {
    /// The evidence lower bound of each image, in its parts.
    fn elbo(&self, images: &Tensor, rng: &mut Rng) -> Result<Elbo>;

    /// One draw `z ~ q(z|x)` for each image, `[N, D]`.
    fn draw_latent(&self, images: &Tensor, rng: &mut Rng) -> Result<Tensor>;

    /// `log p(x,z_k) - log q(z_k|x)` for `samples` draws `z_k ~ q(z|x)`, nats, `[samples, N]`. The
    /// log of their mean over k is the importance-weighted bound (Burda et al. 2016, eq. 8).
    fn log_weights(&self, images: &Tensor, samples: usize, rng: &mut Rng) -> Result<Tensor>;
}

/// Tells the classes of images apart, by features that are worth more than the classes.
pub trait Classify {
    /// The features `[N, F]` of images `[N, C, H, W]`: what the last layer decides by.
    fn features(&self, images: &Tensor) -> Result<Tensor>;

    /// One logit for each class, `[N, classes]`, of features `[N, F]`.
    fn class_logits(&self, features: &Tensor) -> Result<Tensor>;
}

/// Tells real images from generated ones.
pub trait Criticise {
    /// One logit for each image, `[N]`: above 0 where it looks real.
    fn logits(&self, images: &Tensor) -> Result<Tensor>;
}
