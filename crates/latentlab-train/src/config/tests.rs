//! Tests of the configuration of a training.

use super::*;
use latentlab_optim::{Adam, Rule, Sgd};

fn config(text: &str) -> TrainConfig {
    toml::from_str(text).expect("the text is valid TOML of a TrainConfig")
}

fn refusal(text: &str) -> String {
    let config = config(text);
    let groups = ["discriminator", "generator"];
    let errors = groups
        .iter()
        .filter_map(|group| config.optimizer_of(group).err());
    errors
        .map(|error| error.to_string())
        .next()
        .expect("the text is refused")
}

#[test]
fn an_empty_table_is_adam_with_the_usual_values() {
    let optimizer = config("").optimizer_of("generator").unwrap();
    assert_eq!(optimizer, OptimizerConfig::default());
    assert_eq!(optimizer.rule, Rule::Adam(Adam::default()));
}

#[test]
fn a_group_keeps_the_common_keys_that_it_does_not_replace() {
    let config = config(
        "optimizer = { lr = 2e-4, beta1 = 0.5, clip_norm = 1.0 }
         optimizers.discriminator = { lr = 4e-4 }",
    );
    let discriminator = config.optimizer_of("discriminator").unwrap();
    assert_eq!(
        (discriminator.lr, discriminator.clip_norm),
        (4e-4, Some(1.0))
    );
    let beta1 = Adam {
        beta1: 0.5,
        ..Adam::default()
    };
    assert_eq!(discriminator.rule, Rule::Adam(beta1));
    assert_eq!(config.optimizer_of("generator").unwrap().lr, 2e-4);
}

#[test]
fn a_group_with_another_rule_keeps_the_shared_keys_only() {
    let config = config(
        "optimizer = { lr = 2e-4, beta1 = 0.5, schedule = { name = \"linear\", final = 0.1 } }
         optimizers.discriminator = { name = \"sgd\", momentum = 0.9 }",
    );
    let discriminator = config.optimizer_of("discriminator").unwrap();
    assert_eq!(
        discriminator.rule,
        Rule::Sgd(Sgd {
            momentum: 0.9,
            weight_decay: 0.0
        })
    );
    assert_eq!(discriminator.lr, 2e-4);
    let linear = Schedule::Linear {
        warmup: 0,
        last: 0.1,
        steps: None,
        begin: 0,
    };
    assert_eq!(discriminator.schedule, linear);
}

#[test]
fn a_group_with_another_schedule_keeps_the_warm_up_only() {
    let config = config(
        "optimizer.schedule = { name = \"linear\", final = 0.1, warmup = 7 }
         optimizers.generator.schedule = { name = \"cosine\" }",
    );
    let cosine = Schedule::Cosine {
        warmup: 7,
        last: 0.0,
        steps: None,
        begin: 0,
    };
    assert_eq!(config.optimizer_of("generator").unwrap().schedule, cosine);
}

#[test]
fn a_misspelt_key_is_met_with_the_nearest_of_the_rule() {
    assert_eq!(
        refusal("optimizers.discriminator.beta3 = 0.5"),
        "`optimizers.discriminator.beta3`: not a key of the optimizer `adam`, did you mean \
         `beta1`?; known: name, beta1, beta2, eps, weight_decay, lr, schedule, clip_norm, \
         clip_value"
    );
}

#[test]
fn a_misspelt_rule_is_met_with_the_nearest() {
    assert_eq!(
        refusal("optimizer.name = \"adamm\""),
        "no optimizer named `adamm`, did you mean `adam`?; known: adam, adamw, rmsprop, sgd"
    );
}

#[test]
fn values_out_of_range_are_refused_by_key() {
    for (text, key) in [
        ("optimizer.lr = 0.0", "`optimizer.lr`"),
        ("optimizer.lr = nan", "`optimizer.lr`"),
        ("optimizer.lr = -0.0", "`optimizer.lr`: 0 is not"),
        ("optimizer.lr = \"fast\"", "`optimizer.lr`"),
        ("optimizer.beta1 = 1.0", "`optimizer.beta1`"),
        ("optimizer.clip_norm = -1.0", "`optimizer.clip_norm`"),
        (
            "optimizers.generator.eps = -1.0",
            "`optimizers.generator.eps`",
        ),
        (
            "optimizer.schedule = { name = \"step\", every = 0, factor = 0.5 }",
            "`optimizer.schedule.every`",
        ),
        (
            "optimizer.schedule = { name = \"cosine\", begin = 9, steps = 9 }",
            "`optimizer.schedule.begin`: 9 is not below `steps`, 9",
        ),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(key), "{text}: {message}");
    }
}

#[test]
fn resolving_writes_every_default_out_and_changes_nothing() {
    let config = config(
        "optimizer.lr = 0.01
         optimizers.generator = { name = \"rmsprop\", alpha = 0.9 }",
    );
    let resolved = config.resolve().unwrap();
    assert_eq!(resolved.optimizer["beta2"].as_float(), Some(0.999));
    assert_eq!(resolved.resolve().unwrap(), resolved);
    for group in ["discriminator", "generator"] {
        assert_eq!(
            resolved.optimizer_of(group).unwrap(),
            config.optimizer_of(group).unwrap()
        );
    }
}

#[test]
fn every_schedule_of_a_run_that_goes_on_can_be_changed() {
    let config = config(
        "optimizer.schedule = { name = \"cosine\", steps = 100 }
         optimizers.generator.schedule = { name = \"linear\", warmup = 3 }
         optimizers.discriminator.schedule = { name = \"constant\" }",
    );
    assert!(config.ends_with_the_run().unwrap());
    let restarted = config.with_schedules(|one| one.restarted(100)).unwrap();
    let schedule = |group| restarted.optimizer_of(group).unwrap().schedule;
    let cosine = Schedule::Cosine {
        warmup: 0,
        last: 0.0,
        steps: None,
        begin: 100,
    };
    assert_eq!(schedule("encoder"), cosine);
    let linear = Schedule::Linear {
        warmup: 3,
        last: 0.0,
        steps: None,
        begin: 100,
    };
    assert_eq!(schedule("generator"), linear);
    assert_eq!(schedule("discriminator"), Schedule::Constant { warmup: 0 });
    let own = self::config("optimizer.schedule = { name = \"cosine\", steps = 100 }");
    assert!(!own.ends_with_the_run().unwrap());
}
