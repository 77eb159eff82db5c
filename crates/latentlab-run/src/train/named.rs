//! The figures that an experiment file names, held against what the run will record.

use latentlab_core::nearest;

use crate::{Experiment, Result, Session};
use latentlab_evaluate::{
    Evaluation,
    catalogue::{Origin, is_evaluated, look_up},
};

/// Refuses a figure that the run cannot record: one of an evaluation that does not measure it, or
/// one of a phase that the model does not have. Which terms a phase records is known only once it has
/// run.
pub(super) fn check_figures(session: &Session, evaluation: &Evaluation) -> Result<()> {
    let evaluated = evaluation.names(&*session.model);
    let evaluated: Vec<&str> = evaluated.iter().map(String::as_str).collect();
    let phases = session.model.phases();
    let phases: Vec<&str> = phases.iter().map(|phase| phase.name).collect();
    for (field, figure) in named(&session.experiment) {
        if let Some(problem) = problem(figure, &evaluated, &phases) {
            return Err(latentlab_core::Error::config(field, problem).into());
        }
    }
    Ok(())
}

/// Why no record will hold `figure`, if none will.
fn problem(figure: &str, evaluated: &[&str], phases: &[&str]) -> Option<String> {
    if look_up(figure).is_some_and(|entry| entry.from == Origin::EvaluateOnly) {
        return Some(format!(
            "`{figure}` is measured by `evaluate` only, not while training"
        ));
    }
    let (wanted, known, kind) = match figure.split_once('/') {
        _ if is_evaluated(figure) => (figure, evaluated, "evaluation"),
        Some((phase, term)) if !term.is_empty() => (phase, phases, "phase"),
        // A name alone, or a phase alone.
        _ => (figure, evaluated, "evaluation"),
    };
    let is_known = |name: &str| match name.strip_suffix('*') {
        Some(whole) => wanted
            .strip_prefix(whole)
            .is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())),
        None => name == wanted,
    };
    if known.iter().any(|name| is_known(name)) {
        return None;
    }
    let alone = known
        .iter()
        .find(|name| name.ends_with(&format!("/{wanted}")));
    let nearest = alone
        .copied()
        .or_else(|| nearest(wanted, known.iter().copied()));
    let nearest = nearest.map(|name| format!(", did you mean `{name}`?"));
    Some(format!(
        "no {kind} of this run records `{figure}`{}; known: {}",
        nearest.unwrap_or_default(),
        known.join(", ")
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_not_be_recorded_is_told_with_what_will() {
        let evaluated = ["test/elbo", "test/kl/*", "samples/frechet"];
        let told = |figure: &str| problem(figure, &evaluated, &["vae"]);
        for recorded in ["test/elbo", "test/kl/003", "vae/loss", "samples/frechet"] {
            assert_eq!(told(recorded), None);
        }
        for (figure, words) in [
            ("elbo", "did you mean `test/elbo`?"),
            ("test/elbow", "did you mean `test/elbo`?"),
            ("test/kl/third", "no evaluation of this run records"),
            ("vae", "known: test/elbo"),
            ("vae/", "known: test/elbo"),
            ("vea/loss", "did you mean `vae`?"),
            ("samples/precision", "by `evaluate` only"),
            ("latent/linear_probe_accuracy", "by `evaluate` only"),
        ] {
            let told = told(figure).unwrap_or_default();
            assert!(told.contains(words), "{figure}: {told}");
        }
    }
}
