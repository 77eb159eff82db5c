//! The networks: names as in PyTorch's `Sequential`, image sizes of every kind, initial values.

use candle_core::{DType, Device, Tensor};
use latentlab_core::ImageShape;
use latentlab_nn::{Architecture, Initial, NetworkConfig, Norm};
use latentlab_tensor::{Mode, ParamStore, Rng, input_gradient};

const SEED: u64 = 3;

/// One channel, three rows, four columns.
const SMALL: ImageShape = ImageShape {
    channels: 1,
    height: 3,
    width: 4,
};

/// `count` images, each value uniform in `[0, 1)`.
fn images(count: usize, shape: ImageShape) -> Tensor {
    Rng::stream(SEED, "images", 0)
        .uniform(0.0, 1.0, shape.batch(count), DType::F64, &Device::Cpu)
        .unwrap()
}

fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_scalar().unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn store() -> ParamStore {
    ParamStore::new(SEED, DType::F64, &Device::Cpu)
}

fn config(architecture: Architecture, hidden: &[usize], norm: Norm) -> NetworkConfig {
    NetworkConfig {
        architecture,
        hidden: hidden.to_vec(),
        norm,
        ..NetworkConfig::default()
    }
}

fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
    ImageShape {
        channels,
        height,
        width,
    }
}

/// Path and shape of every entry of the store.
fn entries(store: &ParamStore) -> Vec<String> {
    let group = store.group("").into_iter();
    let entry = |(path, entry): (String, latentlab_tensor::Parameter)| {
        format!("{path} {:?}", entry.var().dims())
    };
    group.map(entry).collect()
}

fn encoder_entries(config: &NetworkConfig, shape: ImageShape) -> Vec<String> {
    let store = store();
    config.encoder(shape, 3, &store.root()).unwrap();
    entries(&store)
}

fn decoder_entries(config: &NetworkConfig, shape: ImageShape) -> Vec<String> {
    let store = store();
    config.decoder(3, shape, &store.root()).unwrap();
    entries(&store)
}

// The lists are those of `Sequential(…).state_dict()` without `num_batches_tracked`.

// Flatten(), Linear(12, 5), ReLU(), Linear(5, 4), BatchNorm1d(4), ReLU(), Linear(4, 3)
#[test]
fn a_dense_encoder_is_numbered_as_in_pytorch() {
    let config = config(Architecture::Dense, &[5, 4], Norm::Batch);
    let expected = [
        "1.bias [5]",
        "1.weight [5, 12]",
        "3.bias [4]",
        "3.weight [4, 5]",
        "4.bias [4]",
        "4.running_mean [4]",
        "4.running_var [4]",
        "4.weight [4]",
        "6.bias [3]",
        "6.weight [3, 4]",
    ];
    assert_eq!(encoder_entries(&config, SMALL), expected);
}

// Linear(3, 4), BatchNorm1d(4), ReLU(), Linear(4, 12), Unflatten(1, (1, 3, 4))
#[test]
fn a_dense_decoder_is_numbered_as_in_pytorch() {
    let config = config(Architecture::Dense, &[4], Norm::Batch);
    let expected = [
        "0.bias [4]",
        "0.weight [4, 3]",
        "1.bias [4]",
        "1.running_mean [4]",
        "1.running_var [4]",
        "1.weight [4]",
        "3.bias [12]",
        "3.weight [12, 4]",
    ];
    assert_eq!(decoder_entries(&config, SMALL), expected);
}

// Conv2d(2, 5, 4, 2, 1), ReLU(), Conv2d(5, 6, 4, 2, 1), BatchNorm2d(6), ReLU(), Flatten(),
// Linear(6·2·1, 3)
#[test]
fn a_convolutional_encoder_is_numbered_as_in_pytorch() {
    let config = config(Architecture::Conv, &[5, 6], Norm::Batch);
    let expected = [
        "0.bias [5]",
        "0.weight [5, 2, 4, 4]",
        "2.bias [6]",
        "2.weight [6, 5, 4, 4]",
        "3.bias [6]",
        "3.running_mean [6]",
        "3.running_var [6]",
        "3.weight [6]",
        "6.bias [3]",
        "6.weight [3, 12]",
    ];
    assert_eq!(encoder_entries(&config, shape(2, 8, 7)), expected);
}

// Linear(3, 6·2·2), Unflatten(1, (6, 2, 2)), BatchNorm2d(6), ReLU(), ConvTranspose2d(6, 5, 4, 2, 1),
// BatchNorm2d(5), ReLU(), ConvTranspose2d(5, 2, 4, 2, 1)
#[test]
fn a_convolutional_decoder_is_numbered_as_in_pytorch() {
    let config = config(Architecture::Conv, &[6, 5], Norm::Batch);
    let expected = [
        "0.bias [24]",
        "0.weight [24, 3]",
        "2.bias [6]",
        "2.running_mean [6]",
        "2.running_var [6]",
        "2.weight [6]",
        "4.bias [5]",
        "4.weight [6, 5, 4, 4]",
        "5.bias [5]",
        "5.running_mean [5]",
        "5.running_var [5]",
        "5.weight [5]",
        "7.bias [2]",
        "7.weight [5, 2, 4, 4]",
    ];
    assert_eq!(decoder_entries(&config, shape(2, 8, 8)), expected);
}

// spectral_norm(Conv2d(2, 5, 4, 2, 1)), ReLU(), Flatten(), spectral_norm(Linear(5·4·4, 3))
#[test]
fn a_spectral_norm_is_named_as_in_pytorch() {
    let config = config(Architecture::Conv, &[5], Norm::Spectral);
    let expected = [
        "0.bias [5]",
        "0.weight_orig [5, 2, 4, 4]",
        "0.weight_u [5]",
        "0.weight_v [32]",
        "3.bias [3]",
        "3.weight_orig [3, 80]",
        "3.weight_u [3]",
        "3.weight_v [80]",
    ];
    assert_eq!(encoder_entries(&config, shape(2, 8, 8)), expected);
}

