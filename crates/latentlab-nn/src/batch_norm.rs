//! Batch normalisation (Ioffe and Szegedy 2015).
//!
//! In training mode the batch normalises itself, whoever is being trained. The running statistics
//! move only while the layer's own group is: a generator phase sends fakes through the
//! discriminator in training mode too, and would otherwise drag the discriminator's statistics
//! along in a phase that must leave it as it is (candle's and PyTorch's layers do drag them).

use candle_core::{Module, Tensor};

use latentlab_tensor::{
    Error, Init, Mode, ParamBuilder, Parameter, Result,
    ops::{Activation, normalise, to_channels_first, to_channels_last},
};

/// What [`batch_norm`] lets a caller choose.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormConfig {
    /// Added to the variance; 1e-5 by default.
    pub eps: f64,
    /// Share of the batch in the new running statistics, from 0 to 1; 0.1 by default.
    pub momentum: f64,
    /// How the scale starts; ones by default.
    pub weight: Init,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self {
            eps: 1e-5,
            momentum: 0.1,
            weight: Init::ONES,
        }
    }
}

/// Batch normalisation per channel, `y = (x − mean) / √(variance + eps) · weight + bias`:
/// PyTorch's `nn.BatchNorm1d` and `nn.BatchNorm2d`.
///
/// Parameters: `weight` `[C]` and `bias` `[C]`. Buffers: `running_mean` `[C]` and `running_var`
/// `[C]`, the latter of unbiased variances, while a batch is normalised by its biased one.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    weight: Parameter,
    bias: Parameter,
    running_mean: Parameter,
    running_var: Parameter,
    eps: f64,
    momentum: f64,
}

/// Declares a batch normalisation.
pub fn batch_norm(
    channels: usize,
    config: BatchNormConfig,
    params: &ParamBuilder,
) -> Result<BatchNorm> {
    Ok(BatchNorm {
        weight: params.parameter("weight", channels, config.weight)?,
        bias: params.parameter("bias", channels, Init::ZEROS)?,
        running_mean: params.buffer("running_mean", channels, Init::ZEROS)?,
        running_var: params.buffer("running_var", channels, Init::ONES)?,
        eps: config.eps,
        momentum: config.momentum,
    })
}

