//! Who looks at each step of a run.

use std::sync::Arc;

use latentlab_core::GenerativeModel;
use latentlab_tensor::Rng;
use latentlab_train::{
    CheckpointStore, Record,
    observers::{
        Checkpoints, Collapse, Divergence, Evaluate, MetricsFile, Observer, Pictures, Progress,
        Scalars, StopRules, TensorBoard, read_metrics,
    },
    picture::Grid,
};
use serde_json::json;

use super::{METRICS, possession::Possession};
use crate::{
    Error, Result, RunDir, Session,
    drawing::{self, Canvas},
};
use latentlab_evaluate::Evaluation;

type Observers = Vec<Box<dyn Observer>>;

/// Who looks at each step, in the order in which they need each other's figures. The run goes on
/// after `step`, and what comes back first are the records up to there.
pub(super) fn observers(
    session: &Session,
    directory: &RunDir,
    evaluation: Evaluation,
    step: u64,
) -> Result<(Vec<Record>, Observers)> {
    let experiment = &session.experiment;
    let seed = experiment.seed;
    let canvas = Canvas::of(&session.dataset);
    let count = experiment.samples.count;
    let draw_samples = move |model: &dyn GenerativeModel| {
        let mut rng = Rng::stream(seed, "samples", 0);
        drawing::samples(model, &canvas, count, &mut rng).map_err(into_train)
    };
    let dataset = Arc::clone(&session.dataset);
    let device = session.device.clone();
    let draw_reconstructions = move |model: &dyn GenerativeModel| {
        let grid = Grid::new(drawing::COLUMNS);
        drawing::reconstructions(model, &dataset, count.div_ceil(2), &device, &grid)
            .map_err(into_train)
    };
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
    let observers: Observers = vec![
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
        Box::new(Pictures {
            every: experiment.samples.every,
            draw: Box::new(draw_samples),
            directory: directory.join("samples"),
            prefix: "step".to_owned(),
        }),
        Box::new(Pictures {
            every: experiment.samples.every,
            draw: Box::new(draw_reconstructions),
            directory: directory.join("reconstructions"),
            prefix: "step".to_owned(),
        }),
        possession(),
        Box::new(metrics_file),
        Box::new(tensorboard),
        Box::new(Progress::new(experiment.steps, experiment.batch_size)),
        possession(),
        Box::new(checkpoints),
    ];
    Ok((past, observers))
}

/// An error of a drawing as one of training, inside of which it happens.
fn into_train(error: Error) -> latentlab_train::Error {
    match error {
        Error::Train(error) => error,
        Error::Model(error) => error.into(),
        other => latentlab_core::Error::Data(other.to_string()).into(),
    }
}