#[test]
fn images_of_any_size_go_in_and_come_out() {
    let shapes = [
        shape(1, 7, 5),
        shape(3, 28, 30),
        shape(2, 4, 13),
        shape(1, 28, 28),
        shape(1, 1, 1),
    ];
    for shape in shapes {
        for architecture in [Architecture::Dense, Architecture::Conv] {
            for hidden in [&[][..], &[4], &[4, 3]] {
                if architecture == Architecture::Conv && shape.height < 1 << hidden.len() {
                    continue; // refused, see below
                }
                let config = config(architecture, hidden, Norm::Batch);
                let encoder = config.encoder(shape, 6, &store().root()).unwrap();
                let code = encoder.forward(&images(2, shape), Mode::Train).unwrap();
                assert_eq!(code.dims(), [2, 6], "{shape:?} with {config:?}");
                let decoder = config.mirrored().decoder(6, shape, &store().root());
                let back = decoder.unwrap().forward(&code, Mode::Train).unwrap();
                let expected = shape.batch(2);
                assert_eq!(back.dims4().unwrap(), expected, "{shape:?} with {config:?}");
            }
        }
    }
}

#[test]
fn every_pixel_of_an_odd_image_depends_on_the_latent() {
    let config = config(Architecture::Conv, &[3, 2], Norm::None);
    let decoder = config.decoder(2, shape(1, 7, 5), &store().root()).unwrap();
    let image = |latent: [f64; 2]| {
        let latent = Tensor::new(&[latent], &Device::Cpu).unwrap();
        values(&decoder.forward(&latent, Mode::Eval).unwrap())
    };
    let pairs = image([5.0, -3.0]).into_iter().zip(image([-4.0, 6.0]));
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() > 1e-6));
}

#[test]
fn more_stages_than_fit_are_refused_with_the_number_that_does() {
    let config = config(Architecture::Conv, &[2; 5], Norm::None);
    let expected = "`hidden`: 5 stages halve a 28x40 image below one pixel; at most 4 fit";
    let encoder = config.encoder(shape(1, 28, 40), 1, &store().root());
    assert_eq!(encoder.unwrap_err().to_string(), expected);
    let decoder = config.decoder(1, shape(1, 28, 40), &store().root());
    assert_eq!(decoder.unwrap_err().to_string(), expected);
}

#[test]
fn spectral_transposed_convolutions_are_refused() {
    let config = config(Architecture::Conv, &[2], Norm::Spectral);
    let decoder = config.decoder(1, SMALL, &store().root());
    let message = decoder.unwrap_err().to_string();
    assert!(
        message.starts_with("`norm`: `spectral` is not defined"),
        "{message}"
    );
}

/// The largest norm of the gradient of a dense critic's output at 64 points, after 50 forward
/// passes for the power iterations to converge.
fn steepest(norm: Norm, hidden: &[usize]) -> f64 {
    let config = NetworkConfig {
        init: Initial::Kaiming,
        ..config(Architecture::Dense, hidden, norm)
    };
    let critic = config.encoder(SMALL, 1, &store().root()).unwrap();
    let points = images(64, SMALL).affine(2.0, -1.0).unwrap();
    for _ in 0..50 {
        critic.forward(&points, Mode::Train).unwrap();
    }
    let logits = |x: &Tensor| Ok(critic.forward(x, Mode::Train).unwrap());
    let gradient = input_gradient(&points, logits).unwrap().gradient;
    let squares = gradient.sqr().unwrap().flatten_from(1).unwrap().sum(1);
    scalar(&squares.unwrap().max_all().unwrap()).sqrt()
}

#[test]
fn spectral_norm_bounds_the_slope_of_a_critic_by_one() {
    let linear = steepest(Norm::Spectral, &[]);
    assert!((linear - 1.0).abs() < 1e-9, "{linear}");
    // Layers of norm 1 and an activation of slope 1 at most.
    let deep = steepest(Norm::Spectral, &[10, 8]);
    assert!(deep > 0.1 && deep < 1.0 + 1e-6, "{deep}");
    assert!(steepest(Norm::None, &[10, 8]) > 1.1);
}

#[test]
fn weights_start_with_the_deviation_of_their_scheme() {
    let (inputs, outputs) = (100.0, 300.0);
    for (init, expected) in [
        (Initial::Pytorch, 1.0 / f64::sqrt(3.0 * inputs)), // U(±a) has the deviation a/√3
        (Initial::Kaiming, f64::sqrt(2.0 / inputs)),
        (Initial::Xavier, f64::sqrt(2.0 / (inputs + outputs))),
        (Initial::Orthogonal, 1.0 / f64::sqrt(outputs)), // 100 columns of norm 1
        (Initial::Dcgan, 0.02),
    ] {
        let store = store();
        let config = NetworkConfig {
            init,
            ..config(Architecture::Dense, &[], Norm::None)
        };
        config
            .encoder(shape(1, 10, 10), 300, &store.root())
            .unwrap();
        let mean_square = |path: &str| {
            let value = store.get(path).unwrap().value();
            scalar(&value.sqr().unwrap().mean_all().unwrap()).sqrt()
        };
        // 30,000 normal draws leave an error of 0.4 %.
        let ratio = mean_square("1.weight") / expected;
        assert!((ratio - 1.0).abs() < 0.02, "{init:?}: {ratio}");
        let biased = mean_square("1.bias") > 0.0;
        assert_eq!(biased, init == Initial::Pytorch, "{init:?}");
    }
}
