//! Tests of the rule by which a loss explodes, on made and on real losses.

use candle_core::{DType, Device, Module, Tensor};
use latentlab_core::{Batch, BatchSource, GenerativeModel, Loss, Phase};
use latentlab_nn::{Linear, linear};
use latentlab_tensor::{ParamStore, Rng};
use proptest::prelude::*;

use super::*;
use crate::{
    PhaseTrainer, TrainConfig, Trainer,
    observers::{read, scene::record},
    toy::{Points, Toy},
};

/// The index of the loss at which a run that records all of `losses` is said to have diverged.
fn divergence(first: f64, losses: &[f64]) -> Option<usize> {
    let mut explosion = Explosion::new(EXPLOSION);
    explosion.begin("gan", first);
    losses.iter().enumerate().position(|(index, loss)| {
        explosion.count(&record(index as u64 + 1, &[("gan/loss", *loss)]));
        explosion.has_diverged("gan", index + 1 == losses.len())
    })
}

/// Draws of a loss whose size is spread over `decades` orders of magnitude about 1, of either sign.
fn swinging(seed: u64, decades: f64, count: usize) -> Vec<f64> {
    let mut rng = Rng::stream(seed, "test", 0);
    let mut draw = || rng.below(1 << 30) as f64 / f64::from(1 << 30) - 0.5;
    (0..count)
        .map(|_| draw().signum() * 10f64.powf(decades * draw()))
        .collect()
}

#[test]
fn losses_that_swing_over_ten_orders_of_magnitude_are_left_alone() {
    for seed in 0..20 {
        let losses = swinging(seed, 10.0, 3000);
        assert_eq!(divergence(1.0, &losses), None, "seed {seed}");
    }
}

#[test]
fn losses_that_cross_zero_and_grow_as_a_power_are_left_alone() {
    for power in [1, 3, 7] {
        for start in [1e-9, 1.0, 1e4] {
            let grown = |step: u32| start * f64::from(step).powi(power);
            let losses: Vec<f64> = (1..5000)
                .map(|step| if step % 7 == 0 { 1.0 } else { -1.0 } * grown(step))
                .filter(|loss| loss.abs() < CEILING)
                .collect();
            assert_eq!(
                divergence(start, &losses),
                None,
                "power {power}, from {start}"
            );
        }
    }
}

#[test]
fn losses_that_start_near_zero_or_high_are_left_alone() {
    let growing: Vec<f64> = (0..1000)
        .map(|step| 1e-6 + 1e-5 * f64::from(step))
        .collect();
    assert_eq!(divergence(1e-6, &growing), None);
    // A KL term of 500 nats whose weight rises from zero.
    let warm_up: Vec<f64> = (0..1000).map(|step| 1e-3 + 0.5 * f64::from(step)).collect();
    assert_eq!(divergence(1e-3, &warm_up), None);
    let falling: Vec<f64> = (0..100).map(|step| 1e18 * 0.5f64.powi(step)).collect();
    assert_eq!(divergence(1e18, &falling), None);
    assert_eq!(divergence(f64::MAX, &[1e30, 1e25, 1e20, 1e5, 3.0]), None);
}

#[test]
fn a_spike_of_a_few_records_is_left_alone_and_is_no_measure_for_the_next() {
    let mut losses = vec![2.0; 50];
    losses.extend([1e12; 4]);
    losses.extend([2.0; 50]);
    assert_eq!(divergence(2.0, &losses), None);
    losses.extend([1e12; 5]);
    losses.extend([2.0; 50]);
    assert_eq!(divergence(2.0, &losses), Some(108));
}

#[test]
fn an_explosion_before_the_first_record_is_met_by_the_first_loss() {
    assert_eq!(divergence(21.0, &[6e27; 100]), Some(4));
    assert_eq!(divergence(21.0, &[3e8; 100]), Some(4));
    // Without it only the ceiling can tell.
    assert_eq!(divergence(6e27, &[6e27; 100]), Some(4));
    assert_eq!(divergence(3e8, &[3e8; 100]), None);
}

