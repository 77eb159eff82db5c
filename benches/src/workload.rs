//! Models, sizes and batches of the comparison with PyTorch, and the arithmetic they cannot avoid.

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use candle_core::{DType, Device};
use latentlab_core::{
    Batch, BatchSource, DataInfo, GenerativeModel, ImageShape, Registry, ValueRange,
};
use latentlab_tensor::{ParamStore, Rng};
use latentlab_train::{
    Observer, PhaseTrainer, Run, TrainConfig, Trainer,
    observers::{Divergence, EXPLOSION, Scalars},
    run,
};

/// What can go wrong is only told.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Images that a sampling or an evaluation takes.
const EVALUATED: usize = 10_000;

/// A model with its data, ready to be trained or evaluated.
pub struct Workload {
    model: &'static str,
    config: String,
    train: &'static str,
    shape: ImageShape,
    batch: usize,
    kind: Kind,
    /// Multiplications and additions that a step needs.
    flops: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Train,
    Sample,
    Evaluate,
}

/// Adam as the DCGAN paper sets it.
const ADVERSARIAL: &str = "optimizer = { lr = 2e-4, beta1 = 0.5 }";

impl Workload {
    /// The workload of this name: `a` to `f` train, `sample` and `elbo` evaluate `c` and `b`.
    ///
    /// `batch` replaces the usual one; `width` multiplies the hidden sizes.
    ///
    /// # Errors
    /// For an unknown name.
    pub fn named(name: &str, batch: Option<usize>, width: f64) -> Result<Self> {
        let wide = |sizes: &[usize]| -> Vec<usize> {
            let scaled = sizes
                .iter()
                .map(|size| (*size as f64 * width).round() as usize);
            scaled.map(|size| size.max(1)).collect()
        };
        let n = batch.unwrap_or(if name == "f" { 64 } else { 128 });
        let digits = ImageShape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let faces = ImageShape {
            channels: 3,
            height: 64,
            width: 64,
        };
        let mut workload = Self {
            model: "gan",
            config: String::new(),
            train: ADVERSARIAL,
            shape: digits,
            batch: n,
            kind: Kind::Train,
            flops: 0.0,
        };
        match name {
            "a" => {
                let hidden = wide(&[512, 256]);
                let sizes = [&[784][..], &hidden, &[32], &reversed(&hidden), &[784]].concat();
                workload.model = "ae";
                workload.train = "";
                workload.config =
                    format!("hidden = {hidden:?}\nlatent = 32\ndecoder = 'bernoulli'");
                workload.flops = descent(&dense(n, &sizes));
            }
            "b" | "elbo" => {
                let hidden = wide(&[400]);
                let (encoder, decoder) = ([784, hidden[0], 40], [20, hidden[0], 784]);
                let layers = [dense(n, &encoder), dense(n, &decoder)].concat();
                workload.model = "vae";
                workload.train = "";
                workload.config = format!("hidden = {hidden:?}\nlatent = 20");
                workload.flops = descent(&layers);
                if name == "elbo" {
                    workload.kind = Kind::Evaluate;
                    workload.batch = batch.unwrap_or(2000);
                    workload.flops = layers.iter().sum::<f64>() / n as f64 * EVALUATED as f64;
                }
            }
            "c" | "sample" => {
                let (generator, discriminator) = (wide(&[256, 512, 1024]), wide(&[512, 256]));
                let g = dense(n, &[&[100][..], &generator, &[784]].concat());
                let d = dense(n, &[&[784][..], &discriminator, &[1]].concat());
                workload.config = format!(
                    "latent = 100\n\
                     generator = {{ hidden = {generator:?}, activation = 'leaky_relu' }}\n\
                     discriminator = {{ hidden = {discriminator:?}, activation = 'leaky_relu' }}"
                );
                workload.flops = game(&g, &d);
                if name == "sample" {
                    workload.kind = Kind::Sample;
                    workload.batch = batch.unwrap_or(2000);
                    workload.flops = g.iter().sum::<f64>() / n as f64 * EVALUATED as f64;
                }
            }
            "d" => {
                let hidden = wide(&[64, 128]);
                let g = [
                    dense(n, &[100, hidden[1] * 49]),
                    conv(n, 1, &hidden, &[196, 49]),
                ];
                let d = [
                    conv(n, 1, &hidden, &[196, 49]),
                    dense(n, &[hidden[1] * 49, 1]),
                ];
                workload.config = dcgan(&hidden);
                workload.flops = game(&g.concat(), &d.concat());
            }
            "e" => {
                let hidden = wide(&[32, 64, 128, 256]);
                let stages = conv(n, 3, &hidden, &[1024, 256, 64, 16]);
                let features = hidden[3] * 16;
                let layers = [
                    stages.clone(),
                    dense(n, &[features, 256]),
                    dense(n, &[128, features]),
                    stages,
                ];
                workload.model = "vae";
                workload.train = "";
                workload.shape = faces;
                workload.config = format!(
                    "architecture = 'conv'\nhidden = {hidden:?}\nlatent = 128\n\
                     decoder = 'gaussian_sigmoid'\ndecoder_log_var = 0.0"
                );
                workload.flops = descent(&layers.concat());
            }
            "f" => {
                let hidden = wide(&[64, 128, 256, 512]);
                let stages = conv(n, 3, &hidden, &[1024, 256, 64, 16]);
                let g = [dense(n, &[100, hidden[3] * 16]), stages.clone()];
                let d = [stages, dense(n, &[hidden[3] * 16, 1])];
                workload.shape = faces;
                workload.config = dcgan(&hidden);
                workload.flops = game(&g.concat(), &d.concat());
            }
            _ => {
                let known = "a, b, c, d, e, f, sample, elbo";
                return Err(format!("no workload `{name}`; known: {known}").into());
            }
        }
        Ok(workload)
    }

