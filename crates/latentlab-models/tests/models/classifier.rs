//! The classifier: what its loss is, what it learns, what it refuses.

use candle_core::{D, Device, Tensor};
use latentlab_core::{Batch, Classify, DataInfo, GenerativeModel, Step, ValueRange};
use latentlab_models::{Classifier, ClassifierConfig};
use latentlab_nn::{Architecture, Norm};
use latentlab_train::{PhaseTrainer, TrainConfig, Trainer};

use super::{SEED, SMALL, assert_close, build, data, images, refusal, rng, scalar, scale};

const CLASSES: usize = 3;

fn small() -> ClassifierConfig {
    ClassifierConfig {
        architecture: Architecture::Dense,
        hidden: vec![16],
        features: 8,
        norm: Norm::None,
        ..ClassifierConfig::default()
    }
}

fn labelled() -> DataInfo {
    DataInfo {
        classes: Some(CLASSES),
        ..data(SMALL, ValueRange::Unit)
    }
}

fn batch() -> Batch {
    let labels: Vec<u32> = (0..12).map(|image| image % CLASSES as u32).collect();
    Batch {
        images: images(12, SMALL),
        labels: Some(Tensor::new(labels, &Device::Cpu).unwrap()),
    }
}

#[test]
fn an_undecided_classifier_loses_the_logarithm_of_the_classes() {
    let (model, store) = build::<Classifier>(&small(), &labelled());
    scale(&store, "head", 0.0);
    let mut step = Step::new(1, rng());
    let loss = model.phases()[0].loss(&batch(), &mut step).unwrap();
    assert_close(scalar(&loss.total), (CLASSES as f64).ln());
}

#[test]
fn it_learns_labels_by_heart_and_says_so() {
    let (model, store) = build::<Classifier>(&small(), &labelled());
    let mut train = TrainConfig::default();
    train.optimizer.insert("lr".to_owned(), 0.02.into());
    let mut trainer = PhaseTrainer::new(&model, &store, &train, 300, SEED).unwrap();
    for _ in 0..300 {
        trainer.step(&model, &batch()).unwrap();
    }
    let mut step = Step::new(301, rng());
    let loss = model.phases()[0].loss(&batch(), &mut step).unwrap();
    let accuracy = loss.terms.iter().find(|(name, _)| *name == "accuracy");
    let accuracy = accuracy.unwrap().1.value().unwrap();
    assert_eq!(accuracy.to_scalar::<f32>().unwrap(), 1.0);
    let features = model.features(&batch().images).unwrap();
    assert_eq!(features.dims(), [12, 8]);
    let guesses = model
        .class_logits(&features)
        .unwrap()
        .argmax(D::Minus1)
        .unwrap();
    let labels = batch().labels.unwrap();
    let (guesses, labels) = (guesses.to_vec1::<u32>(), labels.to_vec1::<u32>());
    assert_eq!(guesses.unwrap(), labels.unwrap());
}

#[test]
fn without_labels_there_is_nothing_to_learn() {
    let unlabelled = data(SMALL, ValueRange::Unit);
    let message = refusal::<Classifier>(&small(), &unlabelled);
    assert!(message.contains("no labels to learn"), "{message}");
    let empty = ClassifierConfig {
        features: 0,
        ..small()
    };
    let message = refusal::<Classifier>(&empty, &labelled());
    assert!(message.contains("`features`: must be"), "{message}");
}
