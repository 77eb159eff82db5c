//! Gaussian against uniform noise.

use candle_core::Tensor;
use latentlab_metrics::confidence;
use latentlab_report::picture;
use latentlab_run::{Result, library};

use crate::{
    Bound, Claim, Finding, Lab, Table,
    lab::samples,
    quality::{Judge, Quality},
};

const SEEDS: usize = 5;

pub(super) const CLAIM: Claim = Claim {
    name: "noise",
    statement: "A GAN's noise may be Gaussian or uniform",
    method: "The GAN of `gan-mnist` for 6,000 steps (when this was first measured, smaller networks for \
             3,000) with a standard normal and with a uniform prior, five seeds each: the Fréchet \
             distance of 10,000 samples and the share of them that a classifier of digits is at \
             least 90 % sure of, with 95 % intervals by Student's t.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let judge = Judge::new(lab)?;
    let (seeds, steps) = (lab.choose(SEEDS, 2), lab.choose(6000, 600));
    let gan = library::find("gan-mnist")?;
    let mut table = Table::new(
        format!("{seeds} seeds each, mean and half of the 95 % interval:"),
        &[
            "noise",
            "Fréchet distance",
            "±",
            "largest",
            "share sure",
            "±",
            "fewest digits",
        ],
    );
    let (mut found, mut shown, mut qualities) = (Vec::new(), Vec::new(), Vec::new());
    for prior in ["gaussian", "uniform"] {
        let (mut distances, mut shares) = (Vec::new(), Vec::new());
        for seed in 0..seeds {
            let mut file = gan.table.clone();
            super::set(&mut file, "model.config.prior", prior)?;
            super::set(&mut file, "seed", seed)?;
            super::set(&mut file, "steps", steps)?;
            super::set(&mut file, "samples.every", 0)?;
            super::set(&mut file, "evaluate.every", 0)?;
            let trained = lab.train(&format!("noise-{prior}-{seed}"), &file)?;
            let images = samples(trained.model(), 10_000, 0)?;
            if seed == 0 {
                shown.push(images.narrow(0, 0, 10)?);
            }
            let quality = judge.quality(&images)?;
            distances.push(quality.frechet);
            shares.push(quality.sure);
            qualities.push(quality);
        }
        let of_prior = &qualities[qualities.len() - seeds..];
        let fewest = of_prior
            .iter()
            .map(|quality: &Quality| quality.digits)
            .min();
        let fewest = fewest.unwrap_or(0);
        let (distance, share) = (confidence(&distances)?, confidence(&shares)?);
        table.row(
            prior,
            &[
                distance.mean,
                distance.half_width,
                distances.iter().copied().fold(0.0, f64::max),
                share.mean,
                share.half_width,
                fewest as f64,
            ],
        );
        found.push((distance, share));
    }
    let (gaussian, uniform) = (&found[0], &found[1]);
    let ratio = uniform.0.mean / gaussian.0.mean;
    let difference = (gaussian.1.mean - uniform.1.mean).abs();
    let mut finding = Finding::default();
    let either = ratio.max(1.0 / ratio);
    let floor = judge.floor()?;
    let obstacle = floor.obstacle(&qualities);
    finding.ask(
        "Fréchet distances, the larger over the smaller",
        either,
        Bound::AtMost(1.25),
        obstacle.clone(),
    );
    finding.ask(
        "difference of the shares that the classifier is sure of",
        difference,
        Bound::AtMost(0.05),
        obstacle,
    );
    finding.image(
        "samples: 10 with Gaussian noise above 10 with uniform",
        picture::image_grid(&Tensor::cat(&shown, 0)?, 10)?,
    );
    finding.tables.push(table);
    finding.remark(floor.remark(&qualities, steps, super::steps(&gan.table)?));
    Ok(finding)
}
