//! Ends a run whose directory is no longer in its place.

use latentlab_train::{Record, Result, StopReason, View, observers::Observer};

use crate::place::Place;

/// Fails in the step in which the run directory has been moved, removed or replaced: asked
/// before every observer that writes, so that none of them writes into what may be another run's.
pub(super) struct Possession(pub(super) Place);

impl Observer for Possession {
    fn observe(&mut self, _: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        self.0.require()?;
        Ok(None)
    }
}
