//! The one loop.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use latentlab_core::{BatchSource, GenerativeModel};
use latentlab_tensor::ParamStore;
use serde::{Deserialize, Serialize};

use crate::{Observer, Record, Result, Trainer, View};

/// Everything that a run needs.
pub struct Run<'a> {
    /// The model to train.
    pub model: &'a dyn GenerativeModel,
    /// The model that observers evaluate and draw: the averaged one if there is one.
    pub shown: &'a dyn GenerativeModel,
    /// The parameters of `model`.
    pub store: &'a ParamStore,
    /// The parameters of `shown`, where these are an average.
    pub averaged: Option<&'a ParamStore>,
    /// What a step is. The run begins after the steps it has taken.
    pub trainer: &'a mut dyn Trainer,
    /// Where batches come from: step `k` trains on batch `k - 1`.
    pub data: &'a mut dyn BatchSource,
    /// Who looks at each step, in order.
    pub observers: &'a mut [Box<dyn Observer>],
    /// The step to end after.
    pub steps: u64,
    /// Set from outside (Ctrl-C) to end after the step that is under way.
    pub interrupted: &'a AtomicBool,
    /// Time spent training, over all sessions of a resumed run.
    pub clock: &'a dyn Fn() -> Duration,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The last step taken.
    pub step: u64,
    /// Why it was the last.
    pub reason: StopReason,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All steps are taken.
    Steps,
    /// Somebody asked for it.
    Interrupted,
    /// The time is up.
    WallTime,
    /// The metric has not improved for long.
    Patience,
    /// The discriminator can no longer tell real from generated.
    Equilibrium,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps => "all steps taken",
            Self::Interrupted => "interrupted",
            Self::WallTime => "time limit reached",
            Self::Patience => "no improvement within the patience",
            Self::Equilibrium => "discriminator at equilibrium",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at step {}", self.reason, self.step)
    }
}

/// Trains until the last step, an interruption, or an observer's stop.
///
/// After each step every observer sees it once, in order; one that stops the run lets those after
/// it know that this step is the last. Parameters are constant meanwhile, so that observers build
/// no gradient graphs. An interruption in a step that is the last anyway goes unnoticed.
///
/// # Errors
/// The first error of the data, the trainer or an observer ends the run at once.
pub fn run(run: Run<'_>) -> Result<Outcome> {
    if let Some(averaged) = run.averaged {
        averaged.freeze();
    }
    let mut step = run.trainer.steps();
    let mut reason = foreseen(&run, step, (run.clock)());
    loop {
        if let Some(reason) = reason {
            return Ok(Outcome { step, reason });
        }
        let batch = run.data.batch(step)?;
        let report = run.trainer.step(run.model, &batch)?;
        run.store.freeze();
        step = report.step;
        let elapsed = (run.clock)();
        reason = foreseen(&run, step, elapsed);
        let interrupted = run.interrupted.load(Ordering::Relaxed);
        let interruption = interrupted.then_some(StopReason::Interrupted);
        let mut record = Record::new(step, elapsed.as_secs_f64());
        let mut view = View {
            step,
            steps: run.steps,
            report: &report,
            model: run.model,
            shown: run.shown,
            store: run.store,
            averaged: run.averaged,
            trainer: &*run.trainer,
            elapsed,
            ending: reason.or(interruption),
        };
        for index in 0..run.observers.len() {
            let stop = run.observers[index].observe(&view, &mut record)?;
            if reason.is_none() && stop.is_some() {
                reason = stop;
                view.ending = stop;
                for earlier in &mut run.observers[..index] {
                    earlier.ended(&view)?;
                }
            }
        }
        reason = reason.or(interruption);
    }
}

