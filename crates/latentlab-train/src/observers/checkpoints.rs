//! Saves the state of the run now and then, and where a metric is best.

use serde_json::Value;

use super::{Goal, Observer, View, divergence::require_finite};
use crate::{CheckpointStore, Record, Result, Retention, Snapshot, StopReason};

/// Saves a checkpoint every `every` steps, at the end, and in each step whose record holds a new
/// best value of a metric. Parameters that are not finite are never saved: they end the run.
///
/// At the end of a run it warns of a metric that never was a number: the name may be misspelt.
#[derive(Debug)]
pub struct Checkpoints {
    store: CheckpointStore,
    retention: Retention,
    metric: Option<(String, Goal)>,
    seed: u64,
    extra: Value,
    /// Step and value of the best record so far.
    best: Option<(u64, f64)>,
}

impl Checkpoints {
    /// Checkpoints in `store`: the newest `keep` (see [`Retention`]), and the best by the metric
    /// `best` if one is given. `seed` and `extra` are saved with each.
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
            retention: Retention { every, keep },
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

/// A step at which, or after which, a run that left `records` has surely saved a checkpoint; 0 if none
/// need be there. `every` and `best` are the interval and the metric by which it saved them.
///
/// The record of a step is written before its checkpoint is saved, and that of a later step after it.
pub fn surely_saved(records: &[Record], every: u64, best: Option<&str>) -> u64 {
    let Some(last) = records.last().map(|record| record.step) else {
        return 0;
    };
    let regular = match every {
        0 => 0,
        every => last.saturating_sub(1) / every * every,
    };
    let is_first = |record: &&Record| {
        let value = best.and_then(|metric| record.get(metric));
        record.step < last && value.is_some_and(|value| !value.is_nan())
    };
    // The first number of a metric is the best so far.
    let first = records
        .iter()
        .find(is_first)
        .map_or(0, |record| record.step);
    regular.max(first)
}

impl Observer for Checkpoints {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if self.is_best(record) || view.is_kept(self.retention.every) {
            require_finite(view)?;
            let snapshot = Snapshot::take(view, self.seed, self.extra.clone())?;
            let best = self.best.map(|(step, _)| step);
            self.store.save(&snapshot, best, &self.retention)?;
        }
        if view.is_over()
            && let (Some((metric, _)), None) = (&self.metric, self.best)
        {
            tracing::warn!("no checkpoint is the best: no record has a number `{metric}`");
        }
        Ok(None)
    }

    fn replay(&mut self, record: &Record) {
        self.is_best(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::{Scene, record};

    fn checkpoints(directory: &tempfile::TempDir, every: u64, keep: usize) -> Checkpoints {
        let store = CheckpointStore::open(directory.path()).unwrap();
        let best = Some(("loss".to_owned(), Goal::Min));
        Checkpoints::new(store, every, keep, best, 3, Value::Null)
    }

    #[test]
    fn checkpoints_are_saved_when_due_at_the_end_and_at_the_best() {
        let directory = tempfile::tempdir().unwrap();
        let mut observer = checkpoints(&directory, 40, 10);
        let mut scene = Scene::new();
        let mut saved = Vec::new();
        for (step, loss) in [(39, 5.0), (40, 6.0), (41, 4.0), (99, 4.0), (100, 7.0)] {
            scene.trainer_at(step);
            scene.answer(&mut observer, step, &[("loss", loss)]);
            saved.push(observer.store.latest().unwrap().unwrap().step);
        }
        assert_eq!(saved, [39, 40, 41, 41, 100]);
        assert_eq!(observer.store.best_step().unwrap(), Some(41));
    }

    #[test]
    fn the_best_outlives_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let mut observer = checkpoints(&directory, 1, 2);
        let mut scene = Scene::new();
        for step in 1..=6 {
            scene.trainer_at(step);
            scene.answer(&mut observer, step, &[("loss", (step as f64 - 2.0).abs())]);
        }
        assert_eq!(observer.store.steps().unwrap(), [2, 5, 6]);
    }

    #[test]
    fn a_resumed_run_knows_the_best() {
        let directory = tempfile::tempdir().unwrap();
        let mut scene = Scene::new();
        scene.trainer_at(1);
        scene.answer(&mut checkpoints(&directory, 1, 10), 1, &[("loss", 2.0)]);
        let mut resumed = checkpoints(&directory, 1, 10);
        resumed.replay(&record(1, &[("loss", 2.0)]));
        scene.trainer_at(2);
        scene.answer(&mut resumed, 2, &[("loss", 2.5)]);
        assert_eq!(resumed.store.best_step().unwrap(), Some(1));
    }

    #[test]
    fn parameters_that_are_not_finite_are_not_saved() {
        let directory = tempfile::tempdir().unwrap();
        let mut observer = checkpoints(&directory, 0, 1);
        let scene = Scene::new();
        scene.spoil("discriminator.bias");
        // Due for its best only, which no interval tells.
        let mut record = record(7, &[("loss", 1.0)]);
        let error = scene.observe(&mut observer, 7, &mut record).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("first bad parameter `discriminator.bias`"),
            "{error}"
        );
        assert!(observer.store.steps().unwrap().is_empty());
    }

    #[test]
    fn what_was_surely_saved_follows_from_the_records_after_it() {
        let records: Vec<Record> = (1..=21)
            .map(|step| {
                record(
                    step,
                    &[if step % 4 == 3 {
                        ("loss", 1.0)
                    } else {
                        ("kl", 1.0)
                    }],
                )
            })
            .collect();
        for (count, every, best, saved) in [
            (0, 10, Some("loss"), 0),
            (10, 10, None, 0), // killed before the checkpoint of step 10
            (11, 10, None, 10),
            (21, 10, None, 20),
            (21, 0, None, 0),
            (3, 0, Some("loss"), 0),
            (4, 0, Some("loss"), 3),
            (21, 0, Some("elbo"), 0),
        ] {
            let have = surely_saved(&records[..count], every, best);
            assert_eq!(have, saved, "{count} records, every {every}, {best:?}");
        }
        let undefined = [record(1, &[("loss", f64::NAN)]), record(2, &[])];
        assert_eq!(surely_saved(&undefined, 0, Some("loss")), 0);
    }
}
