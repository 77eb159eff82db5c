//! The parameter store: what is declared, who is trained, what a file may overwrite.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Module, Tensor};
use latentlab_tensor::{Error, Init, Kind, ParamStore, Rng, decode_tensors, encode_tensors};

fn store() -> ParamStore {
    ParamStore::new(11, DType::F32, &Device::Cpu)
}

/// Declares `names` as vectors of three.
fn declare(store: &ParamStore, names: &[&str]) {
    for name in names {
        let path: Vec<&str> = name.split('.').collect();
        let mut place = store.root();
        for part in &path[..path.len() - 1] {
            place = place.at(part);
        }
        let init = Init::Uniform { bound: 1.0 };
        place.parameter(path[path.len() - 1], 3, init).unwrap();
    }
}

fn values(store: &ParamStore) -> BTreeMap<String, Vec<f32>> {
    let read = |(path, tensor): (String, Tensor)| {
        let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
        (path, values)
    };
    store.tensors().into_iter().map(read).collect()
}

fn paths<T>(entries: Vec<(String, T)>) -> Vec<String> {
    entries.into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_parameter_starts_from_its_seed_and_path_alone() {
    let (small, large, other) = (
        store(),
        store(),
        ParamStore::new(12, DType::F32, &Device::Cpu),
    );
    declare(&small, &["a.weight", "b.weight"]);
    declare(&large, &["c.weight", "b.weight", "a.bias", "a.weight"]);
    declare(&other, &["a.weight", "b.weight"]);
    let (small, large, other) = (values(&small), values(&large), values(&other));
    for path in ["a.weight", "b.weight"] {
        assert_eq!(small[path], large[path]);
        assert_ne!(small[path], other[path]);
    }
    assert_ne!(small["a.weight"], small["b.weight"]);
}

#[test]
fn entries_are_in_the_order_of_their_paths() {
    let store = store();
    declare(&store, &["z", "a.b", "a"]);
    assert_eq!(store.paths(), ["a", "a.b", "z"]);
}

#[test]
fn a_path_is_declared_only_once() {
    let store = store();
    declare(&store, &["a.weight"]);
    let again = store
        .root()
        .at("a")
        .parameter("weight", (2, 2), Init::ZEROS);
    assert_eq!(
        again.unwrap_err().to_string(),
        "parameter `a.weight` is declared twice: with shapes [3] and [2, 2]"
    );
}

#[test]
fn a_group_is_a_prefix_of_whole_names() {
    let store = store();
    declare(
        &store,
        &["generator.0.weight", "generator2.weight", "generator"],
    );
    assert_eq!(
        paths(store.group("generator")),
        ["generator", "generator.0.weight"]
    );
    assert_eq!(paths(store.group("generator.0")), ["generator.0.weight"]);
    assert_eq!(paths(store.group("")).len(), 3);
    assert!(store.group("gen").is_empty());
}

#[test]
fn buffers_belong_to_a_group_but_are_no_parameters() {
    let store = store();
    latentlab_nn::batch_norm(3, Default::default(), &store.root().at("d")).unwrap();
    assert_eq!(store.group("d").len(), 4);
    assert_eq!(paths(store.parameters("d")), ["d.bias", "d.weight"]);
    assert_eq!(store.get("d.running_var").unwrap().kind(), Kind::Buffer);
}

#[test]
fn only_the_group_being_trained_gets_gradients() {
    let store = store();
    let generator = latentlab_nn::linear(2, 3, &store.root().at("generator")).unwrap();
    let critic = latentlab_nn::linear(3, 1, &store.root().at("critic")).unwrap();
    let z = Tensor::ones((4, 2), DType::F32, &Device::Cpu).unwrap();
    let score = || critic.forward(&generator.forward(&z).unwrap()).unwrap();
    let trained = || {
        let gradients = score().sum_all().unwrap().backward().unwrap();
        let mut entries = store.parameters("");
        entries.retain(|(_, entry)| gradients.get(entry.var()).is_some());
        paths(entries)
    };
    assert_eq!(trained().len(), 4);
    store.train_only("generator");
    assert_eq!(trained(), ["generator.bias", "generator.weight"]);
    store.train_only("critic");
    assert_eq!(trained(), ["critic.bias", "critic.weight"]);
    assert!(!generator.forward(&z).unwrap().track_op());
    store.freeze();
    assert!(!score().track_op());
}

#[test]
fn a_file_brings_every_value_back_bit_by_bit() {
    let (before, after) = (store(), ParamStore::new(99, DType::F32, &Device::Cpu));
    for store in [&before, &after] {
        latentlab_nn::linear(3, 2, &store.root().at("a")).unwrap();
        latentlab_nn::batch_norm(2, Default::default(), &store.root().at("b")).unwrap();
    }
    assert_ne!(values(&before), values(&after));
    let bytes = encode_tensors(&before.tensors()).unwrap();
    after.load(&decode_tensors(&bytes).unwrap()).unwrap();
    assert_eq!(values(&before), values(&after));
    assert_eq!(encode_tensors(&after.tensors()).unwrap(), bytes);
}

#[test]
fn a_file_that_does_not_fit_is_refused_whole_with_every_reason() {
    let store = store();
    declare(
        &store,
        &["dtype", "fine", "infinite", "missing", "nan", "shape"],
    );
    let before = values(&store);
    let vector = |values: [f32; 3]| Tensor::new(&values, &Device::Cpu).unwrap();
    let file = BTreeMap::from([
        (
            "dtype".to_owned(),
            vector([1.0; 3]).to_dtype(DType::F64).unwrap(),
        ),
        ("extra".to_owned(), vector([1.0; 3])),
        ("fine".to_owned(), vector([f32::MAX; 3])),
        ("infinite".to_owned(), vector([1.0, f32::NEG_INFINITY, 1.0])),
        ("nan".to_owned(), vector([1.0, 1.0, f32::NAN])),
        (
            "shape".to_owned(),
            vector([1.0; 3]).reshape((1, 3)).unwrap(),
        ),
    ]);
    let error = store.load(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "6 tensor(s) do not fit:\
         \n  `dtype`: type F64, expected F32\
         \n  `extra`: not a parameter of this model\
         \n  `infinite`: holds values that are not finite\
         \n  `missing`: missing\
         \n  `nan`: holds values that are not finite\
         \n  `shape`: shape [1, 3], expected [3]"
    );
    assert!(matches!(error, Error::Mismatch { problems } if problems.len() == 6));
    assert_eq!(values(&store), before);
}

#[test]
fn the_first_value_that_is_not_finite_is_named() {
    let store = store();
    declare(&store, &["a", "b", "c"]);
    assert_eq!(store.first_non_finite().unwrap(), None);
    for path in ["b", "c"] {
        let broken = Tensor::new(&[0f32, f32::INFINITY, 0.0], &Device::Cpu).unwrap();
        store.get(path).unwrap().set(&broken).unwrap();
    }
    assert_eq!(store.first_non_finite().unwrap().as_deref(), Some("b"));
}

#[test]
fn clones_of_a_store_share_its_entries() {
    let store = store();
    let clone = store.clone();
    declare(&clone, &["a"]);
    let drawn = Rng::stream(0, "test", 0)
        .normal(3, DType::F32, &Device::Cpu)
        .unwrap();
    clone.get("a").unwrap().set(&drawn).unwrap();
    assert_eq!(values(&store)["a"], drawn.to_vec1::<f32>().unwrap());
}

const MIB: u64 = 1 << 20;

#[test]
fn a_model_larger_than_its_budget_is_refused_with_its_size_before_memory_is_taken() {
    // 4 MiB of values, and twice that while they are drawn.
    let store = store().with_budget(9 * MIB, 1);
    let params = store.root();
    params
        .parameter("first", (1024, 1024), Init::ZEROS)
        .unwrap();
    params.parameter("small", 256, Init::ZEROS).unwrap();
    let error = params
        .parameter("second", (1024, 1024), Init::ZEROS)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model needs at least 12.0 MiB for its parameters (`first` alone is 4.0 MiB), the \
         machine has 9.0 MiB free: make its layers smaller"
    );
    assert_eq!(store.paths(), ["first", "small"]);
    // A terabyte would not be survived if it were taken.
    let error = params
        .parameter("huge", (1 << 20, 1 << 20), Init::ONES)
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("`huge` alone is 4.0 TiB"), "{message}");
    assert!(message.contains("at least 8.0 TiB"), "{message}");
}

