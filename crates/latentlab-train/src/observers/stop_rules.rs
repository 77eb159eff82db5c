//! Ends a run before its last step.

use std::time::Duration;

use super::{Observer, StopConfig, View};
use crate::{Record, Result, StopReason};

/// The record's mean of the discriminator's D(x) on real images.
pub const REAL_PROBABILITY: &str = "discriminator/real_probability";
/// The record's mean of the discriminator's D(G(z)) on generated images.
pub const FAKE_PROBABILITY: &str = "discriminator/fake_probability";

/// Ends a run by the rules of a [`StopConfig`]. It counts records that hold the metric.
///
/// A resumed run whose last record or whose time ended it already ends at once. At the end of a run
/// it warns of a patience whose metric never was a number: the name may be misspelt.
#[derive(Debug)]
pub struct StopRules {
    config: StopConfig,
    best: Option<f64>,
    without_improvement: u32,
    at_equilibrium: u32,
    /// What the last replayed record says.
    replayed: Option<StopReason>,
}

impl StopRules {
    /// The rules, before any record.
    pub fn new(config: StopConfig) -> Self {
        Self {
            config,
            best: None,
            without_improvement: 0,
            at_equilibrium: 0,
            replayed: None,
        }
    }

    /// The metric of the patience, if no record so far held a number of that name.
    fn missing_metric(&self) -> Option<&str> {
        let patience = self.config.patience.as_ref();
        let metric = patience.map(|patience| patience.metric.as_str());
        metric.filter(|_| self.best.is_none())
    }

    /// Counts a record and says whether a rule ends the run at it.
    fn count(&mut self, record: &Record) -> Option<StopReason> {
        let mut reason = None;
        if let Some(rule) = &self.config.patience
            && let Some(value) = record.get(&rule.metric)
        {
            if rule.goal.improves(value, self.best) {
                self.best = Some(value);
                self.without_improvement = 0;
            } else {
                self.without_improvement += 1;
            }
            if self.without_improvement >= rule.evaluations {
                reason = Some(StopReason::Patience);
            }
        }
        if let Some(rule) = &self.config.equilibrium
            && let Some(real) = record.get(REAL_PROBABILITY)
            && let Some(fake) = record.get(FAKE_PROBABILITY)
        {
            let near = |value: f64| (value - 0.5).abs() <= rule.epsilon;
            self.at_equilibrium = match near(real) && near(fake) {
                true => self.at_equilibrium + 1,
                false => 0,
            };
            if self.at_equilibrium >= rule.evaluations {
                reason = reason.or(Some(StopReason::Equilibrium));
            }
        }
        reason
    }
}

