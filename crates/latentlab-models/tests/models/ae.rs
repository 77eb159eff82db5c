//! The autoencoder: what a linear one must learn, its loss, where its output starts.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, DataInfo, GenerativeModel, ImageShape, Reconstruct, ValueRange};
use latentlab_models::{Autoencoder, AutoencoderConfig, Observation, OutputBias};
use latentlab_nn::{Architecture, Initial};
use latentlab_tensor::Rng;
use latentlab_train::{PhaseTrainer, TrainConfig, Trainer};

use super::{SEED, SMALL, assert_close, build, data, images, loss, refusal, scalar, term, values};

fn small() -> AutoencoderConfig {
    AutoencoderConfig {
        hidden: vec![6],
        latent: 3,
        ..AutoencoderConfig::default()
    }
}

/// Squared error per image of a linear autoencoder with two latent numbers, trained on `images`.
fn error_of_a_linear_autoencoder(images: &Tensor) -> f64 {
    let config = AutoencoderConfig {
        hidden: vec![],
        latent: 2,
        ..small()
    };
    let (model, store) = build::<Autoencoder>(&config, &data(SMALL, ValueRange::Real));
    let mut train = TrainConfig::default();
    train.optimizer.insert("lr".to_owned(), 0.02.into());
    let mut trainer = PhaseTrainer::new(&model, &store, &train, 600, SEED).unwrap();
    let batch = Batch {
        images: images.clone(),
        labels: None,
    };
    for _ in 0..600 {
        trainer.step(&model, &batch).unwrap();
    }
    term(&loss(&model, "ae", images, 601), "squared_error")
}

/// Eight images around 0.3 with the variances `deviations²` along three orthogonal directions: the
/// columns of a Hadamard matrix are orthogonal and have mean 0.
fn with_deviations(deviations: [f64; 3]) -> Tensor {
    let image = |n: u32| {
        let sign = move |bit: u32| if n >> bit & 1 == 0 { 1.0 } else { -1.0 };
        (0..12).map(move |pixel| match pixel {
            // Directions that are spread over several pixels.
            0 | 1 => 0.3 + deviations[0] * sign(0) / 2f64.sqrt(),
            2..6 => 0.3 + deviations[1] * sign(1) / 2.0,
            6..10 => 0.3 + deviations[2] * sign(2) / 2.0,
            _ => 0.3,
        })
    };
    let values: Vec<f64> = (0..8).flat_map(image).collect();
    Tensor::from_vec(values, SMALL.batch(8), &Device::Cpu).unwrap()
}

#[test]
fn a_linear_autoencoder_restores_data_of_the_rank_of_its_latent() {
    let error = error_of_a_linear_autoencoder(&with_deviations([2.0, 1.5, 0.0]));
    assert!(error < 1e-6, "{error} of 6.25");
}

#[test]
fn a_linear_autoencoder_loses_the_smallest_principal_variance_and_no_less() {
    // Eckart and Young 1936: no map through two numbers loses less than 0.5².
    let error = error_of_a_linear_autoencoder(&with_deviations([2.0, 1.5, 0.5]));
    assert!((0.25..0.2501).contains(&(error + 1e-12)), "{error}");
}

#[test]
fn the_loss_is_the_squared_error_or_the_cross_entropy() {
    let every = [
        Observation::Gaussian,
        Observation::GaussianSigmoid,
        Observation::Bernoulli,
    ];
    for decoder in every {
        let config = AutoencoderConfig { decoder, ..small() };
        let (model, _) = build::<Autoencoder>(&config, &data(SMALL, ValueRange::Unit));
        let images = images(5, SMALL);
        let restored = values(&model.reconstruct(&images).unwrap());
        let mean = |of: fn(f64, f64) -> f64| {
            let pairs = values(&images).into_iter().zip(&restored);
            pairs.map(|(x, y)| of(x, *y)).sum::<f64>() / 5.0
        };
        let squared_error = mean(|x, y| (x - y).powi(2));
        let cross_entropy = mean(|x, y| -x * y.ln() - (1.0 - x) * (1.0 - y).ln());
        let loss = loss(&model, "ae", &images, 1);
        assert_close(term(&loss, "squared_error"), squared_error);
        match decoder {
            Observation::Gaussian | Observation::GaussianSigmoid => {
                assert_close(scalar(&loss.total), squared_error);
            }
            Observation::Bernoulli => assert_close(scalar(&loss.total), cross_entropy),
        }
    }
}

#[test]
fn an_output_bias_of_the_data_mean_makes_the_untrained_decoder_give_it() {
    let shape = ImageShape {
        channels: 2,
        height: 8,
        width: 8,
    };
    // Half of the first channel is black, as the margin of MNIST, the other half 0.6.
    let mean: Vec<f32> = (0..128)
        .map(|pixel| match pixel {
            0..32 => 0.0,
            32..64 => 0.6,
            _ => 0.8,
        })
        .collect();
    let info = DataInfo {
        mean: mean.clone(),
        ..data(shape, ValueRange::Unit)
    };
    let every = [
        Observation::Bernoulli,
        Observation::Gaussian,
        Observation::GaussianSigmoid,
    ];
    for decoder in every {
        for architecture in [Architecture::Dense, Architecture::Conv] {
            let config = AutoencoderConfig {
                architecture,
                decoder,
                init: Initial::Dcgan,
                output_bias: OutputBias::DataMean,
                ..small()
            };
            let (model, _) = build::<Autoencoder>(&config, &info);
            let latent = Rng::stream(SEED, "latent", 0)
                .normal((64, 3), DType::F64, &Device::Cpu)
                .unwrap();
            let images = model.decode(&latent).unwrap().mean(0).unwrap(); // [2, 8, 8]
            for (pixel, (value, mean)) in values(&images).iter().zip(&mean).enumerate() {
                let expected = match architecture {
                    Architecture::Dense => f64::from(*mean),
                    Architecture::Conv if pixel < 64 => 0.3,
                    Architecture::Conv => 0.8,
                };
                // Weights of deviation 0.02 through two layers leave about 0.001.
                assert!(
                    (value - expected).abs() < 0.005,
                    "{decoder:?}, {architecture:?}, pixel {pixel}: {value} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn an_autoencoder_takes_part_in_no_sampling() {
    let (model, _) = build::<Autoencoder>(&small(), &data(SMALL, ValueRange::Unit));
    assert!(model.sampler().is_none() && model.likelihood().is_none());
    assert!(model.reconstructor().is_some());
}

#[test]
fn what_cannot_work_is_refused_by_the_name_of_its_key() {
    let unit = data(SMALL, ValueRange::Unit);
    let config = AutoencoderConfig {
        latent: 0,
        ..small()
    };
    assert_eq!(
        refusal::<Autoencoder>(&config, &unit),
        "`latent`: must be at least 1"
    );
    let config = AutoencoderConfig {
        decoder: Observation::Bernoulli,
        ..small()
    };
    let message = refusal::<Autoencoder>(&config, &data(SMALL, ValueRange::Real));
    assert!(
        message.starts_with("`decoder`: `bernoulli` needs"),
        "{message}"
    );
    let config = AutoencoderConfig {
        output_bias: OutputBias::DataMean,
        ..small()
    };
    let info = DataInfo {
        mean: vec![0.5; 3],
        ..unit
    };
    let message = refusal::<Autoencoder>(&config, &info);
    assert_eq!(message, "the mean image has 3 values, not 12 as an image");
}
