//! A tiny adversarial model for tests: two networks, three phases, noise.

use candle_core::{DType, Device, Module, Tensor};
use latentlab_core::{Batch, BatchSource, GenerativeModel, Loss, Phase, Result};
use latentlab_nn::{Linear, linear};
use latentlab_tensor::{ParamStore, Rng};

/// Points in the plane, told from and made by linear maps.
pub struct Toy {
    generator: Linear,
    discriminator: Linear,
}

impl Toy {
    /// The model with its parameters in a new store.
    pub fn new() -> (Self, ParamStore) {
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        let params = store.root();
        let model = Self {
            generator: linear(3, 2, &params.at("generator")).unwrap(),
            discriminator: linear(2, 1, &params.at("discriminator")).unwrap(),
        };
        (model, store)
    }

    fn fake(&self, like: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let noise = rng.normal((like.dim(0)?, 3), DType::F32, &Device::Cpu)?;
        Ok(self.generator.forward(&noise)?)
    }
}

impl GenerativeModel for Toy {
    fn phases(&self) -> Vec<Phase<'_>> {
        let discriminator = Phase::new("discriminator", |batch, step| {
            let real = self.discriminator.forward(&batch.images.flatten_from(1)?)?;
            let fake = self.fake(&batch.images, &mut step.rng)?;
            let fake = self.discriminator.forward(&fake)?;
            let total = ((&real - 1.0)?.sqr()?.mean_all()? + fake.sqr()?.mean_all()?)?;
            Ok(Loss::new(total).term("real", &real.mean_all()?))
        });
        // Like a gradient penalty: depends on the slope of the map, not on its bias.
        let slope = Phase::new("slope", |batch, _| {
            let images = batch.images.flatten_from(1)?;
            let at = |x: &Tensor| self.discriminator.forward(x);
            let slope = (at(&images)? - at(&images.zeros_like()?)?)?;
            Ok(Loss::new((slope.sqr()?.mean_all()? * 0.1)?))
        });
        let generator = Phase::new("generator", |batch, step| {
            let fake = self.fake(&batch.images, &mut step.rng)?;
            let logits = self.discriminator.forward(&fake)?;
            Ok(Loss::new((logits - 1.0)?.sqr()?.mean_all()?))
        });
        vec![
            discriminator,
            slope.moving("discriminator").every(3),
            generator,
        ]
    }
}

/// Batches of six random points.
pub struct Points;

impl BatchSource for Points {
    fn batch(&mut self, index: u64) -> Result<Batch> {
        let mut rng = Rng::stream(3, "data", index);
        let images = rng.normal((6, 2, 1, 1), DType::F32, &Device::Cpu)?;
        Ok(Batch {
            images,
            labels: None,
        })
    }
}