#[test]
fn an_explosion_in_the_middle_is_met_whatever_time_it_takes() {
    for records in [1, 2, 5, 20, 60] {
        let mut losses = swinging(3, 3.0, 400);
        let factor = 1e24f64.powf(1.0 / f64::from(records));
        losses.extend((1..=records).map(|record| 10.0 * factor.powi(record)));
        losses.extend([1e25; 100]);
        let found = divergence(1.0, &losses).expect("it is met");
        assert!(
            (400..=410 + records as usize).contains(&found),
            "{records}: {found}"
        );
    }
}

#[test]
fn a_loss_that_grows_by_a_constant_factor_from_the_start_is_met() {
    let losses: Vec<f64> = (0..60).map(|step| 10f64.powi(step)).collect();
    let found = divergence(1.0, &losses).expect("it is met");
    assert!(losses[found] < 1e20, "{:e}", losses[found]);
}

#[test]
fn one_exploded_record_is_enough_where_no_other_follows() {
    assert_eq!(divergence(21.0, &[21.0, 1e9]), Some(1));
    assert_eq!(divergence(21.0, &[21.0, 1e7]), None);
}

#[test]
fn a_factor_of_zero_lets_everything_grow() {
    let mut explosion = Explosion::new(0.0);
    explosion.begin("gan", 1.0);
    for step in 1..100 {
        explosion.count(&record(step, &[("gan/loss", 1e30)]));
    }
    assert!(!explosion.has_diverged("gan", true));
}

#[test]
fn the_history_is_that_of_the_losses_before() {
    let mut explosion = Explosion::new(1e3);
    explosion.begin("ae", 21.0);
    for (step, loss) in [(1, 20.0), (2, 24.0), (3, -2.0), (4, 1e9), (5, 1e10)] {
        explosion.count(&record(step, &[("ae/loss", loss), ("ae/grad_norm", 1e30)]));
    }
    let history = explosion.history("ae").unwrap();
    let expected = LossHistory {
        first: 21.0,
        median: 20.5,
        exploded: 2,
        limit: 2.1e4,
    };
    assert_eq!(history, expected);
    assert_eq!(explosion.history("gan"), None);
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn nothing_below_a_million_is_ever_an_explosion(
        first in -1e6f64..1e6,
        losses in prop::collection::vec(-1e6f64..1e6, 1..200),
    ) {
        prop_assert_eq!(divergence(first, &losses), None);
    }

    #[test]
    fn what_is_left_alone_is_so_in_any_unit(seed: u64, scale in 0.0f64..12.0) {
        let losses = swinging(seed, 4.0, 300);
        prop_assert_eq!(divergence(1.0, &losses), None);
        let scale = 10f64.powf(scale);
        let scaled: Vec<f64> = losses.iter().map(|loss| loss * scale).collect();
        prop_assert_eq!(divergence(scale, &scaled), None);
    }
}

/// Two affine maps in a row, without anything that bounds what comes out.
struct Twice(Linear, Linear);

impl Twice {
    fn new(store: &ParamStore, path: &str, sizes: [usize; 3]) -> Self {
        let at = |layer: usize| store.root().at(path).at(layer);
        let first = linear(sizes[0], sizes[1], &at(0)).unwrap();
        Self(first, linear(sizes[1], sizes[2], &at(1)).unwrap())
    }

    fn of(&self, x: &Tensor) -> latentlab_core::Result<Tensor> {
        Ok(self.1.forward(&self.0.forward(x)?.relu()?)?)
    }
}

/// A Wasserstein GAN in the plane whose critic nothing bounds.
struct Unbounded {
    generator: Twice,
    critic: Twice,
}

impl GenerativeModel for Unbounded {
    fn phases(&self) -> Vec<Phase<'_>> {
        let noise = |batch: &Batch, rng: &mut Rng| -> latentlab_core::Result<Tensor> {
            Ok(rng.normal((batch.size()?, 3), DType::F32, &Device::Cpu)?)
        };
        let score =
            |x: &Tensor| -> latentlab_core::Result<Tensor> { Ok(self.critic.of(x)?.mean_all()?) };
        let critic = Phase::new("critic", move |batch, step| {
            let fake = self.generator.of(&noise(batch, &mut step.rng)?)?;
            let real = (batch.images.flatten_from(1)? + 3.0)?;
            Ok(Loss::new((score(&fake)? - score(&real)?)?))
        });
        let generator = Phase::new("generator", move |batch, step| {
            let fake = self.generator.of(&noise(batch, &mut step.rng)?)?;
            Ok(Loss::new(score(&fake)?.neg()?))
        });
        vec![critic, generator]
    }
}

