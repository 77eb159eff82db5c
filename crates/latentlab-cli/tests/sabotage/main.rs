//! Models from outside that go wrong, each in its own way: the run is marked, the cause names the
//! model, and what was saved before is whole.

mod numbers;
mod plug_ins;
mod saboteur;

use std::{path::Path, sync::atomic::AtomicBool};

use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{
    Error, Experiment, RunRecord, Status, chain,
    train::{Ended, Plan},
};
use latentlab_train::CheckpointStore;
use saboteur::Saboteur;
use toml::Table;

fn registry() -> Registry {
    Registry::default()
        .with(|registry: &mut Registry| registry.add::<Saboteur>())
        .unwrap()
}

/// A run of six steps in `out` whose model does `deed` in step 4 of `phase`, with more keys.
fn run(out: &Path, deed: &str, phase: &str, more: &Table) -> Result<Ended, Error> {
    let mut file: Table = format!(
        "steps = 6\nbatch_size = 8\nsamples.every = 0\nevaluate.every = 0\n\
         checkpoint = {{ every = 2, keep = 9 }}\ndata = {{ name = 'ring', train = 64, test = 16 }}\n\
         model = {{ name = 'saboteur', config = {{ deed = '{deed}', phase = '{phase}', step = 4 }} }}"
    )
    .parse()
    .unwrap();
    latentlab_core::merge(&mut file, more);
    let registry = registry();
    let plan = Plan {
        name: "sabotage",
        experiment: Experiment::resolve(&file, &Table::new(), &registry)?,
        overrides: Table::new(),
        out: Some(out),
        run_name: None,
        argv: Vec::new(),
    };
    runner(&registry, &AtomicBool::new(false)).start(plan)
}

/// What is said of a run that must fail, one cause a line, and what its directory says of it.
fn failure(deed: &str, phase: &str, more: &Table) -> (Vec<String>, Status, u8) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let error = run(&out, deed, phase, more).expect_err(deed);
    let checkpoints = CheckpointStore::open(out.join("checkpoints")).unwrap();
    let kept = checkpoints.steps().unwrap();
    assert!(!kept.is_empty(), "{deed}: nothing was kept");
    for step in kept {
        let snapshot = checkpoints.load(step).unwrap();
        for (path, tensor) in &snapshot.params {
            let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            let finite = values.iter().all(|value| value.is_finite());
            assert!(
                finite,
                "{deed}: checkpoint {step} keeps {path} = {values:?}"
            );
        }
    }
    let status = RunRecord::read(&out).unwrap().status;
    assert!(
        out.join("report.html").is_file(),
        "{deed}: there is no report"
    );
    let said = chain(&error);
    let place = format!("the run of `saboteur` in {} ended early", out.display());
    assert_eq!(said[0], place);
    (said[1..].to_vec(), status, error.exit_code())
}
