//! Tests of what does not move: parameters that are frozen, and phases that have not begun.

use candle_core::{DType, Device};
use latentlab_core::{BatchSource, Loss};
use latentlab_tensor::Mode;

use super::*;

/// The numbers at and below a path.
fn numbers(store: &ParamStore, path: &str) -> Vec<Vec<f32>> {
    let entries = store.group(path).into_iter();
    let values = |(_, entry): (String, Parameter)| {
        let tensor = entry.var().flatten_all().unwrap();
        tensor.to_dtype(DType::F32).unwrap().to_vec1().unwrap()
    };
    entries.map(values).collect()
}

/// Takes `steps` steps and returns the phases that ran in each.
fn take(trainer: &mut PhaseTrainer, model: &Toy, steps: u64) -> Vec<Vec<&'static str>> {
    let reports = (0..steps).map(|step| {
        let report = trainer.step(model, &Points.batch(step).unwrap()).unwrap();
        report.phases.iter().map(|phase| phase.name).collect()
    });
    reports.collect()
}

#[test]
fn what_is_frozen_never_moves_and_the_rest_does() {
    for (freeze, frozen, moving) in [
        ("['generator']", &["generator"][..], &["discriminator"][..]),
        (
            "['discriminator.weight', 'generator.bias']",
            &["discriminator.weight", "generator.bias"],
            &["discriminator.bias", "generator.weight"],
        ),
    ] {
        let (model, store) = Toy::new();
        let text = format!("freeze = {freeze}");
        let mut trainer = PhaseTrainer::new(&model, &store, &config(&text), 10, 1).unwrap();
        let before = |path: &&str| numbers(&store, path);
        let (still, moved): (Vec<_>, Vec<_>) = (
            frozen.iter().map(before).collect(),
            moving.iter().map(before).collect(),
        );
        take(&mut trainer, &model, 6);
        assert_eq!(
            frozen.iter().map(before).collect::<Vec<_>>(),
            still,
            "{freeze}"
        );
        for (path, before) in moving.iter().zip(moved) {
            assert_ne!(numbers(&store, path), before, "{path}, {freeze}");
        }
        let state = trainer.state().unwrap();
        let remembered = |path: &str| state.keys().any(|key| key.ends_with(path));
        assert!(!frozen.iter().any(|path| remembered(path)), "{freeze}");
    }
}

#[test]
fn a_phase_whose_parameters_are_frozen_does_not_run() {
    let (model, store) = Toy::new();
    let text = "freeze = ['generator']";
    let mut trainer = PhaseTrainer::new(&model, &store, &config(text), 10, 1).unwrap();
    let ran = take(&mut trainer, &model, 3);
    assert_eq!(
        ran,
        [
            &["discriminator"][..],
            &["discriminator"],
            &["discriminator", "slope"]
        ]
    );
}

#[test]
fn a_phase_rests_until_it_begins() {
    let (model, store) = Toy::new();
    let text = "begin = { generator = 2, slope = 3 }";
    let mut trainer = PhaseTrainer::new(&model, &store, &config(text), 10, 1).unwrap();
    let ran = take(&mut trainer, &model, 6);
    let both = ["discriminator", "generator"];
    assert_eq!(
        ran,
        [
            &["discriminator"][..],
            &["discriminator"],
            &both,
            &both,
            &both,
            &["discriminator", "slope", "generator"]
        ]
    );
}

#[test]
fn what_is_frozen_stays_the_same_to_the_bit_in_the_average() {
    let ((model, store), (_, averaged)) = (Toy::new(), Toy::new());
    // As if only the live store had been given the parameters of another run.
    let third = (store.tensors()["generator.weight"].ones_like().unwrap() / 3.0).unwrap();
    store.get("generator.weight").unwrap().set(&third).unwrap();
    let ema = toml::from_str("decay = 0.999").unwrap();
    let ema = Ema::new(&store, &averaged, ema).unwrap();
    let trainer = PhaseTrainer::new(&model, &store, &config("freeze = ['generator']"), 10, 1);
    let mut trainer = trainer.unwrap().with_ema(ema);
    take(&mut trainer, &model, 5);
    assert_eq!(
        numbers(&averaged, "generator"),
        numbers(&store, "generator")
    );
    assert_ne!(
        numbers(&averaged, "discriminator"),
        numbers(&store, "discriminator")
    );
}

#[test]
fn frozen_running_statistics_stand_still() {
    struct Normalised {
        first: latentlab_nn::BatchNorm,
        second: latentlab_nn::BatchNorm,
    }
    impl GenerativeModel for Normalised {
        fn phases(&self) -> Vec<Phase<'_>> {
            let phase = Phase::new("fit", |batch, _| {
                let x = self
                    .first
                    .forward(&batch.images.flatten_from(1)?, Mode::Train)?;
                let x = self.second.forward(&x, Mode::Train)?;
                Ok(Loss::new((x - 1.0)?.sqr()?.mean_all()?))
            });
            vec![phase.moving("")]
        }
    }
    let store = ParamStore::new(1, DType::F32, &Device::Cpu);
    let model = Normalised {
        first: latentlab_nn::batch_norm(
            2,
            latentlab_nn::BatchNormConfig::default(),
            &store.root().at("first"),
        )
        .unwrap(),
        second: latentlab_nn::batch_norm(
            2,
            latentlab_nn::BatchNormConfig::default(),
            &store.root().at("second"),
        )
        .unwrap(),
    };
    let before = [numbers(&store, "first"), numbers(&store, "second")];
    let trainer = PhaseTrainer::new(&model, &store, &config("freeze = ['first']"), 10, 1);
    trainer
        .unwrap()
        .step(&model, &Points.batch(0).unwrap())
        .unwrap();
    assert_eq!(numbers(&store, "first"), before[0]);
    let pairs = numbers(&store, "second").into_iter().zip(&before[1]);
    // Bias, running mean, running variance and weight.
    assert_eq!(pairs.filter(|(after, before)| after != *before).count(), 4);
}

#[test]
fn what_cannot_be_frozen_or_begin_is_refused_with_the_nearest() {
    assert_eq!(
        refusal(plain, "freeze = ['layer.wieght']"),
        "`freeze`: no parameter is at or below `layer.wieght`, did you mean `layer.weight`?; \
         known: layer"
    );
    assert_eq!(
        refusal(plain, "freeze = ['layer']"),
        "`freeze`: leaves nothing to train: every parameter is at or below these paths"
    );
    assert_eq!(
        refusal(plain, "begin = { lyaer = 3 }"),
        "no phase named `lyaer`, did you mean `layer`?; known: layer"
    );
}
