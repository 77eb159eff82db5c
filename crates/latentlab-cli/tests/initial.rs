//! Runs that begin with the parameters of another run.

use std::{collections::BTreeMap, fs, path::Path, sync::atomic::AtomicBool};

use candle_core::Tensor;
use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{
    Error, Experiment, RunRecord,
    train::{Ended, Plan, Standing},
};
use latentlab_train::CheckpointStore;
use toml::Table;

fn registry() -> Registry {
    Registry::default().with(latentlab_models::plugin).unwrap()
}

/// A small autoencoder on the ring, with more lines of configuration.
fn experiment(more: &str) -> Experiment {
    let text = format!(
        "steps = 2\nbatch_size = 8\noptimizer = {{ name = 'sgd', lr = 0.01 }}\n\
         data = {{ name = 'ring', train = 64, test = 16 }}\n{more}\n\
         [model]\nname = 'ae'\nconfig = {{ hidden = [4], latent = 2 }}\n"
    );
    let table: Table = text.parse().unwrap();
    Experiment::resolve(&table, &Table::new(), &registry()).unwrap()
}

fn plan(experiment: Experiment, out: &Path) -> Plan<'_> {
    Plan {
        name: "initial",
        experiment,
        overrides: Table::new(),
        out: Some(out),
        run_name: None,
        argv: Vec::new(),
    }
}

fn start(experiment: Experiment, out: &Path) -> Result<Ended, Error> {
    runner(&registry(), &AtomicBool::new(false)).start(plan(experiment, out))
}

/// The parameters of the latest checkpoint of a run.
fn params(run: &Path) -> BTreeMap<String, Vec<f32>> {
    let store = CheckpointStore::open(run.join("checkpoints")).unwrap();
    let tensors = store.latest().unwrap().unwrap().params.into_iter();
    let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    tensors
        .map(|(path, tensor)| (path, values(tensor)))
        .collect()
}

#[test]
fn a_run_of_another_model_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    start(experiment(""), &first).unwrap();
    let base = experiment("").to_table().unwrap();
    let config = "init_from = 'DIR'\nmodel = { name = 'vae' }";
    let changes = config.replace("DIR", first.to_str().unwrap());
    let other = Experiment::resolve(&base, &changes.parse().unwrap(), &registry()).unwrap();
    let error = start(other, &second).unwrap_err().to_string();
    assert!(error.contains("is a `ae`, this one a `vae`"), "{error}");
    assert!(!second.exists());
}

/// That a run's first step left its parameters where they were: the rate is nothing.
const STILL: &str = "steps = 1\noptimizer = { name = 'sgd', lr = 1e-30 }";

fn still(more: &str) -> Experiment {
    let base = experiment("").to_table().unwrap();
    let changes: Table = format!("seed = 7\n{STILL}\n{more}").parse().unwrap();
    Experiment::resolve(&base, &changes, &registry()).unwrap()
}

#[test]
fn a_run_begins_with_all_parameters_of_another_or_those_of_a_group() {
    let folder = tempfile::tempdir().unwrap();
    let (first, own, all, part) = (
        folder.path().join("first"),
        folder.path().join("own"),
        folder.path().join("all"),
        folder.path().join("part"),
    );
    start(experiment(""), &first).unwrap();
    start(still(""), &own).unwrap();
    start(still(&format!("init_from = '{}'", first.display())), &all).unwrap();
    let only = format!(
        "init_from = {{ run = '{}', only = 'encoder' }}",
        first.display()
    );
    start(still(&only), &part).unwrap();
    let [first_params, own, all_params, part_params] =
        [&first, &own, &all, &part].map(|run| params(run));
    assert_ne!(first_params, own);
    assert_eq!(first_params, all_params);
    for (path, values) in &part_params {
        let from = if path.starts_with("encoder") {
            &first_params
        } else {
            &own
        };
        assert_eq!(values, &from[path], "{path}");
    }
    let record = RunRecord::read(&part).unwrap().init_from.unwrap();
    let encoder = first_params
        .keys()
        .filter(|path| path.starts_with("encoder"));
    assert_eq!((record.run, record.step), (first, 2));
    assert_eq!(record.parameters, encoder.count());
    assert_eq!(record.sha256.len(), 64);
}

#[test]
fn what_cannot_be_taken_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (first, out) = (folder.path().join("first"), folder.path().join("out"));
    start(experiment(""), &first).unwrap();
    let place = first.display();
    for (more, words) in [
        ("init_from = 'nowhere'".to_owned(), vec!["nowhere"]),
        (
            format!("init_from = {{ run = '{place}', only = 'encodr' }}"),
            vec!["init_from", "did you mean `encoder", "encodr"],
        ),
        (
            format!("init_from = {{ run = '{place}', averaged = true }}"),
            vec!["init_from.averaged", "keeps no average"],
        ),
        (
            format!("init_from = {{ run = '{place}', best = true }}"),
            vec!["no checkpoint is marked as the best"],
        ),
        (
            format!("init_from = {{ run = '{place}', sha256 = '00' }}"),
            vec!["not 00", "init_from.sha256"],
        ),
        (
            format!("init_from = '{place}'\nmodel.config.latent = 1"),
            vec!["encoder", "shape"],
        ),
    ] {
        let error = start(still(&more), &out).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{more}: {error}");
        }
        assert!(!out.exists(), "{more}");
    }
}

#[test]
fn a_run_goes_on_without_the_run_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    start(experiment(""), &first).unwrap();
    let wanted = experiment(&format!("init_from = '{}'", first.display()));
    let (registry, interrupted) = (registry(), AtomicBool::new(false));
    runner(&registry, &interrupted)
        .complete(plan(wanted.clone(), &second))
        .unwrap();
    // It has ended, whether its own file holds the hash or not.
    let standing = Standing::of(&second, &wanted, &registry).unwrap();
    assert_eq!(standing, Standing::Ended);
    fs::remove_dir_all(&first).unwrap();
    let more = toml::toml! { steps = 4 };
    let ended = runner(&registry, &interrupted)
        .resume(&second, &more)
        .unwrap();
    assert_eq!(ended.summary.step, 4);
}