impl Observer for StopRules {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        let reason = self.count(record);
        if view.is_over()
            && let Some(metric) = self.missing_metric()
        {
            tracing::warn!("`stop.patience` waited in vain: no record has a number `{metric}`");
        }
        Ok(reason)
    }

    fn verdict(&self, elapsed: Duration) -> Option<StopReason> {
        let limit = self.config.wall_time;
        let late = limit.is_some_and(|limit| elapsed.as_secs_f64() >= limit);
        self.replayed.or(late.then_some(StopReason::WallTime))
    }

    fn replay(&mut self, record: &Record) {
        self.replayed = self.count(record);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observers::{
        Equilibrium, Goal, Patience,
        scene::{Scene, record},
    };

    fn patience(goal: Goal, evaluations: u32) -> StopRules {
        let metric = "elbo".to_owned();
        let patience = Some(Patience {
            metric,
            goal,
            evaluations,
        });
        StopRules::new(StopConfig {
            patience,
            ..StopConfig::default()
        })
    }

    #[test]
    fn nothing_stops_a_run_without_rules() {
        let mut rules = StopRules::new(StopConfig::default());
        assert_eq!(
            Scene::new().answer(&mut rules, 90, &[("elbo", f64::NAN)]),
            None
        );
    }

    #[test]
    fn the_run_ends_when_its_time_is_up() {
        let rules = StopRules::new(StopConfig {
            wall_time: Some(50.0),
            ..StopConfig::default()
        });
        let verdict = |seconds| rules.verdict(Duration::from_secs_f64(seconds));
        assert_eq!(verdict(49.9), None);
        assert_eq!(verdict(50.0), Some(StopReason::WallTime));
    }

    #[test]
    fn a_metric_that_no_record_holds_is_named() {
        let mut rules = patience(Goal::Min, 2);
        let scene = Scene::new();
        scene.answer(&mut rules, 1, &[("elbow", 1.0)]);
        assert_eq!(rules.missing_metric(), Some("elbo"));
        scene.answer(&mut rules, 2, &[("elbo", 1.0)]);
        assert_eq!(rules.missing_metric(), None);
    }

    #[test]
    fn a_rule_that_has_ended_the_run_before_ends_the_resumed_one_at_once() {
        let mut rules = patience(Goal::Min, 1);
        rules.replay(&record(1, &[("elbo", 1.0)]));
        assert_eq!(rules.verdict(Duration::ZERO), None);
        rules.replay(&record(2, &[("elbo", 2.0)]));
        assert_eq!(rules.verdict(Duration::ZERO), Some(StopReason::Patience));
    }

    #[test]
    fn patience_ends_after_as_many_evaluations_without_improvement() {
        let values = [3.0, 5.0, 4.0, 5.0, 6.0, 6.0, 1.0, 2.0, 3.0];
        let scene = Scene::new();
        for (goal, end) in [(Goal::Max, 7), (Goal::Min, 3)] {
            let mut rules = patience(goal, 3);
            let stop = values.iter().position(|value| {
                // Steps without an evaluation do not count.
                assert_eq!(scene.answer(&mut rules, 1, &[("loss", 0.0)]), None);
                scene.answer(&mut rules, 2, &[("elbo", *value)]) == Some(StopReason::Patience)
            });
            assert_eq!(stop, Some(end), "{goal:?}");
        }
    }

    #[test]
    fn a_metric_that_is_not_a_number_never_improves() {
        let mut rules = patience(Goal::Min, 2);
        let scene = Scene::new();
        assert_eq!(scene.answer(&mut rules, 1, &[("elbo", f64::NAN)]), None);
        let stop = scene.answer(&mut rules, 2, &[("elbo", f64::NAN)]);
        assert_eq!(stop, Some(StopReason::Patience));
    }

    #[test]
    fn equilibrium_needs_both_probabilities_near_a_half_several_times_in_a_row() {
        let equilibrium = Some(Equilibrium {
            epsilon: 0.05,
            evaluations: 2,
        });
        let mut rules = StopRules::new(StopConfig {
            equilibrium,
            ..StopConfig::default()
        });
        let scene = Scene::new();
        let mut answer = |real: f64, fake: f64| {
            scene.answer(
                &mut rules,
                1,
                &[(REAL_PROBABILITY, real), (FAKE_PROBABILITY, fake)],
            )
        };
        assert_eq!(answer(0.5, 0.5), None);
        assert_eq!(answer(0.5, 0.4), None);
        assert_eq!(answer(0.54, 0.46), None);
        assert_eq!(answer(0.5, 0.5), Some(StopReason::Equilibrium));
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn replaying_records_leads_to_the_same_answers(
            values in prop::collection::vec(0.0f64..1.0, 1..30),
            cut in 0usize..30,
        ) {
            let scene = Scene::new();
            let mut live = patience(Goal::Max, 4);
            let mut resumed = patience(Goal::Max, 4);
            for (step, value) in (1..).zip(&values) {
                let values = [("elbo", *value)];
                let answer = scene.answer(&mut live, step, &values);
                if step as usize <= cut {
                    resumed.replay(&record(step, &values));
                } else {
                    prop_assert_eq!(answer, scene.answer(&mut resumed, step, &values));
                }
            }
        }
    }
}
