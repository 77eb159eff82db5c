//! How numbers are spaced along an axis, and which of them are told there.

use std::ops::Range;

/// Intervals between ticks, at most.
const INTERVALS: f64 = 6.0;
/// Sizes that are written without a power of ten.
const PLAIN: Range<f64> = 0.999e-3..1e6;
/// What numbers along a linear axis have room beyond them, as a share of their span.
const MARGIN: f64 = 0.04;
/// Span in decades from which on a logarithmic axis begins and ends at 1, 2 or 5 times a power of
/// ten: less would be lost in the room beyond.
const ROUNDED: f64 = 0.5;
/// What a tick may lie outside of its range by, for a sum or a logarithm that was rounded.
const SLACK: f64 = 1e-9;

/// How numbers are spaced along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By their differences.
    Linear,
    /// By their ratios; numbers that are not positive are left out.
    Logarithmic,
}

impl Scale {
    /// Where a value lies along the axis; not finite if it has no place there.
    pub(crate) fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        }
    }

    /// The range of places with some room on both sides, to round numbers on a logarithmic axis.
    pub(crate) fn widened(self, range: &Range<f64>) -> Range<f64> {
        let span = range.end - range.start;
        match self {
            Self::Logarithmic if span >= ROUNDED => {
                let below = (1.0 + SLACK) * 10f64.powf(range.start);
                let above = (1.0 - SLACK) * 10f64.powf(range.end);
                let rounds = |value: f64| {
                    let power = 10f64.powi(exponent(value));
                    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power)
                };
                let start = rounds(below).into_iter().rfind(|round| *round <= below);
                let end = rounds(above).into_iter().find(|round| *round >= above);
                start.map_or(range.start, f64::log10)..end.map_or(range.end, f64::log10)
            }
            _ => range.start - MARGIN * span..range.end + MARGIN * span,
        }
    }

    /// The places of round numbers between those of `range`, with their labels.
    pub(crate) fn ticks(self, range: &Range<f64>) -> Vec<(f64, String)> {
        let of_ratios = match self {
            Self::Linear => None,
            Self::Logarithmic => by_ratios(range),
        };
        let ticks = of_ratios.unwrap_or_else(|| match self {
            Self::Linear => by_differences(range),
            Self::Logarithmic => by_differences(&(10f64.powf(range.start)..10f64.powf(range.end))),
        });
        let places = ticks.into_iter();
        places
            .map(|(value, label)| (self.place(value), label))
            .collect()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, as precise as tells them apart.
fn by_differences(range: &Range<f64>) -> Vec<(f64, String)> {
    let wanted = (range.end - range.start) / INTERVALS;
    let power = 10f64.powf(wanted.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power).into_iter();
    let spacing = steps
        .filter(|step| *step >= wanted)
        .fold(10.0 * power, f64::min);
    let first = (range.start / spacing - SLACK).ceil() as i64;
    let last = (range.end / spacing + SLACK).floor() as i64;
    let values: Vec<f64> = (first..=last).map(|tick| tick as f64 * spacing).collect();
    let largest = values.iter().fold(0f64, |most, tick| most.max(tick.abs()));
    let (of_spacing, of_largest) = (exponent(spacing), exponent(largest));
    let label = |value: f64| match value {
        0.0 => "0".to_owned(),
        _ if PLAIN.contains(&largest) => format!("{value:.0$}", (-of_spacing).max(0) as usize),
        _ => format!("{value:.0$e}", (of_largest - of_spacing).max(0) as usize),
    };
    values
        .into_iter()
        .map(|value| (value, label(value)))
        .collect()
}

/// Powers of ten, or 1, 2 and 5 times them where the powers alone would be few; none where these
/// are too few as well, so that differences say more. The range is that of the logarithms.
fn by_ratios(range: &Range<f64>) -> Option<Vec<(f64, String)>> {
    let spacing = ((range.end - range.start) / INTERVALS).ceil().max(1.0) as i32;
    let exponents = range.start.floor() as i32..=range.end.ceil() as i32;
    let within = |value: &f64| {
        let place = value.log10();
        range.start - SLACK <= place && place <= range.end + SLACK
    };
    let powers: Vec<f64> = exponents
        .clone()
        .filter(|exponent| exponent.rem_euclid(spacing) == 0)
        .map(|exponent| 10f64.powi(exponent))
        .filter(within)
        .collect();
    let values = match spacing > 1 || powers.len() >= 4 {
        true => powers,
        false => exponents
            .flat_map(|exponent| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(exponent)))
            .filter(within)
            .collect(),
    };
    let label = |value: f64| match PLAIN.contains(&value) {
        true => format!("{value:.0$}", (-exponent(value)).max(0) as usize),
        false => format!("{value:.0e}"),
    };
    let enough = values.len() >= 3;
    enough.then(|| {
        let values = values.into_iter();
        values.map(|value| (value, label(value))).collect()
    })
}

