//! What models and pictures are worth, judged from the command line and by the digits' features.

use std::{fs, path::Path, sync::Arc};

use assert_cmd::Command;
use candle_core::{DType, Device, Tensor};
use latentlab_core::Registry;
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_evaluate::{FeatureExtractor, Judge, Judgement};
use latentlab_metrics::classification;
use latentlab_tensor::Rng;
use serde_json::Value;

fn latentlab(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = latentlab(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = latentlab(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn mnist() -> Arc<Dataset> {
    let config = DataConfig::from_table(&toml::toml! { name = "mnist" }).unwrap();
    Arc::new(Dataset::open(&config).unwrap())
}

/// A run of a few steps of `experiment` in `folder`, with these settings.
fn smoke(folder: &Path, experiment: &str, settings: &[&str]) -> String {
    let run = folder.join(experiment).display().to_string();
    let mut arguments = vec!["experiment", experiment, "--smoke", "--out", &run];
    settings
        .iter()
        .for_each(|setting| arguments.extend(["--set", setting]));
    let output = latentlab(&arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    run
}

fn value(figures: &Value, name: &str) -> f64 {
    let value = figures["figures"][name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("no {name}: {figures}"))
}

#[test]
fn the_classifier_that_comes_with_the_program_is_right_99_times_of_100() {
    let dataset = mnist();
    let FeatureExtractor::Network(network) = FeatureExtractor::digits().unwrap() else {
        panic!("the digits are no network")
    };
    let batches = dataset.batches(Split::Test, 1000, &Device::Cpu);
    let model = network.model().classifier().unwrap();
    let found = classification(model, batches).unwrap();
    assert_eq!(found.images, 10_000);
    assert!(found.accuracy >= 0.99, "{found:?}");
}

/// Who compares by the digits' features with so many test images.
fn judge(dataset: &Arc<Dataset>, images: usize) -> Judge {
    let features = FeatureExtractor::digits().unwrap();
    let source = DataConfig::from_table(&toml::toml! { name = "mnist" })
        .unwrap()
        .source;
    Judge::new(
        Arc::clone(dataset),
        &source,
        Some(features),
        images,
        &Device::Cpu,
    )
    .unwrap()
}

/// What the judge says of samples that are there at once.
fn samples(judge: &Judge, images: &Tensor) -> Judgement {
    let batches = [Ok(images.clone())].into_iter();
    judge.samples(images.dim(0).unwrap(), batches).unwrap()
}

#[test]
fn images_sorted_by_class_score_as_well_as_mixed_ones() {
    let dataset = mnist();
    let judge = judge(&dataset, 500);
    let thousand: Vec<usize> = (0..1000).collect();
    let mixed = dataset
        .images(Split::Test, &thousand, &Device::Cpu)
        .unwrap();
    let labels: Vec<u32> = mixed.labels.unwrap().to_vec1().unwrap();
    let mut by_class = thousand;
    by_class.sort_by_key(|place| labels[*place]);
    let sorted = dataset
        .images(Split::Test, &by_class, &Device::Cpu)
        .unwrap();
    let judgement = samples(&judge, &sorted.images);
    let look = |name: &str| judgement.get(name).unwrap();
    let score = look("samples/classifier_score").value;
    assert!(
        score > 8.0,
        "ten classes at once, not one after the other: {score}"
    );
    let error = look("samples/kernel_distance").error.unwrap();
    assert!(error > 1e-4, "subsets differ from each other: {error}");
}

#[test]
fn real_images_are_like_real_images_and_noise_is_not() {
    let dataset = mnist();
    let judge = judge(&dataset, 1000);
    let others: Vec<usize> = (5000..6000).collect();
    let real = dataset.images(Split::Test, &others, &Device::Cpu).unwrap();
    let mut rng = Rng::stream(0, "noise", 0);
    let noise = rng
        .uniform(0.0, 1.0, (1000, 1, 28, 28), DType::F32, &Device::Cpu)
        .unwrap();
    let of_real = samples(&judge, &real.images);
    let of_noise = samples(&judge, &noise);
    let look = |judgement: &Judgement, name: &str| {
        let found = judgement.get(name);
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    for (name, higher_is_better) in [
        ("samples/frechet", false),
        ("samples/kernel_distance", false),
        ("samples/class_divergence", false),
        ("samples/nearest_training_image", false),
        ("samples/precision", true),
        ("samples/recall", true),
        ("samples/coverage", true),
        ("samples/classifier_score", true),
    ] {
        let (good, bad) = (look(&of_real, name), look(&of_noise, name));
        assert_eq!(
            good.value > bad.value,
            higher_is_better,
            "{name}: {good:?} {bad:?}"
        );
        assert!(good.generated == 1000, "{name}: {good:?}");
    }
    let (distance, of_data) = ("samples/frechet", "samples/frechet_of_data");
    let times = look(&of_real, distance).value / look(&of_real, of_data).value;
    assert!(
        (0.5..2.0).contains(&times),
        "other real images, other distance: {times}"
    );
    assert!(look(&of_real, "samples/sure").value > 0.97);
    assert_eq!(look(&of_real, "samples/classes").value, 10.0);
    let ratio = look(&of_real, "samples/nearest_training_image").value;
    assert!(
        (0.8..1.25).contains(&ratio),
        "test images are copies or strangers: {ratio}"
    );
}

#[test]
fn evaluate_prints_what_the_model_can_be_asked_for_with_counts() {
    let folder = tempfile::tempdir().unwrap();
    let run = smoke(folder.path(), "vae-mnist", &[]);
    let found = json(&[
        "evaluate",
        &run,
        "--samples",
        "300",
        "--importance",
        "5",
        "--json",
    ]);
    assert_eq!(found["features"], "digits");
    assert!(found["note"].as_str().unwrap().contains("not comparable"));
    for name in [
        "samples/frechet",
        "samples/recall",
        "samples/density",
        "test/elbo",
        "test/log_likelihood",
        "test/structural_similarity",
        "latent/neighbour_accuracy",
        "latent/linear_probe_accuracy",
        "latent/frechet_from_prior",
    ] {
        assert!(value(&found, name).is_finite(), "{name}");
    }
    let bound = &found["figures"]["test/elbo"];
    assert_eq!(
        (bound["real"].as_u64(), bound["generated"].as_u64()),
        (Some(300), Some(0))
    );
    assert!(bound["standard_error"].as_f64().unwrap() > 0.0);
    assert!(value(&found, "test/log_likelihood") >= value(&found, "test/elbo") - 1.0);
    let words = latentlab(&["evaluate", &run, "--samples", "300", "--by", "pixels"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("features: pixels") && words.contains("300 real, 300 generated"));
}

#[test]
fn a_network_of_a_run_judges_the_samples_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let run = smoke(folder.path(), "ae-mnist", &[]);
    let file = folder
        .path()
        .join("codes.safetensors")
        .display()
        .to_string();
    let written = latentlab(&["features", &run, "--out", &file]);
    assert!(written.status.success());
    let game = smoke(folder.path(), "gan-mnist", &[]);
    let found = json(&[
        "evaluate",
        &game,
        "--samples",
        "200",
        "--by",
        &file,
        "--json",
    ]);
    assert_eq!(found["features"], "codes");
    assert!(value(&found, "samples/frechet") > 0.0);
    assert!(
        found["figures"].get("samples/sure").is_none(),
        "codes have no classes"
    );
    let (code, message) = failure(&["features", &game, "--out", &file]);
    assert_eq!(code, Some(2));
    assert!(
        message.contains("neither classifies nor encodes"),
        "{message}"
    );
}

#[test]
fn a_folder_of_pictures_from_any_program_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = mnist();
    let places: Vec<usize> = (0..60).collect();
    let batch = dataset.images(Split::Test, &places, &Device::Cpu).unwrap();
    for place in places {
        let image = batch.images.narrow(0, place, 1).unwrap();
        let picture = latentlab_report::picture::image_grid(&image, 1).unwrap();
        let file = folder.path().join(format!("{place}.png"));
        fs::write(file, picture.to_png()).unwrap();
    }
    let path = folder.path().display().to_string();
    let found = json(&["evaluate", "--against", &path, "--json"]);
    assert!(
        value(&found, "samples/sure") > 0.8,
        "framed digits are still digits"
    );
    let count = &found["figures"]["samples/frechet"]["generated"];
    assert_eq!(count.as_u64(), Some(60));
    let notes = found["notes"].to_string();
    assert!(notes.contains("60 samples are few"), "{notes}");
    assert!(
        notes.contains("of the pictures, resized to fewer pixels: 60 (") && notes.contains("blurs"),
        "{notes}"
    );
    // Few enough to say nothing at all.
    for place in 9..60 {
        fs::remove_file(folder.path().join(format!("{place}.png"))).unwrap();
    }
    let (code, message) = failure(&["evaluate", "--against", &path]);
    assert_eq!(code, Some(2));
    assert!(
        message.contains("holds 9 pictures") && message.contains(&path),
        "{message}"
    );
}

#[test]
fn samples_of_a_known_distribution_are_held_to_it_and_what_they_do_not_allow_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let dice = smoke(folder.path(), "gan-dice", &[]);
    let found = json(&["evaluate", &dice, "--samples", "1000", "--json"]);
    assert!((0.0..=1.0).contains(&value(&found, "samples/total_variation")));
    assert!(value(&found, "samples/jensen_shannon") >= 0.0);
    let notes = found["notes"].to_string();
    assert!(
        notes.contains("nearest_training_image left out: half of the held-out images"),
        "every face of a die has been thrown before: {notes}"
    );
    let ring = smoke(folder.path(), "gan-ring", &[]);
    let found = json(&["evaluate", &ring, "--samples", "1000", "--json"]);
    for name in ["modes", "high_quality", "nearest_training_image"] {
        assert!(value(&found, &format!("samples/{name}")) >= 0.0);
    }
    let (code, message) = failure(&["evaluate", &ring, "--importance", "5"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("`gan` has no likelihood"), "{message}");
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display().to_string();
    for (arguments, words) in [
        (vec!["evaluate"], vec!["DIR"]),
        (vec!["evaluate", "--against", &empty], vec![&*empty]),
        (vec!["evaluate", "no/such/run"], vec!["no/such/run"]),
        (
            vec!["evaluate", "--against", &empty, "--samples", "1"],
            vec!["--samples 1", "from 10"],
        ),
        (
            vec!["evaluate", "--against", &empty, "--by", "no.safetensors"],
            vec!["`--by`", "no.safetensors"],
        ),
        (
            vec!["evaluate", "--against", "no/such/folder"],
            vec!["--against", "no/such/folder"],
        ),
        (
            vec!["evaluate", "--against", &empty, "--samples", "-5"],
            vec!["-5", "--samples"],
        ),
        (
            vec!["evaluate", "--against", &empty, "--importance", "5"],
            vec!["--importance", "--against"],
        ),
    ] {
        let (_, message) = failure(&arguments);
        for word in words {
            assert!(message.contains(word), "{arguments:?}: {message}");
        }
    }
}

#[test]
fn a_damaged_feature_network_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.safetensors");
    let registry = Registry::default().with(latentlab_models::plugin).unwrap();
    let tensors = Default::default();
    let describe = |text: &str| latentlab_tensor::encode_described(&tensors, text).unwrap();
    for (bytes, word) in [
        (b"no tensors at all".to_vec(), "safetensors"),
        (
            latentlab_tensor::encode_tensors(&tensors).unwrap(),
            "does not say",
        ),
        (describe("{"), "description"),
        (
            describe(
                r#"{"model": "clasifier", "config": {}, "shape": {"channels": 1, "height": 8,
                    "width": 8}, "range": "unit", "classes": 2}"#,
            ),
            "did you mean `classifier`?",
        ),
        (
            describe(
                r#"{"model": "classifier", "config": {}, "shape": {"channels": 1, "height": 8,
                    "width": 8}, "range": "unit", "classes": 2}"#,
            ),
            "mine.safetensors",
        ),
    ] {
        fs::write(&file, bytes).unwrap();
        let refused = FeatureExtractor::read(&file, &registry).err().unwrap();
        assert!(refused.to_string().contains(word), "{word}: {refused}");
    }
}
