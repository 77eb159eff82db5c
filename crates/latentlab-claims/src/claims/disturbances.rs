//! Pictures made worse on purpose, and which distance sees it.

use std::path::Path;

use candle_core::Tensor;
use latentlab_core::Registry;
use latentlab_evaluate::FeatureExtractor;
use latentlab_metrics::{Features, Moments, frechet_distance};
use latentlab_report::{Picture, picture};
use latentlab_run::Result;

use crate::{
    Chart, Claim, Finding, Lab, Scale, Table,
    disturbance::Disturbance,
    held_out::Pictures,
    ordering::{Distances, PAIRS, grows, level_name, orders},
    wide::Wide,
};

pub(super) const CLAIM: Claim = Claim {
    name: "disturbances",
    statement: "A Fréchet distance by the features of a classifier of drawn pictures orders colour \
                pictures as eyes do, and one by their pixels praises blur",
    method: "Held-out pictures of 32x32 pixels of two kinds: drawn ones of other indices than the \
             network `pictures` learned from, and emoji, which it never saw. In each of five draws \
             400 of a kind stand for the data, and 400 others are made worse in six ways, each in \
             five strengths (after Heusel et al. 2017, appendix A1), and compared with the data by \
             the Fréchet distance of the network's features, and by that of the pixels. The distance \
             is to grow with every strength from the untouched pictures on, in every draw. Of five \
             pairs it was said before which is worse to a person who looks: blurred pictures are \
             worse than untouched, hardly disturbed or fewer sharp ones.",
    measure,
};

/// Pictures that stand for the data, and as many that are disturbed.
const COUNT: usize = 400;
/// Pictures that are drawn, of which every draw takes others.
const DRAWN: usize = 6_000;

/// Pairs, of all, that pixels are to reverse in every draw.
const REVERSED: f64 = 2.0;

/// The distances of every draw.
struct Measured {
    kind: &'static str,
    features: Vec<Distances>,
    pixels: Vec<Distances>,
}

fn measure(lab: &Lab) -> Result<Finding> {
    let network = network()?;
    let draws = lab.choose(5, 2);
    let kinds = [
        ("drawn pictures", Pictures::drawn(DRAWN)?),
        ("emoji", Pictures::emoji()?),
    ];
    let mut finding = Finding::default();
    let mut measured = Vec::new();
    for (kind, pictures) in kinds {
        let mut of_kind = Measured {
            kind,
            features: Vec::new(),
            pixels: Vec::new(),
        };
        for draw in 0..draws {
            eprintln!("{kind}, draw {} of {draws}", draw + 1);
            let (features, pixels) = of_draw(&network, &pictures, draw)?;
            of_kind.features.push(features);
            of_kind.pixels.push(pixels);
        }
        finding.image(
            format!(
                "{kind}: a row each of {}, untouched to the left, then from weak to strong",
                shown_ones()
                    .map(Disturbance::name)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            shown(&pictures)?,
        );
        measured.push(of_kind);
    }
    judge(&mut finding, &measured);
    for of_kind in &measured {
        of_kind.show(&mut finding);
    }
    finding.remark(format!(
        "A distance is that of {COUNT} pictures to {COUNT} others. That of the untouched ones, which a \
         perfect model would have, is not 0, because so few pictures say little about what they are \
         drawn from, least by their 3,072 pixels: who blurs them takes away what differs from \
         picture to picture, and comes nearer than other pictures of the same kind. The strengths \
         are deviations in pixels (blur) and as a part of white (noise), the share of classes \
         (drawn pictures) or of pictures (emoji) that is left out while the others are repeated, \
         the side of five rectangles over that of the picture, the share of pixels that are black \
         or white, and the angle in radians in the middle of a swirl. What is random is the same in \
         all strengths of a draw."
    ));
    Ok(finding)
}

/// The network that comes with the program.
fn network() -> Result<FeatureExtractor> {
    const FILE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../latentlab-evaluate/features/pictures.safetensors"
    );
    let registry = Registry::default().with(latentlab_models::plugin)?;
    Ok(FeatureExtractor::read(Path::new(FILE), &registry)?)
}

