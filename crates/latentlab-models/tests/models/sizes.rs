//! Sizes that cannot work: models beyond the memory, batches of too few images or the wrong number.

use candle_core::{DType, Device};
use latentlab_core::{
    Batch, DataInfo, GenerativeModel, ImageShape, ModelSpec, Result, Step, ValueRange,
};
use latentlab_models::{
    Autoencoder, AutoencoderConfig, Classifier, ClassifierConfig, Gan, GanConfig, Vae, VaeConfig,
};
use latentlab_nn::{Architecture, NetworkConfig, Norm};
use latentlab_tensor::ParamStore;

use super::{SEED, SMALL, build, data, images, rng};

const GIB: u64 = 1 << 30;

/// 8 by 8 pixels, which three stages halve to one.
const EIGHT: ImageShape = ImageShape {
    channels: 1,
    height: 8,
    width: 8,
};

/// Builds the model for 32 by 32 colour pictures where a gibibyte is free, to be trained by Adam.
fn build_in_a_gibibyte<M: ModelSpec>(config: M::Config) -> Result<()> {
    let shape = ImageShape {
        channels: 3,
        height: 32,
        width: 32,
    };
    let info = DataInfo {
        classes: Some(10),
        ..data(shape, ValueRange::Unit)
    };
    let store = ParamStore::new(SEED, DType::F32, &Device::Cpu).with_budget(GIB, 4);
    M::build(&config, &info, &store.root()).map(|_| ())
}

fn ae(architecture: Architecture, hidden: Vec<usize>, latent: usize) -> Result<()> {
    build_in_a_gibibyte::<Autoencoder>(AutoencoderConfig {
        architecture,
        hidden,
        latent,
        ..Default::default()
    })
}

fn vae(architecture: Architecture, hidden: Vec<usize>, latent: usize) -> Result<()> {
    build_in_a_gibibyte::<Vae>(VaeConfig {
        architecture,
        hidden,
        latent,
        ..Default::default()
    })
}

fn classifier(architecture: Architecture, hidden: Vec<usize>, features: usize) -> Result<()> {
    build_in_a_gibibyte::<Classifier>(ClassifierConfig {
        architecture,
        hidden,
        features,
        ..Default::default()
    })
}

fn gan(architecture: Architecture, hidden: Vec<usize>, latent: usize) -> Result<()> {
    let network = |hidden| NetworkConfig {
        architecture,
        hidden,
        ..Default::default()
    };
    build_in_a_gibibyte::<Gan>(GanConfig {
        latent,
        generator: network(hidden.clone()),
        discriminator: network(hidden),
        ..Default::default()
    })
}

#[test]
fn models_that_cannot_fit_are_refused_with_their_size() {
    use Architecture::{Conv, Dense};
    type Build = fn(Architecture, Vec<usize>, usize) -> Result<()>;
    let builds: [(&str, Build); 4] = [
        ("ae", ae),
        ("vae", vae),
        ("classifier", classifier),
        ("gan", gan),
    ];
    for (name, build) in builds {
        build(Dense, vec![64], 16).unwrap();
        build(Conv, vec![8, 16], 16).unwrap();
        for huge in [20_000_000, 1_000_000_000, 1 << 62, usize::MAX] {
            for (architecture, hidden, latent) in [
                (Dense, vec![64], huge),
                (Conv, vec![8, 16], huge),
                (Dense, vec![huge], 16),
                (Dense, vec![64, huge], 16),
                (Conv, vec![huge], 16),
                (Conv, vec![8, huge], 16),
                (Dense, vec![], huge),
                (Conv, vec![], huge),
                (Dense, vec![huge, huge], huge),
            ] {
                let sizes = format!("{name} {architecture:?} {hidden:?} {latent}");
                let error = build(architecture, hidden, latent).expect_err(&sizes);
                let message = error.to_string();
                assert!(
                    message.starts_with("the model needs at least "),
                    "{sizes}: {message}"
                );
                assert!(
                    message.contains("the machine has 1.0 GiB free"),
                    "{sizes}: {message}"
                );
            }
        }
    }
    // 4 values of 4 bytes for each of 16·10⁹ weights.
    let message = gan(Dense, vec![16], 1_000_000_000).unwrap_err().to_string();
    assert_eq!(
        message,
        "the model needs at least 238.4 GiB for its parameters, their gradients and what the \
         optimizer remembers (`generator.0.weight` alone is 59.6 GiB), the machine has 1.0 GiB free: \
         make its layers smaller"
    );
}

#[test]
fn a_shape_of_image_beyond_any_number_is_refused_too() {
    let endless = ImageShape {
        channels: usize::MAX,
        height: 2,
        width: usize::MAX,
    };
    let info = DataInfo {
        shape: endless,
        mean: Vec::new(),
        ..data(SMALL, ValueRange::Unit)
    };
    let store = ParamStore::new(SEED, DType::F32, &Device::Cpu);
    let built = Autoencoder::build(&AutoencoderConfig::default(), &info, &store.root());
    let message = built.err().expect("there are no such images").to_string();
    assert!(message.contains("more than 4294967296 values"), "{message}");
}

