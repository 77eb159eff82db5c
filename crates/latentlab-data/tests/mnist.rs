//! The embedded MNIST is the published one, and its batches stay what they are.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{BatchSource, ValueRange};
use latentlab_data::{DataConfig, Dataset, Loader, Split};
use sha2::{Digest, Sha256};
use toml::{Table, toml};

fn open(table: Table) -> Arc<Dataset> {
    let config = DataConfig::from_table(&table).unwrap();
    Arc::new(Dataset::open(&config).unwrap())
}

fn label_counts(dataset: &Dataset, split: Split) -> Vec<usize> {
    let mut counts = vec![0; 10];
    for batch in dataset.batches(split, 1000, &Device::Cpu) {
        for label in batch.unwrap().labels.unwrap().to_vec1::<u32>().unwrap() {
            counts[label as usize] += 1;
        }
    }
    counts
}

#[test]
fn the_images_and_labels_are_the_published_ones() {
    let mnist = open(toml! { name = "mnist" });
    let info = mnist.info();
    assert_eq!(
        (info.shape.channels, info.shape.height, info.shape.width),
        (1, 28, 28)
    );
    assert_eq!((info.range, info.classes), (ValueRange::Unit, Some(10)));
    assert_eq!(
        (mnist.len(Split::Train), mnist.len(Split::Test)),
        (60_000, 10_000)
    );
    // Counts and mean as in crates/latentlab-mnist/README.md.
    let counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
    assert_eq!(label_counts(&mnist, Split::Train), counts);
    let mean = info.mean.iter().sum::<f32>() / 784.0;
    assert!((mean - 0.13066).abs() < 5e-6, "{mean}");
}

#[test]
fn the_first_batch_is_always_the_same() {
    // Written down when the order of the training images was fixed: a change breaks every resumed
    // run and every published figure.
    let mut loader = Loader::new(open(toml! { name = "mnist" }), 32, 0, 0, &Device::Cpu).unwrap();
    let batch = loader.batch(0).unwrap();
    let bytes = (batch.images * 255.0)
        .unwrap()
        .round()
        .unwrap()
        .to_dtype(DType::U8)
        .unwrap();
    let mut hash = Sha256::new();
    hash.update(bytes.flatten_all().unwrap().to_vec1::<u8>().unwrap());
    let hash: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hash,
        "b9f221564cd211618bacf3bae361322587eb18a4b6defacf813cec089601bc3e"
    );
    let labels = batch.labels.unwrap().to_vec1::<u32>().unwrap();
    assert_eq!(labels[..8], [0, 8, 2, 4, 5, 2, 8, 1]);
}

#[test]
fn held_out_images_are_no_longer_trained_on() {
    let mnist = open(toml! { name = "mnist" validation = 10_000 });
    assert_eq!(
        (mnist.len(Split::Train), mnist.len(Split::Validation)),
        (50_000, 10_000)
    );
    let (train, validation) = (
        label_counts(&mnist, Split::Train),
        label_counts(&mnist, Split::Validation),
    );
    let sums: Vec<usize> = train.iter().zip(&validation).map(|(a, b)| a + b).collect();
    assert_eq!(
        sums,
        label_counts(&open(toml! { name = "mnist" }), Split::Train)
    );
}

#[test]
fn static_binarisation_is_the_same_in_every_epoch_and_dynamic_is_not() {
    let epochs = |table: Table| {
        let dataset = open(table);
        let test = dataset
            .images(Split::Test, &[5], &Device::Cpu)
            .unwrap()
            .images;
        let mut loader = Loader::new(dataset, 100, 0, 0, &Device::Cpu).unwrap();
        // 100 images remain to train on, so that a batch is an epoch.
        let mut sums = [0, 1].map(|epoch| {
            let images = loader.batch(epoch).unwrap().images.flatten_from(1).unwrap();
            images.sum(1).unwrap().to_vec1::<f32>().unwrap()
        });
        sums.iter_mut()
            .for_each(|sums| sums.sort_by(f32::total_cmp));
        (sums, test.flatten_all().unwrap().to_vec1::<f32>().unwrap())
    };
    let (once, test_once) =
        epochs(toml! { name = "mnist" binarise = "static" validation = 59_900 });
    let (anew, test_anew) =
        epochs(toml! { name = "mnist" binarise = "dynamic" validation = 59_900 });
    assert_eq!(once[0], once[1]);
    assert_ne!(anew[0], anew[1]);
    assert_eq!(test_once, test_anew);
    assert!(test_once.iter().all(|pixel| *pixel == 0.0 || *pixel == 1.0));
}

#[test]
fn some_training_images_are_mirrored_and_all_others_are_left_alone() {
    let images = |table: Table| {
        let mut loader = Loader::new(open(table), 64, 0, 0, &Device::Cpu).unwrap();
        loader.batch(0).unwrap().images
    };
    let plain = images(toml! { name = "mnist" });
    let flipped = images(toml! { name = "mnist" flip = true });
    let mirrored = plain.flip(&[3]).unwrap();
    let rows = |images: &Tensor| images.flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
    let (plain, flipped, mirrored) = (rows(&plain), rows(&flipped), rows(&mirrored));
    let mut changed = 0;
    for ((plain, flipped), mirrored) in plain.iter().zip(&flipped).zip(&mirrored) {
        assert!(flipped == plain || flipped == mirrored);
        changed += usize::from(flipped == mirrored);
    }
    // Four standard deviations of 4 around 32.
    assert!((16..=48).contains(&changed), "{changed}");
}

#[test]
fn threads_make_the_same_random_changes() {
    let dataset = open(toml! { name = "mnist" binarise = "dynamic" flip = true });
    let batches = |workers| {
        let mut loader = Loader::new(dataset.clone(), 16, 0, workers, &Device::Cpu).unwrap();
        [0, 1, 2, 7, 3].map(|index| {
            let images = loader.batch(index).unwrap().images;
            images.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        })
    };
    let inline = batches(0);
    assert!(inline == batches(1) && inline == batches(2));
}

#[test]
fn an_image_that_is_not_there_is_an_error() {
    let mnist = open(toml! { name = "mnist" });
    let message = mnist
        .images(Split::Test, &[10_000], &Device::Cpu)
        .unwrap_err()
        .to_string();
    assert_eq!(message, "image 10000 of Test is out of range, it has 10000");
}
