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

use crate::{FeatureExtractor, evaluation::choice, likeness::Likeness, truth::Truth};

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
/// Rows and columns of the window of the structural similarity (Wang et al. 2004).
const SIMILARITY_WINDOW: usize = 11;
/// Images that are looked at at once, and training images whose codes vote on classes.
const CHUNK: usize = 1_000;
const KNOWN: usize = 20_000;
/// Draws of importance samples, all images of a batch together, that a model makes at once.
const DRAWS: usize = 20_000;
/// Samples below which figures say more about their number than about the samples.
const MANY: usize = 1_000;

type Figures = Vec<(String, Figure)>;

/// What there was to say of a model, or of pictures.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Figures by their names, in the order in which they are worth reading.
    pub figures: Figures,
    /// What to know when reading them, and which could not be had and why.
    pub notes: Vec<String>,
}

impl Judgement {
    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<Figure> {
        let mut figures = self.figures.iter();
        figures.find_map(|(known, figure)| (known == name).then_some(*figure))
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
    likeness: Option<Likeness>,
    truth: Option<Truth>,
    images: usize,
    /// Where the models are.
    device: Device,
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
    ) -> crate::Result<Self> {
        let mut judge = Self {
            device: device.clone(),
            images: images.min(dataset.len(Split::Test)),
            dataset,
            likeness: None,
            truth: Truth::of(source),
        };
        if let Some(features) = features {
            features.check(judge.dataset.info())?;
            judge.likeness = Some(Likeness::of(features, judge.test())?);
        }
        Ok(judge)
    }