/// The distances by features and by pixels.
fn of_draw(
    network: &FeatureExtractor,
    pictures: &Pictures,
    draw: u64,
) -> Result<(Distances, Distances)> {
    let [data, others] = pictures.halves(COUNT, draw)?;
    let moments = |images: &Tensor| -> Result<Moments> {
        Ok(Moments::of(&Features::of(&network.of(images)?)?)?)
    };
    let (real, real_pixels) = (moments(&data.images)?, Wide::of(&data.images)?);
    let distances = |images: &Tensor| -> Result<[f64; 2]> {
        Ok([
            frechet_distance(&real, &moments(images)?)?.value,
            real_pixels.frechet(&Wide::of(images)?)?,
        ])
    };
    let untouched = distances(&others.images)?;
    let (mut features, mut pixels) = (Distances::new(), Distances::new());
    for disturbance in Disturbance::ALL {
        let (mut by_features, mut by_pixels) = ([untouched[0]; 6], [untouched[1]; 6]);
        for (at, strength) in disturbance.strengths().into_iter().enumerate() {
            let images = disturbance.of(&others, strength, draw)?;
            [by_features[at + 1], by_pixels[at + 1]] = distances(&images)?;
        }
        features.push(by_features);
        pixels.push(by_pixels);
    }
    Ok((features, pixels))
}

/// What was asked before the first run.
fn judge(finding: &mut Finding, measured: &[Measured]) {
    let draws = measured
        .iter()
        .map(|kind| kind.features.len())
        .sum::<usize>() as f64;
    let of_all = |holds: &dyn Fn(&Distances) -> bool| {
        let features = measured.iter().flat_map(|kind| &kind.features);
        features.filter(|draw| holds(draw)).count() as f64
    };
    for disturbance in Disturbance::ALL {
        let what = format!(
            "{}: draws, of {draws}, in which the distance by features grows with every strength",
            disturbance.name()
        );
        finding.at_least(what, of_all(&|draw| grows(draw, disturbance)), draws);
    }
    for pair in PAIRS {
        let what = format!(
            "draws, of {draws}, in which features find {} worse than {}",
            level_name(pair[1]),
            level_name(pair[0])
        );
        finding.at_least(what, of_all(&|draw| orders(draw, pair)), draws);
    }
    for kind in measured {
        let reversed = PAIRS.iter().filter(|pair| {
            let mut draws = kind.pixels.iter();
            draws.all(|draw| !orders(draw, **pair))
        });
        let what = format!(
            "{}: pairs, of {}, that pixels order the other way in every draw",
            kind.kind,
            PAIRS.len()
        );
        finding.at_least(what, reversed.count() as f64, REVERSED);
    }
}