    /// Multiplications and additions that one step needs at least.
    pub fn flops(&self) -> f64 {
        self.flops
    }

    /// The model's configuration, as in an experiment file.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// Images in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Images that go through one step.
    pub fn images(&self) -> usize {
        match self.kind {
            Kind::Train => self.batch,
            Kind::Sample | Kind::Evaluate => EVALUATED,
        }
    }

    /// Builds the model and its data.
    ///
    /// # Errors
    /// If the model refuses the configuration.
    pub fn start(self) -> Result<Job> {
        let data = DataInfo {
            shape: self.shape,
            range: ValueRange::Unit,
            classes: None,
            mean: vec![0.5; self.shape.pixels()],
        };
        let registry = Registry::default().with(latentlab_models::plugin)?;
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        let config = self.config.parse()?;
        let model = registry
            .get(self.model)?
            .build(&config, &data, &store.root())?;
        let train: TrainConfig = toml::from_str(self.train)?;
        let trainer = PhaseTrainer::new(&*model, &store, &train, u64::MAX, 1)?;
        let batches = (0..8).map(|index| {
            let mut rng = Rng::stream(1, "bench/data", index);
            let shape = self.shape.batch(self.batch);
            let images = rng.uniform(0.0, 1.0, shape, DType::F32, &Device::Cpu)?;
            Ok(Batch {
                images,
                labels: None,
            })
        });
        Ok(Job {
            batches: Batches(batches.collect::<Result<_>>()?),
            workload: self,
            model,
            store,
            trainer,
            observers: vec![
                Box::new(Divergence::new(100, EXPLOSION)),
                Box::new(Scalars::new(10)),
            ],
        })
    }
}

/// A workload under way.
pub struct Job {
    workload: Workload,
    model: Box<dyn GenerativeModel>,
    store: ParamStore,
    trainer: PhaseTrainer,
    batches: Batches,
    observers: Vec<Box<dyn Observer>>,
}

impl Job {
    /// Takes `count` steps, through the loop that trains every model, or that many samplings or
    /// evaluations. Returns the time they took.
    ///
    /// # Errors
    /// Those of the model.
    pub fn steps(&mut self, count: u64) -> Result<Duration> {
        let start = Instant::now();
        match self.workload.kind {
            Kind::Train => {
                let steps = self.trainer.steps() + count;
                run(Run {
                    model: &*self.model,
                    shown: &*self.model,
                    store: &self.store,
                    averaged: None,
                    trainer: &mut self.trainer,
                    data: &mut self.batches,
                    observers: &mut self.observers,
                    steps,
                    interrupted: &AtomicBool::new(false),
                    clock: &|| start.elapsed(),
                })?;
            }
            Kind::Sample | Kind::Evaluate => {
                self.store.freeze();
                for _ in 0..count {
                    self.evaluate()?;
                }
            }
        }
        Ok(start.elapsed())
    }

