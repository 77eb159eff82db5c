//! A run directory of schema 1 that every later version must still read, draw from and go on with.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{RunRecord, Session, Status, train};
use latentlab_tensor::Rng;
use latentlab_train::{CheckpointStore, observers::read_metrics};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/schema-1");

fn registry() -> Registry {
    Registry::default().with(latentlab_models::plugin).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn its_record_checkpoints_and_metrics_are_read() {
    let golden = Path::new(GOLDEN);
    let record = RunRecord::read(golden).unwrap();
    assert_eq!((record.schema, record.status), (1, Status::Finished));
    assert_eq!(record.started.len(), "2026-01-01T00:00:00Z".len());
    let checkpoints = CheckpointStore::open(golden.join("checkpoints")).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [2, 4]);
    let latest = checkpoints.latest().unwrap().unwrap();
    let optimizer = "discriminator/exp_avg_sq/discriminator.1.weight";
    assert!(latest.ema.is_some() && latest.optimizer.contains_key(optimizer));
    let records = read_metrics(golden.join("metrics.jsonl")).unwrap();
    assert_eq!(records.len(), 4);
    assert!(records[3].get("samples/total_variation").is_some());
}

#[test]
fn its_model_samples_and_its_training_goes_on() {
    let (session, step) = Session::of_run(Path::new(GOLDEN), &registry(), false).unwrap();
    let sampler = session.shown().sampler().unwrap();
    let samples = sampler.sample(3, &mut Rng::stream(0, "golden", 0)).unwrap();
    assert_eq!((step, samples.dim(0).unwrap()), (4, 3));

    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    copy(Path::new(GOLDEN), &run);
    let more = toml::toml! { steps = 6 };
    runner(&registry(), &AtomicBool::new(false))
        .resume(&run, &more)
        .unwrap();
    let record = RunRecord::read(&run).unwrap();
    assert_eq!((record.resumed.len(), record.resumed[0].step), (1, 4));
    let records = read_metrics(run.join("metrics.jsonl")).unwrap();
    assert_eq!(records.last().unwrap().step, 6);
}

#[test]
fn keys_that_are_newer_than_it_mean_what_was_done_then() {
    let experiment = train::read_experiment(Path::new(GOLDEN), &registry()).unwrap();
    let text = fs::read_to_string(Path::new(GOLDEN).join("config.toml")).unwrap();
    assert!(text.contains("[ema]") && !text.contains("ramp"), "{text}");
    assert!(!experiment.ema.unwrap().ramp);
}

#[test]
fn another_schema_version_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    copy(Path::new(GOLDEN), &run);
    let file = run.join("run.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"schema\": 1", "\"schema\": 2", 1)).unwrap();
    let message = RunRecord::read(&run).unwrap_err().to_string();
    let end = "run.json: has schema version 2, this build reads 1";
    assert!(message.ends_with(end), "{message}");
}