impl Measured {
    /// Adds tables and charts.
    fn show(&self, finding: &mut Finding) {
        for (by, draws) in [("features", &self.features), ("pixels", &self.pixels)] {
            let mut table = Table::new(
                format!(
                    "{}, Fréchet distance by {by}: mean of {} draws for each strength, and the \
                     draws in which it grows with every one:",
                    self.kind,
                    draws.len()
                ),
                &["", "untouched", "1", "2", "3", "4", "5", "draws that grow"],
            );
            let mut chart = Chart::new(
                format!(
                    "{}, by {by}: distance over that of untouched ones",
                    self.kind
                ),
                "strength",
            )
            .scaled(Scale::Linear, Scale::Logarithmic);
            for disturbance in Disturbance::ALL {
                let mean = |level: usize| {
                    let values = draws.iter().map(|draw| draw[disturbance as usize][level]);
                    values.sum::<f64>() / draws.len() as f64
                };
                let means: [f64; 6] = std::array::from_fn(mean);
                let grow = draws.iter().filter(|draw| grows(draw, disturbance)).count();
                let strengths = disturbance.strengths().map(|strength| strength.to_string());
                let name = format!("{} {}", disturbance.name(), strengths.join(", "));
                table.row(name, &[&means[..], &[grow as f64]].concat());
                let points = means.iter().enumerate();
                let points = points.map(|(level, mean)| (level as f64, mean / means[0]));
                chart = chart.with(disturbance.name(), points.collect());
            }
            finding.chart(chart);
            finding.tables.push(table);
        }
        let mut table = Table::new(
            format!(
                "{}, pairs of known order: draws in which they are ordered so:",
                self.kind
            ),
            &["better", "worse", "by features", "by pixels"],
        );
        for pair in PAIRS {
            let count = |draws: &[Distances]| {
                let ordered = draws.iter().filter(|draw| orders(draw, pair)).count();
                format!("{ordered} of {}", draws.len())
            };
            table.rows.push(vec![
                level_name(pair[0]),
                level_name(pair[1]),
                count(&self.features),
                count(&self.pixels),
            ]);
        }
        finding.tables.push(table);
    }
}

/// Disturbances that a single picture shows.
fn shown_ones() -> impl Iterator<Item = Disturbance> {
    let all = Disturbance::ALL.into_iter();
    all.filter(|disturbance| *disturbance != Disturbance::FewerModes)
}

/// A picture for each disturbance that a single one shows, in all strengths: a row each.
fn shown(pictures: &Pictures) -> Result<Picture> {
    let mut rows = Vec::new();
    for (row, disturbance) in (0..).zip(shown_ones()) {
        let one = pictures.select(&[61 * row + 4])?;
        rows.push(one.images.clone());
        for strength in disturbance.strengths() {
            rows.push(disturbance.of(&one, strength, 0)?);
        }
    }
    Ok(picture::image_grid(&Tensor::cat(&rows, 0)?, 6)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ordering::tests::draw;

    #[test]
    fn what_grows_and_is_ordered_everywhere_is_counted_and_what_is_not_is_missed() {
        let right = draw(Disturbance::Blur, [0.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let wrong = draw(Disturbance::Blur, [0.0; 6]);
        let kind = |features: &Distances, pixels: &Distances| Measured {
            kind: "pictures",
            features: vec![features.clone(); 2],
            pixels: vec![pixels.clone(); 2],
        };
        let verdicts = |measured: Measured| {
            let mut finding = Finding::default();
            judge(&mut finding, &[measured]);
            let met = finding.criteria.iter().filter(|one| one.is_met()).count();
            (met, finding.criteria.len())
        };
        assert_eq!(verdicts(kind(&right, &wrong)), (12, 12));
        // Five disturbances still grow, and pixels still reverse the pairs.
        assert_eq!(verdicts(kind(&wrong, &wrong)), (6, 12));
        // Pixels that are right are not what is said of them.
        assert_eq!(verdicts(kind(&right, &right)), (11, 12));
    }

    #[test]
    fn blurred_emoji_are_farther_than_other_emoji_by_features_and_nearer_by_pixels() {
        let [data, others] = Pictures::emoji().unwrap().halves(COUNT, 9).unwrap();
        let blurred = Disturbance::Blur.of(&others, 1.0, 9).unwrap();
        let network = network().unwrap();
        let moments = |images: &Tensor| {
            let features = network.of(images).unwrap();
            Moments::of(&Features::of(&features).unwrap()).unwrap()
        };
        let by_features = |images: &Tensor| {
            let distance = frechet_distance(&moments(&data.images), &moments(images));
            distance.unwrap().value
        };
        assert!(by_features(&blurred) > 5.0 * by_features(&others.images));
        let by_pixels = |images: &Tensor| {
            let data = Wide::of(&data.images).unwrap();
            data.frechet(&Wide::of(images).unwrap()).unwrap()
        };
        assert!(by_pixels(&blurred) < 0.95 * by_pixels(&others.images));
    }
}
