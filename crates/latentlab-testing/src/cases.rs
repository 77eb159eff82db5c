//! How property tests draw: from a fixed seed in `cargo test`, anew where that is asked for.
//!
//! | variable | effect |
//! | --- | --- |
//! | none | the seed is [`SEED`], so that every run tries the same cases |
//! | `LATENTLAB_FRESH_SEEDS=1` | each test draws a seed of its own, and says which if it fails |
//! | `PROPTEST_RNG_SEED=N` | the seed is `N`, for example one that a failed test named |
//! | `PROPTEST_CASES=N` | every property is tried with `N` cases |

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

use proptest::test_runner::{Config, RngSeed};

/// The seed where none is asked for.
const SEED: u64 = 20_140_610;

/// The configuration of a block of properties that are tried with `count` cases each:
/// `#![proptest_config(latentlab_testing::cases(40))]`.
///
/// A case that failed is shown, but not kept in a file: what a run tries depends on its seed alone.
pub fn cases(count: u32) -> Config {
    let asked = |name: &str| env::var_os(name).is_some();
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if !asked("PROPTEST_CASES") {
        config.cases = count;
    }
    if !asked("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(seed(env::var("LATENTLAB_FRESH_SEEDS").ok().as_deref()));
    }
    config
}

/// The fixed seed, or one that was never used before. Test programs show what is printed here if the
/// test fails.
fn seed(fresh: Option<&str>) -> u64 {
    match fresh {
        None | Some("" | "0") => SEED,
        Some(_) => {
            let seed = RandomState::new().hash_one("a fresh seed");
            eprintln!("the same cases again: PROPTEST_RNG_SEED={seed}");
            seed
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;

    fn drawn(config: Config) -> Vec<u64> {
        let mut runner = TestRunner::new(config);
        let draw = |_| any::<u64>().new_tree(&mut runner).unwrap().current();
        (0..10).map(draw).collect()
    }

    #[test]
    fn the_seed_is_fixed_unless_fresh_ones_are_asked_for() {
        assert_eq!(seed(None), SEED);
        assert_eq!(seed(Some("0")), SEED);
        assert_ne!(seed(Some("1")), seed(Some("1")));
    }

    #[test]
    fn one_seed_draws_the_same_cases_every_time() {
        let config = |seed| Config {
            rng_seed: RngSeed::Fixed(seed),
            ..cases(7)
        };
        assert_eq!(drawn(config(3)), drawn(config(3)));
        assert_ne!(drawn(config(3)), drawn(config(4)));
    }

    #[test]
    fn the_number_of_cases_is_the_one_given() {
        // A run with the variable set tries them all with its own number.
        let asked = env::var("PROPTEST_CASES").ok();
        let expected = asked.map_or(7, |cases| cases.parse().unwrap());
        assert_eq!(cases(7).cases, expected);
    }
}
