//! The ordered parameter store: path to value, seeded by name, grouped by path prefix.
//!
//! A model's numbers live here, outside of the model, so that optimizers, checkpoints and averaged
//! copies need to know no model. Every entry starts from the stream of (seed, path): adding a layer
//! leaves the initial values of all others alone. Paths and layouts are PyTorch's
//! (`decoder.0.weight`, a linear weight is `[out, in]`).

mod builder;
mod limits;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use candle_core::{DType, Device, Tensor, Var};

use crate::{Error, Result, TensorProblem};

use limits::{Budget, Limits};

pub use builder::ParamBuilder;

/// What an entry of the store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Trained by gradients.
    Parameter,
    /// Kept beside the parameters and saved with them, but moved by its layer (running statistics).
    Buffer,
}

/// One named value, shared between the store and the layer that uses it.
#[derive(Clone, Debug)]
pub struct Parameter {
    var: Var,
    kind: Kind,
    moves: Arc<AtomicBool>,
}

impl Parameter {
    /// The value for a forward pass: part of the gradient graph while its group is being trained,
    /// a plain tensor over the same memory otherwise.
    pub fn value(&self) -> Tensor {
        match self.kind {
            Kind::Parameter if self.moves() => self.var.as_tensor().clone(),
            _ => self.var.as_detached_tensor(),
        }
    }

    /// Whether the group of this entry is being trained now (see [`ParamStore::train_only`]).
    pub fn moves(&self) -> bool {
        self.moves.load(Ordering::Relaxed)
    }

    /// Trained by gradients, or moved by its layer.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The variable itself, for optimizers.
    pub fn var(&self) -> &Var {
        &self.var
    }

    /// Overwrites the value, for example a running statistic.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        Ok(self.var.set(&value.detach())?)
    }
}

/// A variable that no store owns, as a parameter that is being trained.
impl From<Var> for Parameter {
    fn from(var: Var) -> Self {
        Self {
            var,
            kind: Kind::Parameter,
            moves: Arc::new(AtomicBool::new(true)),
        }
    }
}

/// The one owner of a model's parameters and buffers, in path order. Clones share the entries.
#[derive(Clone, Debug)]
pub struct ParamStore {
    seed: u64,
    dtype: DType,
    device: Device,
    limits: Limits,
    entries: Arc<Mutex<BTreeMap<String, Parameter>>>,
}

impl ParamStore {
    /// An empty store whose entries will start from `seed`, with `dtype` on `device`.
    pub fn new(seed: u64, dtype: DType, device: &Device) -> Self {
        Self {
            seed,
            dtype,
            device: device.clone(),
            limits: Limits::default(),
            entries: Arc::default(),
        }
    }

    /// The store with room for so many values, all entries together: those of a file that its model
    /// was described by, which is not to be trusted with memory.
    pub fn with_room(mut self, values: usize) -> Self {
        self.limits.room = Some(values);
        self
    }

    /// The store with a budget: a model whose parameters do not fit is refused with
    /// [`Error::TooLarge`], before memory is taken for the parameter that is too much.
    ///
    /// `free` are the bytes that the machine has to give, `copies` is how many arrays of the size of
    /// its parameters the model will need: 1 to be used, 4 to be trained by Adam (values, gradients,
    /// two moments), one more for an average. Activations come on top.
    pub fn with_budget(mut self, free: u64, copies: u64) -> Self {
        self.limits.budget = Some(Budget {
            bytes: free,
            copies: copies.max(1),
        });
        self
    }

    /// The builder at the root path, to be handed to a model.
    pub fn root(&self) -> ParamBuilder {
        ParamBuilder {
            store: self.clone(),
            path: String::new(),
        }
    }

