//! What a run leaves for people to look at, while it trains and when it has ended.

use std::sync::{Arc, atomic::AtomicBool};

use latentlab_core::{GenerativeModel, Registry};
use latentlab_run::{
    Error, Result, RunDir, Session,
    train::{EndedRun, Hook, Runner},
};
use latentlab_tensor::Rng;
use latentlab_train::observers::{Observer, Pictures, numbered_pictures};

use crate::{
    drawing::{self, Canvas},
    html, latent_map,
    picture::Grid,
    plots::{animation, plots},
};

/// Draws samples and reconstructions of a run while it trains, and its charts, its map of the latent
/// space and its page when it has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report;

/// A runner whose runs are drawn and reported.
pub fn runner<'a>(registry: &'a Registry, interrupted: &'a AtomicBool) -> Runner<'a> {
    Runner {
        registry,
        interrupted,
        hooks: &[&Report],
    }
}

impl Hook for Report {
    fn observers(&self, session: &Session, directory: &RunDir) -> Result<Vec<Box<dyn Observer>>> {
        let experiment = &session.experiment;
        let seed = experiment.seed;
        let canvas = Canvas::of(&session.dataset);
        let count = experiment.samples.count;
        let draw_samples = move |model: &dyn GenerativeModel| {
            let mut rng = Rng::stream(seed, "samples", 0);
            let picture = drawing::samples(model, &canvas, count, &mut rng);
            Ok(picture.map_err(into_train)?.map(|picture| picture.to_png()))
        };
        let dataset = Arc::clone(&session.dataset);
        let device = session.device.clone();
        let draw_reconstructions = move |model: &dyn GenerativeModel| {
            let grid = Grid::new(drawing::COLUMNS);
            let count = count.div_ceil(2);
            let picture = drawing::reconstructions(model, &dataset, count, &device, &grid);
            Ok(picture.map_err(into_train)?.map(|picture| picture.to_png()))
        };
        Ok(vec![
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
        ])
    }

    fn ended(&self, run: &EndedRun<'_>) -> Result<()> {
        let directory = run.directory;
        for (name, svg) in plots(run.records) {
            directory.write(&format!("plots/{name}"), svg.as_bytes())?;
        }
        let samples = numbered_pictures(&directory.join("samples"), "step")?;
        if let Some(png) = animation(&samples)? {
            directory.write("plots/samples.png", &png)?;
        }
        latent_map::draw(run.session, directory)?;
        let (experiment, path) = (&run.session.experiment, directory.path());
        let page = html::report(
            path,
            run.record,
            experiment,
            run.summary,
            run.words,
            run.records,
        )?;
        directory.write("report.html", page.as_bytes())
    }
}

/// An error of a drawing as one of training, inside of which it happens.
fn into_train(error: Error) -> latentlab_train::Error {
    match error {
        Error::Train(error) => error,
        Error::Model(error) => error.into(),
        other => latentlab_core::Error::Data(other.to_string()).into(),
    }
}
