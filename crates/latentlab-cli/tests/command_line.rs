//! The command line as a newcomer meets it, wrong arguments included.

use std::{fs, path::Path};

use assert_cmd::Command;
use candle_core::{DType, Device};
use latentlab_run::{Experiment, library};
use latentlab_tensor::Rng;
use toml::Table;

fn latentlab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latentlab"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Exit code and stderr of a call that must fail.
fn failure(arguments: &[&str]) -> (i32, String) {
    let output = latentlab().args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

fn stdout(arguments: &[&str]) -> String {
    let output = latentlab().args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_arguments_it_prints_its_verbs() {
    let (code, text) = failure(&[]);
    assert_eq!(code, 2);
    assert!(
        text.contains("experiment") && text.contains("resume"),
        "{text}"
    );
}

#[test]
fn a_misspelt_experiment_is_met_with_the_nearest() {
    let (code, text) = failure(&["experiment", "gan-minst"]);
    assert_eq!(code, 2);
    assert!(text.contains("did you mean `gan-mnist`?"), "{text}");
}

#[test]
fn wrong_keys_and_values_name_the_field_and_the_valid_ones() {
    for (setting, expected) in [
        ("sed=1", vec!["sed", "seed"]),
        ("model.name=gna", vec!["gna", "did you mean `gan`"]),
        (
            "model.config.laten=3",
            vec!["model.config", "laten", "latent"],
        ),
        (
            "model.config.objective=hing",
            vec!["model.config.objective", "hinge"],
        ),
        (
            "model.config.latent=0",
            vec!["model.config.latent", "at least 1"],
        ),
        (
            "model.config.generator.hidden=[0]",
            vec!["model.config.generator.hidden"],
        ),
        (
            "model.config.latent=many",
            vec!["model.config.latent", "many"],
        ),
        ("data.name=mnits", vec!["data.name", "mnist"]),
        ("data.binarise=always", vec!["data.binarise", "dynamic"]),
        ("optimizer.name=adma", vec!["optimizer", "adam"]),
        ("optimizer.lr=-1.0", vec!["optimizer.lr"]),
        ("optimizers.generatr.lr=1e-3", vec!["generatr", "generator"]),
        ("threads=100000", vec!["threads", "at most"]),
        ("steps=0", vec!["steps", "at least 1"]),
        ("device=tpu", vec!["tpu", "cuda:N"]),
        ("checkpoint.every=-1", vec!["checkpoint.every"]),
        (
            "checkpoint.best.metric=test/elbow",
            vec!["checkpoint.best.metric", "did you mean `test/elbo`?"],
        ),
        (
            "checkpoint.best.metric=test/kl",
            vec!["checkpoint.best.goal", "`min` or `max`"],
        ),
        (
            "checkpoint.best={metric = 'test/elbo', goal = 'max'}",
            vec!["checkpoint.best.metric", "test/elbo", "samples/frechet"],
        ),
        (
            "stop.patience={metric = 'samples/frechett', goal = 'min', evaluations = 3}",
            vec!["stop.patience.metric", "did you mean `samples/frechet`?"],
        ),
        (
            "stop.patience={metric = 'genrator/loss', goal = 'min', evaluations = 3}",
            vec!["stop.patience.metric", "did you mean `generator`?"],
        ),
        ("data.name=folder", vec!["data.dir", "missing"]),
        (
            "data={name = 'idx', dir = 'no/such'}",
            vec!["data.dir", "no/such", "seen from"],
        ),
        (
            "evaluate.features=mine.safetensors",
            vec!["evaluate.features", "mine.safetensors", "digits"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let out_text = out.to_str().unwrap();
        let (code, text) = failure(&[
            "experiment",
            "gan-mnist",
            "--set",
            setting,
            "--out",
            out_text,
        ]);
        assert_eq!(code, 2, "{setting}: {text}");
        for word in expected {
            assert!(text.contains(word), "{setting}: no `{word}` in: {text}");
        }
        assert!(!out.exists(), "{setting} left a run directory");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn a_device_that_is_not_compiled_in_names_the_feature() {
    let (code, text) = failure(&["experiment", "ae-mnist", "--smoke", "--device", "cuda:0"]);
    assert_eq!(code, 2);
    assert!(text.contains("--features cuda"), "{text}");
}

#[test]
fn a_directory_that_is_no_run_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for verb in ["resume", "reproduce"] {
        let (code, text) = failure(&[verb, path]);
        assert_eq!(code, 2);
        assert!(text.contains("no run directory"), "{text}");
    }
    let (code, text) = failure(&["compare", path, path, "--out", "x.html"]);
    assert_eq!(code, 2);
    assert!(
        text.contains(path) && text.contains("no run directory"),
        "{text}"
    );
    let (code, text) = failure(&["sample", path, "--out", "x.png"]);
    assert_eq!(code, 2);
    assert!(text.contains("no run directory"), "{text}");
}

#[test]
fn an_occupied_directory_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious"), "").unwrap();
    let path = folder.path().to_str().unwrap();
    let (code, text) = failure(&["experiment", "ae-mnist", "--smoke", "--out", path]);
    assert_eq!(code, 2);
    assert!(text.contains("not empty"), "{text}");
}

#[test]
fn list_prints_json_that_names_everything() {
    let listing: serde_json::Value = serde_json::from_str(&stdout(&["list", "--json"])).unwrap();
    let names = |section: &str| -> Vec<String> {
        let entries = listing[section].as_array().unwrap().iter();
        entries
            .map(|entry| entry["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("models"), ["ae", "classifier", "gan", "vae"]);
    assert!(names("experiments").contains(&"gan-mnist".to_owned()));
    assert!(names("data").contains(&"ring".to_owned()));
}

#[test]
fn describe_prints_a_file_that_is_the_experiment_itself() {
    let registry = latentlab_core::Registry::default()
        .with(latentlab_models::plugin)
        .unwrap();
    for (name, _) in library::EMBEDDED {
        let text = stdout(&["describe", name]);
        let printed: Table = text.parse().unwrap();
        let resolved = Experiment::resolve(&printed, &Table::new(), &registry).unwrap();
        assert_eq!(resolved.to_table().unwrap(), printed, "{name}");
        for line in text.lines().filter(|line| line.contains(" = ")) {
            let explained = text.split(line).next().unwrap().trim_end().lines().last();
            assert!(
                explained.is_some(),
                "{name}: {line} stands without a comment"
            );
        }
    }
}

#[test]
fn a_run_leaves_what_the_documentation_promises_and_can_be_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("a run");
    let path = run.to_str().unwrap();
    stdout(&[
        "experiment",
        "vae-mnist",
        "--smoke",
        "--seed",
        "3",
        "--out",
        path,
    ]);
    for file in [
        "run.json",
        "config.toml",
        "overrides.toml",
        "metrics.jsonl",
        "train.log",
        "summary.json",
        "samples/step-000006.png",
        "reconstructions/step-000006.png",
        "plots/vae.svg",
        "plots/samples.png",
        "latent/codes.svg",
        "tensorboard/events.out.tfevents.0.latentlab",
        "report.html",
        "checkpoints/LATEST",
        "checkpoints/step-000006/params.safetensors",
        "checkpoints/step-000006/MANIFEST.sha256",
    ] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["status"], "finished");
    assert_eq!(summary["step"], 6);
    for figure in [
        "test/elbo",
        "test/squared_error",
        "vae/loss",
        "vae/kl",
        "vae/reconstruction",
    ] {
        assert!(summary["metrics"][figure].is_f64(), "{figure} is missing");
    }
    let size = |file: &Path| fs::read(file).unwrap().len();
    for verb in ["sample", "reconstruct", "interpolate"] {
        let picture = folder.path().join(format!("{verb}.png"));
        stdout(&[verb, path, "--out", picture.to_str().unwrap()]);
        assert!(size(&picture) > 1000, "{verb} drew nothing");
    }
}

#[test]
fn an_average_with_a_longer_memory_than_the_run_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    for (name, steps, is_warned_of) in [("short", "30", true), ("trial", "6", false)] {
        let run = folder.path().join(name);
        let output = latentlab()
            .args(["experiment", "gan-ring", "--steps", steps, "--out"])
            .arg(&run)
            .args(["--set", "ema.decay=0.999", "--set", "evaluate.every=0"])
            .output()
            .unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let log = fs::read_to_string(run.join("train.log")).unwrap();
        let warning = "`ema.decay` = 0.999 remembers about 1000 steps, the run has 30";
        assert_eq!(said.contains(warning), is_warned_of, "{said}");
        assert_eq!(log.contains(warning), is_warned_of, "{log}");
    }
}

#[test]
fn a_model_that_cannot_do_what_is_asked_says_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    stdout(&["experiment", "ae-mnist", "--smoke", "--out", path]);
    let picture = folder.path().join("x.png");
    let (code, text) = failure(&["sample", path, "--out", picture.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(text.contains("try `reconstruct`"), "{text}");
    let (code, text) = failure(&["sample", "no/such/run", "--out", "x.png"]);
    assert_eq!(code, 2);
    assert!(
        text.contains("there is no run directory no/such/run"),
        "{text}"
    );
}

#[test]
fn papers_are_listed_with_their_hours_and_a_missing_run_fails_the_check() {
    let list = stdout(&["papers", "--list"]);
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.count(), library::PAPERS.len(), "{list}");
    assert!(list.contains(" h  "), "{list}");
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let output = latentlab()
        .args(["papers", "packing", "--check", "--runs"])
        .arg(&runs)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.starts_with("packing: 20 of 20 runs have not ended"),
        "{text}"
    );
    assert!(text.ends_with("`papers packing` makes them\n"), "{text}");
    assert!(!runs.exists(), "a check trains nothing");
    let (code, text) = failure(&["papers", "vae-2x265"]);
    assert_eq!(code, 2);
    assert!(text.contains("did you mean `vae-2x256`?"), "{text}");
}

#[test]
fn the_experiment_file_of_the_documentation_runs() {
    let page = include_str!("../../../docs/experiments.md");
    let file = page.split("```toml\n").nth(1).unwrap();
    let file = file.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures/faces");
    fs::create_dir_all(&pictures).unwrap();
    let mut rng = Rng::stream(0, "pictures", 0);
    for number in 0..40 {
        let image = rng
            .uniform(0.0, 1.0, (1, 3, 70, 66), DType::F32, &Device::Cpu)
            .unwrap();
        let picture = latentlab_report::picture::image_grid(&image, 1).unwrap();
        fs::write(pictures.join(format!("{number}.png")), picture.to_png()).unwrap();
    }
    fs::write(folder.path().join("faces.toml"), file).unwrap();
    let output = latentlab()
        .current_dir(folder.path())
        .args(["experiment", "faces.toml", "--smoke", "--out", "run"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        words.contains("test/elbo") && words.contains("test/active_units"),
        "{words}"
    );
    assert!(folder.path().join("run/checkpoints/BEST").is_file());
}

#[test]
fn models_and_batches_that_cannot_work_are_refused_before_there_is_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out_text = out.to_str().unwrap();
    for (experiment, settings, words) in [
        (
            "vae-mnist",
            vec!["model.config.latent=1000000000"],
            vec!["GiB", "parameters"],
        ),
        (
            "gan-mnist",
            vec!["batch_size=1", "model.config.generator.norm=batch"],
            vec!["batch_size"],
        ),
        (
            "gan-mnist",
            vec!["batch_size=8", "model.config.packing=3"],
            vec!["batch_size", "packing"],
        ),
        // What holds for the batch must hold for the parts that it is processed in.
        (
            "gan-mnist",
            vec![
                "batch_size=8",
                "accumulate=8",
                "model.config.generator.norm=batch",
            ],
            vec!["batch_size"],
        ),
    ] {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let call = ["experiment", experiment, "--out", out_text].into_iter();
        let call: Vec<&str> = call.chain(settings).collect();
        let (code, text) = failure(&call);
        assert_eq!(code, 2, "{call:?}: {text}");
        assert!(
            words.iter().all(|word| text.contains(word)),
            "{call:?}: {text}"
        );
        assert!(!out.exists(), "{call:?}");
    }
}
