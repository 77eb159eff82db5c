//! A VAE's density: bounded from below, ever more tightly, and what it says of foreign images.

use candle_core::Tensor;
use latentlab_core::Batch;
use latentlab_data::Split;
use latentlab_metrics::{self as metrics, Figure};
use latentlab_run::{Error, Result};
use latentlab_tensor::Rng;

use crate::{Chart, Claim, Finding, Lab, Scale, Table, foreign};

const COUNT: usize = 500;

pub(super) const CLAIM: Claim = Claim {
    name: "density",
    statement: "A VAE's density is explicit and approximate",
    method: "A VAE 784-400-20 on MNIST, binarised once. Of 500 test images, the evidence lower bound \
             (ELBO, k = 1) and the importance-weighted bound with k up to 1000 draws (Burda et al. \
             2016): none may be below the one before it by more than two standard errors of their \
             difference. Then log p(x) by 1000 draws of digits and of images that are none: the share \
             of pairs in which the digit is the more likely.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let mut file = toml::toml! {
        batch_size = 128
        [data]
        name = "mnist"
        binarise = "static"
        [model]
        name = "vae"
        [model.config]
        hidden = [400]
        latent = 20
        [optimizer]
        name = "adam"
        lr = 1e-3
    };
    super::set(&mut file, "steps", lab.choose(9380, 938))?;
    let trained = lab.train("vae-binarised", &file)?;
    let model = trained.model().likelihood();
    let model = model.ok_or_else(|| Error::Argument("the model has no likelihood".to_owned()))?;
    let session = &trained.session;
    let digits = session.dataset.first(Split::Test, COUNT, &session.device)?;
    let digits = digits.images;
    let draws = lab.choose(1000, 200);
    let bound = |images: &Tensor, samples: usize| -> Result<Vec<f64>> {
        let mut rng = Rng::stream(0, "claims/density", samples as u64);
        let each = (0..COUNT).map(|image| -> Result<f64> {
            let batch = Batch {
                images: images.narrow(0, image, 1)?,
                labels: None,
            };
            let bound = metrics::importance_bound(model, [Ok(batch)], samples, samples, &mut rng)?;
            Ok(bound.value)
        });
        each.collect()
    };

    let mut finding = Finding::default();
    let mut table = Table::new(
        format!("Bounds on log p(x) of {COUNT} binarised test images, nats:"),
        &[
            "draws k",
            "bound",
            "standard error",
            "rise",
            "its standard error",
        ],
    );
    let (mut before, mut curve) = (None::<Vec<f64>>, Vec::new());
    let mut least_rise = f64::INFINITY;
    for samples in [1, 2, 5, 10, 50, 200, 1000] {
        if samples > draws {
            continue;
        }
        let bounds = bound(&digits, samples)?;
        let (mean, error) = mean_and_error(&bounds);
        let (rise, its_error) = match &before {
            None => (0.0, 0.0),
            Some(before) => {
                let rises: Vec<f64> = bounds.iter().zip(before).map(|(b, a)| b - a).collect();
                let (rise, error) = mean_and_error(&rises);
                least_rise = least_rise.min(rise / error);
                (rise, error)
            }
        };
        table.row(samples.to_string(), &[mean, error, rise, its_error]);
        curve.push((samples as f64, mean));
        before = Some(bounds);
    }
    let known = before.unwrap_or_default();
    finding.at_least(
        "least rise of the bound with k, in standard errors",
        least_rise,
        -2.0,
    );
    let gap = curve.last().map_or(f64::NAN, |last| last.1 - curve[0].1);
    finding.at_least("nats between the ELBO and the tightest bound", gap, 1.0);

    let mut others = Table::new(
        format!("log p(x) by {draws} draws, {COUNT} images each:"),
        &[
            "images",
            "mean, nats",
            "share of pairs in which a digit is likelier",
        ],
    );
    others.row("digits", &[mean_and_error(&known).0, 0.5]);
    let binary =
        |images: Tensor| -> Result<Tensor> { Ok(images.ge(0.5)?.to_dtype(digits.dtype())?) };
    let kinds = [
        ("digits shuffled", foreign::shuffled(&digits)?, true),
        ("digits inverted", foreign::inverted(&digits)?, true),
        ("drawings", binary(foreign::drawings(COUNT)?)?, true),
        ("digits shifted by 4", foreign::shifted(&digits, 4)?, false),
        ("black images", digits.zeros_like()?, false),
    ];
    for (name, images, asked) in kinds {
        let found = bound(&images, draws)?;
        let share = share_likelier(&known, &found);
        others.row(name, &[mean_and_error(&found).0, share]);
        if asked {
            finding.at_least(
                format!("share of pairs, digits against {name}"),
                share,
                0.99,
            );
        }
    }
    finding.chart(
        Chart::new("bound on log p(x), nats per image", "draws k")
            .scaled(Scale::Logarithmic, Scale::Linear)
            .with("test digits", curve),
    );
    finding.tables.extend([table, others]);
    finding.remark(
        "A density is no judge of what an image is: a black image has few pixels that could be \
         wrong, and is likelier than most digits although the model never saw one (Nalisnick et \
         al. 2019). The bounds are of binarised images and compare with no bound of grey ones.",
    );
    Ok(finding)
}

/// The mean of one value an image, and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let Figure { value, error, .. } = Figure::mean(values, values.len(), 0);
    (value, error.unwrap_or(f64::INFINITY))
}

/// The share of all pairs in which the first is larger.
fn share_likelier(first: &[f64], second: &[f64]) -> f64 {
    let larger: usize = first
        .iter()
        .map(|one| second.iter().filter(|other| one > other).count())
        .sum();
    larger as f64 / (first.len() * second.len()) as f64
}
