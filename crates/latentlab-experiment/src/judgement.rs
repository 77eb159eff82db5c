//! What a trained model, or a folder of pictures, is worth: every figure there is, once.
//!
//! The evaluation during training takes the cheap ones of these.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use latentlab_core::{Batch, GenerativeModel, Likelihood, Reconstruct, Result};
use latentlab_data::{Dataset, Split};
use latentlab_metrics::{
    self as metrics, Features, Figure, Labelled, LinearProbe, Memorisation, Subsets,
};
use latentlab_tensor::Rng;

use crate::{FeatureExtractor, evaluation::choice, likeness::Likeness};

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
/// Samples that are looked up among all training images, at most.
const LOOKED_UP: usize = 2_000;
/// Rows and columns of the window of the structural similarity (Wang et al. 2004).
const SIMILARITY_WINDOW: usize = 11;
/// Images that are encoded at once, and training images whose codes vote on classes.
const CHUNK: usize = 1_000;
const KNOWN: usize = 20_000;
/// Draws of importance samples, all images of a batch together, that a model makes at once.
const DRAWS: usize = 20_000;

/// Figures by their names, in the order in which they are worth reading.
pub type Figures = Vec<(String, Figure)>;

/// What models and pictures are judged by.
pub struct Judge {
    dataset: Arc<Dataset>,
    likeness: Option<Likeness>,
    images: usize,
    /// Where the models are.
    device: Device,
}

impl Judge {
    /// A judge who compares with at most `images` test images of `dataset`, by `features` if there
    /// are any. The models that are judged are on `device`.
    ///
    /// # Errors
    /// If the features are for other images.
    pub fn new(
        dataset: Arc<Dataset>,
        features: Option<FeatureExtractor>,
        images: usize,
        device: &Device,
    ) -> crate::Result<Self> {
        let mut judge = Self {
            device: device.clone(),
            images: images.min(dataset.len(Split::Test)),
            dataset,
            likeness: None,
        };
        if let Some(features) = features {
            features.check(judge.dataset.info())?;
            judge.likeness = Some(Likeness::of(features, judge.test())?);
        }
        Ok(judge)
    }

    /// What the samples are compared by, if they are.
    pub fn features(&self) -> Option<&str> {
        self.likeness.as_ref().map(Likeness::name)
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
    ) -> Result<Figures> {
        let mut figures = Figures::new();
        if let Some(sampler) = model.sampler() {
            let mut rng = self.stream("samples");
            let drawn = sampler.sample_in_batches(samples, CHUNK, &mut rng)?;
            figures.extend(self.samples(&drawn)?);
        }
        if let Some(likelihood) = model.likelihood() {
            figures.extend(self.likelihood(likelihood, draws)?);
        }
        if let Some(reconstructor) = model.reconstructor() {
            figures.extend(self.reconstruction(reconstructor)?);
            figures.extend(self.representation(reconstructor)?);
        }
        if let Some(classifier) = model.classifier() {
            let found = metrics::classification(classifier, self.test())?;
            let figure = |value| of_real(value, found.images);
            figures.push(("test/accuracy".to_owned(), figure(found.accuracy)));
            figures.push(("test/cross_entropy".to_owned(), figure(found.cross_entropy)));
        }
        Ok(figures)
    }

    /// How `samples` `[N, C, H, W]` compare with the test images.
    ///
    /// # Errors
    /// If there are too few to compare.
    pub fn samples(&self, samples: &Tensor) -> Result<Figures> {
        let mut figures = Figures::new();
        let mut put = |name: &str, figure| figures.push((format!("samples/{name}"), figure));
        if let Some(likeness) = &self.likeness {
            let seen = likeness.look(samples)?;
            for (name, figure) in likeness.in_passing(&seen)? {
                put(name, figure);
            }
            let (real, generated) = (&likeness.real, &seen.features);
            // Subsets of all there is would be the same each time, and tell no deviation.
            let least = real.count().min(generated.count());
            let subsets = Subsets {
                size: SUBSETS.size.min(least.div_ceil(2)),
                ..SUBSETS
            };
            let mut rng = self.stream("kernel");
            let kernel = metrics::kernel_distance(real, generated, subsets, &mut rng)?;
            put("kernel_distance", kernel.distance);
            let found = metrics::precision_recall(real, generated, PRECISION_NEIGHBOURS)?;
            put("precision", found.precision);
            put("recall", found.recall);
            let found = metrics::density_coverage(real, generated, DENSITY_NEIGHBOURS)?;
            put("density", found.density);
            put("coverage", found.coverage);
            if let Some(probabilities) = &seen.probabilities {
                let mixed = self
                    .stream("classifier_score")
                    .permutation(generated.count());
                let mixed: Vec<usize> = mixed.into_iter().map(|place| place as usize).collect();
                let score = metrics::classifier_score(&probabilities.select(&mixed)?, 10)?;
                put("classifier_score", score);
            }
            let mut rng = self.stream("diversity");
            put(
                "diversity",
                metrics::diversity(real, generated, PAIRS, &mut rng)?,
            );
        }
        put("spread", metrics::pixel_deviation(samples)?);
        let found = self.memorisation(samples)?;
        put("nearest_training_image", found.ratio);
        Ok(figures)
    }

    /// Samples and test images, looked up among all training images by their values.
    fn memorisation(&self, samples: &Tensor) -> Result<Memorisation> {
        let looked_up = |images: &Tensor| -> Result<Features> {
            let places = choice(images.dim(0)?, LOOKED_UP);
            let places: Vec<u32> = places.into_iter().map(|place| place as u32).collect();
            let places = Tensor::new(places, images.device())?;
            Features::of(&images.index_select(&places, 0)?)
        };
        let some = |split, most: usize| {
            let places = choice(self.dataset.len(split), most);
            self.dataset.images(split, &places, &Device::Cpu)
        };
        let training = Features::of(&some(Split::Train, usize::MAX)?.images)?;
        let held_out = some(Split::Test, LOOKED_UP.min(self.images))?.images;
        let near = |images| metrics::nearest_neighbours(images, &training);
        metrics::memorisation(&near(&looked_up(samples)?)?, &near(&looked_up(&held_out)?)?)
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
    fn representation(&self, model: &dyn Reconstruct) -> Result<Figures> {
        let (test, test_labels) = self.codes(model, Split::Test, self.images)?;
        let mut figures = Figures::new();
        let known = KNOWN.min(self.dataset.len(Split::Train));
        let (train, train_labels) = self.codes(model, Split::Train, known)?;
        if let (Some(train_labels), Some(test_labels)) = (train_labels, test_labels) {
            let known = Labelled::new(&train, &train_labels)?;
            let asked = Labelled::new(&test, &test_labels)?;
            let vote = metrics::neighbour_accuracy(known, asked, VOTERS)?;
            let probe = LinearProbe::fit(known)?.accuracy(asked)?;
            figures.push(("latent/neighbour_accuracy".to_owned(), vote));
            figures.push(("latent/linear_probe_accuracy".to_owned(), probe));
        }
        Ok(figures)
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
