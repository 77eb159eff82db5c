//! Which values of the metrics that an experiment file names are better.

use latentlab_core::{Error, Result};
use latentlab_evaluate::catalogue::{is_evaluated, look_up, unknown};
use latentlab_train::observers::Goal;
use toml::{Table, Value};

/// The rules of an experiment file that name a figure and its goal.
const RULES: [(&str, &str); 2] = [("checkpoint", "best"), ("stop", "patience")];

/// Takes the goals out of the experiment file `table` whose figure `overrides` replaces: they are
/// those of the figure before.
pub(crate) fn forget_goals(table: &mut Table, overrides: &Table) {
    for (above, below) in RULES {
        let over = overrides.get(above).and_then(|above| above.get(below));
        let renamed = over.is_some_and(|over| over.get("metric").is_some());
        let rule = table.get_mut(above).and_then(|above| above.get_mut(below));
        if let (true, Some(rule)) = (renamed, rule.and_then(Value::as_table_mut)) {
            rule.remove("goal");
        }
    }
}

/// Writes out which values of the figures of `checkpoint.best` and `stop.patience` are better, where
/// the experiment file `table` leaves it to the catalogue.
///
/// # Errors
/// If the catalogue knows no better side.
pub(crate) fn fill_goals(table: &mut Table) -> Result<()> {
    for (above, below) in RULES {
        let rule = table.get_mut(above).and_then(|above| above.get_mut(below));
        let Some(rule) = rule.and_then(Value::as_table_mut) else {
            continue;
        };
        let Some(metric) = rule.get("metric").and_then(Value::as_str) else {
            continue;
        };
        if rule.contains_key("goal") {
            continue;
        }
        let entry = look_up(metric);
        if entry.is_none() && is_evaluated(metric) {
            return Err(unknown(&format!("{above}.{below}.metric"), metric));
        }
        let goal = entry.and_then(|entry| entry.better).ok_or_else(|| {
            let problem = format!(
                "is missing, and which values of `{metric}` are better is not known: say `min` or \
                 `max`"
            );
            Error::config(format!("{above}.{below}.goal"), problem)
        })?;
        let goal = match goal {
            Goal::Min => "min",
            Goal::Max => "max",
        };
        rule.insert("goal".to_owned(), goal.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_left_out_is_that_of_the_figure() {
        let filled = |text: &str| -> Result<Table> {
            let mut table: Table = text.parse().expect("valid TOML");
            fill_goals(&mut table).map(|()| table)
        };
        let goal = |text: &str| {
            let table = filled(text).unwrap();
            table["checkpoint"]["best"]["goal"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(
            goal("checkpoint.best.metric = 'test/elbo'").as_deref(),
            Some("max")
        );
        assert_eq!(
            goal("checkpoint.best.metric = 'vae/reconstruction'").as_deref(),
            Some("min")
        );
        assert_eq!(
            goal("checkpoint.best = { metric = 'test/elbo', goal = 'min' }").as_deref(),
            Some("min"),
            "what the file says stays"
        );
        let error = filled("stop.patience = { metric = 'test/kl', evaluations = 3 }").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`stop.patience.goal`: is missing"),
            "{error}"
        );
    }

    #[test]
    fn a_goal_goes_with_its_figure() {
        let over = |text: &str| {
            let registry = latentlab_core::Registry::default();
            let registry = registry.with(latentlab_models::plugin).unwrap();
            let file = crate::library::find("vae-mnist").unwrap().table;
            let changes = text.parse().expect("valid TOML");
            let experiment = crate::Experiment::resolve(&file, &changes, &registry).unwrap();
            experiment.checkpoint.best.map(|best| best.goal)
        };
        assert_eq!(over(""), Some(Goal::Max));
        let other = "checkpoint.best.metric = 'samples/frechet'";
        assert_eq!(over(other), Some(Goal::Min), "the goal of the ELBO stayed");
        let said = "checkpoint.best = { metric = 'samples/frechet', goal = 'max' }";
        assert_eq!(over(said), Some(Goal::Max));
    }
}