/// The power of ten that a positive number begins with: 2 of 500.
fn exponent(value: f64) -> i32 {
    (value.log10() + SLACK).floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, range: Range<f64>) -> Vec<String> {
        let ticks = scale.ticks(&range).into_iter();
        ticks.map(|(_, label)| label).collect()
    }

    fn logarithmic(range: Range<f64>) -> Vec<String> {
        labels(Scale::Logarithmic, range.start.log10()..range.end.log10())
    }

    #[test]
    fn even_ticks_are_round_and_tell_each_other_apart() {
        let linear = |range| labels(Scale::Linear, range);
        assert_eq!(linear(0.0..1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            linear(-99.0..-93.0),
            ["-99", "-98", "-97", "-96", "-95", "-94", "-93"]
        );
        assert_eq!(
            linear(0.5..0.50005),
            [
                "0.50000", "0.50001", "0.50002", "0.50003", "0.50004", "0.50005"
            ]
        );
        assert_eq!(
            linear(0.0..2.2e-6),
            ["0", "5.0e-7", "1.0e-6", "1.5e-6", "2.0e-6"]
        );
        assert_eq!(
            linear(0.0..3e6),
            ["0", "5.0e5", "1.0e6", "1.5e6", "2.0e6", "2.5e6", "3.0e6"]
        );
    }

    #[test]
    fn decades_have_a_tick_each_or_every_few() {
        assert_eq!(logarithmic(1.0..1000.0), ["1", "10", "100", "1000"]);
        assert_eq!(logarithmic(0.002..40.0), ["0.01", "0.1", "1", "10"]);
        assert_eq!(
            logarithmic(1e-8..1.0),
            ["1e-8", "1e-6", "1e-4", "0.01", "1"]
        );
    }

    #[test]
    fn few_decades_have_ticks_at_1_2_and_5() {
        assert_eq!(logarithmic(2.0..64.0), ["2", "5", "10", "20", "50"]);
        assert_eq!(logarithmic(5.0..43.6), ["5", "10", "20"]);
        assert_eq!(
            logarithmic(0.008..0.5),
            ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]
        );
    }

    #[test]
    fn a_logarithmic_axis_ends_at_round_numbers_if_it_is_long() {
        let widened = |range: Range<f64>| {
            let places = range.start.log10()..range.end.log10();
            let Range { start, end } = Scale::Logarithmic.widened(&places);
            [10f64.powf(start), 10f64.powf(end)]
        };
        for (range, wanted) in [
            (223.0..1256.0, [200.0, 2000.0]),
            (23.05..4305.0, [20.0, 5000.0]),
            (1e-8..1.0, [1e-8, 1.0]),
            (900.0..1100.0, [893.0, 1109.0]),
        ] {
            for (found, wanted) in widened(range).into_iter().zip(wanted) {
                assert!((found / wanted - 1.0).abs() < 1e-3, "{found}, not {wanted}");
            }
        }
    }

    #[test]
    fn less_than_that_is_divided_evenly() {
        assert_eq!(
            logarithmic(900.0..1150.0),
            ["900", "950", "1000", "1050", "1100", "1150"]
        );
        let ticks = Scale::Logarithmic.ticks(&(900f64.log10()..1150f64.log10()));
        assert!(
            (ticks[2].0 - 3.0).abs() < 1e-9,
            "1000 is at the logarithm 3, not at {}",
            ticks[2].0
        );
    }
}
