//! A model from outside may return tensors of other shapes than its capability promises.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, Classify, Elbo, Likelihood, Result};
use latentlab_metrics::{classification, evidence_bound, importance_bound};
use latentlab_tensor::Rng;

/// Returns what it holds, whatever it is asked for; the divergences in their order.
struct Fixed {
    reconstruction: Vec<usize>,
    kl: std::cell::RefCell<Vec<Vec<usize>>>,
    log_weights: Vec<usize>,
    logits: Vec<usize>,
}

fn zeros(shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?)
}

impl Likelihood for Fixed {
    fn elbo(&self, _: &Tensor, _: &mut Rng) -> Result<Elbo> {
        Ok(Elbo {
            reconstruction: zeros(&self.reconstruction)?,
            kl: zeros(&self.kl.borrow_mut().remove(0))?,
        })
    }

    fn draw_latent(&self, images: &Tensor, _: &mut Rng) -> Result<Tensor> {
        Ok(images.flatten_from(1)?)
    }

    fn log_weights(&self, _: &Tensor, _: usize, _: &mut Rng) -> Result<Tensor> {
        zeros(&self.log_weights)
    }
}

impl Classify for Fixed {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        Ok(images.flatten_from(1)?)
    }

    fn class_logits(&self, _: &Tensor) -> Result<Tensor> {
        zeros(&self.logits)
    }
}

/// A model that does as promised for batches of two images, three latent dimensions and draws.
fn model() -> Fixed {
    Fixed {
        reconstruction: vec![2],
        kl: vec![vec![2, 3], vec![2, 3]].into(),
        log_weights: vec![3, 2],
        logits: vec![2, 4],
    }
}

/// Two batches of two images with so many labels.
fn batches(labels: usize) -> [Result<Batch>; 2] {
    [(); 2].map(|()| {
        Ok(Batch {
            images: zeros(&[2, 1, 1, 1])?,
            labels: Some(Tensor::zeros(labels, DType::U32, &Device::Cpu)?),
        })
    })
}

fn evidence(model: &Fixed) -> Result<f64> {
    let mut rng = Rng::stream(0, "test", 0);
    Ok(evidence_bound(model, batches(2), &mut rng)?.elbo.value)
}

fn importance(model: &Fixed) -> Result<f64> {
    let mut rng = Rng::stream(0, "test", 0);
    Ok(importance_bound(model, batches(2), 3, 3, &mut rng)?.value)
}

fn accuracy(model: &Fixed, labels: usize) -> Result<f64> {
    Ok(classification(model, batches(labels))?.accuracy)
}

fn assert_named(found: Result<f64>, expected: &str) {
    let found = found.unwrap_err().to_string();
    assert_eq!(found, expected);
}

#[test]
fn what_is_promised_is_accepted() {
    assert_eq!(evidence(&model()).unwrap(), 0.0);
    assert_eq!(importance(&model()).unwrap(), 0.0);
    assert_eq!(accuracy(&model(), 2).unwrap(), 1.0);
}

#[test]
fn parts_of_the_evidence_bound_are_those_of_the_images() {
    for shape in [vec![3], vec![1], vec![2, 1]] {
        let expected = format!("the reconstruction errors have the shape {shape:?}, not [2]");
        let reconstruction = shape;
        let model = Fixed {
            reconstruction,
            ..model()
        };
        assert_named(evidence(&model), &expected);
    }
    for (kl, expected) in [
        ([vec![3, 3], vec![2, 3]], "[3, 3], not [2, 3]"),
        ([vec![1, 3], vec![2, 3]], "[1, 3], not [2, 3]"),
        ([vec![2], vec![2, 3]], "[2], not [2, 1]"),
        ([vec![2, 3], vec![2, 4]], "[2, 4], not [2, 3]"),
        ([vec![2, 3], vec![2, 2]], "[2, 2], not [2, 3]"),
    ] {
        let expected =
            format!("the divergences of the latent dimensions have the shape {expected}");
        let kl = kl.to_vec().into();
        assert_named(evidence(&Fixed { kl, ..model() }), &expected);
    }
}

#[test]
fn weights_are_those_of_all_draws_and_images() {
    for shape in [
        vec![2, 3],
        vec![2, 2],
        vec![4, 2],
        vec![3, 1],
        vec![3, 3],
        vec![6],
    ] {
        let expected =
            format!("the logarithms of the weights have the shape {shape:?}, not [3, 2]");
        let log_weights = shape;
        let model = Fixed {
            log_weights,
            ..model()
        };
        assert_named(importance(&model), &expected);
    }
}

#[test]
fn logits_and_labels_are_those_of_the_images() {
    for (shape, expected) in [
        (vec![1, 4], "[1, 4], not [2, 4]"),
        (vec![3, 4], "[3, 4], not [2, 4]"),
        (vec![2], "[2], not [2, 1]"),
    ] {
        let logits = shape;
        let expected = format!("the logits have the shape {expected}");
        assert_named(accuracy(&Fixed { logits, ..model() }, 2), &expected);
    }
    for labels in [1, 3] {
        let expected = format!("the labels have the shape [{labels}], not [2]");
        assert_named(accuracy(&model(), labels), &expected);
    }
}
