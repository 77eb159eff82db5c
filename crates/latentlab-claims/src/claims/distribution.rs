//! A VAE's stored distribution, and the weight β of its divergence.

use candle_core::Tensor;
use latentlab_report::picture;
use latentlab_run::Result;

use crate::{
    Chart, Claim, Finding, Lab, Scale, Table, digits::variational, lab::samples, quality::Judge,
};

const WEIGHTS: [f64; 7] = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0];
const LATENT: usize = 16;

pub(super) const CLAIM: Claim = Claim {
    name: "distribution",
    statement: "A VAE stores a distribution, not a value, and that is what makes it generate",
    method: "VAEs 784-512-256-16 on MNIST with the divergence weighted by β from 0 to 4, 10 epochs \
             each. At β = 0 nothing holds the stored distributions to the prior. Of the test images, \
             the reconstruction -log p(x given z) and the divergence KL of what is stored from the \
             prior are told, both in nats per image, and how many of the 16 latent numbers are \
             active, which is to hold more than 0.01 nats; of 10,000 samples, the Fréchet distance \
             and the share that a classifier of digits is at least 90 % sure of.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let judge = Judge::new(lab)?;
    let mut finding = Finding::default();
    let mut table = Table::new(
        "Of 10,000 test images (nats), and of as many samples:",
        &[
            "β",
            "reconstruction",
            "KL",
            "active units",
            "Fréchet distance",
            "share sure",
        ],
    );
    let mut rows = Vec::new();
    let mut shown = Vec::new();
    for beta in WEIGHTS {
        let trained = variational(lab, LATENT, beta)?;
        let images = samples(trained.model(), 10_000, 0)?;
        let quality = judge.quality(&images)?;
        let figure = |name: &str| trained.figure(&format!("test/{name}"));
        let (nll, kl) = (figure("reconstruction")?, figure("kl")?);
        let row = [
            nll,
            kl,
            figure("active_units")?,
            quality.frechet,
            quality.sure,
        ];
        table.row(beta.to_string(), &row);
        rows.push(row);
        shown.push(images.narrow(0, 0, 10)?);
    }
    let curve = |column: usize| -> Vec<(f64, f64)> {
        let points = WEIGHTS.iter().zip(&rows);
        points.map(|(beta, row)| (*beta, row[column])).collect()
    };
    let (none, one) = (rows[0], rows[4]);
    finding.at_least(
        "nats that the stored distributions hold at β = 1",
        one[1],
        10.0,
    );
    finding.at_most(
        "Fréchet distance of samples, β = 1 over β = 0",
        one[3] / none[3],
        0.5,
    );
    finding.at_most(
        "reconstruction, β = 0 over β = 4",
        none[0] / rows[6][0],
        0.9,
    );
    finding.at_most(
        "active units at β = 4 (of 16): the others have collapsed",
        rows[6][2],
        12.0,
    );
    finding.chart(
        Chart::new("reconstruction and KL, nats per test image", "β")
            .with("reconstruction", curve(0))
            .with("KL", curve(1)),
    );
    finding.chart(
        Chart::new("Fréchet distance of samples", "β")
            .scaled(Scale::Linear, Scale::Logarithmic)
            .with("from the prior", curve(3)),
    );
    finding.chart(Chart::new("active latent numbers of 16", "β").with("active", curve(2)));
    finding.image(
        "samples, a row for each β from 0 to 4",
        picture::image_grid(&Tensor::cat(&shown, 0)?, 10)?,
    );
    finding.tables.push(table);
    Ok(finding)
}
