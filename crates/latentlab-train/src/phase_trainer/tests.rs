//! Tests of the training step.

mod frozen;

use candle_core::{DType, Device, Module};
use latentlab_core::{BatchSource, Loss};
use latentlab_nn::{Linear, linear};

use super::*;
use crate::toy::{Points, Toy};
use latentlab_optim::EmaConfig;

/// A model with one layer and the given phases on it.
struct Single {
    layer: Linear,
    phases: fn(&Single) -> Vec<Phase<'_>>,
}

impl GenerativeModel for Single {
    fn phases(&self) -> Vec<Phase<'_>> {
        (self.phases)(self)
    }
}

fn config(text: &str) -> TrainConfig {
    toml::from_str(text).unwrap()
}

fn single(phases: fn(&Single) -> Vec<Phase<'_>>) -> (Single, ParamStore) {
    let store = ParamStore::new(1, DType::F64, &Device::Cpu);
    let layer = linear(2, 1, &store.root().at("layer")).unwrap();
    (Single { layer, phases }, store)
}

fn refusal(phases: fn(&Single) -> Vec<Phase<'_>>, text: &str) -> String {
    let (model, store) = single(phases);
    let error = PhaseTrainer::new(&model, &store, &config(text), 10, 1).unwrap_err();
    error.to_string()
}

fn square<'a>(model: &'a Single, name: &'static str) -> Phase<'a> {
    Phase::new(name, |batch, _| {
        let output = model.layer.forward(&batch.images)?;
        Ok(Loss::new(output.sqr()?.mean_all()?).term("mean", &output.mean_all()?))
    })
}

fn plain(model: &Single) -> Vec<Phase<'_>> {
    vec![square(model, "layer")]
}

fn batch() -> Batch {
    let images = Rng::stream(1, "test", 0)
        .normal((7, 2), DType::F64, &Device::Cpu)
        .unwrap();
    Batch {
        images,
        labels: None,
    }
}

#[test]
fn a_phase_moves_its_own_group_only() {
    let (model, store) = Toy::new();
    let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
    let bytes = |group: &str| -> Vec<Vec<f32>> {
        let values = store.group(group).into_iter();
        values
            .map(|(_, p)| p.var().flatten_all().unwrap().to_vec1().unwrap())
            .collect()
    };
    let phases = model.phases();
    for (phase, moves, stays) in [
        (0, "discriminator", "generator"),
        (2, "generator", "discriminator"),
    ] {
        let (moving, staying) = (bytes(moves), bytes(stays));
        let batch = Points.batch(0).unwrap();
        let carried = &mut VecDeque::new();
        let moves_later = false;
        trainer
            .run(&phases[phase], &batch, 1, carried, moves_later)
            .unwrap();
        assert_ne!(bytes(moves), moving);
        assert_eq!(bytes(stays), staying);
    }
}

#[test]
fn averages_taken_in_the_optimizers_pass_are_those_of_a_pass_of_their_own() {
    let averages = |within: bool| -> Vec<Vec<f32>> {
        let ((model, store), (_, averaged)) = (Toy::new(), Toy::new());
        let config = EmaConfig {
            decay: 0.9,
            warmup: 2,
            ramp: false,
        };
        let ema = || Ema::new(&store, &averaged, config).unwrap();
        let mut trainer = PhaseTrainer::new(&model, &store, &TrainConfig::default(), 10, 1);
        if within {
            trainer = trainer.map(|trainer| trainer.with_ema(ema()));
        }
        let mut trainer = trainer.unwrap();
        for step in 1..=7 {
            trainer.step(&model, &Points.batch(step).unwrap()).unwrap();
            if !within {
                ema().update(step).unwrap();
            }
        }
        let tensors = averaged.tensors().into_values();
        let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
        tensors.map(values).collect()
    };
    assert_eq!(averages(true), averages(false));
}

