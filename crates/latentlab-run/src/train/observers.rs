//! Who looks at each step of a run.

use latentlab_train::{
    CheckpointStore, Record,
    observers::{
        Checkpoints, Collapse, Divergence, Evaluate, MetricsFile, Observer, Progress, Scalars,
        StopRules, TensorBoard, read_metrics,
    },
};
use serde_json::json;

use super::{Hook, METRICS, possession::Possession};
use crate::{Result, RunDir, Session};
use latentlab_evaluate::Evaluation;

type Observers = Vec<Box<dyn Observer>>;

/// Who looks at each step, in the order in which they need each other's figures. The run goes on
/// after `step`, and what comes back first are the records up to there.
pub(super) fn observers(
    session: &Session,
    directory: &RunDir,
    evaluation: Evaluation,
    step: u64,
    hooks: &[&dyn Hook],
) -> Result<(Vec<Record>, Observers)> {
    let experiment = &session.experiment;
    let seed = experiment.seed;
    let checkpoint = &experiment.checkpoint;
    let best = checkpoint.best.as_ref();
    let metrics = directory.join(METRICS);
    let metric = best.map(|best| best.metric.as_str());
    let metrics_file = MetricsFile::open(&metrics, step, checkpoint.every, metric)?;
    let past = read_metrics(&metrics)?;
    // Copying the parameters takes a while, after which the directory may be another's.
    let place = directory.place().clone();
    let store = CheckpointStore::open(directory.join("checkpoints"))?;
    let checkpoints = Checkpoints::new(
        store.guarded(move || place.require()),
        checkpoint.every,
        checkpoint.keep,
        best.map(|best| (best.metric.clone(), best.goal)),
        seed,
        json!({ "model": experiment.model.name }),
    );
    let pictures = ["samples", "reconstructions"].map(|folder| directory.join(folder));
    let tensorboard = TensorBoard::open(
        &directory.join("tensorboard"),
        &past,
        step,
        pictures.to_vec(),
    )?;
    // Before each who writes: evaluations and drawings between them may take minutes.
    let slow = [experiment.evaluate.every, experiment.samples.every];
    let possession = || Box::new(Possession::after(directory.place(), slow));
    let mut observers: Observers = vec![
        Box::new(Possession::in_each_step(directory.place())),
        Box::new(Scalars::new(experiment.metrics.every)),
        Box::new(Divergence::open(
            checkpoint.every,
            experiment.stop.explosion,
            &directory.join("first_losses.json"),
            step,
        )?),
        Box::new(Evaluate {
            every: experiment.evaluate.every,
            evaluate: Box::new(move |model, _| evaluation.measure(model)),
        }),
        Box::new(Collapse::default()),
        Box::new(StopRules::new(experiment.stop.clone())),
        possession(),
    ];
    for hook in hooks {
        observers.extend(hook.observers(session, directory)?);
    }
    let written: Observers = vec![
        possession(),
        Box::new(metrics_file),
        Box::new(tensorboard),
        Box::new(Progress::new(experiment.steps, experiment.batch_size)),
        possession(),
        Box::new(checkpoints),
    ];
    observers.extend(written);
    Ok((past, observers))
}
