//! Where a layer declares its parameters.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use candle_core::{DType, Device, Shape, Var};

use super::{Kind, ParamStore, Parameter, limits::Declared};
use crate::{Error, Init, Result, Rng};

/// A place in a [`ParamStore`] where a layer declares its parameters.
#[derive(Clone, Debug)]
pub struct ParamBuilder {
    pub(super) store: ParamStore,
    pub(super) path: String,
}

impl ParamBuilder {
    /// The place one level below, so that `params.at("decoder").at(0)` declares `decoder.0.…`.
    pub fn at(&self, name: impl ToString) -> Self {
        Self {
            store: self.store.clone(),
            path: self.join(&name.to_string()),
        }
    }

    /// Declares a trainable parameter, drawn by `init` from the stream of its path.
    ///
    /// # Errors
    /// If the path is taken: two layers would silently share one parameter. If it is larger than any
    /// parameter, or than what the store has [room](ParamStore::with_room) or a
    /// [budget](ParamStore::with_budget) for.
    pub fn parameter(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Parameter> {
        self.declare(name, shape.into(), init, Kind::Parameter)
    }

    /// Declares a buffer; errors as [`parameter`](Self::parameter).
    pub fn buffer(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Parameter> {
        self.declare(name, shape.into(), init, Kind::Buffer)
    }

    /// The type of every parameter.
    pub fn dtype(&self) -> DType {
        self.store.dtype
    }

    /// Where the parameters live.
    pub fn device(&self) -> &Device {
        &self.store.device
    }

    fn declare(&self, name: &str, shape: Shape, init: Init, kind: Kind) -> Result<Parameter> {
        let ParamStore {
            seed,
            dtype,
            device,
            ..
        } = &self.store;
        let path = self.join(name);
        let mut entries = self.store.lock();
        let limits = self.store.limits;
        limits.check(&path, &shape, *dtype, &declared(&entries))?;
        if let Some(other) = entries.get(&path) {
            return Err(Error::Declared {
                path,
                problem: format!("with shapes {:?} and {shape:?}", other.var.shape()),
            });
        }
        let mut rng = Rng::stream(*seed, &format!("init/{path}"), 0);
        let value = init.draw(shape, *dtype, device, &mut rng)?;
        let entry = Parameter {
            var: Var::from_tensor(&value)?,
            kind,
            moves: Arc::new(AtomicBool::new(true)),
        };
        entries.insert(path, entry.clone());
        Ok(entry)
    }

    fn join(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// What the entries amount to.
fn declared(entries: &BTreeMap<String, Parameter>) -> Declared {
    let sizes = entries
        .iter()
        .map(|(path, entry)| (path.clone(), entry.var.elem_count()));
    Declared {
        values: entries.values().map(|entry| entry.var.elem_count()).sum(),
        largest: sizes.max_by_key(|(_, values)| *values),
    }
}
