//! Gradients of every layer against finite differences: by input and by parameters, first and
//! second order, over random shapes.

use candle_core::{DType, Device, Module, Tensor};
use latentlab_tensor::{
    Mode, ParamStore, Result, Rng,
    gradcheck::{check_gradient, check_parameters, check_second_order},
    input_gradient,
};
use proptest::prelude::*;

const TOLERANCE: f64 = 1e-7;

fn store(seed: u64) -> ParamStore {
    ParamStore::new(seed, DType::F64, &Device::Cpu)
}

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    Rng::stream(seed, "layer gradients", 0)
        .normal(shape, DType::F64, &Device::Cpu)
        .unwrap()
}

/// Normal numbers among which each group that is normalised, the values of a channel in dimension 1 or
/// the row of a matrix, has a deviation of a half or more.
///
/// A normalisation changes as fast as the deviation is small: its fourth derivative is of the order of
/// the inverse fourth power, 16 here, so that the truncation of a central difference of its second
/// derivative, `STEP²/6` times that, stays below 1e-9. The normal numbers that happen to be almost equal
/// would make any difference quotient worthless.
fn spread(seed: u64, shape: &[usize]) -> Tensor {
    let is_spread = |x: &Tensor| -> candle_core::Result<bool> {
        let groups = match x.rank() {
            2 => x.clone(),
            _ => x.transpose(0, 1)?.flatten_from(1)?,
        };
        // candle's variance is the unbiased one; a layer's is that of the values themselves.
        let count = groups.dim(1)? as f64;
        let least = groups.var(1)?.min(0)?.to_scalar::<f64>()?;
        Ok(least * (count - 1.0) / count >= 0.25)
    };
    let mut inputs = (0..).map(|index| {
        let mut rng = Rng::stream(seed, "layer gradients", index);
        rng.normal(shape, DType::F64, &Device::Cpu).unwrap()
    });
    inputs
        .find(|x| is_spread(x).unwrap())
        .expect("one in a few is spread")
}

/// A scalar that is neither linear nor symmetric in the entries of `y`.
fn curved(y: &Tensor) -> Result<Tensor> {
    let count = y.elem_count();
    let weights = Tensor::arange(1.0, count as f64 + 1.0, y.device())?;
    let weights = (weights.reshape(y.shape())? / count as f64)?;
    Ok((y.tanh()? * weights)?.sum_all()?)
}

/// Checks, for `y = layer(x)` and a curved function of it, the gradient by `x`, its second order,
/// and the gradients by the parameters of the function and of an R1 penalty on its input gradient.
fn check(store: &ParamStore, x: &Tensor, layer: impl Fn(&Tensor) -> Result<Tensor>) {
    let inputs = std::slice::from_ref(x);
    let of_input = |inputs: &[Tensor]| curved(&layer(&inputs[0])?);
    let penalty = || -> Result<Tensor> {
        let gradient = input_gradient(x, |x| curved(&layer(x)?))?.gradient;
        Ok(gradient.sqr()?.sum_all()?)
    };
    for (name, error) in [
        ("input", check_gradient(inputs, of_input)),
        ("input, second order", check_second_order(inputs, of_input)),
        ("parameters", check_parameters(store, || curved(&layer(x)?))),
        ("parameters of a penalty", check_parameters(store, penalty)),
    ] {
        let error = error.unwrap();
        assert!(error < TOLERANCE, "gradient by {name} is off by {error}");
    }
}

