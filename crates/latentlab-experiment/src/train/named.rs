//! The figures that an experiment file names, held against what the run will record.

use latentlab_core::nearest;

use crate::{Experiment, Result, Session, evaluation::Evaluation, glossary::is_evaluated};

/// Refuses a figure that the run cannot record: one of an evaluation that does not measure it, or
/// one of a phase that the model does not have. Which terms a phase records is known only once it has
/// run.
pub(super) fn check_figures(session: &Session, evaluation: &Evaluation) -> Result<()> {
    let evaluated = evaluation.names(&*session.model);
    let phases = session.model.phases();
    let phases: Vec<&str> = phases.iter().map(|phase| phase.name).collect();
    for (field, figure) in named(&session.experiment) {
        let (known, kind): (Vec<&str>, &str) = match is_evaluated(figure) {
            true => (evaluated.iter().map(String::as_str).collect(), "evaluation"),
            false => (phases.clone(), "phase"),
        };
        let wanted = match is_evaluated(figure) {
            true => figure,
            false => figure.split('/').next().unwrap_or(figure),
        };
        let is_part = |name: &str| {
            let whole = name.strip_suffix('*');
            whole.is_some_and(|whole| wanted.starts_with(whole))
        };
        if known.iter().any(|name| *name == wanted || is_part(name)) {
            continue;
        }
        let nearest = nearest(wanted, known.iter().copied());
        let nearest = nearest.map(|name| format!(", did you mean `{name}`?"));
        let problem = format!(
            "no {kind} of this run records `{figure}`{}; known: {}",
            nearest.unwrap_or_default(),
            known.join(", ")
        );
        return Err(latentlab_core::Error::config(field, problem).into());
    }
    Ok(())
}

/// Every figure that an experiment names, with the key that names it.
fn named(experiment: &Experiment) -> impl Iterator<Item = (&'static str, &str)> {
    let best = experiment.checkpoint.best.iter();
    let best = best.map(|best| ("checkpoint.best.metric", best.metric.as_str()));
    let patience = experiment.stop.patience.iter();
    let patience = patience.map(|rule| ("stop.patience.metric", rule.metric.as_str()));
    let expected = experiment.expect.iter();
    let expected = expected.map(|expected| ("expect.figure", expected.figure.as_str()));
    best.chain(patience).chain(expected)
}