/// Why the run ends after `step`, whatever the observers find there.
fn foreseen(run: &Run<'_>, step: u64, elapsed: Duration) -> Option<StopReason> {
    if step >= run.steps {
        return Some(StopReason::Steps);
    }
    let mut verdicts = run.observers.iter().map(|one| one.verdict(elapsed));
    verdicts.find_map(|verdict| verdict)
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        rc::Rc,
    };

    use super::*;
    use crate::{
        Error, PhaseTrainer, TrainConfig,
        toy::{Points, Toy},
    };

    type Seen = Rc<RefCell<Vec<(u64, Option<StopReason>)>>>;

    /// Notes which steps it sees and why they are the last; does as told at one step.
    struct Witness {
        seen: Seen,
        at: u64,
        answer: fn() -> Result<Option<StopReason>>,
    }

    impl Observer for Witness {
        fn observe(&mut self, view: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
            assert!(
                view.store
                    .group("")
                    .iter()
                    .all(|(_, parameter)| !parameter.moves())
            );
            self.seen.borrow_mut().push((view.step, view.ending));
            match view.step == self.at {
                true => (self.answer)(),
                false => Ok(None),
            }
        }
    }

    fn witness(at: u64, answer: fn() -> Result<Option<StopReason>>) -> (Seen, Box<dyn Observer>) {
        let seen = Seen::default();
        let witness = Witness {
            seen: seen.clone(),
            at,
            answer,
        };
        (seen, Box::new(witness))
    }

    /// A run whose steps take a second each.
    fn train(
        steps: u64,
        interrupted: bool,
        observers: &mut [Box<dyn Observer>],
    ) -> Result<Outcome> {
        let (model, store) = Toy::new();
        let config = TrainConfig::default();
        let seconds = Cell::new(0);
        run(Run {
            model: &model,
            shown: &model,
            store: &store,
            averaged: None,
            trainer: &mut PhaseTrainer::new(&model, &store, &config, steps, 1)?,
            data: &mut Points,
            observers,
            steps,
            interrupted: &AtomicBool::new(interrupted),
            clock: &|| Duration::from_secs(seconds.replace(seconds.get() + 1)),
        })
    }

    #[test]
    fn a_run_ends_after_its_last_step() {
        let (seen, observer) = witness(0, || Ok(None));
        let outcome = train(3, false, &mut [observer]).unwrap();
        assert_eq!(
            outcome,
            Outcome {
                step: 3,
                reason: StopReason::Steps
            }
        );
        assert_eq!(
            *seen.borrow(),
            [(1, None), (2, None), (3, Some(StopReason::Steps))]
        );
    }

    #[test]
    fn an_observers_stop_is_the_last_step_of_those_after_it() {
        let (before, first) = witness(2, || Ok(Some(StopReason::Patience)));
        let (after, second) = witness(0, || Ok(None));
        let outcome = train(9, false, &mut [first, second]).unwrap();
        assert_eq!(
            outcome,
            Outcome {
                step: 2,
                reason: StopReason::Patience
            }
        );
        assert_eq!(*before.borrow(), [(1, None), (2, None)]);
        assert_eq!(
            *after.borrow(),
            [(1, None), (2, Some(StopReason::Patience))]
        );
    }

    #[test]
    fn an_interruption_lets_the_step_finish_and_everyone_see_it() {
        let (seen, observer) = witness(0, || Ok(None));
        let outcome = train(9, true, &mut [observer]).unwrap();
        assert_eq!(
            outcome,
            Outcome {
                step: 1,
                reason: StopReason::Interrupted
            }
        );
        assert_eq!(*seen.borrow(), [(1, Some(StopReason::Interrupted))]);
    }

    #[test]
    fn an_observers_error_ends_the_run_at_once() {
        let fail = || {
            Err(Error::io("metrics.jsonl")(
                std::io::ErrorKind::StorageFull.into(),
            ))
        };
        let (_, first) = witness(2, fail);
        let (after, second) = witness(0, || Ok(None));
        let message = train(9, false, &mut [first, second])
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("metrics.jsonl: "), "{message}");
        assert_eq!(*after.borrow(), [(1, None)]);
    }

    #[test]
    fn a_run_that_is_over_takes_no_step() {
        let (seen, observer) = witness(0, || Ok(None));
        let outcome = train(0, false, &mut [observer]).unwrap();
        assert_eq!(
            outcome,
            Outcome {
                step: 0,
                reason: StopReason::Steps
            }
        );
        assert!(seen.borrow().is_empty());
    }

    /// Ends the run when the time is up.
    struct Clock {
        up: Duration,
    }

    impl Observer for Clock {
        fn observe(&mut self, _: &View<'_>, _: &mut Record) -> Result<Option<StopReason>> {
            Ok(None)
        }

        fn verdict(&self, elapsed: Duration) -> Option<StopReason> {
            (elapsed >= self.up).then_some(StopReason::WallTime)
        }
    }

    #[test]
    fn a_step_that_is_the_last_by_the_clock_is_so_for_every_observer() {
        let (seen, first) = witness(0, || Ok(None));
        let up = Duration::from_secs(2);
        let outcome = train(9, false, &mut [first, Box::new(Clock { up })]).unwrap();
        let reason = StopReason::WallTime;
        assert_eq!(outcome, Outcome { step: 2, reason });
        assert_eq!(*seen.borrow(), [(1, None), (2, Some(reason))]);
    }

    #[test]
    fn a_run_whose_time_is_up_takes_no_step() {
        let up = Duration::ZERO;
        let outcome = train(9, false, &mut [Box::new(Clock { up })]).unwrap();
        let reason = StopReason::WallTime;
        assert_eq!(outcome, Outcome { step: 0, reason });
    }

    #[test]
    fn a_rule_outranks_an_interruption_in_the_same_step() {
        let (after, second) = witness(0, || Ok(None));
        let (_, first) = witness(1, || Ok(Some(StopReason::Patience)));
        let outcome = train(9, true, &mut [first, second]).unwrap();
        let reason = StopReason::Patience;
        assert_eq!(outcome, Outcome { step: 1, reason });
        assert_eq!(*after.borrow(), [(1, Some(StopReason::Patience))]);
    }
}