    /// Every path, sorted.
    pub fn paths(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The entry at `path`.
    pub fn get(&self, path: &str) -> Option<Parameter> {
        self.lock().get(path).cloned()
    }

    /// Every entry at or below `prefix`, sorted by path. The empty prefix names all of them;
    /// `generator` does not name `generator2.weight`.
    pub fn group(&self, prefix: &str) -> Vec<(String, Parameter)> {
        self.lock()
            .iter()
            .filter(|(path, _)| is_below(path, prefix))
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect()
    }

    /// The trainable entries of [`group`](Self::group).
    pub fn parameters(&self, prefix: &str) -> Vec<(String, Parameter)> {
        let mut group = self.group(prefix);
        group.retain(|(_, entry)| entry.kind == Kind::Parameter);
        group
    }

    /// Marks the group of `prefix` as being trained and all others as constant: forward passes
    /// from here on build a gradient graph for this group only, and move only its buffers.
    pub fn train_only(&self, prefix: &str) {
        self.train_only_groups([prefix]);
    }

    /// [`train_only`](Self::train_only) with several groups.
    pub fn train_only_groups<'a>(&self, prefixes: impl IntoIterator<Item = &'a str>) {
        let prefixes: Vec<&str> = prefixes.into_iter().collect();
        for (path, entry) in self.lock().iter() {
            let moves = prefixes.iter().any(|prefix| is_below(path, prefix));
            entry.moves.store(moves, Ordering::Relaxed);
        }
    }

    /// Marks every entry as constant, for sampling and evaluation.
    pub fn freeze(&self) {
        for entry in self.lock().values() {
            entry.moves.store(false, Ordering::Relaxed);
        }
    }

    /// The values by path. They share memory with the store: copy before keeping one.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.lock()
            .iter()
            .map(|(path, entry)| (path.clone(), entry.var.as_detached_tensor()))
            .collect()
    }

    /// Overwrites every value with the tensor of the same path.
    ///
    /// # Errors
    /// Lists each tensor that is missing, extra, of another shape or type, or not finite; the store
    /// is then as it was.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let entries = self.lock();
        let mut problems = Vec::new();
        let mut note = |path: &str, problem: String| {
            problems.push(TensorProblem {
                path: path.to_owned(),
                problem,
            });
        };
        for (path, entry) in entries.iter() {
            let Some(tensor) = tensors.get(path) else {
                note(path, "missing".to_owned());
                continue;
            };
            let (have, want) = (tensor.dims(), entry.var.dims());
            if have != want {
                note(path, format!("shape {have:?}, expected {want:?}"));
            } else if tensor.dtype() != entry.var.dtype() {
                let (have, want) = (tensor.dtype(), entry.var.dtype());
                note(path, format!("type {have:?}, expected {want:?}"));
            } else if !is_finite(tensor)? {
                note(path, "holds values that are not finite".to_owned());
            }
        }
        for path in tensors.keys().filter(|path| !entries.contains_key(*path)) {
            note(path, "not a parameter of this model".to_owned());
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| a.path.cmp(&b.path));
            return Err(Error::Mismatch { problems });
        }
        for (path, entry) in entries.iter() {
            entry.set(&tensors[path].to_device(&self.device)?)?;
        }
        Ok(())
    }

    /// The path of the first value that holds a NaN or an infinity.
    pub fn first_non_finite(&self) -> Result<Option<String>> {
        self.first_non_finite_below("")
    }

    /// The same among the entries at or below `prefix`.
    pub fn first_non_finite_below(&self, prefix: &str) -> Result<Option<String>> {
        for (path, entry) in self.group(prefix) {
            if !is_finite(&entry.var.as_detached_tensor())? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.entries.lock().expect("no holder of the lock panics")
    }
}

/// Whether the entry at `path` is at or below `prefix`: the empty prefix is above all, and
/// `generator` is not above `generator2.weight`.
pub fn is_below(path: &str, prefix: &str) -> bool {
    prefix.is_empty()
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_finite(tensor: &Tensor) -> Result<bool> {
    // A sum of x·0 is 0 unless some x is NaN or infinite; it cannot overflow. Only the sum leaves
    // the device, and changes its type there: not every device has f64.
    let probe = (tensor.flatten_all()? * 0.0)?.sum_all()?;
    let probe = probe.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    Ok(probe.to_scalar::<f64>()? == 0.0)
}
