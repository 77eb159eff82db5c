//! Ends a run whose directory is no longer in its place.

use latentlab_train::{Record, Result, StopReason, View, observers::Observer};

use crate::place::Place;

/// Fails in the step in which the run directory has been moved, removed or replaced, so that no
/// observer after it writes into what may be another run's.
pub(super) struct Possession {
    place: Place,
    /// Looks only in steps in which something is due every so many steps; in all without it.
    after: Option<[u64; 2]>,
}

impl Possession {
    /// A look in each step.
    pub(super) fn in_each_step(place: &Place) -> Self {
        let place = place.clone();
        Self { place, after: None }
    }

    /// A further look in the steps in which an observer between, due every so many steps, may have
    /// taken minutes: in all others the last look was just now.
    pub(super) fn after(place: &Place, every: [u64; 2]) -> Self {
        Self {
            place: place.clone(),
            after: Some(every),
        }
    }
}

impl Observer for Possession {
    fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
        let looks = self
            .after
            .is_none_or(|after| after.iter().any(|every| view.is_due(*every)));
        if looks {
            self.place.require()?;
        }
        Ok(None)
    }
}