/// Whether every phase can compute its loss on so many images.
fn trains(model: &dyn GenerativeModel, shape: ImageShape, count: usize) -> bool {
    let batch = Batch {
        images: images(count, shape),
        labels: None,
    };
    let mut step = Step::new(1, rng());
    model
        .phases()
        .iter()
        .all(|phase| phase.loss(&batch, &mut step).is_ok())
}

/// What the model says of a batch of each size, which must be what comes of training on it.
fn sizes_that_work(model: &dyn GenerativeModel, shape: ImageShape) -> Vec<usize> {
    let works = |count: &usize| {
        let accepted = model.check_batch_size(*count).is_ok();
        assert_eq!(accepted, trains(model, shape, *count), "a batch of {count}");
        accepted
    };
    (1..=9).filter(works).collect()
}

const ALL: [usize; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn batch_norm_with_one_value_per_channel_is_refused_before_it_is_met() {
    let with = |architecture, hidden: &[usize], norm| AutoencoderConfig {
        architecture,
        hidden: hidden.to_vec(),
        latent: 2,
        norm,
        ..Default::default()
    };
    for (architecture, hidden, norm, least) in [
        (Architecture::Dense, &[4, 4][..], Norm::None, 1),
        (Architecture::Dense, &[4, 4], Norm::Batch, 2),
        (Architecture::Conv, &[4, 4], Norm::Batch, 1),
        (Architecture::Conv, &[4, 4, 4], Norm::Batch, 2),
    ] {
        let config = with(architecture, hidden, norm);
        let (model, _store) = build::<Autoencoder>(&config, &data(EIGHT, ValueRange::Unit));
        assert_eq!(
            sizes_that_work(&model, EIGHT),
            ALL[least - 1..],
            "{config:?}"
        );
    }
    let config = with(Architecture::Dense, &[4, 4], Norm::Batch);
    let (model, _store) = build::<Autoencoder>(&config, &data(EIGHT, ValueRange::Unit));
    assert_eq!(
        model.check_batch_size(1).unwrap_err().to_string(),
        "`batch_size`: 1 leaves batch norm one value per channel, which has no variance: use 2 or \
         more, or another `norm`"
    );
}

#[test]
fn importance_samples_count_for_batch_norm_and_for_memory() {
    let config = |samples| VaeConfig {
        hidden: vec![4],
        latent: 2,
        norm: Norm::Batch,
        samples,
        ..Default::default()
    };
    // The encoder has no batch norm next to the images, the decoder sees all samples.
    for (samples, least) in [(1, 2), (2, 1)] {
        let (model, _store) = build::<Vae>(&config(samples), &data(SMALL, ValueRange::Unit));
        assert_eq!(
            sizes_that_work(&model, SMALL),
            ALL[least - 1..],
            "{samples}"
        );
    }
    for samples in [1_000_000_000, usize::MAX] {
        let (model, _store) = build::<Vae>(&config(samples), &data(SMALL, ValueRange::Unit));
        let message = model.check_batch_size(128).unwrap_err().to_string();
        let start = format!("`batch_size`: {samples} importance samples of each of 128 images");
        assert!(message.starts_with(&start), "{message}");
        assert!(
            message.ends_with("lower `batch_size` or `model.config.samples`"),
            "{message}"
        );
    }
}

#[test]
fn images_that_are_judged_in_packs_come_in_whole_packs() {
    let network = |norm| NetworkConfig {
        hidden: vec![4, 4],
        norm,
        ..Default::default()
    };
    let config = |packing, norm| GanConfig {
        latent: 2,
        packing,
        generator: network(Norm::None),
        discriminator: network(norm),
        ..Default::default()
    };
    for (packing, norm, sizes) in [
        (1, Norm::None, &ALL[..]),
        (1, Norm::Batch, &ALL[1..]),
        (3, Norm::None, &[3, 6, 9]),
        // One pack is one row.
        (3, Norm::Batch, &[6, 9]),
        (4, Norm::Batch, &[8]),
    ] {
        let (model, _store) = build::<Gan>(&config(packing, norm), &data(SMALL, ValueRange::Unit));
        assert_eq!(sizes_that_work(&model, SMALL), sizes, "{packing} {norm:?}");
    }
    let (model, _store) = build::<Gan>(&config(4, Norm::None), &data(SMALL, ValueRange::Unit));
    assert_eq!(
        model.check_batch_size(6).unwrap_err().to_string(),
        "`batch_size`: 6 images cannot be judged in packs of 4: use a multiple of \
         `model.config.packing`"
    );
}

#[test]
fn a_classifier_with_batch_norm_on_single_pixels_needs_two_images() {
    let info = DataInfo {
        classes: Some(3),
        ..data(EIGHT, ValueRange::Unit)
    };
    for (hidden, least) in [(vec![4, 4], 1), (vec![4, 4, 4], 2)] {
        let config = ClassifierConfig {
            hidden,
            features: 2,
            ..Default::default()
        };
        let (model, _store) = build::<Classifier>(&config, &info);
        let accepted = (1..=9).filter(|count| model.check_batch_size(*count).is_ok());
        assert_eq!(accepted.collect::<Vec<_>>(), ALL[least - 1..]);
    }
}