    /// Everything there is to measure of `model`, `samples` samples among it, and `draws`
    /// importance samples of each test image (0 leaves that bound out).
    ///
    /// # Errors
    /// If the model fails.
    pub fn model(
        &self,
        model: &dyn GenerativeModel,
        samples: usize,
        draws: usize,
    ) -> Result<Judgement> {
        let mut judgement = Judgement::default();
        if let Some(sampler) = model.sampler() {
            let mut rng = self.stream("samples");
            let drawn = sampler.sample_in_batches(samples, CHUNK, &mut rng)?;
            judgement = self.samples(&drawn)?;
        }
        if let Some(likelihood) = model.likelihood() {
            judgement
                .figures
                .extend(self.likelihood(likelihood, draws)?);
        }
        if let Some(reconstructor) = model.reconstructor() {
            judgement
                .figures
                .extend(self.reconstruction(reconstructor)?);
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

    /// How `samples` `[N, C, H, W]` compare with the test images, and with the distribution of the
    /// data where that is known. What so few, or such, samples do not allow is left out.
    ///
    /// # Errors
    /// If they are no numbers or of another shape.
    pub fn samples(&self, samples: &Tensor) -> Result<Judgement> {
        let mut judgement = Judgement::default();
        let count = samples.dim(0)?;
        if count < MANY {
            judgement.notes.push(format!(
                "{count} samples are few: most figures of samples move with their number, so compare \
                 them with those of as many (`frechet` with `frechet_of_data`)"
            ));
        }
        if let Some(likeness) = &self.likeness {
            self.compare(likeness, samples, &mut judgement)?;
        }
        if let Some(truth) = &self.truth {
            for (name, figure) in truth.compare(samples)? {
                judgement.put(&format!("samples/{name}"), figure);
            }
        }
        judgement.put("samples/spread", metrics::pixel_deviation(samples)?);
        let found = self.memorisation(samples).map(|found| [found.ratio]);
        judgement.attempt(["samples/nearest_training_image"], found)?;
        Ok(judgement)
    }

    /// How the features of samples compare with those of the test images.
    fn compare(
        &self,
        likeness: &Likeness,
        samples: &Tensor,
        judgement: &mut Judgement,
    ) -> Result<()> {
        let seen = likeness.look(samples)?;
        for (name, figure) in likeness.in_passing(&seen)? {
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
    fn distance_of_data(&self, likeness: &Likeness, count: usize) -> Result<Figure> {
        let mut features = Vec::new();
        for batch in self.batches(Split::Train, count) {
            features.push(likeness.features(&batch?.images)?);
        }
        likeness.distance(&Features::of(&Tensor::cat(&features, 0)?)?)
    }

    /// Samples and test images, looked up among all training images by their values.
    fn memorisation(&self, samples: &Tensor) -> Result<Memorisation> {
        let places = choice(samples.dim(0)?, LOOKED_UP);
        let places: Vec<u32> = places.into_iter().map(|place| place as u32).collect();
        let places = Tensor::new(places, samples.device())?;
        let generated = Features::of(&samples.index_select(&places, 0)?)?;
        let places = choice(self.dataset.len(Split::Test), LOOKED_UP.min(self.images));
        let held_out = self.dataset.images(Split::Test, &places, &Device::Cpu)?;
        let held_out = Features::of(&held_out.images)?;
        metrics::memorisation(&self.nearest(&generated)?, &self.nearest(&held_out)?)
    }

    /// The training image nearest to each of `images`. Some training images are in memory at a time,
    /// however many there are.
    fn nearest(&self, images: &Features) -> Result<Vec<Neighbour>> {
        let mut nearest: Vec<Neighbour> = Vec::new();
        for (number, batch) in self.batches(Split::Train, usize::MAX).enumerate() {
            let some = Features::of(&batch?.images)?;
            let found = metrics::nearest_neighbours(images, &some)?.into_iter();
            let found = found.map(|near| Neighbour {
                index: near.index + number * CHUNK,
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

    fn likelihood(&self, model: &dyn Likelihood, draws: usize) -> Result<Figures> {
        let mut rng = self.stream("likelihood");
        let bound = metrics::evidence_bound(model, self.test(), &mut rng)?;
        let count = bound.elbo.real;
        let mut figures = vec![
            ("test/elbo".to_owned(), bound.elbo),
            (
                "test/reconstruction".to_owned(),
                of_real(bound.reconstruction, count),
            ),
            ("test/kl".to_owned(), of_real(bound.kl(), count)),
            (
                "test/active_units".to_owned(),
                of_real(bound.active_units() as f64, count),
            ),
        ];
        let mut rng = self.stream("latent");
        let mut latent = Vec::new();
        for batch in self.test() {
            latent.push(model.draw_latent(&batch?.images, &mut rng)?);
        }
        let aggregate = metrics::aggregate_posterior(&Features::of(&Tensor::cat(&latent, 0)?)?)?;
        figures.push(("latent/frechet_from_prior".to_owned(), aggregate.frechet));
        figures.push(("latent/kernel_from_prior".to_owned(), aggregate.kernel));
        if draws > 0 {
            let mut rng = self.stream("importance");
            let at_once = (DRAWS / CHUNK).min(draws);
            let bound = metrics::importance_bound(model, self.test(), draws, at_once, &mut rng)?;
            figures.push(("test/log_likelihood".to_owned(), bound));
        }
        Ok(figures)
    }

    fn reconstruction(&self, model: &dyn Reconstruct) -> Result<Figures> {
        let mut figures = vec![(
            "test/squared_error".to_owned(),
            metrics::squared_error(model, self.test())?,
        )];
        let shape = self.dataset.info().shape;
        if shape.height.min(shape.width) >= SIMILARITY_WINDOW {
            let ratio = metrics::peak_signal_to_noise(model, self.test(), 1.0)?;
            let similarity = metrics::structural_similarity(model, self.test(), 1.0)?;
            figures.push(("test/peak_signal_to_noise".to_owned(), ratio));
            figures.push(("test/structural_similarity".to_owned(), similarity));
        }
        Ok(figures)
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
            codes.push(model.encode(&batch.images)?);
            labels = match (labels, &batch.labels) {
                (Some(mut known), Some(more)) => {
                    known.extend(more.to_vec1::<u32>()?);
                    Some(known)
                }
                _ => None,
            };
        }
        Ok((Features::of(&Tensor::cat(&codes, 0)?)?, labels))
    }

    fn test(&self) -> impl Iterator<Item = Result<Batch>> {
        self.batches(Split::Test, self.images)
    }

    fn batches(&self, split: Split, count: usize) -> impl Iterator<Item = Result<Batch>> {
        let places = choice(self.dataset.len(split), count);
        (0..places.len()).step_by(CHUNK).map(move |start| {
            let end = places.len().min(start + CHUNK);
            self.dataset
                .images(split, &places[start..end], &self.device)
        })
    }

    /// The same noise for every model, so that two judgements differ by the models alone.
    fn stream(&self, purpose: &str) -> Rng {
        Rng::stream(0, &format!("judgement/{purpose}"), 0)
    }
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
