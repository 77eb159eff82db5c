//! What a trained model, or a folder of pictures, is worth: every figure there is, once.
//!
//! The evaluation during training takes the cheap ones of these.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use latentlab_core::{Batch, Error, GenerativeModel, Likelihood, Reconstruct, Result};
use latentlab_data::{Dataset, Source, Split};
use latentlab_metrics::{
    self as metrics, Features, Figure, Labelled, LinearProbe, Memorisation, Neighbour, Subsets,
};
use latentlab_tensor::Rng;

use crate::{
    FeatureExtractor,
    batches::at_once,
    evaluation::choice,
    feature_statistics::{FeatureStatistics, Seen},
    sampled::{Look, draws},
    truth::Truth,
};

/// Neighbours that make the balls of precision and recall, and those of density and coverage: the
/// numbers of their papers.
const PRECISION_NEIGHBOURS: usize = 3;
const DENSITY_NEIGHBOURS: usize = 5;
/// Neighbours that vote on a class.
const VOTERS: usize = 5;
/// Pairs whose distance is measured for the diversity.
const PAIRS: usize = 20_000;
/// Items of a subset of the kernel distance, at most, and their number.
const SUBSETS: Subsets = Subsets {
    count: 100,
    size: 1000,
};
/// Parts whose classifier scores are averaged (Salimans et al. 2016).
const SCORED_PARTS: usize = 10;
/// Samples that are looked up among all training images, at most.
const LOOKED_UP: usize = 2_000;
/// Images that are looked at at once, at most.
const CHUNK: usize = 1_000;
/// Values of images that are looked up among the training images, at most.
const VALUES_LOOKED_UP: usize = 1 << 25;
/// Training images whose codes vote on classes.
const KNOWN: usize = 20_000;
/// Draws of importance samples, all images of a batch together, that a model makes at once.
const DRAWS: usize = 20_000;
/// The density above which samples are not like images of the data, whose density is 1.
const DENSE: f64 = 2.0;
/// The precision that says nothing good where the recall is at most [`MISSING`].
const PRECISE: f64 = 0.9;
/// The recall of samples that resemble hardly any test image.
const MISSING: f64 = 0.05;
/// Items below which figures say more about their number than about the samples.
pub const MANY: usize = 1_000;

type Figures = Vec<(String, Figure)>;

/// What there was to say of a model, or of pictures.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Figures by their names, in the order in which they are worth reading.
    pub figures: Figures,
    /// What to know when reading them, and which could not be had and why.
    pub notes: Vec<String>,
    /// What to know when reading one figure, by its name.
    pub remarks: Vec<(&'static str, String)>,
}

impl Judgement {
    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<Figure> {
        let mut figures = self.figures.iter();
        figures.find_map(|(known, figure)| (known == name).then_some(*figure))
    }

    /// What to know when reading the figure of that name.
    pub fn remarks_on(&self, name: &str) -> impl Iterator<Item = &str> {
        let remarks = self.remarks.iter().filter(move |(on, _)| *on == name);
        remarks.map(|(_, remark)| remark.as_str())
    }

    fn put(&mut self, name: &str, figure: Figure) {
        self.figures.push((name.to_owned(), figure));
    }

