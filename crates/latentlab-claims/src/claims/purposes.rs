//! What an autoencoder and a VAE of equal capacity are good for.

use candle_core::{Device, Tensor};
use latentlab_data::Split;
use latentlab_metrics::{Features, Labelled, LinearProbe, PrincipalComponents};
use latentlab_run::Result;
use latentlab_tensor::Rng;

use crate::{
    Claim, Finding, Lab, Table,
    digits::{autoencoder, labels, neighbours, per_image, variational},
    lab::{Trained, samples},
    quality::Judge,
};

const LATENT: usize = 16;

pub(super) const CLAIM: Claim = Claim {
    name: "purposes",
    statement: "An autoencoder is trained for its encoder, a VAE for its decoder",
    method: "An autoencoder and a VAE with the same layers, 784-512-256-16, the same data and steps. \
             Encoders: how many test classes the 5 nearest training codes and a linear probe tell. \
             Decoders: the squared error of what they restore, and the Fréchet distance of 10,000 \
             samples; an autoencoder has no prior, so its are decoded from a Gaussian with the mean \
             and covariance of its codes.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let judge = Judge::new(lab)?;
    let mut finding = Finding::default();
    let mut table = Table::new(
        "On the test images:",
        &[
            "model",
            "5 neighbours",
            "linear probe",
            "squared error",
            "Fréchet distance",
            "share sure",
        ],
    );
    let mut rows = Vec::new();
    for trained in [autoencoder(lab, LATENT)?, variational(lab, LATENT, 1.0)?] {
        let row = row(lab, &judge, &trained)?;
        table.row(trained.session.experiment.model.name.clone(), &row);
        rows.push(row);
    }
    let (ae, vae) = (rows[0], rows[1]);
    finding.at_least("neighbours, AE less VAE", ae[0] - vae[0], 0.0);
    finding.at_least("linear probe, AE less VAE", ae[1] - vae[1], 0.0);
    finding.at_most("squared error, AE over VAE", ae[2] / vae[2], 1.0);
    finding.at_most(
        "Fréchet distance of samples, VAE over AE",
        vae[3] / ae[3],
        0.9,
    );
    finding.tables.push(table);
    Ok(finding)
}

fn row(lab: &Lab, judge: &Judge, trained: &Trained) -> Result<[f64; 5]> {
    let model = trained.reconstructor()?;
    let train = lab.mnist(Split::Train, lab.choose(60_000, 10_000))?;
    let test = lab.mnist(Split::Test, lab.choose(10_000, 2_000))?;
    let codes = model.encode(&train.images)?;
    let (known, asked) = (
        Features::of(&codes)?,
        Features::of(&model.encode(&test.images)?)?,
    );
    let (classes, true_classes) = (labels(&train)?, labels(&test)?);
    let vote = neighbours(&known, &train, &asked, &test)?;
    let probe = LinearProbe::fit(Labelled::new(&known, &classes)?)?;
    let probe = probe.accuracy(Labelled::new(&asked, &true_classes)?)?;
    let error = per_image(&(model.reconstruct(&test.images)? - &test.images)?)?;
    let drawn = match trained.model().sampler() {
        Some(_) => samples(trained.model(), 10_000, 0)?,
        None => model.decode(&gaussian(&known, 10_000)?)?,
    };
    let quality = judge.quality(&drawn)?;
    Ok([vote, probe.value, error, quality.frechet, quality.sure])
}

/// `count` draws from the Gaussian with the mean and the covariance of `codes`.
fn gaussian(codes: &Features, count: usize) -> Result<Tensor> {
    let axes = PrincipalComponents::of(codes, codes.dimensions())?;
    let mut along = Rng::stream(0, "claims/purposes", 0).normals(count * codes.dimensions());
    for draw in along.chunks_exact_mut(codes.dimensions()) {
        for (value, variance) in draw.iter_mut().zip(axes.variances()) {
            *value *= variance.sqrt();
        }
    }
    let draws = axes.reconstruct(&Features::new(along, codes.dimensions())?)?;
    let values: Vec<f32> = draws.rows().flatten().map(|value| *value as f32).collect();
    let shape = (count, codes.dimensions());
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}
