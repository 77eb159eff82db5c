//! Every layer against values of PyTorch 2.15, computed in `float64` by the lines above each test.
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
use latentlab_tensor::{Init, Mode, ParamStore, layers};

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
            (actual_entry - expected_entry).abs() < 1e-11,
            "{actual:?} instead of {expected:?}"
        );
    }
}

// fill(nn.Linear(3, 2))(wave(100., 2, 3))
#[test]
fn linear_agrees() -> TensorResult<()> {
    let store = store();
    let layer = layers::linear(3, 2, &store.root()).unwrap();
    fill(&store);
    let expected = [
        -0.710344876038,
        1.723416669058,
        0.503463235131,
        0.153501460401,
    ];
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
    let config = layers::Conv2dConfig {
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    let layer = layers::conv2d(2, 2, config, &store.root()).unwrap();
    fill(&store);
    let y = layer.forward(&wave(100.0, (1, 2, 4, 4)))?;
    assert_eq!(y.dims(), [1, 2, 2, 2]);
    let expected = [
        2.652704570796,
        3.401906141551,
        6.351209402271,
        -2.937816881783,
        3.569259408774,
        0.21389921098,
        5.524454649944,
        -4.552688580907,
    ];
    assert_close(&y, &expected);
    Ok(())
}

// fill(nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1, output_padding=1))(wave(100., 1, 2, 2, 2))
#[test]
fn conv_transpose2d_agrees() -> TensorResult<()> {
    let store = store();
    let config = layers::ConvTranspose2dConfig {
        stride: 2,
        padding: 1,
        output_padding: 1,
        ..Default::default()
    };
    let layer = layers::conv_transpose2d(2, 1, config, &store.root()).unwrap();
    fill(&store);
    let y = layer.forward(&wave(100.0, (1, 2, 2, 2)))?;
    assert_eq!(y.dims(), [1, 1, 4, 4]);
    let expected = [
        -0.229446088758,
        0.160487713493,
        1.269066829644,
        1.172842625175,
        -1.417095564682,
        -1.382394847916,
        -1.628953254125,
        -1.447342323594,
        1.600805557473,
        1.565532006529,
        0.460771038255,
        0.237787582015,
        -1.510912640206,
        -1.64634049717,
        -0.458032826929,
        -0.291135704591,
    ];
    assert_close(&y, &expected);
    Ok(())
}

// layer = fill(nn.BatchNorm2d(2)); x = wave(100., 2, 2, 1, 2)
// layer(x); layer.running_mean; layer.running_var; layer.eval(); layer(x)
#[test]
fn batch_norm_agrees_in_both_modes_and_in_its_statistics() {
    let store = store();
    let layer = layers::batch_norm(2, Default::default(), &store.root()).unwrap();
    fill(&store);
    let x = wave(100.0, (2, 2, 1, 2));
    let expected = [
        0.179987277976,
        -0.836255140201,
        -0.288305335466,
        0.290365858494,
        -0.0159075405,
        0.672175402725,
        2.391500379106,
        0.972323037097,
    ];
    assert_close(&layer.forward(&x, Mode::Train).unwrap(), &expected);
    let buffer = |name: &str| store.get(name).unwrap().value();
    assert_close(&buffer("running_mean"), &[-0.033662438516, 0.026886366682]);
    assert_close(&buffer("running_var"), &[0.935094975828, 0.95505083343]);
    let expected = [
        0.265934151658,
        -0.273239287489,
        -0.148970578696,
        0.231511483101,
        0.162000994471,
        0.527067478886,
        1.613028314871,
        0.679905106424,
    ];
    assert_close(&layer.forward(&x, Mode::Eval).unwrap(), &expected);
}

// fill(nn.BatchNorm1d(2))(wave(100., 3, 2))
#[test]
fn batch_norm_of_vectors_agrees() {
    let store = store();
    let layer = layers::batch_norm(2, Default::default(), &store.root()).unwrap();
    fill(&store);
    let expected = [
        0.457402468633,
        0.257428059507,
        -0.764439746144,
        0.0180949311,
        0.307037277511,
        2.248889963817,
    ];
    let y = layer.forward(&wave(100.0, (3, 2)), Mode::Train).unwrap();
    assert_close(&y, &expected);
}

// fill(nn.LayerNorm(3))(wave(100., 2, 3))
#[test]
fn layer_norm_agrees() -> TensorResult<()> {
    let store = store();
    let layer = layers::layer_norm(3, &store.root()).unwrap();
    fill(&store);
    let expected = [
        0.718641023635,
        0.618270107869,
        0.320260036009,
        -0.703465812391,
        0.992116738384,
        1.522298865744,
    ];
    assert_close(&layer.forward(&wave(100.0, (2, 3)))?, &expected);
    Ok(())
}

// x = torch.tensor([-2., -0.5, 0.5, 2.])
// F.relu(x); F.leaky_relu(x, 0.2); F.elu(x); F.silu(x); F.gelu(x); torch.tanh(x); torch.sigmoid(x)
#[test]
fn activations_agree() -> TensorResult<()> {
    use layers::Activation::{Elu, Gelu, Identity, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
    let x = Tensor::new(&[-2f64, -0.5, 0.5, 2.0], &Device::Cpu)?;
    let half = 0.46211715726;
    let one = 0.964027580076;
    for (activation, expected) in [
        (Relu, [0.0, 0.0, 0.5, 2.0]),
        (LeakyRelu, [-0.4, -0.1, 0.5, 2.0]),
        (Elu, [-0.864664716763, -0.393469340287, 0.5, 2.0]),
        (
            Silu,
            [
                -0.238405844044,
                -0.188770334399,
                0.311229665601,
                1.761594155956,
            ],
        ),
        (
            Gelu,
            [
                -0.045500263896,
                -0.154268769363,
                0.345731230637,
                1.954499736104,
            ],
        ),
        (Tanh, [-one, -half, half, one]),
        (
            Sigmoid,
            [
                0.119202922022,
                0.377540668798,
                0.622459331202,
                0.880797077978,
            ],
        ),
        (Identity, [-2.0, -0.5, 0.5, 2.0]),
    ] {
        assert_close(&activation.forward(&x)?, &expected);
    }
    Ok(())
}

// F.interpolate(wave(100., 1, 1, 2, 2), scale_factor=2, mode="nearest")
#[test]
fn upsampling_agrees() {
    let (a, b) = (-0.50636564111, 0.452025787178);
    let (c, d) = (0.994826791358, 0.622988631442);
    let expected = [a, a, b, b, a, a, b, b, c, c, d, d, c, c, d, d];
    let y = layers::upsample_nearest(&wave(100.0, (1, 1, 2, 2)), 2).unwrap();
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
    let config = layers::LinearConfig {
        norm: layers::WeightNorm::Spectral,
        ..Default::default()
    };
    let layer = layers::linear_with(3, 2, config, &store.root()).unwrap();
    let names = ["bias", "weight_orig", "weight_u", "weight_v"];
    assert_eq!(store.paths(), names);
    fill(&store);
    start_vectors(&store);

    let x = wave(100.0, (2, 3));
    let expected = [
        -0.401106612447,
        1.339474500712,
        0.284287871352,
        0.452998941565,
    ];
    assert_close(&layer.forward(&x)?, &expected);
    let buffer = |name: &str| store.get(name).unwrap().value();
    assert_close(&buffer("weight_u"), &[-0.704268656374, 0.709933560025]);
    let expected = [0.334191069947, 0.787906006614, 0.517223794415];
    assert_close(&buffer("weight_v"), &expected);

    let y = layer.forward(&x)?;
    let expected = [
        -0.4002093209,
        1.338360446913,
        0.283651908005,
        0.453867969075,
    ];
    assert_close(&y, &expected);
    let gradients = y.sum_all()?.backward()?;
    let weight = store.get("weight_orig").unwrap();
    let expected = [
        0.064592944195,
        0.0711712833,
        0.012315072762,
        0.066817109882,
        0.075765422398,
        0.015055354972,
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
    let config = layers::Conv2dConfig {
        kernel: 2,
        weight: Init::DCGAN,
        norm: layers::WeightNorm::Spectral,
        ..Default::default()
    };
    let layer = layers::conv2d(2, 2, config, &store.root()).unwrap();
    fill(&store);
    start_vectors(&store);
    let expected = [
        0.25249699271,
        -1.465245645294,
        -0.518580379959,
        1.275467844202,
        1.674458278205,
        0.53895265606,
        -0.109393163691,
        0.973852795382,
    ];
    assert_close(&layer.forward(&wave(100.0, (1, 2, 3, 3)))?, &expected);
    Ok(())
}
