//! Gradients along the tape are those of candle's own backward pass.

use candle_core::{DType, Device, Module, Result, Tensor, backprop::GradStore};
use latentlab_nn::{Activation, LinearConfig, WeightNorm, linear, linear_with};
use latentlab_tensor::{
    Init, ParamStore, Rng, final_backward, input_gradient, once, reshape, segment,
};

/// Two networks, one on the output of the other, with a layer that is not on the tape (SiLU), a
/// weight that candle computes (spectral norm) and a value used twice.
struct Networks {
    store: ParamStore,
    first: Network,
    second: Network,
}

type Network = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

fn networks() -> Networks {
    let store = ParamStore::new(5, DType::F32, &Device::Cpu);
    let at = |name: &str| store.root().at(name);
    let spectral = LinearConfig {
        norm: WeightNorm::Spectral,
        weight: Init::XavierUniform,
        ..Default::default()
    };
    let a = linear(4, 6, &at("a")).unwrap();
    let b = linear_with(6, 6, spectral, &at("b")).unwrap();
    let c = linear(6, 3, &at("c")).unwrap();
    let d = linear(3, 5, &at("d")).unwrap();
    let e = linear(5, 1, &at("e")).unwrap();
    Networks {
        store,
        first: Box::new(move |x| {
            segment(|| {
                let x = a.forward_then(x, Activation::Tanh)?;
                let y = b.forward_then(&x, Activation::Silu)?;
                c.forward(&(x + y)?)
            })
        }),
        second: Box::new(move |x| {
            segment(|| {
                let y = d.forward_then(x, Activation::Sigmoid)?;
                reshape(&e.forward(&y)?, 7)
            })
        }),
    }
}

fn input() -> Tensor {
    let mut rng = Rng::stream(5, "input", 0);
    rng.normal((7, 4), DType::F32, &Device::Cpu).unwrap()
}

fn gradients(store: &ParamStore, gradients: &GradStore) -> Vec<(String, Vec<f32>)> {
    let parameters = store.parameters("").into_iter();
    parameters
        .filter_map(|(path, parameter)| {
            let gradient = gradients.get(parameter.var())?.flatten_all().unwrap();
            Some((path, gradient.to_vec1().unwrap()))
        })
        .collect()
}

fn assert_close(ours: &[(String, Vec<f32>)], theirs: &[(String, Vec<f32>)]) {
    assert_eq!(ours.len(), theirs.len());
    for ((path, ours), (other, theirs)) in ours.iter().zip(theirs) {
        assert_eq!(path, other);
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                (ours - theirs).abs() < 1e-5,
                "{path}: {ours} is not {theirs}"
            );
        }
    }
}

#[test]
fn the_tape_gives_the_gradients_of_candle() {
    let Networks {
        store,
        first,
        second,
    } = networks();
    // Spectral norm moves its vectors in a pass while it is trained: both see the same ones.
    store.freeze();
    for group in ["", "a", "c", "e"] {
        store.train_only(group);
        let loss = || {
            let middle = first(&input())?;
            // Through candle between the two, and around the second.
            second(&(&middle * 2.0)?)?.sqr()?.sum_all()? + middle.sqr()?.sum_all()?
        };
        let start = store.tensors().into_iter();
        let start = start
            .map(|(path, tensor)| (path, tensor.copy().unwrap()))
            .collect();
        let plain = gradients(&store, &loss().unwrap().backward().unwrap());
        store.load(&start).unwrap();
        let taped = once(|| final_backward(&loss().unwrap()).unwrap());
        assert_close(&gradients(&store, &taped), &plain);
        assert!(!plain.is_empty());
    }
}

#[test]
fn a_segment_waits_for_the_loss_that_reaches_it() {
    let Networks {
        store,
        first,
        second,
    } = networks();
    store.train_only("c");
    let expected = {
        let loss = first(&input()).unwrap().sqr().unwrap().sum_all().unwrap();
        gradients(&store, &loss.backward().unwrap())
    };
    once(|| {
        store.train_only("c");
        let carried = first(&input()).unwrap();
        store.train_only("e");
        let loss = second(&carried.detach()).unwrap().sum_all().unwrap();
        let own = final_backward(&loss).unwrap();
        assert_eq!(gradients(&store, &own).len(), 2);
        let loss = carried.sqr().unwrap().sum_all().unwrap();
        let later = final_backward(&loss).unwrap();
        assert_close(&gradients(&store, &later), &expected);
    });
}

#[test]
fn gradients_of_gradients_stay_in_candles_graph() {
    let Networks { store, first, .. } = networks();
    store.train_only("a");
    let penalty = || {
        let function = |x: &Tensor| first(x).map_err(latentlab_tensor::Error::from);
        let slope = input_gradient(&input(), function).unwrap().gradient;
        slope.sqr().unwrap().sum_all().unwrap()
    };
    let plain = gradients(&store, &penalty().backward().unwrap());
    let taped = once(|| final_backward(&penalty()).unwrap());
    assert_close(&gradients(&store, &taped), &plain);
    assert_eq!(plain.len(), 2);
}
