//! Every layer against values of PyTorch 2.15, computed in `float64` by the lines above each test and
//! rounded to seven digits.
//!
//! All of them start with
//!
//! ```python
//! import torch, torch.nn as nn, torch.nn.functional as F
//! torch.set_default_dtype(torch.float64)
//! def wave(start, *shape):
//!     return torch.sin(start + torch.arange(torch.Size(shape).numel())).reshape(shape)
//! def fill(module):
//!     for index, (name, parameter) in enumerate(sorted(module.named_parameters())):
//!         parameter.data = wave(10.0 * index, *parameter.shape)
//!     return module
//! ```

use candle_core::{DType, Device, Module, Result as TensorResult, Shape, Tensor};
use latentlab_tensor::{Init, Mode, ParamStore};

/// sin(start), sin(start + 1), … in row-major order.
fn wave(start: f64, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    let values = (0..shape.elem_count()).map(|index| (start + index as f64).sin());
    Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

fn store() -> ParamStore {
    ParamStore::new(0, DType::F64, &Device::Cpu)
}

/// Gives the parameters (not the buffers), in the order of their paths, the values of `fill` above.
fn fill(store: &ParamStore) {
    for (index, (_, parameter)) in store.parameters("").iter().enumerate() {
        let value = wave(10.0 * index as f64, parameter.var().shape());
        parameter.set(&value).unwrap();
    }
}

#[track_caller]
fn assert_close(actual: &Tensor, expected: &[f64]) {
    let actual: Vec<f64> = actual.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(actual.len(), expected.len());
    for (actual_entry, expected_entry) in actual.iter().zip(expected) {
        assert!(
            (actual_entry - expected_entry).abs() < 1e-7,
            "{actual:?} instead of {expected:?}"
        );
    }
}

// fill(nn.Linear(3, 2))(wave(100., 2, 3))
#[test]
fn linear_agrees() -> TensorResult<()> {
    let store = store();
    let layer = latentlab_nn::linear(3, 2, &store.root()).unwrap();
    fill(&store);
    let expected = [-0.7103449, 1.7234167, 0.5034632, 0.1535015];
    let x = wave(100.0, (2, 3));
    assert_close(&layer.forward(&x)?, &expected);
    let stacked = layer.forward(&x.reshape((2, 1, 3))?)?;
    assert_eq!(stacked.dims(), [2, 1, 2]);
    assert_close(&stacked, &expected);
    assert!(layer.forward(&x.get(0)?).is_err());
    Ok(())
}

// fill(nn.Conv2d(2, 2, 3, stride=2, padding=1))(wave(100., 1, 2, 4, 4))
#[test]
fn conv2d_agrees() -> TensorResult<()> {
    let store = store();
    let config = latentlab_nn::Conv2dConfig {
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    let layer = latentlab_nn::conv2d(2, 2, config, &store.root()).unwrap();
    fill(&store);
    let y = layer.forward(&wave(100.0, (1, 2, 4, 4)))?;
    assert_eq!(y.dims(), [1, 2, 2, 2]);
    let expected = [
        2.6527046, 3.4019061, 6.3512094, -2.9378169, 3.5692594, 0.2138992, 5.5244546, -4.5526886,
    ];
    assert_close(&y, &expected);
    Ok(())
}

// fill(nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1, output_padding=1))(wave(100., 1, 2, 2, 2))
#[test]
fn conv_transpose2d_agrees() -> TensorResult<()> {
    let store = store();
    let config = latentlab_nn::ConvTranspose2dConfig {
        stride: 2,
        padding: 1,
        output_padding: 1,
        ..Default::default()
    };
    let layer = latentlab_nn::conv_transpose2d(2, 1, config, &store.root()).unwrap();
    fill(&store);
    let y = layer.forward(&wave(100.0, (1, 2, 2, 2)))?;
    assert_eq!(y.dims(), [1, 1, 4, 4]);
    let expected = [
        -0.2294461, 0.1604877, 1.2690668, 1.1728426, -1.4170956, -1.3823948, -1.6289533,
        -1.4473423, 1.6008056, 1.565532, 0.460771, 0.2377876, -1.5109126, -1.6463405, -0.4580328,
        -0.2911357,
    ];
    assert_close(&y, &expected);
    Ok(())
}

// layer = fill(nn.BatchNorm2d(2)); x = wave(100., 2, 2, 1, 2)
// layer(x); layer.running_mean; layer.running_var; layer.eval(); layer(x)
#[test]
fn batch_norm_agrees_in_both_modes_and_in_its_statistics() {
    let store = store();
    let layer = latentlab_nn::batch_norm(2, Default::default(), &store.root()).unwrap();
    fill(&store);
    let x = wave(100.0, (2, 2, 1, 2));
    let expected = [
        0.1799873, -0.8362551, -0.2883053, 0.2903659, -0.0159075, 0.6721754, 2.3915004, 0.972323,
    ];
    assert_close(&layer.forward(&x, Mode::Train).unwrap(), &expected);
    let buffer = |name: &str| store.get(name).unwrap().value();
    assert_close(&buffer("running_mean"), &[-0.0336624, 0.0268864]);
    assert_close(&buffer("running_var"), &[0.935095, 0.9550508]);
    let expected = [
        0.2659342, -0.2732393, -0.1489706, 0.2315115, 0.162001, 0.5270675, 1.6130283, 0.6799051,
    ];
    assert_close(&layer.forward(&x, Mode::Eval).unwrap(), &expected);
}

// fill(nn.BatchNorm1d(2))(wave(100., 3, 2))
#[test]
fn batch_norm_of_vectors_agrees() {
    let store = store();
    let layer = latentlab_nn::batch_norm(2, Default::default(), &store.root()).unwrap();
    fill(&store);
    let expected = [
        0.4574025, 0.2574281, -0.7644397, 0.0180949, 0.3070373, 2.24889,
    ];
    let y = layer.forward(&wave(100.0, (3, 2)), Mode::Train).unwrap();
    assert_close(&y, &expected);
}

// fill(nn.LayerNorm(3))(wave(100., 2, 3))
#[test]
fn layer_norm_agrees() -> TensorResult<()> {
    let store = store();
    let layer = latentlab_nn::layer_norm(3, &store.root()).unwrap();
    fill(&store);
    let expected = [
        0.718641, 0.6182701, 0.32026, -0.7034658, 0.9921167, 1.5222989,
    ];
    assert_close(&layer.forward(&wave(100.0, (2, 3)))?, &expected);
    Ok(())
}

// x = torch.tensor([-2., -0.5, 0.5, 2.])
// F.relu(x); F.leaky_relu(x, 0.2); F.elu(x); F.silu(x); F.gelu(x); torch.tanh(x); torch.sigmoid(x)
#[test]
fn activations_agree() -> TensorResult<()> {
    use latentlab_nn::Activation::{Elu, Gelu, Identity, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
    let x = Tensor::new(&[-2f64, -0.5, 0.5, 2.0], &Device::Cpu)?;
    let half = 0.4621172;
    let one = 0.9640276;
    for (activation, expected) in [
        (Relu, [0.0, 0.0, 0.5, 2.0]),
        (LeakyRelu, [-0.4, -0.1, 0.5, 2.0]),
        (Elu, [-0.8646647, -0.3934693, 0.5, 2.0]),
        (Silu, [-0.2384058, -0.1887703, 0.3112297, 1.7615942]),
        (Gelu, [-0.0455003, -0.1542688, 0.3457312, 1.9544997]),
        (Tanh, [-one, -half, half, one]),
        (Sigmoid, [0.1192029, 0.3775407, 0.6224593, 0.8807971]),
        (Identity, [-2.0, -0.5, 0.5, 2.0]),
    ] {
        assert_close(&activation.forward(&x)?, &expected);
    }
    Ok(())
}

// F.interpolate(wave(100., 1, 1, 2, 2), scale_factor=2, mode="nearest")
#[test]
fn upsampling_agrees() {
    let (a, b) = (-0.5063656, 0.4520258);
    let (c, d) = (0.9948268, 0.6229886);
    let expected = [a, a, b, b, a, a, b, b, c, c, d, d, c, c, d, d];
    let y = latentlab_tensor::ops::upsample_nearest(&wave(100.0, (1, 1, 2, 2)), 2).unwrap();
    assert_eq!(y.dims(), [1, 1, 4, 4]);
    assert_close(&y, &expected);
}

/// Starts the vectors of a spectral norm at unit vectors along `wave(0., …)`.
fn start_vectors(store: &ParamStore) {
    for path in ["weight_u", "weight_v"] {
        let vector = store.get(path).unwrap();
        let wave = wave(0.0, vector.var().shape());
        let norm = wave.sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        vector.set(&wave.broadcast_div(&norm).unwrap()).unwrap();
    }
}

// layer = fill(nn.utils.spectral_norm(nn.Linear(3, 2))); x = wave(100., 2, 3)
// layer.weight_u = F.normalize(wave(0., 2), dim=0); layer.weight_v = F.normalize(wave(0., 3), dim=0)
// layer(x); layer.weight_u; layer.weight_v
// y = layer(x); y.sum().backward(); y; layer.weight_orig.grad
#[test]
fn spectral_norm_agrees_in_values_vectors_and_gradient() -> TensorResult<()> {
    let store = store();
    let config = latentlab_nn::LinearConfig {
        norm: latentlab_nn::WeightNorm::Spectral,
        ..Default::default()
    };
    let layer = latentlab_nn::linear_with(3, 2, config, &store.root()).unwrap();
    let names = ["bias", "weight_orig", "weight_u", "weight_v"];
    assert_eq!(store.paths(), names);
    fill(&store);
    start_vectors(&store);

    let x = wave(100.0, (2, 3));
    let expected = [-0.4011066, 1.3394745, 0.2842879, 0.4529989];
    assert_close(&layer.forward(&x)?, &expected);
    let buffer = |name: &str| store.get(name).unwrap().value();
    assert_close(&buffer("weight_u"), &[-0.7042687, 0.7099336]);
    let expected = [0.3341911, 0.787906, 0.5172238];
    assert_close(&buffer("weight_v"), &expected);

    let y = layer.forward(&x)?;
    let expected = [-0.4002093, 1.3383604, 0.2836519, 0.453868];
    assert_close(&y, &expected);
    let gradients = y.sum_all()?.backward()?;
    let weight = store.get("weight_orig").unwrap();
    let expected = [
        0.0645929, 0.0711713, 0.0123151, 0.0668171, 0.0757654, 0.0150554,
    ];
    assert_close(gradients.get(weight.var()).unwrap(), &expected);
    Ok(())
}

// layer = fill(nn.utils.spectral_norm(nn.Conv2d(2, 2, 2)))
// layer.weight_u = F.normalize(wave(0., 2), dim=0); layer.weight_v = F.normalize(wave(0., 8), dim=0)
// layer(wave(100., 1, 2, 3, 3))
#[test]
fn a_spectrally_normalised_convolution_agrees() -> TensorResult<()> {
    let store = store();
    let config = latentlab_nn::Conv2dConfig {
        kernel: 2,
        weight: Init::DCGAN,
        norm: latentlab_nn::WeightNorm::Spectral,
        ..Default::default()
    };
    let layer = latentlab_nn::conv2d(2, 2, config, &store.root()).unwrap();
    fill(&store);
    start_vectors(&store);
    let expected = [
        0.252497, -1.4652456, -0.5185804, 1.2754678, 1.6744583, 0.5389527, -0.1093932, 0.9738528,
    ];
    assert_close(&layer.forward(&wave(100.0, (1, 2, 3, 3)))?, &expected);
    Ok(())
}
