//! What a run measures of its model, chosen by what the model can do and what is known of the data.
//!
//! The same test images and the same streams of noise are used every time, so that two evaluations
//! differ by the model alone.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, Criticise, GenerativeModel, Likelihood, Reconstruct, Result, Sample};
use latentlab_data::{
    DICE, DataConfig, Dataset, GRID_DEVIATION, RING_DEVIATION, Source, Split, grid_modes,
    ring_modes,
};
use latentlab_metrics as metrics;
use latentlab_tensor::Rng;
use latentlab_train::observers::{ACTIVE_UNITS, SAMPLE_SPREAD};

use crate::Session;

/// Images that pass through the model at once.
const CHUNK: usize = 500;
/// Importance samples that pass through the model at once, for each image.
const SAMPLES_AT_ONCE: usize = 20;

type Figures = Vec<(String, f64)>;

/// The evaluation of one run.
pub struct Evaluation {
    dataset: Arc<Dataset>,
    device: Device,
    seed: u64,
    images: usize,
    importance_samples: usize,
    truth: Option<Truth>,
}

/// The distribution that the data were drawn from, where it is known.
enum Truth {
    /// A mixture of round Gaussians in the plane, with one deviation.
    Modes(Vec<[f64; 2]>, f64),
    /// Probabilities of outcomes.
    Shares(Vec<f64>),
}

impl Evaluation {
    /// The evaluation that the experiment of `session` asks for.
    pub fn of(session: &Session) -> Result<Self> {
        let experiment = &session.experiment;
        let truth = match DataConfig::from_table(&experiment.data)?.source {
            Source::Ring(_) => Some(Truth::Modes(ring_modes(), RING_DEVIATION)),
            Source::Grid(_) => Some(Truth::Modes(grid_modes(), GRID_DEVIATION)),
            Source::Dice(_) => Some(Truth::Shares(DICE.to_vec())),
            _ => None,
        };
        Ok(Self {
            dataset: Arc::clone(&session.dataset),
            device: session.device.clone(),
            seed: experiment.seed,
            images: experiment
                .evaluate
                .images
                .min(session.dataset.len(Split::Test)),
            importance_samples: experiment.evaluate.importance_samples,
            truth,
        })
    }

    /// Everything there is to measure of `model`, by name.
    pub fn measure(&self, model: &dyn GenerativeModel) -> Result<Figures> {
        let mut figures = Figures::new();
        if let Some(likelihood) = model.likelihood() {
            figures.extend(self.likelihood(likelihood)?);
        }
        if let Some(reconstructor) = model.reconstructor() {
            figures.extend(self.reconstruction(reconstructor)?);
        }
        if let Some(sampler) = model.sampler() {
            let samples = self.samples(sampler)?;
            figures.extend(self.quality(&samples)?);
            if let Some(critic) = model.critic() {
                figures.extend(self.criticism(critic, &samples)?);
            }
        }
        Ok(figures)
    }

    fn likelihood(&self, model: &dyn Likelihood) -> Result<Figures> {
        let mut rng = self.stream("likelihood");
        let bound = metrics::evidence_bound(model, self.batches(), &mut rng)?;
        let mut figures = vec![
            ("test/elbo".to_owned(), bound.elbo()),
            ("test/reconstruction".to_owned(), bound.reconstruction),
            ("test/kl".to_owned(), bound.kl()),
            (ACTIVE_UNITS.to_owned(), bound.active_units() as f64),
        ];
        let dimensions = bound.kl_per_dimension.iter().enumerate();
        figures.extend(dimensions.map(|(index, kl)| (format!("test/kl/{index:03}"), *kl)));
        if self.importance_samples > 0 {
            let mut rng = self.stream("importance");
            let samples = self.importance_samples;
            let bound = metrics::importance_bound(
                model,
                self.batches(),
                samples,
                SAMPLES_AT_ONCE,
                &mut rng,
            )?;
            figures.push(("test/log_likelihood".to_owned(), bound));
        }
        Ok(figures)
    }

    fn reconstruction(&self, model: &dyn Reconstruct) -> Result<Figures> {
        let error = metrics::squared_error(model, self.batches())?;
        Ok(vec![("test/squared_error".to_owned(), error)])
    }

    /// As many samples as there are test images to evaluate on.
    fn samples(&self, model: &dyn Sample) -> Result<Tensor> {
        let mut rng = self.stream("samples");
        let mut chunks = Vec::new();
        for start in (0..self.images).step_by(CHUNK) {
            chunks.push(model.sample(CHUNK.min(self.images - start), &mut rng)?);
        }
        Ok(Tensor::cat(&chunks, 0)?)
    }

    fn quality(&self, samples: &Tensor) -> Result<Figures> {
        let mut figures = vec![(SAMPLE_SPREAD.to_owned(), metrics::pixel_deviation(samples)?)];
        match &self.truth {
            None => {}
            Some(Truth::Modes(modes, deviation)) => {
                let coverage = metrics::mode_coverage(samples, modes, *deviation)?;
                figures.push(("samples/modes".to_owned(), coverage.covered() as f64));
                figures.push(("samples/high_quality".to_owned(), coverage.high_quality));
            }
            Some(Truth::Shares(truth)) => {
                let shares = metrics::class_shares(samples)?;
                let distance = metrics::total_variation(&shares, truth)?;
                figures.push(("samples/total_variation".to_owned(), distance));
                let divergence = metrics::jensen_shannon(&shares, truth)?;
                figures.push(("samples/jensen_shannon".to_owned(), divergence));
            }
        }
        Ok(figures)
    }

    /// How sure the critic is on both sides, and how often right.
    fn criticism(&self, critic: &dyn Criticise, samples: &Tensor) -> Result<Figures> {
        let mut real = Vec::new();
        for batch in self.batches() {
            real.push(critic.logits(&batch?.images)?);
        }
        let mut fake = Vec::new();
        for start in (0..self.images).step_by(CHUNK) {
            let count = CHUNK.min(self.images - start);
            fake.push(critic.logits(&samples.narrow(0, start, count)?)?);
        }
        let mean = |values: Tensor| -> Result<f64> {
            Ok(values.to_dtype(DType::F64)?.mean_all()?.to_scalar()?)
        };
        let mut figures = Figures::new();
        for (side, logits, right) in [("real", real, true), ("fake", fake, false)] {
            let logits = Tensor::cat(&logits, 0)?;
            let correct = if right {
                logits.gt(0.0)?
            } else {
                logits.lt(0.0)?
            };
            let odds = (logits.to_dtype(DType::F64)?.neg()?.exp()? + 1.0)?;
            figures.push((format!("test/{side}_probability"), mean(odds.recip()?)?));
            figures.push((format!("test/{side}_accuracy"), mean(correct)?));
        }
        Ok(figures)
    }

    fn batches(&self) -> impl Iterator<Item = Result<Batch>> {
        (0..self.images).step_by(CHUNK).map(|start| {
            let indices: Vec<usize> = (start..self.images.min(start + CHUNK)).collect();
            self.dataset.images(Split::Test, &indices, &self.device)
        })
    }

    fn stream(&self, purpose: &str) -> Rng {
        Rng::stream(self.seed, &format!("evaluation/{purpose}"), 0)
    }
}
