//! What a run leaves behind when it ends, however it ends.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use latentlab_tensor::encode_tensors;
use latentlab_train::{Outcome, StopReason, observers::read_metrics};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EndedRun, Hook};
use crate::{
    Error, Expectation, Result, RunDir, RunRecord, Session, Status, expectation,
    figures::{last_values, number, steps_before},
    run_dir,
};
use latentlab_evaluate::MANY;

/// A run that has ended without an error.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its directory.
    pub directory: PathBuf,
    /// What `summary.json` says.
    pub summary: Summary,
    /// Why it ended.
    pub reason: StopReason,
    /// How many test images its figures are of, at most.
    pub test_images: usize,
    /// What was expected of it, with what came.
    pub expectations: Vec<(Expectation, Option<f64>)>,
}

/// The contents of `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How the run ended.
    pub status: Status,
    /// The last step taken.
    pub step: u64,
    /// SHA-256 of the parameters as a safetensors file.
    pub params_sha256: String,
    /// The last value of every figure in `metrics.jsonl` that is not NaN.
    #[serde(with = "latentlab_core::numbers::map")]
    pub metrics: BTreeMap<String, f64>,
    /// The step of each figure that was not recorded in the last one: after an interruption those of
    /// the last evaluation before it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recorded_at: BTreeMap<String, u64>,
    /// Training images in each second of training, since the run was last taken up.
    pub images_per_second: f64,
    /// Seconds of training, in all.
    pub wall_s: f64,
}

impl Ended {
    /// What a person wants to read at the end.
    pub fn closing_words(&self) -> String {
        let directory = self.directory.display();
        let mut text = format!("{}, step {}: {directory}", self.reason, self.summary.step);
        for (name, value) in &self.summary.metrics {
            let shown = ["test/", "validation/", "samples/"];
            if shown.iter().any(|group| name.starts_with(group)) && !name.contains("/kl/") {
                let value = number(*value);
                text.push_str(&format!("\n  {name:<28} {value}"));
                if let Some(step) = self.summary.recorded_at.get(name) {
                    text.push_str(&format!(" (step {step})"));
                }
                if name == "samples/frechet" && self.test_images < MANY {
                    let count = self.test_images;
                    text.push_str(&format!(" ({count} test images are few for a distance)"));
                }
            }
        }
        text.push_str(&expectation::closing_words(
            &self.expectations,
            self.reason == StopReason::Steps,
        ));
        let picture = format!("step-{:06}.png", self.summary.step);
        for file in [
            Path::new("samples").join(&picture),
            Path::new("reconstructions").join(&picture),
            PathBuf::from("report.html"),
        ] {
            let file = self.directory.join(file);
            if file.is_file() {
                text.push_str(&format!("\n  look at {}", file.display()));
            }
        }
        if self.summary.status == Status::Interrupted {
            text.push_str(&format!("\n  go on with `resume {directory}`"));
        }
        text
    }
}

/// How the loop ended, and how long it took.
pub(super) struct Ending<'a> {
    pub(super) outcome: &'a Result<Outcome>,
    /// Steps taken since the run was last taken up, and in all.
    pub(super) steps: (u64, u64),
    /// Seconds of training since the run was last taken up, and in all.
    pub(super) seconds: (f64, f64),
}

impl Ending<'_> {
    fn status(&self) -> Status {
        match self.outcome {
            Ok(outcome) if outcome.reason == StopReason::Interrupted => Status::Interrupted,
            Ok(_) => Status::Finished,
            Err(Error::Train(latentlab_train::Error::Diverged { .. })) => Status::Diverged,
            Err(_) => Status::Failed,
        }
    }

    /// The reason, free of anything that two runs with one seed do not share.
    fn words(&self) -> String {
        match self.outcome {
            Ok(outcome) => outcome.reason.to_string(),
            Err(Error::Train(error @ latentlab_train::Error::Diverged { .. })) => error.to_string(),
            Err(_) => "train.log says why".to_owned(),
        }
    }
}

/// The step at which the run in `directory` saved its state when it last ended well, by its
/// `summary.json`; 0 if that does not tell.
pub(super) fn saved_at_end(directory: &Path) -> u64 {
    let summary = run_dir::read_json::<Summary>(&directory.join("summary.json"));
    let saved =
        |summary: &Summary| [Status::Finished, Status::Interrupted].contains(&summary.status);
    summary.ok().filter(saved).map_or(0, |summary| summary.step)
}

/// Writes `run.json` and `summary.json`, lets the hooks write what is theirs, and returns the summary and what
/// came of each expectation.
pub(super) fn finish(
    session: &Session,
    directory: &RunDir,
    mut record: RunRecord,
    ending: &Ending,
    hooks: &[&dyn Hook],
) -> Result<(Summary, Vec<Option<f64>>)> {
    record.status = ending.status();
    record.ended = Some(run_dir::now());
    if let Err(error) = directory.write_json("run.json", &record) {
        directory.mark_failed();
        return Err(error);
    }
    let records = read_metrics(directory.join(super::METRICS))?;
    let experiment = &session.experiment;
    let images = ending.steps.0 as f64 * experiment.batch_size as f64;
    let summary = Summary {
        status: record.status,
        step: ending.steps.1,
        params_sha256: sha256(&encode_tensors(&session.store.tensors())?),
        metrics: last_values(&records),
        recorded_at: steps_before(&records, ending.steps.1),
        images_per_second: images / ending.seconds.0.max(f64::EPSILON),
        wall_s: ending.seconds.1,
    };
    directory.write_json("summary.json", &summary)?;
    let run = EndedRun {
        session,
        directory,
        record: &record,
        summary: &summary,
        records: &records,
        words: &ending.words(),
    };
    hooks.iter().try_for_each(|hook| hook.ended(&run))?;
    let expected = experiment.expect.iter();
    let came = expected
        .map(|expectation| expectation.came(&records))
        .collect();
    Ok((summary, came))
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
