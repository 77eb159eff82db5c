//! An autoencoder's bottleneck against PCA and raw pixels.

use latentlab_data::Split;
use latentlab_metrics::{Features, PrincipalComponents};
use latentlab_run::Result;

use crate::{
    Chart, Claim, Finding, Lab, Scale, Table,
    digits::{autoencoder, neighbours, per_image},
};

const SIZES: [usize; 6] = [2, 4, 8, 16, 32, 64];

pub(super) const CLAIM: Claim = Claim {
    name: "bottleneck",
    statement: "An autoencoder's bottleneck reduces dimensions and keeps what matters",
    method: "Autoencoders 784-512-256-d on MNIST, Adam, 10 epochs, d from 2 to 64, beside PCA with \
             as many components and the 784 pixels themselves. What matters is measured twice: the \
             squared error of the test images, summed over an image, and the share of test images \
             whose class the 5 nearest training images in the latent space tell.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let train = lab.mnist(Split::Train, lab.choose(60_000, 10_000))?;
    let test = lab.mnist(Split::Test, lab.choose(10_000, 2_000))?;
    let mut finding = Finding::default();
    let mut table = Table::new(
        format!(
            "On {} test images; neighbours among {} training images:",
            test.size()?,
            train.size()?
        ),
        &[
            "d",
            "AE error",
            "PCA error",
            "AE neighbours",
            "PCA neighbours",
        ],
    );
    let pixels = Features::of(&train.images)?;
    let components = PrincipalComponents::of(&pixels, SIZES[SIZES.len() - 1])?;
    let test_pixels = Features::of(&test.images)?;
    let raw = neighbours(&pixels, &train, &test_pixels, &test)?;
    let mut curves = [vec![], vec![], vec![], vec![]];
    let mut rows = Vec::new();
    for size in SIZES {
        let trained = autoencoder(lab, size)?;
        let model = trained.reconstructor()?;
        let difference = (model.reconstruct(&test.images)? - &test.images)?;
        let error = per_image(&difference)?;
        let codes = Features::of(&model.encode(&train.images)?)?;
        let test_codes = Features::of(&model.encode(&test.images)?)?;
        let accuracy = neighbours(&codes, &train, &test_codes, &test)?;
        let components = components.clone().truncated(size)?;
        let linear_error = components.squared_error(&test_pixels)?.value;
        let (known, asked) = (
            components.project(&pixels)?,
            components.project(&test_pixels)?,
        );
        let linear_accuracy = neighbours(&known, &train, &asked, &test)?;
        let row = [error, linear_error, accuracy, linear_accuracy];
        table.row(size.to_string(), &row);
        for (curve, value) in curves.iter_mut().zip(row) {
            curve.push((size as f64, value));
        }
        rows.push(row);
    }
    table.row("784 pixels", &[0.0, 0.0, raw, raw]);
    let [error, linear_error, accuracy, linear_accuracy] = curves;
    finding.chart(
        Chart::new(
            "squared error of a test image, summed over its pixels",
            "latent size",
        )
        .scaled(Scale::Logarithmic, Scale::Logarithmic)
        .with("autoencoder", error)
        .with("PCA", linear_error),
    );
    finding.chart(
        Chart::new("accuracy of the 5 nearest neighbours", "latent size")
            .scaled(Scale::Logarithmic, Scale::Linear)
            .with("autoencoder", accuracy)
            .with("PCA", linear_accuracy)
            .with("784 pixels", SIZES.map(|size| (size as f64, raw)).to_vec()),
    );
    let ratio = rows[4][0] / rows[4][1];
    finding.at_most("error at 32 numbers, as a part of PCA's", ratio, 0.6);
    let loss = raw - rows[3][2];
    finding.at_most("accuracy lost at 16 numbers against 784 pixels", loss, 0.01);
    let gain = rows[0][2] - rows[0][3];
    finding.at_least("accuracy gained at 2 numbers over PCA", gain, 0.2);
    finding.tables.push(table);
    Ok(finding)
}