proptest! {
    #![proptest_config(latentlab_testing::cases(12))]

    #[test]
    fn of_linear(seed: u64, rows in 1usize..4, inputs in 1usize..5, outputs in 1usize..5) {
        let store = store(seed);
        let layer = latentlab_nn::linear(inputs, outputs, &store.root()).unwrap();
        check(&store, &normal(seed, &[rows, inputs]), |x| Ok(layer.forward(x)?));
    }

    #[test]
    fn of_conv2d(
        seed: u64,
        (batch, size) in (1usize..3, 3usize..6),
        (inputs, outputs) in (1usize..3, 1usize..3),
        (kernel, stride, padding) in (1usize..4, 1usize..4, 0usize..3),
    ) {
        let store = store(seed);
        let config = latentlab_nn::Conv2dConfig { kernel, stride, padding, ..Default::default() };
        let layer = latentlab_nn::conv2d(inputs, outputs, config, &store.root()).unwrap();
        check(&store, &normal(seed, &[batch, inputs, size, size]), |x| Ok(layer.forward(x)?));
    }

    #[test]
    fn of_conv_transpose2d(
        seed: u64,
        (batch, size) in (1usize..3, 2usize..4),
        (inputs, outputs) in (1usize..3, 1usize..3),
        (kernel, stride) in (2usize..5, 1usize..4),
        (padding, output_padding) in (0usize..2, 0usize..2),
    ) {
        let output_padding = output_padding.min(stride - 1);
        let store = store(seed);
        let config = latentlab_nn::ConvTranspose2dConfig {
            kernel,
            stride,
            padding,
            output_padding,
            ..Default::default()
        };
        let layer = latentlab_nn::conv_transpose2d(inputs, outputs, config, &store.root()).unwrap();
        check(&store, &normal(seed, &[batch, inputs, size, size]), |x| Ok(layer.forward(x)?));
    }

    #[test]
    fn of_batch_norm(seed: u64, batch in 3usize..5, channels in 1usize..4, size in 1usize..4) {
        for mode in [Mode::Train, Mode::Eval] {
            let store = store(seed);
            let layer = latentlab_nn::batch_norm(channels, Default::default(), &store.root()).unwrap();
            check(&store, &spread(seed, &[batch, channels, size, size]), |x| layer.forward(x, mode));
        }
    }

    #[test]
    fn of_layer_norm(seed: u64, rows in 1usize..4, features in 4usize..7) {
        let store = store(seed);
        let layer = latentlab_nn::layer_norm(features, &store.root()).unwrap();
        check(&store, &spread(seed, &[rows, features]), |x| Ok(layer.forward(x)?));
    }

    #[test]
    fn of_upsampling(seed: u64, size in 1usize..4, factor in 1usize..4) {
        let x = normal(seed, &[2, 2, size, size]);
        check(&store(seed), &x, |x| latentlab_tensor::ops::upsample_nearest(x, factor));
    }
}

#[test]
fn of_every_activation() {
    use latentlab_nn::Activation::{Elu, Gelu, Identity, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
    // Both sides of the kink at 0, at which difference quotients mean nothing.
    let x = Tensor::new(&[-3.0, -1.1, -0.4, 0.3, 0.9, 2.5], &Device::Cpu).unwrap();
    for activation in [Relu, LeakyRelu, Elu, Silu, Gelu, Tanh, Sigmoid, Identity] {
        check(&store(0), &x, |x| Ok(activation.forward(x)?));
    }
}

#[test]
fn of_dropout() {
    let dropout = latentlab_nn::Dropout::new(0.4).unwrap();
    let x = normal(1, &[4, 5]);
    check(&store(0), &x, |x| {
        dropout.forward(x, Mode::Train, &mut Rng::stream(1, "dropout", 0))
    });
}

#[test]
fn of_spectral_norm_once_its_vectors_have_settled() {
    let store = store(6);
    let config = latentlab_nn::Conv2dConfig {
        norm: latentlab_nn::WeightNorm::Spectral,
        ..Default::default()
    };
    let layer = latentlab_nn::conv2d(2, 3, config, &store.root()).unwrap();
    check(&store, &normal(6, &[2, 2, 4, 4]), |x| {
        // Only where u and v belong to the weight is σ's gradient with both held constant all of it.
        for _ in 0..10 {
            layer.forward(x)?;
        }
        Ok(layer.forward(x)?)
    });
}

#[test]
fn of_a_small_critic() {
    let store = store(8);
    let root = store.root();
    let config = latentlab_nn::Conv2dConfig {
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    let first = latentlab_nn::conv2d(1, 3, config, &root.at(0)).unwrap();
    let norm = latentlab_nn::batch_norm(3, Default::default(), &root.at(1)).unwrap();
    let last = latentlab_nn::linear(27, 1, &root.at(2)).unwrap();
    check(&store, &normal(8, &[2, 1, 6, 6]), |x| {
        let hidden = norm.forward(&first.forward(x)?, Mode::Train)?;
        let hidden = latentlab_nn::Activation::LeakyRelu.forward(&hidden)?;
        Ok(last.forward(&hidden.flatten_from(1)?)?)
    });
}
