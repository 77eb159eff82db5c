//! Tests of learning-rate schedules.

use proptest::prelude::*;

use super::*;

// optimizer = torch.optim.SGD([x], lr=1.0)
// schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.1)
// and ten times: print(optimizer.param_groups[0]['lr']); optimizer.step(); schedule.step()
#[test]
fn cosine_is_that_of_pytorch() {
    let reference = [
        1.0,
        0.9779754323328191,
        0.9140576474687263,
        0.8145033635316129,
        0.6890576474687263,
        0.55,
        0.41094235253127376,
        0.2854966364683872,
        0.18594235253127372,
        0.12202456766718092,
    ];
    let schedule = Schedule::Cosine {
        warmup: 0,
        last: 0.1,
        steps: None,
        begin: 0,
    };
    for (step, want) in (1..).zip(reference) {
        let have = schedule.factor(step, 10);
        assert!(
            (have - want).abs() < 1e-12,
            "step {step}: {have} is not {want}"
        );
    }
}

#[test]
fn warm_up_rises_to_one_in_equal_steps() {
    let schedule = Schedule::Constant { warmup: 4 };
    let factors: Vec<f64> = (1..=6).map(|step| schedule.factor(step, 100)).collect();
    assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
}

#[test]
fn linear_falls_to_its_final_value_and_stays_there() {
    let schedule = Schedule::Linear {
        warmup: 0,
        last: 0.5,
        steps: Some(4),
        begin: 0,
    };
    let factors: Vec<f64> = (1..=7).map(|step| schedule.factor(step, 100)).collect();
    assert_eq!(factors, [1.0, 0.875, 0.75, 0.625, 0.5, 0.5, 0.5]);
}

#[test]
fn final_is_reached_in_the_step_after_the_last_of_the_schedule() {
    for steps in [Some(6), None] {
        let schedule = Schedule::Linear {
            warmup: 2,
            last: 0.0,
            steps,
            begin: 0,
        };
        let factors: Vec<f64> = (1..=8).map(|step| schedule.factor(step, 6)).collect();
        assert_eq!(factors, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
    }
}

#[test]
fn step_multiplies_at_every_interval() {
    let schedule = Schedule::Step {
        warmup: 0,
        every: 2,
        factor: 0.5,
    };
    let factors: Vec<f64> = (1..=6).map(|step| schedule.factor(step, 100)).collect();
    assert_eq!(factors, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
}

#[test]
fn a_late_schedule_is_the_same_schedule_so_many_steps_later() {
    let text = |name: &str, begin: u64, steps: &str| -> Schedule {
        let text = format!("name = '{name}'\nwarmup = 3\nfinal = 0.1\nbegin = {begin}\n{steps}");
        toml::from_str(&text).unwrap()
    };
    for name in ["linear", "cosine"] {
        let (early, late) = (text(name, 0, ""), text(name, 100, ""));
        let (ending, late_ending) = (text(name, 0, "steps = 9"), text(name, 100, "steps = 109"));
        for step in 1..=30 {
            assert_eq!(
                late.factor(100 + step, 120),
                early.factor(step, 20),
                "{step}"
            );
            let ended = late_ending.factor(100 + step, 500);
            assert_eq!(ended, ending.factor(step, 20), "{step}");
        }
        assert!((1..=100).all(|step| late.factor(step, 120) == 1.0));
    }
}

#[test]
fn a_finished_schedule_can_be_restarted_or_stretched() {
    let ended: Schedule = toml::from_str("name = 'linear'\nsteps = 4").unwrap();
    assert!(!ended.ends_with_the_run());
    let restarted = ended.clone().restarted(4);
    assert!(restarted.ends_with_the_run());
    let factors: Vec<f64> = (5..=9).map(|step| restarted.factor(step, 8)).collect();
    assert_eq!(factors, [1.0, 0.75, 0.5, 0.25, 0.0]);
    let stretched = ended.stretched();
    let factors: Vec<f64> = (5..=9).map(|step| stretched.factor(step, 8)).collect();
    assert_eq!(factors, [0.5, 0.375, 0.25, 0.125, 0.0]);
    // Once more after the second end.
    let again = restarted.restarted(8);
    assert_eq!(
        [9, 10, 11].map(|step| again.factor(step, 10)),
        [1.0, 0.5, 0.0]
    );
    let constant = Schedule::Constant { warmup: 3 };
    assert_eq!(constant.clone().restarted(9), constant);
    assert!(!constant.ends_with_the_run());
}

#[test]
fn a_schedule_from_the_start_keeps_its_bytes() {
    let text = "name = \"cosine\"\nwarmup = 0\nfinal = 0.0\n";
    let schedule: Schedule = toml::from_str(text).unwrap();
    assert_eq!(toml::to_string(&schedule).unwrap(), text);
    let late = toml::to_string(&schedule.restarted(7)).unwrap();
    assert_eq!(late, format!("{text}begin = 7\n"));
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let steps = prop::option::of(1u64..200);
    let begin = prop::sample::select(vec![0u64, 0, 1, 40]);
    (0u64..50, 0.0f64..=1.0, steps, 1u64..50, 0usize..4, begin).prop_map(
        |(warmup, last, steps, every, which, begin)| match which {
            0 => Schedule::Constant { warmup },
            1 => Schedule::Linear {
                warmup,
                last,
                steps,
                begin,
            },
            2 => Schedule::Cosine {
                warmup,
                last,
                steps,
                begin,
            },
            _ => Schedule::Step {
                warmup,
                every,
                factor: last,
            },
        },
    )
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn the_factor_rises_during_the_warm_up_and_never_after(
        schedule in any_schedule(),
        total in 1u64..200,
    ) {
        let begin = match schedule {
            Schedule::Linear { begin, .. } | Schedule::Cosine { begin, .. } => begin,
            _ => 0,
        };
        let all: Vec<f64> = (1..=250).map(|step| schedule.factor(step, total)).collect();
        let (before, factors) = all.split_at(begin as usize);
        prop_assert!(before.iter().all(|factor| *factor == 1.0));
        prop_assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)));
        let top = factors.iter().position(|factor| *factor == 1.0).unwrap_or(0);
        prop_assert!(factors[..top].is_sorted());
        prop_assert!(factors[top..].is_sorted_by(|a, b| *a >= *b - 1e-12));
    }

    #[test]
    fn every_schedule_survives_a_file(schedule in any_schedule()) {
        let text = toml::to_string(&schedule).unwrap();
        prop_assert_eq!(toml::from_str::<Schedule>(&text).unwrap(), schedule);
    }
}
