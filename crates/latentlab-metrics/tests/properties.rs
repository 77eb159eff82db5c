//! What must hold of figures of samples for any features.

use latentlab_metrics::{
    Features, Moments, PrincipalComponents, density_coverage, diversity, frechet_distance,
    kernel_discrepancy, memorisation, nearest_neighbours, precision_recall,
};
use latentlab_tensor::Rng;
use proptest::prelude::*;

const SIZE: usize = 3;

/// Between 8 and 40 items of three features, some of them equal.
fn features() -> impl Strategy<Value = Features> {
    let rows = prop::collection::vec(prop::array::uniform3(-40i32..40), 8..40);
    rows.prop_map(|rows| {
        let values = rows
            .concat()
            .into_iter()
            .map(|value| f64::from(value) / 8.0);
        Features::new(values.collect(), SIZE).unwrap()
    })
}

/// The items in another order.
fn shuffled(items: &Features, seed: u64) -> Features {
    let order = Rng::stream(seed, "test", 0).permutation(items.count());
    let order: Vec<usize> = order.into_iter().map(|index| index as usize).collect();
    items.select(&order).unwrap()
}

/// Each feature times `factor` plus that of `shift`.
fn changed(items: &Features, factor: f64, shift: &[f64; SIZE]) -> Features {
    let shift = shift.iter().cycle();
    let values = items.values().iter().zip(shift);
    Features::new(
        values
            .map(|(value, shift)| factor * value + shift)
            .collect(),
        SIZE,
    )
    .unwrap()
}

fn frechet(real: &Features, generated: &Features) -> f64 {
    let [real, generated] = [real, generated].map(|items| Moments::of(items).unwrap());
    frechet_distance(&real, &generated).unwrap().value
}

fn kernel(real: &Features, generated: &Features) -> f64 {
    kernel_discrepancy(real, generated).unwrap().value
}

/// Up to rounding, of which a share of the figures is no bound: they are differences. Features are up to 5
/// here, so that kernels, (x y / 3 + 1)³, are up to 17,576 and those of 40 items are sums of 1,600 of
/// them, each in a mean of its own: 3 · 8 √1600 `u` of 17,576, 2e-9. Variances are up to 75 and their roots
/// as exact as the variances but for directions that have none, which are left out.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-7 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn identical_sets_are_at_no_distance(items in features(), seed: u64) {
        let again = shuffled(&items, seed);
        prop_assert!(close(frechet(&items, &again), 0.0));
        let balls = precision_recall(&items, &again, 3).unwrap();
        prop_assert_eq!((balls.precision.value, balls.recall.value), (1.0, 1.0));
    }

    #[test]
    fn distances_are_symmetric_and_balls_change_sides(a in features(), b in features()) {
        prop_assert!(close(frechet(&a, &b), frechet(&b, &a)));
        prop_assert!(close(kernel(&a, &b), kernel(&b, &a)));
        let (there, back) = (precision_recall(&a, &b, 3).unwrap(), precision_recall(&b, &a, 3).unwrap());
        prop_assert_eq!(there.precision.value, back.recall.value);
        prop_assert_eq!(there.recall.value, back.precision.value);
    }

    #[test]
    fn the_order_of_items_changes_nothing(a in features(), b in features(), seed: u64) {
        let (c, d) = (shuffled(&a, seed), shuffled(&b, !seed));
        prop_assert!(close(frechet(&a, &b), frechet(&c, &d)));
        prop_assert!(close(kernel(&a, &b), kernel(&c, &d)));
        prop_assert_eq!(precision_recall(&a, &b, 3).unwrap(), precision_recall(&c, &d, 3).unwrap());
        prop_assert_eq!(density_coverage(&a, &b, 5).unwrap(), density_coverage(&c, &d, 5).unwrap());
        let near = |b, a| memorisation(&nearest_neighbours(b, a).unwrap(), &nearest_neighbours(a, b).unwrap());
        match (near(&b, &a), near(&d, &c)) {
            (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
            (first, second) => prop_assert_eq!(first.is_err(), second.is_err()),
        }
    }

    #[test]
    fn a_shift_adds_its_square_to_the_frechet_distance(
        items in features(),
        shift in prop::array::uniform3(-5.0f64..5.0),
    ) {
        let square: f64 = shift.iter().map(|value| value * value).sum();
        prop_assert!(close(frechet(&items, &changed(&items, 1.0, &shift)), square));
    }

    #[test]
    fn a_scale_adds_what_the_closed_form_says(items in features(), factor in 0.0f64..3.0) {
        // Covariances Σ and f² Σ: tr Σ (1 + f² - 2 f), and the mean moves by (f - 1) times itself.
        let moments = Moments::of(&items).unwrap();
        let square: f64 = moments.mean().iter().map(|value| value * value).sum();
        let expected = (factor - 1.0).powi(2) * (square + moments.total_variance());
        prop_assert!(close(frechet(&items, &changed(&items, factor, &[0.0; SIZE])), expected));
    }

    #[test]
    fn figures_stay_in_their_ranges(a in features(), b in features()) {
        prop_assert!(frechet(&a, &b) >= -1e-7);
        let (balls, density) = (precision_recall(&a, &b, 3).unwrap(), density_coverage(&a, &b, 5).unwrap());
        for figure in [balls.precision, balls.recall, density.coverage] {
            prop_assert!((0.0..=1.0).contains(&figure.value));
            prop_assert_eq!((figure.real, figure.generated), (a.count(), b.count()));
        }
        prop_assert!((0.0..=a.count() as f64 / 5.0).contains(&density.density.value));
    }

    #[test]
    fn far_samples_are_neither_precise_nor_recalled(a in features(), b in features()) {
        let far = changed(&b, 1.0, &[1e3, 0.0, 0.0]);
        let balls = precision_recall(&a, &far, 3).unwrap();
        prop_assert_eq!((balls.precision.value, balls.recall.value), (0.0, 0.0));
        let found = density_coverage(&a, &far, 5).unwrap();
        prop_assert_eq!((found.density.value, found.coverage.value), (0.0, 0.0));
        prop_assert!(kernel(&a, &far) > kernel(&a, &b));
    }

    #[test]
    fn diversity_is_as_wide_as_the_samples(items in features(), factor in 0.1f64..3.0, seed: u64) {
        let wider = changed(&items, factor, &[1.0, 2.0, 3.0]);
        let mut rng = Rng::stream(seed, "test", 0);
        let equal = items.rows().all(|row| row == items.row(0));
        match diversity(&items, &wider, 5000, &mut rng) {
            Ok(found) => {
                prop_assert!((found.value - factor).abs() <= 6.0 * found.error.unwrap() + 1e-9);
            }
            Err(error) => prop_assert!(equal, "{error}"),
        }
    }

    #[test]
    fn all_principal_components_lose_nothing_and_fewer_lose_more(items in features()) {
        let error = |count| {
            let components = PrincipalComponents::of(&items, count).unwrap();
            components.squared_error(&items).unwrap().value
        };
        prop_assert!(close(error(3), 0.0));
        prop_assert!(error(1) + 1e-9 >= error(2) && error(2) + 1e-9 >= error(3));
    }
}