impl BatchNorm {
    /// Normalises `x`, `[N, C]` or `[N, C, H, W]`, to the same shape.
    ///
    /// # Errors
    /// If `x` has another rank, or in training mode only one value per channel, whose variance
    /// would be 0 and whose unbiased variance does not exist.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match *x.dims() {
            [_, _] => self.forward_channels_last(x, mode, Activation::Identity),
            [_, _, _, _] => {
                let x = to_channels_last(x)?;
                let y = self.forward_channels_last(&x, mode, Activation::Identity)?;
                Ok(to_channels_first(&y)?)
            }
            ref other => Err(Error::Argument(format!(
                "batch norm needs [N, C] or [N, C, H, W], not {other:?}"
            ))),
        }
    }

    /// Normalises `x`, whose channels come last (`[N, C]`, `[N, H, W, C]`), and applies an activation
    /// in the same operation.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), for any rank from 1 on.
    pub fn forward_channels_last(
        &self,
        x: &Tensor,
        mode: Mode,
        then: Activation,
    ) -> Result<Tensor> {
        let x = x.contiguous()?;
        match mode {
            Mode::Train => self.normalise_by_batch(&x, then),
            Mode::Eval => self.normalise_by_history(&x, then),
        }
    }

    fn normalise_by_batch(&self, x: &Tensor, then: Activation) -> Result<Tensor> {
        let (weight, bias) = (self.weight.value(), self.bias.value());
        let count = x.elem_count() / weight.elem_count();
        if count < 2 {
            return Err(Error::Argument(format!(
                "batch norm in training mode needs two values per channel, not {count}: \
                 a batch of one image of one pixel has no variance"
            )));
        }
        let normalised = normalise(x, [&weight, &bias], self.eps, then)?;
        if self.weight.moves() {
            let unbiased = (normalised.variance * (count as f64 / (count - 1) as f64))?;
            self.remember(&self.running_mean, &normalised.mean)?;
            self.remember(&self.running_var, &unbiased)?;
        }
        Ok(normalised.output)
    }

    fn normalise_by_history(&self, x: &Tensor, then: Activation) -> Result<Tensor> {
        let mean = self.running_mean.value();
        let scale = ((self.running_var.value() + self.eps)?.powf(-0.5)? * self.weight.value())?;
        let shift = (self.bias.value() - (mean * &scale)?)?;
        Ok(then.forward(&x.broadcast_mul(&scale)?.broadcast_add(&shift)?)?)
    }

    fn remember(&self, running: &Parameter, batch: &Tensor) -> Result<()> {
        let kept = (running.value() * (1.0 - self.momentum))?;
        running.set(&(kept + (batch.detach() * self.momentum)?)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use latentlab_tensor::{ParamStore, Rng};

    fn layer() -> (ParamStore, BatchNorm) {
        let store = ParamStore::new(5, DType::F64, &Device::Cpu);
        let place = store.root().at("discriminator");
        let layer = batch_norm(2, BatchNormConfig::default(), &place).unwrap();
        (store, layer)
    }

    fn images() -> Tensor {
        Rng::stream(5, "images", 0)
            .normal((3, 2, 4, 4), DType::F64, &Device::Cpu)
            .unwrap()
    }

    fn statistics(layer: &BatchNorm) -> Vec<Vec<f64>> {
        [&layer.running_mean, &layer.running_var]
            .map(|buffer| buffer.value().to_vec1().unwrap())
            .to_vec()
    }

    #[test]
    fn a_batch_comes_out_with_mean_0_and_variance_1() {
        let (_, layer) = layer();
        let images = (images() * 3.0).unwrap().affine(1.0, 7.0).unwrap();
        let y = layer.forward(&images, Mode::Train).unwrap();
        let mean = y.mean((0, 2, 3)).unwrap().to_vec1::<f64>().unwrap();
        let square = y.sqr().unwrap().mean((0, 2, 3)).unwrap();
        assert!(mean.iter().all(|mean| mean.abs() < 1e-12));
        // Not quite 1: the variance is 9 or so and `eps` 1e-5.
        let square = square.to_vec1::<f64>().unwrap();
        assert!(square.iter().all(|square| (square - 1.0).abs() < 1e-5));
    }

    #[test]
    fn the_statistics_move_only_in_training_and_only_with_the_own_group() {
        let (store, layer) = layer();
        let start = statistics(&layer);
        layer.forward(&images(), Mode::Eval).unwrap();
        assert_eq!(statistics(&layer), start);
        store.train_only("generator");
        layer.forward(&images(), Mode::Train).unwrap();
        assert_eq!(statistics(&layer), start);
        store.train_only("discriminator");
        layer.forward(&images(), Mode::Train).unwrap();
        assert_ne!(statistics(&layer), start);
    }

    #[test]
    fn the_batch_normalises_itself_whoever_is_trained() {
        let (store, layer) = layer();
        let read = |y: Tensor| y.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let own = read(layer.forward(&images(), Mode::Train).unwrap());
        store.train_only("generator");
        let other = read(layer.forward(&images(), Mode::Train).unwrap());
        assert_eq!(own, other);
    }

    #[test]
    fn a_channel_without_variance_gives_its_bias() {
        let (_, layer) = layer();
        let flat = Tensor::ones((4, 2), DType::F64, &Device::Cpu).unwrap();
        let y = layer.forward(&flat, Mode::Train).unwrap();
        assert_eq!(y.to_vec2::<f64>().unwrap(), [[0.0, 0.0]; 4]);
    }

    #[test]
    fn one_value_per_channel_is_refused_in_training_only() {
        let (_, layer) = layer();
        let single = Tensor::ones((1, 2, 1, 1), DType::F64, &Device::Cpu).unwrap();
        let error = layer.forward(&single, Mode::Train).unwrap_err();
        assert_eq!(
            error.to_string(),
            "batch norm in training mode needs two values per channel, not 1: \
             a batch of one image of one pixel has no variance"
        );
        layer.forward(&single, Mode::Eval).unwrap();
    }

    #[test]
    fn another_rank_is_refused() {
        let (_, layer) = layer();
        let sequence = Tensor::ones((3, 2, 5), DType::F64, &Device::Cpu).unwrap();
        let error = layer.forward(&sequence, Mode::Train).unwrap_err();
        assert_eq!(
            error.to_string(),
            "batch norm needs [N, C] or [N, C, H, W], not [3, 2, 5]"
        );
    }
}
