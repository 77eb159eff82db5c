//! The holes in an autoencoder's latent space, and in a VAE's.

use candle_core::{DType, Device, Tensor};
use latentlab_core::Reconstruct;
use latentlab_data::Split;
use latentlab_report::{Picture, picture};
use latentlab_run::Result;
use latentlab_tensor::Rng;

use crate::{
    Claim, Finding, Lab, Table,
    digits::{autoencoder, variational},
    quality::{Judge, Quality},
};

/// Decodings that are judged, of each kind.
const COUNT: usize = 5000;
/// Decodings along each side of a map.
const SIDE: usize = 20;

pub(super) const CLAIM: Claim = Claim {
    name: "holes",
    statement: "An autoencoder's latent space has holes that decode badly, a VAE's has fewer",
    method: "An autoencoder and a VAE with the same layers, 784-512-256-d, d = 2 and 16. From each, \
             5,000 latent vectors are decoded: drawn from the standard normal prior, and uniformly \
             from the bounding box of the codes of the test images. Of the decodings, the share is \
             told that a classifier of digits is at least 90 % sure of, and the Fréchet distance of \
             its features from the test images'.",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let judge = Judge::new(lab)?;
    let test = lab.mnist(Split::Test, 10_000)?.images;
    let mut finding = Finding::default();
    let mut table = Table::new(
        "5,000 decodings each; the test images themselves would be at distance 0:",
        &["model, where from", "Fréchet distance", "share sure"],
    );
    let mut found = Vec::new();
    for latent in [2, 16] {
        for trained in [autoencoder(lab, latent)?, variational(lab, latent, 1.0)?] {
            let model = trained.reconstructor()?;
            let name = &trained.session.experiment.model.name;
            let codes = model.encode(&test)?;
            let [prior, boxed] = decodings(model, &codes, &judge)?;
            for (place, quality) in [("prior", prior), ("box", boxed)] {
                let row = [quality.frechet, quality.sure];
                table.row(format!("{name}, d = {latent}, {place}"), &row);
            }
            found.push((prior, boxed));
            if latent == 2 {
                finding.image(
                    format!(
                        "{name}: the plane of its 2 latent numbers, decoded over the middle 95 % \
                         of the codes"
                    ),
                    map(model, &codes)?,
                );
            }
        }
    }
    let [_, _, (ae_prior, ae_box), (vae_prior, vae_box)] = found[..] else {
        unreachable!("two models at two sizes")
    };
    finding.at_most(
        "Fréchet distance from the box, d = 16, VAE over AE",
        vae_box.frechet / ae_box.frechet,
        0.8,
    );
    finding.at_most(
        "Fréchet distance from the prior, d = 16, VAE over AE",
        vae_prior.frechet / ae_prior.frechet,
        0.5,
    );
    finding.at_least(
        "share sure from the prior, d = 16, VAE less AE",
        vae_prior.sure - ae_prior.sure,
        0.1,
    );
    finding.tables.push(table);
    Ok(finding)
}

/// What decodings from the prior and from the box of the codes are worth.
fn decodings(model: &dyn Reconstruct, codes: &Tensor, judge: &Judge) -> Result<[Quality; 2]> {
    let latent = codes.dim(1)?;
    let (least, most) = (codes.min_keepdim(0)?, codes.max_keepdim(0)?);
    let mut rng = Rng::stream(0, "claims/holes", latent as u64);
    let shape = (COUNT, latent);
    let normal = rng.normal(shape, DType::F32, &Device::Cpu)?;
    let uniform = rng.uniform(0.0, 1.0, shape, DType::F32, &Device::Cpu)?;
    let boxed = uniform
        .broadcast_mul(&(most - &least)?)?
        .broadcast_add(&least)?;
    Ok([
        judge.quality(&model.decode(&normal)?)?,
        judge.quality(&model.decode(&boxed)?)?,
    ])
}

/// Decodings over the rectangle that holds the middle 95 % of the codes along both axes.
fn map(model: &dyn Reconstruct, codes: &Tensor) -> Result<Picture> {
    let mut ends = Vec::new();
    for axis in 0..2 {
        let mut values = codes.get_on_dim(1, axis)?.to_vec1::<f32>()?;
        values.sort_by(f32::total_cmp);
        ends.push((values[values.len() / 40], values[values.len() * 39 / 40]));
    }
    let at = |axis: usize, place: usize| {
        let (least, most) = ends[axis];
        least + (most - least) * place as f32 / (SIDE - 1) as f32
    };
    let points: Vec<f32> = (0..SIDE * SIDE)
        .flat_map(|index| [at(0, index % SIDE), at(1, SIDE - 1 - index / SIDE)])
        .collect();
    let points = Tensor::from_vec(points, (SIDE * SIDE, 2), &Device::Cpu)?;
    let images = model.decode(&points)?;
    Ok(picture::image_grid(&images, SIDE)?)
}
