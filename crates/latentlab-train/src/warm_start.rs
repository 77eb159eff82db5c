//! Training that starts from the parameters of another run.

use std::collections::BTreeMap;

use candle_core::Tensor;
use latentlab_core::Error as CoreError;
use latentlab_tensor::{ParamStore, encode_tensors, is_below};

use crate::{Result, checkpoint::sha256, frozen::nearest_path};

/// Overwrites the parameters and buffers of `store` at or below `prefix` (the empty prefix names all)
/// with the tensors of the same paths, and returns the SHA-256 of what was loaded: that of its bytes
/// as a safetensors file, which for all of a model is that of `params.safetensors` in the checkpoint.
///
/// Tensors that are not at or below `prefix` are left aside, so `tensors` may be those of a whole
/// checkpoint ([`Snapshot::params`](crate::Snapshot::params), or [`Snapshot::ema`](crate::Snapshot::ema)).
/// Optimizers begin anew. A run that keeps an average starts its store from the same tensors.
///
/// # Errors
/// If nothing in the store is at or below `prefix`, with the nearest path there is; lists each tensor
/// that is missing, extra, of another shape or type, or not finite. The store is then as it was.
pub fn warm_start(
    store: &ParamStore,
    tensors: &BTreeMap<String, Tensor>,
    prefix: &str,
) -> Result<String> {
    if store.group(prefix).is_empty() {
        let problem = nearest_path(store, prefix);
        return Err(CoreError::config("init_from", problem).into());
    }
    let chosen = tensors.iter().filter(|(path, _)| is_below(path, prefix));
    let chosen = chosen.map(|(path, tensor)| (path.clone(), tensor.clone()));
    let chosen: BTreeMap<String, Tensor> = chosen.collect();
    let mut all = BTreeMap::new();
    for (path, tensor) in store.tensors() {
        if !is_below(&path, prefix) {
            // A value cannot be overwritten by itself.
            all.insert(path, tensor.copy()?);
        }
    }
    all.extend(chosen.clone());
    store.load(&all)?;
    Ok(sha256(&encode_tensors(&chosen)?))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use latentlab_tensor::Init;

    use super::*;
    use crate::toy::Toy;

    /// The numbers of every entry.
    fn numbers(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<f32>> {
        let tensors = tensors.iter().map(|(path, tensor)| {
            let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
            (path.clone(), values)
        });
        tensors.collect()
    }

    /// The parameters of another run: those of the toy, plus one.
    fn others() -> BTreeMap<String, Tensor> {
        let (_, store) = Toy::new();
        let tensors = store.tensors().into_iter();
        tensors
            .map(|(path, tensor)| (path, (tensor + 1.0).unwrap()))
            .collect()
    }

    #[test]
    fn all_parameters_or_those_below_a_prefix_are_those_of_the_other_run() {
        for prefix in ["", "generator", "generator.bias"] {
            let (_, store) = Toy::new();
            let (before, others) = (numbers(&store.tensors()), others());
            warm_start(&store, &others, prefix).unwrap();
            for (path, values) in numbers(&store.tensors()) {
                let wanted = match is_below(&path, prefix) {
                    true => &numbers(&others)[&path],
                    false => &before[&path],
                };
                assert_eq!(&values, wanted, "{path} below `{prefix}`");
            }
        }
    }

    #[test]
    fn the_hash_is_that_of_what_was_loaded() {
        let (_, store) = Toy::new();
        let others = others();
        let whole = warm_start(&store, &others, "").unwrap();
        assert_eq!(whole, sha256(&encode_tensors(&others).unwrap()));
        assert_eq!(whole, warm_start(&store, &others, "").unwrap());
        let part = warm_start(&store, &others, "generator").unwrap();
        assert!(part.len() == 64 && part != whole, "{part}");
    }

    #[test]
    fn what_does_not_fit_is_listed_and_nothing_is_loaded() {
        let (_, store) = Toy::new();
        let before = numbers(&store.tensors());
        let mut others = others();
        others.remove("generator.bias").unwrap();
        let shape = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
        others.insert("generator.weight".to_owned(), shape.clone());
        others.insert("generator.scale".to_owned(), shape.clone());
        others.insert("discriminator.scale".to_owned(), shape);
        let message = warm_start(&store, &others, "generator").unwrap_err();
        assert_eq!(
            message.to_string(),
            "3 tensor(s) do not fit:\n  `generator.bias`: missing\n  `generator.scale`: not a \
             parameter of this model\n  `generator.weight`: shape [3, 2], expected [2, 3]"
        );
        assert_eq!(numbers(&store.tensors()), before);
        let message = warm_start(&store, &others, "").unwrap_err().to_string();
        assert!(message.starts_with("4 tensor(s) do not fit:"), "{message}");
        assert_eq!(numbers(&store.tensors()), before);
    }

    #[test]
    fn values_that_are_not_finite_and_other_types_are_refused() {
        let store = ParamStore::new(1, DType::F32, &Device::Cpu);
        store.root().parameter("w", 1, Init::ZEROS).unwrap();
        let of = |tensor: Tensor| BTreeMap::from([("w".to_owned(), tensor)]);
        for (tensor, problem) in [
            (Tensor::new(&[f32::NAN], &Device::Cpu), "not finite"),
            (Tensor::new(&[1f64], &Device::Cpu), "type F64"),
        ] {
            let message = warm_start(&store, &of(tensor.unwrap()), "").unwrap_err();
            assert!(message.to_string().contains(problem), "{message}");
        }
    }

    #[test]
    fn a_prefix_that_names_nothing_is_met_with_the_nearest() {
        let (_, store) = Toy::new();
        let message = warm_start(&store, &others(), "genrator").unwrap_err();
        assert_eq!(
            message.to_string(),
            "`init_from`: no parameter is at or below `genrator`, did you mean `generator`?; \
             known: discriminator, generator"
        );
    }
}
