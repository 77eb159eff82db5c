//! What every model must hold, built in or plugged in: call [`check`] from a test of your crate.
//!
//! ```no_run
//! use latentlab_core::Registry;
//!
//! let registry = Registry::default().with(latentlab_models::plugin)?;
//! latentlab_run::conformance::check(&registry, "vae", &Default::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, DataInfo, GenerativeModel, ImageShape, Registry, Step, ValueRange};
use latentlab_tensor::{ParamStore, Rng, decode_tensors, encode_tensors};
use latentlab_train::{PhaseTrainer, TrainConfig, Trainer};
use toml::Table;

use crate::{Error, Result};

const SEED: u64 = 5;
const COUNT: usize = 6;
const CLASSES: usize = 3;
const SHAPE: ImageShape = ImageShape {
    channels: 2,
    height: 8,
    width: 8,
};

/// Checks the model `name` with `config` (an empty table means its defaults) on small random
/// images with two channels and labels of three classes: that
///
/// - its configuration survives a round trip through TOML,
/// - phase names are unique and every group has parameters,
/// - losses are finite scalars, and the same seed gives the same bits,
/// - every parameter is reached by a finite gradient of some phase that is not zero throughout,
/// - a phase moves its own group and nothing else, and a training step leaves finite numbers,
/// - samples and reconstructions have the images' shape, and values in `[0, 1]` where drawn,
/// - a copy loaded from the saved parameters samples and reconstructs the same bits.
///
/// # Errors
/// The first of these that does not hold, in words.
pub fn check(registry: &Registry, name: &str, config: &Table) -> Result<()> {
    let subject = Subject::build(registry, name, config)?;
    subject.config_round_trips(registry)?;
    subject.phases_are_well_formed()?;
    subject.losses_repeat(&Subject::build(registry, name, config)?)?;
    subject.gradients_reach_every_parameter()?;
    subject.phases_move_their_own_group()?;
    subject.a_training_step_is_finite()?;
    subject.images_have_the_data_shape()?;
    subject.a_loaded_copy_is_the_same(registry)
}

struct Subject {
    name: String,
    config: Table,
    store: ParamStore,
    model: Box<dyn GenerativeModel>,
    batch: Batch,
}

impl Subject {
    fn build(registry: &Registry, name: &str, config: &Table) -> Result<Self> {
        let store = ParamStore::new(SEED, DType::F32, &Device::Cpu);
        let entry = registry.get(name)?;
        let images = Rng::stream(SEED, "conformance/images", 0).uniform(
            0.0,
            1.0,
            SHAPE.batch(COUNT),
            DType::F32,
            &Device::Cpu,
        )?;
        let labels: Vec<u32> = (0..COUNT).map(|image| (image % CLASSES) as u32).collect();
        Ok(Self {
            name: name.to_owned(),
            config: entry.resolve(config)?,
            model: entry.build(config, &data_info(), &store.root())?,
            store,
            batch: Batch {
                images,
                labels: Some(Tensor::new(labels, &Device::Cpu)?),
            },
        })
    }