#[test]
fn a_budget_counts_every_copy_that_training_needs() {
    let declare = |free, copies| {
        let store = store().with_budget(free, copies);
        store
            .root()
            .buffer("x", (256, 1024), Init::ZEROS)
            .map(|_| ())
    };
    declare(4 * MIB, 4).unwrap();
    let message = declare(4 * MIB - 1, 4).unwrap_err().to_string();
    let start = "the model needs at least 4.0 MiB for its parameters, their gradients and what the \
                 optimizer remembers (`x` alone is 1.0 MiB), the machine has";
    assert!(message.starts_with(start), "{message}");
    assert!(declare(2 * MIB, 0).is_ok());
}

#[test]
fn sizes_beyond_any_number_are_errors_that_tell_them() {
    let sides = [
        (usize::MAX, 2),
        (usize::MAX, usize::MAX),
        (1 << 40, 1 << 40),
    ];
    for (store, told) in [
        (store(), "more than 4294967296 values"),
        (store().with_budget(MIB, 1), "the machine has 1.0 MiB free"),
        (store().with_room(7), "more than 4294967296 values"),
    ] {
        for shape in sides {
            let error = store.root().parameter("x", shape, Init::ZEROS).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
    let error = store()
        .root()
        .parameter("x", (1 << 20, 1 << 20), Init::ZEROS);
    let message = error.unwrap_err().to_string();
    assert!(message.ends_with("4.0 TiB of memory"), "{message}");
}
