//! What a run measures of its model, chosen by what the model can do and what is known of the data.
//!
//! The same test images and the same streams of noise are used every time, so that two evaluations
//! differ by the model alone.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, Criticise, GenerativeModel, Likelihood, Registry, Result};
use latentlab_data::{Dataset, Source, Split};
use latentlab_metrics as metrics;
use latentlab_tensor::Rng;
use latentlab_train::observers::SAMPLE_SPREAD;

use crate::{
    FeatureExtractor,
    batches::at_once,
    catalogue::{FIGURES, Origin},
    feature_statistics::FeatureStatistics,
    sampled::{Look, Sampled, draws},
    truth::Truth,
};

/// Images that pass through the model at once, at most.
const IMAGES: usize = 2_000;
/// Samples at least: of fewer nothing is seen of how they differ.
const FEWEST: usize = 16;
/// Values of the draws of importance samples that do, each of which is an image.
const DRAWS_AT_ONCE: usize = 20_000 * 784;

type Figures = Vec<(String, f64)>;

/// What is to be evaluated on, and by what.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The data.
    pub dataset: &'a Arc<Dataset>,
    /// Where they come from.
    pub source: &'a Source,
    /// Where the models are.
    pub device: &'a Device,
    /// Of the streams that samples and noise are drawn from.
    pub seed: u64,
    /// Images of each split to evaluate on, at most.
    pub images: usize,
    /// Importance samples of each image for the log-likelihood; 0 leaves that bound out.
    pub importance_samples: usize,
    /// What samples are compared by: `digits`, `pictures`, `pixels`, `none`, `auto` or a file.
    pub features: &'a str,
}

/// The evaluation of one run.
pub struct Evaluation {
    dataset: Arc<Dataset>,
    device: Device,
    seed: u64,
    /// The images of each split to evaluate on: all, or a fixed choice among them.
    images: Vec<(Split, Vec<usize>)>,
    samples: usize,
    chunk: usize,
    draws: usize,
    importance_samples: usize,
    truth: Option<Truth>,
    likeness: Option<FeatureStatistics>,
}

impl Evaluation {
    /// The evaluation of `model`, and of its later states, that is asked for.
    ///
    /// # Errors
    /// If what samples are to be compared by cannot be read or is for other images.
    pub fn new(
        setting: &Setting,
        model: &dyn GenerativeModel,
        registry: &Registry,
    ) -> Result<Self> {
        let (source, dataset, most) = (setting.source, setting.dataset, setting.images);
        let splits = [Split::Test, Split::Validation].into_iter();
        let images = splits
            .filter(|split| !dataset.is_empty(*split))
            .map(|split| (split, choice(dataset.len(split), most)))
            .collect();
        let pixels = dataset.info().shape.pixels();
        let chunk = at_once(dataset.info().shape, IMAGES);
        let mut evaluation = Self {
            dataset: Arc::clone(dataset),
            device: setting.device.clone(),
            seed: setting.seed,
            images,
            samples: most.min(dataset.len(Split::Test)).max(FEWEST),
            chunk,
            draws: (DRAWS_AT_ONCE / (pixels * chunk)).max(1),
            importance_samples: setting.importance_samples,
            truth: Truth::of(source),
            likeness: None,
        };
        let (key, name) = ("evaluate.features", setting.features);
        let features = FeatureExtractor::choose(key, name, source, dataset.info(), registry)?;
        if let Some(features) = features {
            features.check(dataset.info())?;
            // One image alone is no distribution to compare samples with.
            if model.sampler().is_some() && evaluation.test_images().len() > 1 {
                evaluation.likeness = Some(evaluation.likeness(features)?);
            }
        }
        Ok(evaluation)
    }

    fn likeness(&self, features: FeatureExtractor) -> Result<FeatureStatistics> {
        FeatureStatistics::of(features, self.batches(Split::Test, self.test_images()))
    }

    /// The places of the test images to evaluate on.
    pub fn test_images(&self) -> &[usize] {
        let chosen = self.images.iter().find(|(split, _)| *split == Split::Test);
        chosen.map_or(&[][..], |(_, images)| images.as_slice())
    }

    /// The names of what [`measure`](Self::measure) finds of `model`, as the catalogue has them; those
    /// of the validation images as well where there are some.
    pub fn names(&self, model: &dyn GenerativeModel) -> Vec<String> {
        let known = FIGURES
            .iter()
            .filter(|entry| self.covers(entry.from, model));
        let test: Vec<String> = known.map(|entry| entry.name.to_owned()).collect();
        let validated = self
            .images
            .iter()
            .any(|(split, _)| *split == Split::Validation);
        let validation = test
            .iter()
            .filter(|_| validated)
            .filter_map(|name| Some(format!("validation/{}", name.strip_prefix("test/")?)));
        let validation: Vec<String> = validation.collect();
        [test, validation].concat()
    }

    /// Whether it finds the figures that are measured `from` this.
    fn covers(&self, from: Origin, model: &dyn GenerativeModel) -> bool {
        let (sampled, likeness) = (model.sampler().is_some(), self.likeness.as_ref());
        match from {
            Origin::Step | Origin::EvaluateOnly => false,
            Origin::Likelihood => model.likelihood().is_some(),
            Origin::Importance => model.likelihood().is_some() && self.importance_samples > 0,
            Origin::Reconstruction => model.reconstructor().is_some(),
            Origin::Classification => model.classifier().is_some(),
            Origin::Criticism => sampled && model.critic().is_some(),
            Origin::Samples => sampled,
            Origin::Features => sampled && likeness.is_some(),
            Origin::Classes => sampled && likeness.is_some_and(FeatureStatistics::has_classes),
            Origin::Modes => sampled && matches!(self.truth, Some(Truth::Modes(..))),
            Origin::Outcomes => sampled && matches!(self.truth, Some(Truth::Shares(_))),
        }
    }

