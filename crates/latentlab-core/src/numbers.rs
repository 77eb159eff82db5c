//! Numbers in JSON, also those that JSON has no number for, and numbers for people.
//!
//! JSON knows no infinity and no NaN. They are written as the strings `"inf"`, `"-inf"` and
//! `"nan"`, and so come back as they were; a `null`, as earlier versions wrote them, is read as NaN.
//! Everything that a run writes in JSON goes through here:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use latentlab_core::numbers;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Summary {
//!     #[serde(with = "numbers")]
//!     wall_s: f64,
//!     #[serde(with = "numbers::map")]
//!     metrics: BTreeMap<String, f64>,
//! }
//!
//! let summary = Summary {
//!     wall_s: 1.5,
//!     metrics: BTreeMap::from([("test/psnr".to_owned(), f64::INFINITY)]),
//! };
//! let text = serde_json::to_string(&summary).unwrap();
//! assert_eq!(text, r#"{"wall_s":1.5,"metrics":{"test/psnr":"inf"}}"#);
//! let back: Summary = serde_json::from_str(&text).unwrap();
//! assert_eq!(back.metrics["test/psnr"], f64::INFINITY);
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

/// Numbers that JSON does not have, by what is written for them.
const NAMED: [(&str, f64); 3] = [
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("nan", f64::NAN),
];

/// A number as JSON: itself, or `"inf"`, `"-inf"` or `"nan"`.
pub fn to_json(value: f64) -> Value {
    match name(value) {
        Some(name) => name.into(),
        None => value.into(),
    }
}

/// The number that [`to_json`] wrote, or NaN for a `null`; none if it is something else.
pub fn from_json(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(f64::NAN),
        Value::String(text) => {
            let mut named = NAMED.iter();
            named
                .find(|(name, _)| name == text)
                .map(|(_, value)| *value)
        }
        other => other.as_f64(),
    }
}

/// [`to_json`] for `#[serde(with = "latentlab_core::numbers")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match name(*value) {
        Some(name) => serializer.serialize_str(name),
        None => serializer.serialize_f64(*value),
    }
}

/// [`from_json`] for `#[serde(with = "latentlab_core::numbers")]`.
///
/// # Errors
/// If the value is no number, no `null` and none of the three strings.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    from_json(&value).ok_or_else(|| {
        D::Error::custom(format!(
            "{value} is neither a number nor \"inf\", \"-inf\" or \"nan\""
        ))
    })
}

/// A number that serde writes and reads as [`to_json`] and [`from_json`] do, for lists and options.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(#[serde(with = "self")] pub f64);

/// Numbers by name, for `#[serde(with = "latentlab_core::numbers::map")]`.
pub mod map {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Number;

    /// Writes each number as [`to_json`](super::to_json) does.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        map: &BTreeMap<String, f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(name, value)| (name, Number(*value))))
    }

    /// Reads each number as [`from_json`](super::from_json) does.
    ///
    /// # Errors
    /// If a value is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, f64>, D::Error> {
        let map = BTreeMap::<String, Number>::deserialize(deserializer)?.into_iter();
        Ok(map.map(|(name, Number(value))| (name, value)).collect())
    }
}

/// A number for people: up to five significant digits, with an exponent below 10⁻³ and from 10⁶ on;
/// zero has no sign.
pub fn shown(value: f64) -> String {
    let size = value.abs();
    if let Some(name) = name(value) {
        return if value.is_nan() { "NaN" } else { name }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The number itself, but zero without a sign, for `{}`.
pub fn unsigned_zero(value: f64) -> f64 {
    value + 0.0 // -0 + 0 is 0
}

/// A number with `decimals` digits after the point; what rounds to zero has no sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

fn name(value: f64) -> Option<&'static str> {
    let mut named = NAMED.iter();
    let same = |number: f64| number == value || (number.is_nan() && value.is_nan());
    named
        .find(|(_, number)| same(*number))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_are_not_finite_come_back() {
        for (value, text) in [
            (f64::INFINITY, "\"inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
            (f64::NAN, "\"nan\""),
            (-f64::NAN, "\"nan\""),
        ] {
            assert_eq!(to_json(value).to_string(), text);
            assert_eq!(serde_json::to_string(&Number(value)).unwrap(), text);
            for back in [
                from_json(&to_json(value)).unwrap(),
                serde_json::from_str::<Number>(text).unwrap().0,
            ] {
                assert!(back == value || (back.is_nan() && value.is_nan()));
            }
        }
    }

    #[test]
    fn null_is_the_nan_of_earlier_versions_and_other_words_are_no_numbers() {
        assert!(from_json(&Value::Null).unwrap().is_nan());
        assert!(serde_json::from_str::<Number>("null").unwrap().0.is_nan());
        for other in [json!("infinite"), json!("1.5"), json!(true), json!([1.0])] {
            assert_eq!(from_json(&other), None);
            let message = serde_json::from_value::<Number>(other).unwrap_err();
            assert!(message.to_string().contains("is neither a number nor"));
        }
    }

    #[test]
    fn numbers_for_people_have_five_digits_and_no_negative_zero() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (21.0, "21"),
            (-21.3456789, "-21.346"),
            (6e27, "6.000e27"),
            (1.25e-7, "1.250e-7"),
            (100.0, "100"),
            (123_456.7, "123457"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(shown(value), text);
        }
        assert_eq!(unsigned_zero(-0.0).to_string(), "0");
        assert_eq!(unsigned_zero(-0.25).to_string(), "-0.25");
        for (value, text) in [
            (-0.0, "0.0000"),
            (-0.000_01, "0.0000"),
            (-0.000_06, "-0.0001"),
            (-10.0, "-10.0000"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(fixed(value, 4), text);
        }
    }

    proptest! {
        #![proptest_config(latentlab_testing::cases(256))]

        #[test]
        fn every_number_comes_back_bit_by_bit(value in prop::num::f64::ANY) {
            let text = to_json(value).to_string();
            let back = from_json(&serde_json::from_str(&text).unwrap()).unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }
    }
}