    fn evaluate(&self) -> Result<()> {
        let mut rng = Rng::stream(1, "bench/noise", 0);
        for index in 0..EVALUATED / self.workload.batch {
            if self.workload.kind == Kind::Sample {
                let sampler = self.model.sampler().ok_or("the model does not sample")?;
                let latent = sampler.prior(self.workload.batch, &mut rng)?;
                sampler.generate(&latent, None)?;
            } else {
                let likelihood = self.model.likelihood().ok_or("the model has no bound")?;
                likelihood.elbo(&self.batches.0[index % 8].images, &mut rng)?;
            }
        }
        Ok(())
    }
}

struct Batches(Vec<Batch>);

impl BatchSource for Batches {
    fn batch(&mut self, step: u64) -> latentlab_core::Result<Batch> {
        Ok(self.0[step as usize % self.0.len()].clone())
    }
}

fn reversed(sizes: &[usize]) -> Vec<usize> {
    sizes.iter().rev().copied().collect()
}

fn dcgan(hidden: &[usize]) -> String {
    format!(
        "latent = 100\n\
         generator = {{ architecture = 'conv', hidden = {:?}, norm = 'batch' }}\n\
         discriminator = {{ architecture = 'conv', hidden = {hidden:?}, norm = 'batch', \
         activation = 'leaky_relu' }}",
        reversed(hidden)
    )
}

/// FLOPs of one product for each layer of a dense network.
fn dense(batch: usize, sizes: &[usize]) -> Vec<f64> {
    let layers = sizes.windows(2);
    layers
        .map(|pair| 2.0 * (batch * pair[0] * pair[1]) as f64)
        .collect()
}

/// FLOPs of one product for each convolution of kernel 4 and stride 2, from the images inwards;
/// `pixels` are those of its smaller side.
fn conv(batch: usize, channels: usize, hidden: &[usize], pixels: &[usize]) -> Vec<f64> {
    let inputs = [&[channels][..], hidden].concat();
    let stages = inputs.windows(2).zip(pixels);
    stages
        .map(|(pair, pixels)| 2.0 * (batch * pixels * pair[0] * pair[1] * 16) as f64)
        .collect()
}

/// A forward pass, the gradients by all weights, and those by all inputs but the data.
fn descent(layers: &[f64]) -> f64 {
    3.0 * layers.iter().sum::<f64>() - layers[0]
}

/// A step of both sides: one forward pass of the generator; the discriminator on real and generated
/// images, forward, by its weights and by all inputs but the images; the generator through a
/// discriminator that stays as it is.
fn game(generator: &[f64], discriminator: &[f64]) -> f64 {
    let (g, d): (f64, f64) = (generator.iter().sum(), discriminator.iter().sum());
    let discriminator_step = 2.0 * d + 2.0 * (2.0 * d - discriminator[0]);
    let generator_step = d + d + (2.0 * g - generator[0]);
    g + discriminator_step + generator_step
}

#[cfg(test)]
mod tests {
    use super::*;

    // By hand for c, batch 128: g = 2·128·(100·256 + 256·512 + 512·1024 + 1024·784) = 379.6 M,
    // d = 2·128·(784·512 + 512·256 + 256) = 136.4 M; g + 6 d − 2·102.8 M + 2 d + 2 g − 6.6 M.
    #[test]
    fn the_arithmetic_of_a_game_is_that_of_its_products() {
        let flops = Workload::named("c", None, 1.0).unwrap().flops() / 1e6;
        assert!((flops - 2017.9).abs() < 1.0, "{flops}");
    }

    #[test]
    fn every_workload_takes_a_step() {
        for name in ["a", "b", "c", "d", "e", "f"] {
            let workload = Workload::named(name, Some(2), 0.1).unwrap();
            workload.start().unwrap().steps(1).unwrap();
        }
    }

    #[test]
    fn an_unknown_workload_is_an_error_that_lists_them() {
        let error = Workload::named("g", None, 1.0)
            .err()
            .expect("there is none");
        assert!(error.to_string().contains("known: a, b"), "{error}");
    }
}