    /// Takes figures in, or leaves them out with the reason where the images do not allow them.
    fn attempt<const N: usize>(
        &mut self,
        names: [&str; N],
        found: Result<[Figure; N]>,
    ) -> Result<()> {
        match found {
            Ok(found) => names
                .into_iter()
                .zip(found)
                .for_each(|(name, figure)| self.put(name, figure)),
            Err(Error::Data(reason)) => self
                .notes
                .push(format!("{} left out: {reason}", names.join(", "))),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What models and pictures are judged by.
pub struct Judge {
    dataset: Arc<Dataset>,
    likeness: Option<FeatureStatistics>,
    truth: Option<Truth>,
    images: usize,
    /// Images that are looked at at once, which bounds the memory of any network.
    chunk: usize,
    /// Where the models are.
    device: Device,
    /// Why samples are not compared with the test images, if nobody chose so.
    note: Option<String>,
}

impl Judge {
    /// A judge who compares with at most `images` test images of `dataset`, which is of `source`, by
    /// `features` if there are any. The models that are judged are on `device`.
    ///
    /// # Errors
    /// If the features are for other images.
    pub fn new(
        dataset: Arc<Dataset>,
        source: &Source,
        features: Option<FeatureExtractor>,
        images: usize,
        device: &Device,
    ) -> Result<Self> {
        let mut judge = Self {
            device: device.clone(),
            images: images.min(dataset.len(Split::Test)),
            chunk: at_once(dataset.info().shape, CHUNK),
            dataset,
            likeness: None,
            truth: Truth::of(source),
            note: None,
        };
        match features {
            Some(_) if judge.images < 2 => {
                let note = "samples and data are not compared: one test image is no distribution; \
                            hold out more, for example by a larger `data.test_fraction`";
                judge.note = Some(note.to_owned());
            }
            Some(features) => {
                features.check(judge.dataset.info())?;
                judge.likeness = Some(FeatureStatistics::of(features, judge.test())?);
            }
            None => {}
        }
        Ok(judge)
    }

    /// How many test images it compares with.
    pub fn images(&self) -> usize {
        self.images
    }

    /// How many images it looks at at once.
    pub fn at_once(&self) -> usize {
        self.chunk
    }

    /// Everything there is to measure of `model`, `samples` samples among it, and
    /// `draws_of_importance` importance samples of each test image (0 leaves that bound out).
    ///
    /// # Errors
    /// If the model fails.
    pub fn model(
        &self,
        model: &dyn GenerativeModel,
        samples: usize,
        draws_of_importance: usize,
    ) -> Result<Judgement> {
        let mut judgement = Judgement::default();
        if let Some(sampler) = model.sampler() {
            let drawn = draws(sampler, samples, self.chunk, self.stream("samples"));
            judgement = self.samples(samples, drawn)?;
        }
        if let Some(likelihood) = model.likelihood() {
            self.likelihood(likelihood, draws_of_importance, &mut judgement)?;
        }
        if let Some(reconstructor) = model.reconstructor() {
            self.reconstruction(reconstructor, &mut judgement)?;
            self.representation(reconstructor, &mut judgement)?;
        }
        if let Some(classifier) = model.classifier() {
            let found = metrics::classification(classifier, self.test())?;
            let figure = |value| of_real(value, found.images);
            judgement.put("test/accuracy", figure(found.accuracy));
            judgement.put("test/cross_entropy", figure(found.cross_entropy));
        }
        Ok(judgement)
    }

    /// How `count` samples `[N, C, H, W]`, which come in batches, compare with the test images, and
    /// with the distribution of the data where that is known. What so few, or such, samples do not
    /// allow is left out.
    ///
    /// # Errors
    /// If they are no numbers or of another shape.
    pub fn samples(
        &self,
        count: usize,
        batches: impl Iterator<Item = Result<Tensor>>,
    ) -> Result<Judgement> {
        let mut judgement = Judgement::default();
        judgement.notes.extend(self.note.clone());
        if count < MANY {
            judgement.notes.push(format!(
                "{count} samples are few: most figures of samples move with their number, so compare \
                 them with those of as many (`frechet` with `frechet_of_data`)"
            ));
        }
        let look = Look {
            likeness: self.likeness.as_ref(),
            truth: self.truth.as_ref(),
            critic: None,
            chosen: &choice(count, self.looked_up()),
        };
        let sampled = look.at(batches)?;
        if !sampled.deviation.value.is_finite() {
            let problem =
                "the samples are no finite numbers: the model that made them has diverged";
            return Err(Error::Data(problem.to_owned()));
        }
        if let (Some(likeness), Some(seen)) = (&self.likeness, &sampled.seen) {
            self.compare(likeness, seen, &mut judgement)?;
            judgement.remarks = remarks(&judgement);
        }
        for (name, figure) in sampled.truth {
            judgement.put(&format!("samples/{name}"), figure);
        }
        judgement.put("samples/spread", sampled.deviation);
        if let Some(chosen) = &sampled.chosen {
            let found = self.memorisation(chosen).map(|found| [found.ratio]);
            judgement.attempt(["samples/nearest_training_image"], found)?;
        }
        Ok(judgement)
    }

    /// How the features of samples compare with those of the test images.
    fn compare(
        &self,
        likeness: &FeatureStatistics,
        seen: &Seen,
        judgement: &mut Judgement,
    ) -> Result<()> {
        for (name, figure) in likeness.in_passing(seen)? {
            judgement.put(&format!("samples/{name}"), figure);
        }
        let (real, generated) = (&likeness.real, &seen.features);
        let found = self.distance_of_data(likeness, generated.count());
        judgement.attempt(["samples/frechet_of_data"], found.map(|found| [found]))?;
        // Subsets of all there is would be the same each time, and tell no deviation.
        let least = real.count().min(generated.count());
        let subsets = Subsets {
            size: SUBSETS.size.min(least.div_ceil(2)),
            ..SUBSETS
        };
        let mut rng = self.stream("kernel");
        let found = metrics::kernel_distance(real, generated, subsets, &mut rng);
        let found = found.map(|found| [found.distance]);
        judgement.attempt(["samples/kernel_distance"], found)?;
        let found = metrics::precision_recall(real, generated, PRECISION_NEIGHBOURS);
        let found = found.map(|found| [found.precision, found.recall]);
        judgement.attempt(["samples/precision", "samples/recall"], found)?;
        let found = metrics::density_coverage(real, generated, DENSITY_NEIGHBOURS);
        let found = found.map(|found| [found.density, found.coverage]);
        judgement.attempt(["samples/density", "samples/coverage"], found)?;
        if let Some(probabilities) = &seen.probabilities {
            let mixed = self
                .stream("classifier_score")
                .permutation(generated.count());
            let mixed: Vec<usize> = mixed.into_iter().map(|place| place as usize).collect();
            let score = metrics::classifier_score(&probabilities.select(&mixed)?, SCORED_PARTS);
            judgement.attempt(["samples/classifier_score"], score.map(|score| [score]))?;
        }
        let mut rng = self.stream("diversity");
        let found = metrics::diversity(real, generated, PAIRS, &mut rng);
        judgement.attempt(["samples/diversity"], found.map(|found| [found]))
    }

    /// The Fréchet distance that `count` training images come to, or as many as there are: what a
    /// perfect model would have, which is not 0.
    fn distance_of_data(&self, likeness: &FeatureStatistics, count: usize) -> Result<Figure> {
        let features = self
            .batches(Split::Train, count)
            .map(|batch| Ok(likeness.look(&batch?.images)?.features));
        likeness.distance(&Features::concat(features)?)
    }

    /// How many images of a side are looked up among the training images: fewer of large ones, which
    /// bounds memory and time.
    fn looked_up(&self) -> usize {
        let pixels = self.dataset.info().shape.pixels();
        (VALUES_LOOKED_UP / pixels).clamp(10, LOOKED_UP)
    }

    /// Samples and test images, looked up among all training images by their values.
    fn memorisation(&self, generated: &Features) -> Result<Memorisation> {
        let count = self.looked_up().min(self.images);
        let places = choice(self.dataset.len(Split::Test), count);
        let held_out = self.dataset.images(Split::Test, &places, &Device::Cpu)?;
        let held_out = Features::of(&held_out.images)?;
        metrics::memorisation(&self.nearest(generated)?, &self.nearest(&held_out)?)
    }

    /// The training image nearest to each of `images`. Some training images are in memory at a time,
    /// however many there are.
    fn nearest(&self, images: &Features) -> Result<Vec<Neighbour>> {
        let mut nearest: Vec<Neighbour> = Vec::new();
        for (number, batch) in self.batches(Split::Train, usize::MAX).enumerate() {
            let some = Features::of(&batch?.images)?;
            let found = metrics::nearest_neighbours(images, &some)?.into_iter();
            let found = found.map(|near| Neighbour {
                index: near.index + number * self.chunk,
                ..near
            });
            match nearest.is_empty() {
                true => nearest.extend(found),
                false => nearest.iter_mut().zip(found).for_each(|(best, near)| {
                    if near.distance < best.distance {
                        *best = near;
                    }
                }),
            }
        }
        Ok(nearest)
    }

    fn likelihood(
        &self,
        model: &dyn Likelihood,
        draws: usize,
        judgement: &mut Judgement,
    ) -> Result<()> {
        let mut rng = self.stream("likelihood");
        let bound = metrics::evidence_bound(model, self.test(), &mut rng)?;
        let count = bound.elbo.real;
        judgement.put("test/elbo", bound.elbo);
        judgement.put("test/reconstruction", of_real(bound.reconstruction, count));
        judgement.put("test/kl", of_real(bound.kl(), count));
        let active = of_real(bound.active_units() as f64, count);
        judgement.put("test/active_units", active);
        let mut rng = self.stream("latent");
        let latent = self.test().map(|batch| {
            let latent = model.draw_latent(&batch?.images, &mut rng)?;
            Features::of(&latent)
        });
        let aggregate = metrics::aggregate_posterior(&Features::concat(latent)?);
        let found = aggregate.map(|aggregate| [aggregate.frechet, aggregate.kernel]);
        let names = ["latent/frechet_from_prior", "latent/kernel_from_prior"];
        judgement.attempt(names, found)?;
        if draws > 0 {
            let mut rng = self.stream("importance");
            let at_once = (DRAWS / CHUNK).min(draws);
            let bound = metrics::importance_bound(model, self.test(), draws, at_once, &mut rng)?;
            judgement.put("test/log_likelihood", bound);
        }
        Ok(())
    }

    fn reconstruction(&self, model: &dyn Reconstruct, judgement: &mut Judgement) -> Result<()> {
        let error = metrics::squared_error(model, self.test())?;
        judgement.put("test/squared_error", error);
        // Points and throws of a die have no neighbouring pixels, and no largest value.
        if !self.dataset.info().are_pictures() {
            return Ok(());
        }
        let ratio = metrics::peak_signal_to_noise(model, self.test(), 1.0);
        judgement.attempt(["test/peak_signal_to_noise"], ratio.map(|ratio| [ratio]))?;
        let similarity = metrics::structural_similarity(model, self.test(), 1.0);
        let found = similarity.map(|similarity| [similarity]);
        judgement.attempt(["test/structural_similarity"], found)
    }

    /// What the latent vectors know: their distribution, and the classes where there are labels.
    fn representation(&self, model: &dyn Reconstruct, judgement: &mut Judgement) -> Result<()> {
        let (test, test_labels) = self.codes(model, Split::Test, self.images)?;
        let known = KNOWN.min(self.dataset.len(Split::Train));
        let (train, train_labels) = self.codes(model, Split::Train, known)?;
        if let (Some(train_labels), Some(test_labels)) = (train_labels, test_labels) {
            let known = Labelled::new(&train, &train_labels)?;
            let asked = Labelled::new(&test, &test_labels)?;
            let vote = metrics::neighbour_accuracy(known, asked, VOTERS);
            judgement.attempt(["latent/neighbour_accuracy"], vote.map(|vote| [vote]))?;
            let probe = LinearProbe::fit(known).and_then(|probe| probe.accuracy(asked));
            judgement.attempt(["latent/linear_probe_accuracy"], probe.map(|probe| [probe]))?;
        }
        Ok(())
    }

    fn codes(
        &self,
        model: &dyn Reconstruct,
        split: Split,
        count: usize,
    ) -> Result<(Features, Option<Vec<u32>>)> {
        let (mut codes, mut labels) = (Vec::new(), Some(Vec::new()));
        for batch in self.batches(split, count) {
            let batch = batch?;
            codes.push(Features::of(&model.encode(&batch.images)?)?);
            labels = match (labels, &batch.labels) {
                (Some(mut known), Some(more)) => {
                    known.extend(more.to_vec1::<u32>()?);
                    Some(known)
                }
                _ => None,
            };
        }
        Ok((Features::concat(codes.into_iter().map(Ok))?, labels))
    }

    fn test(&self) -> impl Iterator<Item = Result<Batch>> {
        self.batches(Split::Test, self.images)
    }

    fn batches(&self, split: Split, count: usize) -> impl Iterator<Item = Result<Batch>> {
        let places = choice(self.dataset.len(split), count);
        (0..places.len()).step_by(self.chunk).map(move |start| {
            let end = places.len().min(start + self.chunk);
            self.dataset
                .images(split, &places[start..end], &self.device)
        })
    }

    /// The same noise for every model, so that two judgements differ by the models alone.
    fn stream(&self, purpose: &str) -> Rng {
        Rng::stream(0, &format!("judgement/{purpose}"), 0)
    }
}

/// What the distances of `judgement` do not say by themselves.
fn remarks(judgement: &Judgement) -> Vec<(&'static str, String)> {
    let mut remarks = Vec::new();
    let frechet = judgement.get("samples/frechet");
    let few = frechet.filter(|figure| figure.real < MANY);
    if let Some(few) = few {
        let problem = format!(
            "{} test images are few: distances to them move with their number",
            few.real
        );
        remarks.push(("samples/frechet", problem));
    }
    if let (Some(frechet), Some(data)) = (frechet, judgement.get("samples/frechet_of_data")) {
        if data.generated < frechet.generated {
            let problem = format!(
                "of {} training images, which is all there are: the distance of {} samples is smaller \
                 by their number alone, so that the two do not compare",
                data.generated, frechet.generated
            );
            remarks.push(("samples/frechet_of_data", problem));
        } else if frechet.value < data.value {
            let unseen = "these features do not see what is missing, as pixels do not see blur; \
                          compare by other features (`--by`)";
            let problem = match few {
                Some(_) => {
                    format!("below that of training images: by chance, with so few, or {unseen}")
                }
                None => format!(
                    "below that of training images, which no honest sample can be: {unseen}"
                ),
            };
            remarks.push(("samples/frechet", problem));
        }
    }
    if let (Some(precision), Some(recall)) = (
        judgement.get("samples/precision"),
        judgement.get("samples/recall"),
    ) && precision.value >= PRECISE
        && recall.value <= MISSING
    {
        let problem = "beside hardly any recall: the samples lie among test images, but few of these \
                       lie among samples; equal or grey ones do that";
        remarks.push(("samples/precision", problem.to_owned()));
    }
    if judgement
        .get("samples/density")
        .is_some_and(|density| density.value > DENSE)
    {
        let problem = format!(
            "above {DENSE}, where images of the data have 1: samples crowd where test images lie \
             densest, as blurred images do"
        );
        remarks.push(("samples/density", problem));
    }
    remarks
}

/// A value of real images alone.
fn of_real(value: f64, real: usize) -> Figure {
    Figure {
        value,
        error: None,
        real,
        generated: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A judgement with values by name, of so many real and generated items.
    fn judgement(figures: &[(&str, f64, usize, usize)]) -> Judgement {
        let mut judgement = Judgement::default();
        for (name, value, real, generated) in figures {
            let figure = Figure {
                value: *value,
                error: None,
                real: *real,
                generated: *generated,
            };
            judgement.put(name, figure);
        }
        judgement
    }

    /// The figures that are remarked on.
    fn remarked(figures: &[(&str, f64, usize, usize)]) -> Vec<&'static str> {
        let remarks = remarks(&judgement(figures)).into_iter();
        remarks.map(|(name, _)| name).collect()
    }

    #[test]
    fn distances_that_praise_too_much_are_remarked_on_and_others_are_not() {
        let (frechet, data) = ("samples/frechet", "samples/frechet_of_data");
        let many = |value| (frechet, value, 10_000, 10_000);
        let of_data = |value, count| (data, value, 10_000, count);
        let sound = [
            many(16.0),
            of_data(3.0, 10_000),
            ("samples/density", 1.2, 10_000, 10_000),
        ];
        assert!(remarked(&sound).is_empty());
        // A blurred model that is nearer to the data than the data are.
        assert_eq!(remarked(&[many(90.0), of_data(106.0, 10_000)]), [frechet]);
        // Fewer training images than samples: their distance is larger by that alone.
        assert_eq!(remarked(&[many(90.0), of_data(106.0, 300)]), [data]);
        assert_eq!(remarked(&[(frechet, 90.0, 60, 60)]), [frechet]);
        // Of few images it may be chance, and that is said.
        let few = [(frechet, 90.0, 60, 60), (data, 106.0, 60, 60)];
        let said = remarks(&judgement(&few));
        assert!(said[1].1.contains("by chance"), "{said:?}");
        // Grey samples, which lie among everything and resemble nothing.
        let (precision, recall) = ("samples/precision", "samples/recall");
        let grey = |recalled| [(precision, 1.0, 900, 900), (recall, recalled, 900, 900)];
        assert_eq!(remarked(&grey(0.0)), [precision]);
        assert!(remarked(&grey(0.4)).is_empty());
        assert_eq!(
            remarked(&[("samples/density", 4.0, 60, 60)]),
            ["samples/density"]
        );
    }
}
