//! Pictures as a whole: pure, balanced, antialiased, and of what their labels say.

use latentlab_shapes::{CLASSES, Class, Form, Hue, SIDE, Surface, draw};
use proptest::prelude::*;

fn picture(seed: u64, index: u64, side: usize) -> (Class, Vec<u8>) {
    let mut planes = vec![0; 3 * side * side];
    let class = draw(seed, index, side, &mut planes);
    (class, planes)
}

/// The pictures of the first `count` indices of a class.
fn of_class(class: Class, count: u64) -> impl Iterator<Item = Vec<u8>> {
    let first = u64::from(class.label());
    (0..count).map(move |round| picture(5, first + round * u64::from(CLASSES), SIDE).1)
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn a_picture_is_a_pure_function_of_seed_and_index(seed: u64, index: u64, side in 8usize..40) {
        prop_assert_eq!(picture(seed, index, side), picture(seed, index, side));
    }

    #[test]
    fn every_run_of_indices_has_every_class_equally_often(start in 0..u64::MAX - 1000) {
        let mut counts = [0; CLASSES as usize];
        for index in start..start + 2 * u64::from(CLASSES) {
            counts[draw(0, index, 0, &mut []).label() as usize] += 1;
        }
        prop_assert_eq!(counts, [2; CLASSES as usize]);
    }

    #[test]
    fn room_for_a_part_takes_that_part(seed: u64, index: u64, room in 0usize..900) {
        let (_, whole) = picture(seed, index, 16);
        let mut part = vec![7; room];
        draw(seed, index, 16, &mut part);
        let both = room.min(whole.len());
        prop_assert_eq!(&part[..both], &whole[..both]);
        prop_assert!(part[both..].iter().all(|byte| *byte == 7));
    }
}

#[test]
fn other_seeds_and_indices_give_other_pictures() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for (seed, index) in (0..4).flat_map(|seed| (0..30).map(move |round| (seed, 60 * round))) {
        all.push(picture(seed, index, SIDE).1);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 120);
}

#[test]
fn the_bytes_of_a_picture_stay_what_they_are() {
    // Sums of red, green and blue, as first drawn: whoever changes them changes every data set and
    // the meaning of every network that was trained on one.
    let sums = |index| {
        let (_, planes) = picture(0, index, SIDE);
        let sums = planes.chunks(SIDE * SIDE);
        let sums: Vec<u32> = sums
            .map(|plane| plane.iter().map(|b| u32::from(*b)).sum())
            .collect();
        sums
    };
    assert_eq!(sums(0), [135_661, 114_310, 98_837]);
    assert_eq!(sums(12_345), [75_203, 118_307, 63_408]);
}

#[test]
fn all_levels_come_up_in_every_channel() {
    let mut seen = [[false; 256]; 3];
    for index in 0..600 {
        let (_, planes) = picture(1, index, SIDE);
        for (plane, seen) in planes.chunks(SIDE * SIDE).zip(&mut seen) {
            plane
                .iter()
                .for_each(|byte| seen[usize::from(*byte)] = true);
        }
    }
    assert!(seen.as_flattened().iter().all(|seen| *seen));
}

#[test]
fn warm_figures_are_redder_than_cool_ones() {
    let redness = |hue| -> f64 {
        let class = Class {
            form: Form::Disc,
            surface: Surface::Plain,
            hue,
        };
        // The middle of the picture lies within the figure.
        let middle = SIDE * SIDE / 2 + SIDE / 2;
        let values = of_class(class, 100).map(|planes| {
            let level = |channel: usize| f64::from(planes[channel * SIDE * SIDE + middle]);
            level(0) - level(1).max(level(2))
        });
        values.sum::<f64>() / 100.0
    };
    assert!(redness(Hue::Warm) > 10.0, "{}", redness(Hue::Warm));
    assert!(redness(Hue::Cool) < -40.0, "{}", redness(Hue::Cool));
}

/// The mean of the squared differences of pixels `step` apart within the middle of the figures.
fn roughness(surface: Surface, step: usize) -> f64 {
    let class = Class {
        form: Form::Disc,
        surface,
        hue: Hue::Warm,
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for planes in of_class(class, 100) {
        for plane in planes.chunks(SIDE * SIDE) {
            for (row, column) in (13..19).flat_map(|row| (13..19 - step).map(move |c| (row, c))) {
                let level = |column: usize| f64::from(plane[row * SIDE + column]) / 255.0;
                sum += (level(column) - level(column + step)).powi(2);
                count += 1.0;
            }
        }
    }
    sum / count
}

#[test]
fn surfaces_differ_in_how_rough_they_are_and_at_which_scale() {
    let at_1 = |surface| roughness(surface, 1);
    let (plain, coarse) = (at_1(Surface::Plain), at_1(Surface::Coarse));
    let (fine, grain) = (at_1(Surface::Fine), at_1(Surface::Grain));
    assert!(plain < 0.003, "{plain}");
    assert!(coarse > 3.0 * plain, "{coarse}");
    assert!(
        fine > 1.5 * coarse && grain > 1.5 * coarse,
        "{fine} {grain} {coarse}"
    );
    // Three pixels apart a fine pattern has come round, and a coarse one has just changed.
    let rise = |surface| roughness(surface, 3) / at_1(surface);
    assert!(
        rise(Surface::Coarse) > 2.0 && rise(Surface::Fine) < 1.1,
        "{} {}",
        rise(Surface::Coarse),
        rise(Surface::Fine)
    );
}

/// The largest step between neighbours in a row of a picture, as a share of its range: the mean over
/// discs before all kinds of backgrounds.
fn steepness(surface: Surface) -> f64 {
    let class = Class {
        form: Form::Disc,
        surface,
        hue: Hue::Cool,
    };
    let mut steepest = Vec::new();
    for planes in of_class(class, 200) {
        let steps = planes.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        let range = f64::from(planes.iter().max().unwrap() - planes.iter().min().unwrap());
        steepest.push(f64::from(steps.max().unwrap_or(0)) / range);
    }
    steepest.iter().sum::<f64>() / steepest.len() as f64
}

#[test]
fn soft_edges_are_less_steep_than_sharp_ones() {
    let (sharp, soft) = (steepness(Surface::Plain), steepness(Surface::Soft));
    assert!(sharp > soft + 0.05, "{sharp} {soft}");
}

#[test]
fn a_picture_of_more_pixels_shows_the_same() {
    // Averaged over squares of 4 x 4 pixels, a picture of 128 a side is that of 32, whose edges and
    // patterns are antialiased; what is left are the noise and the corners.
    let mut sum = 0.0;
    for index in 0..120 {
        let (small, large) = (picture(2, index, 32).1, picture(2, index, 128).1);
        for (at, byte) in small.iter().enumerate() {
            let (channel, row, column) = (at / 1024, at / 32 % 32, at % 32);
            let start = channel * 128 * 128 + row * 4 * 128 + column * 4;
            let square = (0..4).flat_map(|y| (0..4).map(move |x| start + y * 128 + x));
            let mean = square.map(|at| f64::from(large[at])).sum::<f64>() / 16.0;
            sum += ((mean - f64::from(*byte)) / 255.0).powi(2);
        }
    }
    let error = (sum / (120.0 * 3072.0)).sqrt();
    assert!(error < 0.05, "{error}");
}
