//! Whether an autoencoder knows the manifold that digits lie on.

use candle_core::Tensor;
use latentlab_data::Split;
use latentlab_metrics::{Features, nearest_neighbours};
use latentlab_report::picture;
use latentlab_run::Result;

use crate::{
    Chart, Claim, Finding, Lab, Table,
    digits::{autoencoder, labels, per_image},
    foreign,
};

/// Places on a walk from one digit to another, ends included.
const PLACES: usize = 9;

pub(super) const CLAIM: Claim = Claim {
    name: "manifold",
    statement: "Data lie on a manifold, and an autoencoder learns it",
    method: "The autoencoder 784-512-256-16 restores test digits, the same digits shifted, \
             inverted or with their pixels shuffled, and drawings that are no digits: the error is \
             told as a part of what restoring nothing (the mean training image) would cost. Then \
             200 walks between test digits of different classes, straight in the latent space and \
             straight in the space of pixels: how far is the middle from the nearest of the \
             training images, by the Euclidean distance of pixels from 0 to 1?",
    measure,
};

fn measure(lab: &Lab) -> Result<Finding> {
    let trained = autoencoder(lab, 16)?;
    let model = trained.reconstructor()?;
    let test = lab.mnist(Split::Test, 1000)?.images;
    let train = lab.mnist(Split::Train, lab.choose(60_000, 10_000))?.images;
    let mean = train.mean_keepdim(0)?;
    let kinds = [
        ("digits", test.clone()),
        ("digits shifted by 2", foreign::shifted(&test, 2)?),
        ("digits shifted by 4", foreign::shifted(&test, 4)?),
        ("drawings", foreign::drawings(1000)?),
        ("digits inverted", foreign::inverted(&test)?),
        ("digits shuffled", foreign::shuffled(&test)?),
    ];
    let mut finding = Finding::default();
    let mut table = Table::new(
        "Squared error of 1,000 images each, summed over the pixels of an image:",
        &["images", "restored", "by the mean image", "part left"],
    );
    let mut parts = Vec::new();
    let mut shown = Vec::new();
    for (name, images) in &kinds {
        let restored = model.reconstruct(images)?;
        let error = per_image(&(&restored - images)?)?;
        let baseline = per_image(&images.broadcast_sub(&mean)?)?;
        table.row(*name, &[error, baseline, error / baseline]);
        parts.push(error / baseline);
        shown.push(images.narrow(0, 0, 8)?);
        shown.push(restored.narrow(0, 0, 8)?);
    }
    finding.at_least(
        "error left of drawings over that of digits",
        parts[3] / parts[0],
        2.0,
    );
    finding.at_least(
        "error left of shuffled over that of digits",
        parts[5] / parts[0],
        4.0,
    );
    finding.image(
        "in pairs of rows, images and what is restored of them: digits, shifted by 2 and by 4, \
         drawings, inverted, shuffled",
        picture::image_grid(&Tensor::cat(&shown, 0)?, 8)?,
    );
    finding.tables.push(table);

    let (from, to) = ends(lab)?;
    let (first, last) = (model.encode(&from)?, model.encode(&to)?);
    let known = Features::of(&train)?;
    let (mut latent, mut straight) = (Vec::new(), Vec::new());
    let mut pictures = Vec::new();
    for place in 0..PLACES {
        let share = place as f64 / (PLACES - 1) as f64;
        let between = |from: &Tensor, to: &Tensor| (from * (1.0 - share))? + (to * share)?;
        let walked = model.decode(&between(&first, &last)?)?.clamp(0.0, 1.0)?;
        let blended = between(&from, &to)?;
        for (curve, images) in [(&mut latent, &walked), (&mut straight, &blended)] {
            let found = nearest_neighbours(&Features::of(images)?, &known)?;
            let sum: f64 = found.iter().map(|near| near.distance).sum();
            curve.push((share, sum / found.len() as f64));
        }
        pictures.push((walked.narrow(0, 0, 4)?, blended.narrow(0, 0, 4)?));
    }
    let middle = PLACES / 2;
    let ratio = latent[middle].1 / straight[middle].1;
    finding.at_most(
        "distance at the middle of a walk, latent over pixels",
        ratio,
        0.9,
    );
    finding.chart(
        Chart::new("distance to the nearest training image", "share of the way")
            .with("walk in the latent space", latent)
            .with("walk in the pixels", straight),
    );
    finding.image(
        "four walks, each in the latent space and below it in the pixels",
        picture::image_grid(&walks(&pictures)?, PLACES)?,
    );
    Ok(finding)
}

/// 200 test digits to start from, and as many of other classes to go to.
fn ends(lab: &Lab) -> Result<(Tensor, Tensor)> {
    let test = lab.mnist(Split::Test, 2000)?;
    let labels = labels(&test)?;
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for pair in (0..1000).step_by(2) {
        if labels[pair] != labels[pair + 1] && from.len() < 200 {
            from.push(pair as u32);
            to.push(pair as u32 + 1);
        }
    }
    let choose = |places: Vec<u32>| -> Result<Tensor> {
        let places = Tensor::new(places, test.images.device())?;
        Ok(test.images.index_select(&places, 0)?)
    };
    Ok((choose(from)?, choose(to)?))
}

/// The first walks as rows, latent above pixels.
fn walks(places: &[(Tensor, Tensor)]) -> Result<Tensor> {
    let mut images = Vec::new();
    for walk in 0..4 {
        for (latent, _) in places {
            images.push(latent.narrow(0, walk, 1)?);
        }
        for (_, straight) in places {
            images.push(straight.narrow(0, walk, 1)?);
        }
    }
    Ok(Tensor::cat(&images, 0)?)
}
