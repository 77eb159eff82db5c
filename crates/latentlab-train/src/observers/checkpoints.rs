//! Saves the state of the run now and then, and where a metric is best.

use serde_json::Value;

use super::{Goal, Observer, View};
use crate::{CheckpointStore, Record, Result, Snapshot, StopReason};

/// Saves a checkpoint every `every` steps, at the end, and in each step whose record holds a new
/// best value of a metric.
#[derive(Debug)]
pub struct Checkpoints {
    store: CheckpointStore,
    every: u64,
    keep: usize,
    metric: Option<(String, Goal)>,
    seed: u64,
    extra: Value,
    /// Step and value of the best record so far.
    best: Option<(u64, f64)>,
}

impl Checkpoints {
    /// Checkpoints in `store`: the newest `keep`, and the best by the metric `best` if one is given.
    /// `seed` and `extra` are saved with each.
    pub fn new(
        store: CheckpointStore,
        every: u64,
        keep: usize,
        best: Option<(String, Goal)>,
        seed: u64,
        extra: Value,
    ) -> Self {
        Self {
            store,
            every,
            keep,
            metric: best,
            seed,
            extra,
            best: None,
        }
    }

    /// Takes note of the record's metric and says whether it is the best so far.
    fn is_best(&mut self, record: &Record) -> bool {
        let Some((metric, goal)) = &self.metric else {
            return false;
        };
        let Some(value) = record.get(metric) else {
            return false;
        };
        let improves = goal.improves(value, self.best.map(|(_, value)| value));
        if improves {
            self.best = Some((record.step, value));
        }
        improves
    }
}

impl Observer for Checkpoints {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if self.is_best(record) || view.is_due(self.every) {
            self.store
                .save(&Snapshot::take(view, self.seed, self.extra.clone())?)?;
            // Again in every save: a kill after the last one may have come before the mark.
            if let Some((step, _)) = self.best
                && self.store.best_step()? != Some(step)
                && self.store.steps()?.contains(&step)
            {
                self.store.mark_best(step)?;
            }
            self.store.prune(self.keep)?;
        }
        Ok(None)
    }

    fn replay(&mut self, record: &Record) {
        self.is_best(record);
    }
}