    fn require(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<()> {
        if holds {
            return Ok(());
        }
        let problem = format!("model `{}`: {}", self.name, problem());
        Err(Error::Argument(problem))
    }

    fn config_round_trips(&self, registry: &Registry) -> Result<()> {
        let text = self.config.to_string();
        let read: Table = text
            .parse()
            .map_err(|error| Error::Argument(format!("model `{}`: {error}", self.name)))?;
        let again = registry.get(&self.name)?.resolve(&read)?;
        self.require(again == self.config, || {
            format!("its configuration changes on the way through TOML:\n{text}")
        })
    }

    fn phases_are_well_formed(&self) -> Result<()> {
        let phases = self.model.phases();
        self.require(!phases.is_empty(), || "it has no phase".to_owned())?;
        let names: BTreeSet<_> = phases.iter().map(|phase| phase.name).collect();
        self.require(names.len() == phases.len(), || {
            format!("phase names are not unique: {phases:?}")
        })?;
        for phase in &phases {
            self.require(!self.store.parameters(phase.params).is_empty(), || {
                format!("phase `{}` moves no parameter", phase.name)
            })?;
        }
        Ok(())
    }

    fn losses_repeat(&self, twin: &Self) -> Result<()> {
        for (phase, same) in self.model.phases().iter().zip(twin.model.phases()) {
            self.store.train_only(phase.params);
            twin.store.train_only(phase.params);
            let first = phase.loss(&self.batch, &mut step(phase.name))?.total;
            let second = same.loss(&twin.batch, &mut step(phase.name))?.total;
            self.require(first.rank() == 0, || {
                format!("the loss of `{}` is no scalar: {first:?}", phase.name)
            })?;
            let (first, second) = (first.to_scalar::<f32>()?, second.to_scalar::<f32>()?);
            self.require(first.is_finite(), || {
                format!("the loss of `{}` is {first}", phase.name)
            })?;
            self.require(first.to_bits() == second.to_bits(), || {
                format!(
                    "`{}` draws from elsewhere than the step's stream: the same seed gives \
                     {first} and {second}",
                    phase.name
                )
            })?;
        }
        Ok(())
    }

    fn gradients_reach_every_parameter(&self) -> Result<()> {
        let mut reached = BTreeSet::new();
        for phase in self.model.phases() {
            self.store.train_only(phase.params);
            let loss = phase.loss(&self.batch, &mut step(phase.name))?;
            let gradients = loss.total.backward()?;
            for (path, parameter) in self.store.parameters(phase.params) {
                let Some(gradient) = gradients.get(parameter.var()) else {
                    continue;
                };
                let size = gradient.abs()?.sum_all()?.to_scalar::<f32>()?;
                self.require(size.is_finite(), || {
                    format!("`{}` gives `{path}` a gradient of {size}", phase.name)
                })?;
                if size > 0.0 {
                    reached.insert(path);
                }
            }
        }
        for (path, _) in self.store.parameters("") {
            self.require(reached.contains(&path), || {
                format!("no phase gives `{path}` a gradient")
            })?;
        }
        Ok(())
    }

    fn phases_move_their_own_group(&self) -> Result<()> {
        for phase in self.model.phases() {
            self.store.train_only(phase.params);
            let before = snapshot(&self.store)?;
            let loss = phase.loss(&self.batch, &mut step(phase.name))?;
            let gradients = loss.total.backward()?;
            let group = self.store.group(phase.params);
            let group: BTreeSet<_> = group.into_iter().map(|(path, _)| path).collect();
            for (path, entry) in self.store.group("") {
                let moves = gradients.get(entry.var()).is_some()
                    || bits(&entry.var().as_detached_tensor())? != before[&path];
                self.require(!moves || group.contains(&path), || {
                    format!("`{}` moves `{path}` outside of its group", phase.name)
                })?;
            }
        }
        Ok(())
    }

    fn a_training_step_is_finite(&self) -> Result<()> {
        let config = TrainConfig::default();
        let mut trainer = PhaseTrainer::new(&*self.model, &self.store, &config, 1, SEED)?;
        trainer.step(&*self.model, &self.batch)?;
        self.store.freeze();
        let bad = self.store.first_non_finite()?;
        self.require(bad.is_none(), || {
            format!(
                "a training step makes `{}` infinite",
                bad.unwrap_or_default()
            )
        })
    }

    fn images_have_the_data_shape(&self) -> Result<()> {
        for (what, images) in self.images(&*self.model)? {
            let dims = images.dims4()?;
            self.require(dims == SHAPE.batch(COUNT), || {
                format!("a {what} has the shape {dims:?}")
            })?;
            let values = images.flatten_all()?.to_vec1::<f32>()?;
            self.require(values.iter().all(|value| value.is_finite()), || {
                format!("a {what} is not finite")
            })?;
            let drawn = what == "sample";
            let within = values.iter().all(|value| (0.0..=1.0).contains(value));
            self.require(!drawn || within, || {
                format!("a {what} leaves the range [0, 1] of the data")
            })?;
        }
        Ok(())
    }

    fn a_loaded_copy_is_the_same(&self, registry: &Registry) -> Result<()> {
        let bytes = encode_tensors(&self.store.tensors())?;
        let store = ParamStore::new(SEED + 1, DType::F32, &Device::Cpu);
        let entry = registry.get(&self.name)?;
        let copy = entry.build(&self.config, &data_info(), &store.root())?;
        store.load(&decode_tensors(&bytes)?)?;
        store.freeze();
        let (ours, theirs) = (self.images(&*self.model)?, self.images(&*copy)?);
        for ((what, ours), (_, theirs)) in ours.iter().zip(&theirs) {
            self.require(bits(ours)? == bits(theirs)?, || {
                format!("a {what} of a loaded copy differs")
            })?;
        }
        Ok(())
    }

    /// What the model can make: samples and reconstructions, from fixed seeds.
    fn images(&self, model: &dyn GenerativeModel) -> Result<Vec<(&'static str, Tensor)>> {
        let mut images = Vec::new();
        if let Some(sampler) = model.sampler() {
            let mut rng = Rng::stream(SEED, "conformance/sample", 0);
            images.push(("sample", sampler.sample(COUNT, &mut rng)?));
        }
        if let Some(reconstructor) = model.reconstructor() {
            let restored = reconstructor.reconstruct(&self.batch.images)?;
            images.push(("reconstruction", restored));
        }
        Ok(images)
    }
}

fn data_info() -> DataInfo {
    DataInfo {
        shape: SHAPE,
        range: ValueRange::Unit,
        classes: Some(CLASSES),
        mean: vec![0.5; SHAPE.pixels()],
    }
}

fn step(phase: &str) -> Step {
    Step::new(1, Rng::stream(SEED, phase, 1))
}

fn snapshot(store: &ParamStore) -> Result<BTreeMap<String, Vec<u32>>> {
    let tensors = store.tensors();
    let bits = |(path, tensor): (String, Tensor)| Ok((path, bits(&tensor)?));
    tensors.into_iter().map(bits).collect()
}

fn bits(tensor: &Tensor) -> Result<Vec<u32>> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().map(f32::to_bits).collect())
}