/// An autoencoder of points in the plane, of four affine maps.
struct Autoencoder(Twice, Twice);

impl GenerativeModel for Autoencoder {
    fn phases(&self) -> Vec<Phase<'_>> {
        let phase = Phase::new("ae", |batch, _| {
            let points = batch.images.flatten_from(1)?;
            let back = self.1.of(&self.0.of(&points)?)?;
            Ok(Loss::new((back - points)?.sqr()?.sum(1)?.mean_all()?))
        });
        vec![phase.moving("")]
    }
}

/// Trains for `steps` steps and records each `every`-th: the first phase that diverges, with the
/// step, and the largest loss there was.
fn trained(
    model: &dyn GenerativeModel,
    store: &ParamStore,
    optimizer: &str,
    steps: u64,
    every: u64,
) -> (Option<(&'static str, u64)>, f64) {
    let config: TrainConfig = toml::from_str(&format!("optimizer = {{ {optimizer} }}")).unwrap();
    let mut trainer = PhaseTrainer::new(model, store, &config, steps, 1).unwrap();
    let mut explosion = Explosion::new(EXPLOSION);
    let mut largest = 0f64;
    for step in 1..=steps {
        let report = trainer
            .step(model, &Points.batch(step - 1).unwrap())
            .unwrap();
        let mut record = Record::new(step, 0.0);
        for phase in &report.phases {
            let loss = read(&phase.total).unwrap();
            assert!(loss.is_finite(), "{optimizer}: step {step}");
            largest = largest.max(loss.abs());
            explosion.begin(phase.name, loss);
            if step.is_multiple_of(every) {
                record.insert(format!("{}/loss", phase.name), loss);
            }
        }
        explosion.count(&record);
        let mut phases = report.phases.iter().map(|phase| phase.name);
        if let Some(phase) = phases.find(|name| explosion.has_diverged(name, step == steps)) {
            return (Some((phase, step)), largest);
        }
    }
    (None, largest)
}

#[test]
fn real_trainings_that_are_healthy_or_only_unbounded_are_left_alone() {
    for optimizer in [
        "lr = 0.01",
        "name = 'sgd', lr = 0.1",
        "name = 'rmsprop', lr = 0.05",
    ] {
        let (model, store) = Toy::new();
        assert_eq!(
            trained(&model, &store, optimizer, 600, 2).0,
            None,
            "least squares, {optimizer}"
        );
    }
    for optimizer in [
        "lr = 0.01",
        "name = 'sgd', lr = 0.01",
        "name = 'rmsprop', lr = 0.01",
    ] {
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        let model = Unbounded {
            generator: Twice::new(&store, "generator", [3, 16, 2]),
            critic: Twice::new(&store, "critic", [2, 16, 1]),
        };
        let (diverged, largest) = trained(&model, &store, optimizer, 600, 2);
        assert_eq!(diverged, None, "Wasserstein, {optimizer}");
        assert!(
            largest > 10.0,
            "the critic's loss grows: {largest}, {optimizer}"
        );
    }
}

#[test]
fn a_real_training_with_an_absurd_rate_is_met_soon_and_a_usual_one_is_not() {
    for (rate, every, within) in [(1e3, 10, Some(50)), (1e3, 1, Some(10)), (0.01, 1, None)] {
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        let model = Autoencoder(
            Twice::new(&store, "encoder", [2, 16, 2]),
            Twice::new(&store, "decoder", [2, 16, 2]),
        );
        let optimizer = format!("lr = {rate:?}");
        let (diverged, largest) = trained(&model, &store, &optimizer, 400, every);
        let found = diverged.map(|(_, step)| step);
        let as_wanted = match within {
            Some(within) => found.is_some_and(|step| step <= within),
            None => found.is_none(),
        };
        assert!(
            as_wanted,
            "{optimizer}, every {every}: {diverged:?}, {largest:e}"
        );
    }
}
