//! Parameters that never move.

use std::collections::BTreeSet;

use latentlab_core::{Error as CoreError, nearest};
use latentlab_tensor::{ParamStore, is_below};

use crate::Result;

/// The parts of a model that never move: all entries at or below some paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frozen {
    prefixes: Vec<String>,
}

impl Frozen {
    /// What is at or below `prefixes` in `store`.
    ///
    /// # Errors
    /// If nothing is at or below one of them, with the nearest path there is.
    pub(crate) fn new(store: &ParamStore, prefixes: &[String]) -> Result<Self> {
        for prefix in prefixes {
            if store.group(prefix).is_empty() {
                let problem = nearest_path(store, prefix);
                return Err(CoreError::config("freeze", problem).into());
            }
        }
        let prefixes = prefixes.to_vec();
        Ok(Self { prefixes })
    }

    /// Whether the entry at `path` never moves.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| is_below(path, prefix))
    }

    /// Prefixes that together name all of `prefix` that is not frozen.
    pub(crate) fn around(&self, store: &ParamStore, prefix: &str) -> Vec<String> {
        if self.holds(prefix) {
            return Vec::new();
        }
        if !self.prefixes.iter().any(|frozen| is_below(frozen, prefix)) {
            return vec![prefix.to_owned()];
        }
        let group = store.group(prefix);
        let below: BTreeSet<&str> = group
            .iter()
            .filter_map(|(path, _)| child(path, prefix))
            .collect();
        let around = |child: &str| self.around(store, child);
        below.into_iter().flat_map(around).collect()
    }
}

/// The path one level below `prefix` that `path` is at or below.
fn child<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let start = match prefix {
        "" => 0,
        prefix => prefix.len() + 1,
    };
    let rest = path.get(start..)?;
    let length = rest.find('.').unwrap_or(rest.len());
    Some(&path[..start + length])
}

/// What is to be said of a prefix that nothing is at or below, with the nearest path there is.
pub(crate) fn nearest_path(store: &ParamStore, prefix: &str) -> String {
    let paths = store.paths();
    let mut known = BTreeSet::new();
    for path in &paths {
        let dots = path.match_indices('.').map(|(dot, _)| &path[..dot]);
        known.extend(dots.chain([path.as_str()]));
    }
    let meant = nearest(prefix, known.iter().copied());
    let meant = meant.map(|path| format!(", did you mean `{path}`?"));
    let top: Vec<&str> = known
        .into_iter()
        .filter(|path| !path.contains('.'))
        .collect();
    format!(
        "no parameter is at or below `{prefix}`{}; known: {}",
        meant.unwrap_or_default(),
        top.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use latentlab_tensor::Init;

    use super::*;

    fn store() -> ParamStore {
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        for layer in [
            "encoder.0",
            "encoder.1",
            "encoder.10",
            "encoder2.0",
            "decoder.0",
        ] {
            let place = layer
                .split('.')
                .fold(store.root(), |place, name| place.at(name));
            place.parameter("weight", 1, Init::ZEROS).unwrap();
            place.buffer("running_mean", 1, Init::ZEROS).unwrap();
        }
        store
    }

    fn frozen(prefixes: &[&str]) -> Result<Frozen> {
        let prefixes: Vec<String> = prefixes.iter().map(|one| (*one).to_owned()).collect();
        Frozen::new(&store(), &prefixes)
    }

    #[test]
    fn what_is_around_the_frozen_parts_is_everything_else_and_nothing_of_them() {
        let store = store();
        for prefixes in [
            &[][..],
            &["encoder"],
            &["encoder.1", "decoder"],
            &["encoder.1.weight"],
            &["encoder", "encoder2", "decoder"],
            &[""],
        ] {
            let frozen = frozen(prefixes).unwrap();
            for group in ["", "encoder", "encoder.1", "decoder.0.weight"] {
                let around = frozen.around(&store, group);
                for path in store.paths() {
                    let named = around.iter().any(|prefix| is_below(&path, prefix));
                    let moves = is_below(&path, group) && !frozen.holds(&path);
                    assert_eq!(named, moves, "{path} in {group} around {prefixes:?}");
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_met_with_the_nearest() {
        let message = frozen(&["encoder", "encodr.1"]).unwrap_err().to_string();
        assert_eq!(
            message,
            "`freeze`: no parameter is at or below `encodr.1`, did you mean `encoder.1`?; known: \
             decoder, encoder, encoder2"
        );
    }
}
