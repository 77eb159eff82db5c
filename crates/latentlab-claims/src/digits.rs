//! The autoencoders and VAEs of digits that several claims look at, and how their codes are judged.

use candle_core::{DType, Tensor};
use latentlab_core::Batch;
use latentlab_metrics::{Features, Labelled, neighbour_accuracy};
use latentlab_run::{Error, Result};
use toml::Table;

use crate::{Lab, claims::set, lab::Trained};

/// Training images that vote on the class of a test image.
const NEIGHBOURS: usize = 5;

/// The autoencoder with a bottleneck of `latent` numbers that several claims look at.
pub(crate) fn autoencoder(lab: &Lab, latent: usize) -> Result<Trained> {
    lab.train(&format!("ae-{latent}"), &experiment(lab, "ae", latent)?)
}

/// The VAE with `latent` numbers and the weight `beta` that several claims look at.
pub(crate) fn variational(lab: &Lab, latent: usize, beta: f64) -> Result<Trained> {
    let mut file = experiment(lab, "vae", latent)?;
    set(&mut file, "model.config.beta", format!("{beta:?}"))?;
    lab.train(&format!("vae-{latent}-beta-{beta}"), &file)
}

fn experiment(lab: &Lab, model: &str, latent: usize) -> Result<Table> {
    let mut file = toml::toml! {
        batch_size = 128
        [model.config]
        hidden = [512, 256]
        [optimizer]
        name = "adam"
        lr = 1e-3
    };
    set(&mut file, "steps", lab.choose(4690, 938))?;
    set(&mut file, "model.name", model)?;
    set(&mut file, "model.config.latent", latent)?;
    Ok(file)
}

/// The share of test images whose class their nearest training images tell.
pub(crate) fn neighbours(
    codes: &Features,
    train: &Batch,
    asked: &Features,
    test: &Batch,
) -> Result<f64> {
    let (known, true_labels) = (labels(train)?, labels(test)?);
    let known = Labelled::new(codes, &known)?;
    let asked = Labelled::new(asked, &true_labels)?;
    Ok(neighbour_accuracy(known, asked, NEIGHBOURS)?.value)
}

/// The labels of a batch on the host.
pub(crate) fn labels(batch: &Batch) -> Result<Vec<u32>> {
    let labels = batch.labels.as_ref();
    let labels = labels.ok_or_else(|| Error::Argument("the images have no labels".to_owned()))?;
    Ok(labels.to_vec1()?)
}

/// The squares of differences `[N, …]`, summed over an image and averaged over all.
pub(crate) fn per_image(difference: &Tensor) -> Result<f64> {
    let sums = difference.flatten_from(1)?.sqr()?.sum(1)?;
    let mean = sums.to_dtype(DType::F64)?.mean_all()?;
    Ok(mean.to_scalar()?)
}