    /// Everything there is to measure of `model`, by name: `test/…`, `validation/…` where images
    /// are held out for it, and `samples/…`.
    pub fn measure(&self, model: &dyn GenerativeModel) -> Result<Figures> {
        let mut figures = Figures::new();
        // As many samples as there are test images to evaluate on, where these are not too few.
        let look = Look {
            likeness: self.likeness.as_ref(),
            truth: self.truth.as_ref(),
            critic: model.critic(),
            chosen: &[],
        };
        let sampled = model.sampler().map(|sampler| {
            let rng = self.stream("samples");
            look.at(draws(sampler, self.samples, self.chunk, rng))
        });
        let sampled = sampled.transpose()?;
        for (split, images) in &self.images {
            let mut found = Figures::new();
            if let Some(likelihood) = model.likelihood() {
                found.extend(self.likelihood(likelihood, *split, images)?);
            }
            if let Some(reconstructor) = model.reconstructor() {
                let batches = self.batches(*split, images);
                let error = metrics::squared_error(reconstructor, batches)?;
                found.push(("squared_error".to_owned(), error.value));
            }
            if let Some(classifier) = model.classifier() {
                let found_right =
                    metrics::classification(classifier, self.batches(*split, images))?;
                found.push(("accuracy".to_owned(), found_right.accuracy));
                found.push(("cross_entropy".to_owned(), found_right.cross_entropy));
            }
            let fake = sampled.as_ref().and_then(|seen| seen.logits.as_ref());
            if let (Some(critic), Some(fake)) = (model.critic(), fake) {
                found.extend(self.criticism(critic, fake, *split, images)?);
            }
            let prefix = match split {
                Split::Train => "train",
                Split::Validation => "validation",
                Split::Test => "test",
            };
            figures.extend(
                found
                    .into_iter()
                    .map(|(name, value)| (format!("{prefix}/{name}"), value)),
            );
        }
        if let Some(sampled) = &sampled {
            figures.extend(self.quality(sampled)?);
        }
        Ok(figures)
    }

    fn likelihood(
        &self,
        model: &dyn Likelihood,
        split: Split,
        images: &[usize],
    ) -> Result<Figures> {
        let mut rng = self.stream("likelihood");
        let bound = metrics::evidence_bound(model, self.batches(split, images), &mut rng)?;
        let mut figures = vec![
            ("elbo".to_owned(), bound.elbo.value),
            ("reconstruction".to_owned(), bound.reconstruction),
            ("kl".to_owned(), bound.kl()),
            ("active_units".to_owned(), bound.active_units() as f64),
        ];
        let dimensions = bound.kl_per_dimension.iter().enumerate();
        figures.extend(dimensions.map(|(index, kl)| (format!("kl/{index:03}"), *kl)));
        if self.importance_samples > 0 {
            let mut rng = self.stream("importance");
            let batches = self.batches(split, images);
            let samples = self.importance_samples;
            let bound = metrics::importance_bound(model, batches, samples, self.draws, &mut rng)?;
            figures.push(("log_likelihood".to_owned(), bound.value));
        }
        Ok(figures)
    }

    fn quality(&self, sampled: &Sampled) -> Result<Figures> {
        let mut figures = vec![(SAMPLE_SPREAD.to_owned(), sampled.deviation.value)];
        let mut found = Vec::new();
        if let (Some(likeness), Some(seen)) = (&self.likeness, &sampled.seen) {
            found.extend(likeness.in_passing(seen)?);
        }
        found.extend_from_slice(&sampled.truth);
        let found = found.into_iter();
        figures.extend(found.map(|(name, figure)| (format!("samples/{name}"), figure.value)));
        Ok(figures)
    }

    /// How sure the critic is on both sides, and how often right.
    fn criticism(
        &self,
        critic: &dyn Criticise,
        fake: &Tensor,
        split: Split,
        images: &[usize],
    ) -> Result<Figures> {
        let mut real = Vec::new();
        for batch in self.batches(split, images) {
            real.push(critic.logits(&batch?.images)?);
        }
        let real = Tensor::cat(&real, 0)?;
        let mean = |values: Tensor| -> Result<f64> {
            let values = values.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
            Ok(values.mean_all()?.to_scalar()?)
        };
        let mut figures = Figures::new();
        for (side, logits, right) in [("real", &real, true), ("fake", fake, false)] {
            let correct = if right {
                logits.gt(0.0)?
            } else {
                logits.lt(0.0)?
            };
            let odds = (logits.neg()?.exp()? + 1.0)?;
            figures.push((format!("{side}_probability"), mean(odds.recip()?)?));
            figures.push((format!("{side}_accuracy"), mean(correct)?));
        }
        Ok(figures)
    }

    fn batches(&self, split: Split, images: &[usize]) -> impl Iterator<Item = Result<Batch>> {
        images
            .chunks(self.chunk)
            .map(move |indices| self.dataset.images(split, indices, &self.device))
    }

    fn stream(&self, purpose: &str) -> Rng {
        Rng::stream(self.seed, &format!("evaluation/{purpose}"), 0)
    }
}

/// The places of at most `most` of `count` images, in order: always the same ones, and not the first,
/// since files are often sorted by class.
pub fn choice(count: usize, most: usize) -> Vec<usize> {
    if most >= count {
        return (0..count).collect();
    }
    let order = Rng::stream(0, "evaluation/images", 0).permutation(count);
    let mut chosen: Vec<usize> = order[..most].iter().map(|place| *place as usize).collect();
    chosen.sort_unstable();
    chosen
}
