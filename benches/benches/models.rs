//! One training step of every registered model on a batch of MNIST's shape, with its defaults, and
//! of the convolutional variants.

use candle_core::{DType, Device};
use criterion::{Criterion, criterion_group, criterion_main};
use latentlab_core::{Batch, DataInfo, ImageShape, Registry, ValueRange};
use latentlab_tensor::{ParamStore, Rng};
use latentlab_train::{PhaseTrainer, TrainConfig, Trainer};
use toml::{Table, toml};

/// The program's, see there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 0;
const BATCH: usize = 128;
const SHAPE: ImageShape = ImageShape {
    channels: 1,
    height: 28,
    width: 28,
};

fn batch() -> Batch {
    let images = Rng::stream(SEED, "images", 0)
        .uniform(0.0, 1.0, SHAPE.batch(BATCH), DType::F32, &Device::Cpu)
        .expect("the shape is small");
    Batch {
        images,
        labels: None,
    }
}

fn bench(criterion: &mut Criterion, registry: &Registry, name: &str, form: &str, config: &Table) {
    let info = DataInfo {
        shape: SHAPE,
        range: ValueRange::Unit,
        classes: None,
        mean: vec![0.5; SHAPE.pixels()],
    };
    let store = ParamStore::new(SEED, DType::F32, &Device::Cpu);
    let entry = registry.get(name).expect("the model is registered");
    let model = entry
        .build(config, &info, &store.root())
        .expect("the configuration fits the images");
    let mut trainer = PhaseTrainer::new(&*model, &store, &TrainConfig::default(), 1, SEED)
        .expect("the model has phases and the optimizer's defaults are valid");
    let batch = batch();
    let ImageShape {
        channels,
        height,
        width,
    } = SHAPE;
    criterion.bench_function(
        &format!("step/{name} {form} {BATCH}x{channels}x{height}x{width}"),
        |bencher| {
            bencher.iter(|| {
                let report = trainer.step(&*model, &batch).expect("a step succeeds");
                Device::Cpu.synchronize().expect("the device answers");
                report
            });
        },
    );
}

fn models(criterion: &mut Criterion) {
    let registry = Registry::default()
        .with(latentlab_models::plugin)
        .expect("names are unique");
    for entry in registry.iter() {
        bench(criterion, &registry, entry.name, "default", &Table::new());
    }
    let autoencoder = toml! { architecture = "conv" hidden = [8, 16] };
    let gan = toml! {
        generator = { architecture = "conv", hidden = [16, 8], norm = "batch", init = "dcgan" }
        discriminator = { architecture = "conv", hidden = [8, 16], init = "dcgan" }
    };
    let penalised = {
        let mut config = gan.clone();
        config.extend(toml! { objective = "wasserstein" penalty = { name = "wgan_gp" } });
        config
    };
    for (name, form, config) in [
        ("ae", "conv", &autoencoder),
        ("vae", "conv", &autoencoder),
        ("gan", "conv", &gan),
        ("gan", "conv wgan_gp", &penalised),
    ] {
        bench(criterion, &registry, name, form, config);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = models
}
criterion_main!(benches);