#[test]
fn groups_overlap_where_one_is_a_part_of_the_other() {
    for (a, b, expected) in [
        ("", "generator", true),
        ("generator", "generator", true),
        ("generator.0", "generator", true),
        ("generator", "generator2", false),
        ("generator", "discriminator", false),
    ] {
        assert_eq!(
            (overlap(a, b), overlap(b, a)),
            (expected, expected),
            "{a} {b}"
        );
    }
}

#[test]
fn phases_run_in_order_when_they_are_due() {
    let (model, store) = Toy::new();
    let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
    for step in 1..=6 {
        let report = trainer.step(&model, &Points.batch(step).unwrap()).unwrap();
        let names: Vec<&str> = report.phases.iter().map(|phase| phase.name).collect();
        assert_eq!((report.step, trainer.steps()), (step, step));
        match step % 3 {
            0 => assert_eq!(names, ["discriminator", "slope", "generator"]),
            _ => assert_eq!(names, ["discriminator", "generator"]),
        }
    }
}

#[test]
fn the_schedule_sets_the_pace_of_each_step() {
    let (model, store) = single(plain);
    let text = "optimizer = { name = 'sgd', schedule = { name = 'linear' } }";
    let mut trainer = PhaseTrainer::new(&model, &store, &config(text), 2, 1).unwrap();
    let mut moves = Vec::new();
    for _ in 0..3 {
        let before = store.tensors()["layer.bias"].copy().unwrap();
        trainer.step(&model, &batch()).unwrap();
        let after = &store.tensors()["layer.bias"];
        let moved = (after - before).unwrap().abs().unwrap().sum_all().unwrap();
        moves.push(moved.to_scalar::<f64>().unwrap());
    }
    // Factors 1, ½ and, after the last step, 0; the gradient hardly changes in between.
    assert!((moves[1] / moves[0] - 0.5).abs() < 0.05, "{moves:?}");
    assert_eq!(moves[2], 0.0);
}

#[test]
fn a_loss_that_is_cut_off_from_a_parameter_ends_the_run() {
    let (model, store) = single(|model| {
        let cut = Phase::new("layer", |batch, _| {
            let output = model.layer.forward(&batch.images)?.detach();
            let bias = model.layer.bias().expect("there is one").value();
            Ok(Loss::new(output.broadcast_add(&bias)?.sqr()?.mean_all()?))
        });
        vec![cut]
    });
    let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
    let message = trainer.step(&model, &batch()).unwrap_err().to_string();
    assert!(message.starts_with("parameter `layer.weight` got no gradient from phase `layer`"));
}

#[test]
fn phases_that_cannot_be_trained_are_refused() {
    assert_eq!(
        refusal(
            |model| vec![square(model, "layer"), square(model, "layer")],
            ""
        ),
        "phase `layer` appears twice in the model's list"
    );
    assert_eq!(
        refusal(|model| vec![square(model, "decoder")], ""),
        "phase `decoder` moves `decoder`, where no parameter is"
    );
    assert_eq!(
        refusal(
            |model| vec![square(model, "layer").preparing("decoder")],
            ""
        ),
        "phase `layer` prepares `decoder`, where no parameter is"
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    assert_eq!(
        refusal(plain, "optimizers.lyaer.lr = 1.0"),
        "no group of parameters named `lyaer`, did you mean `layer`?; known: layer"
    );
    assert_eq!(
        refusal(plain, "accumulate = 0"),
        "`accumulate`: must be at least 1"
    );
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let (model, store) = single(plain);
    let mut trainer = PhaseTrainer::new(&model, &store, &config(""), 10, 1).unwrap();
    trainer.step(&model, &batch()).unwrap();
    let mut state = trainer.state().unwrap();
    state.remove("layer/exp_avg/layer.bias").unwrap();
    let message = trainer.restore(9, &state).unwrap_err().to_string();
    assert_eq!(
        message,
        "1 tensor(s) do not fit:\n  `layer/exp_avg/layer.bias`: missing"
    );
    assert_eq!(trainer.steps(), 1);
}
