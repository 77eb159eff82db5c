//! How large a model may be, checked before memory is taken for it.

use candle_core::{DType, Shape};

use crate::{Error, Result};

/// Values of one parameter beyond which a size is taken for a mistake: 16 GiB in `f32`.
const MOST_VALUES: u128 = 1 << 32;

/// What a [`ParamStore`](crate::ParamStore) holds its entries to; nothing but the size of one
/// parameter by default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Values that there may be, all entries together.
    pub(super) room: Option<usize>,
    pub(super) budget: Option<Budget>,
}

/// Memory that there is for a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) bytes: u64,
    /// How often each parameter will be held.
    pub(super) copies: u64,
}

/// What the entries declared so far amount to.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    pub(super) values: usize,
    /// Path and number of values of the largest.
    pub(super) largest: Option<(String, usize)>,
}

impl Limits {
    /// Whether there is memory for one more parameter beside those declared.
    pub(super) fn check(
        &self,
        path: &str,
        shape: &Shape,
        dtype: DType,
        declared: &Declared,
    ) -> Result<()> {
        let count = count(shape);
        if let Some(budget) = self.budget {
            budget.check(path, shape, dtype, declared)?;
        }
        if count > MOST_VALUES {
            let size = in_words(count.saturating_mul(dtype.size_in_bytes() as u128));
            return Err(Error::Argument(format!(
                "parameter `{path}` would have the shape {shape:?}: more than {MOST_VALUES} values, \
                 {size} of memory"
            )));
        }
        match self.room {
            Some(room) if declared.values as u128 + count > room as u128 => {
                Err(Error::Argument(format!(
                    "parameter `{path}` of shape {shape:?} is beyond the {room} values that there \
                     are"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Budget {
    fn check(self, path: &str, shape: &Shape, dtype: DType, declared: &Declared) -> Result<()> {
        let bytes = |values: u128| values.saturating_mul(dtype.size_in_bytes() as u128);
        let own = bytes(count(shape));
        let all = bytes(declared.values as u128).saturating_add(own);
        let needed = all.saturating_mul(u128::from(self.copies));
        // A parameter is there twice while it is drawn.
        let at_once = needed.max(all.saturating_add(own));
        if at_once <= u128::from(self.bytes) {
            return Ok(());
        }
        let (path, largest) = match &declared.largest {
            Some((path, values)) if bytes(*values as u128) >= own => {
                (path.clone(), bytes(*values as u128))
            }
            _ => (path.to_owned(), own),
        };
        Err(Error::TooLarge {
            path: path.into(),
            largest: in_words(largest).into(),
            needed: in_words(at_once).into(),
            free: in_words(u128::from(self.bytes)).into(),
            purpose: match self.copies {
                1 => "its parameters",
                _ => "its parameters, their gradients and what the optimizer remembers",
            },
        })
    }
}

/// The number of values of a shape, whatever its sizes: at the most `u128::MAX`.
fn count(shape: &Shape) -> u128 {
    let sizes = shape.dims().iter().map(|size| *size as u128);
    sizes.fold(1, u128::saturating_mul)
}

/// A number of bytes for people: "953.7 GiB".
fn in_words(bytes: u128) -> String {
    let mut size = bytes as f64 / 1024f64.powi(2);
    for unit in ["MiB", "GiB", "TiB", "PiB"] {
        if size < 1000.0 {
            return format!("{size:.1} {unit}");
        }
        size /= 1024.0;
    }
    match size < 1e6 {
        true => format!("{size:.1} EiB"),
        false => "more than a million EiB".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_suits_them() {
        for (bytes, words) in [
            (0, "0.0 MiB"),
            (3 << 20, "3.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (1_024_000_000_000, "953.7 GiB"),
            (5 << 50, "5.0 PiB"),
            (u128::MAX, "more than a million EiB"),
        ] {
            assert_eq!(in_words(bytes), words);
        }
    }

    #[test]
    fn no_shape_is_too_large_to_be_counted() {
        assert_eq!(count(&Shape::from(())), 1);
        assert_eq!(count(&Shape::from((3, 0, usize::MAX))), 0);
        assert_eq!(
            count(&Shape::from((usize::MAX, usize::MAX, usize::MAX))),
            u128::MAX
        );
    }
}
