//! Layers and parameters of this project beside candle's: a layer in a `Sequential`, values of a
//! `ParamStore` in a `VarBuilder`, and those of a `VarMap` in a `ParamStore`.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{VarBuilder, VarMap, seq};
use latentlab_tensor::{ParamStore, Rng};

fn main() -> candle_core::Result<()> {
    let device = Device::Cpu;
    let x = Rng::stream(0, "x", 0).normal((3, 4), DType::F32, &device)?;

    // Our layer in candle's sequence: it is a `Module`.
    let store = ParamStore::new(7, DType::F32, &device);
    let ours = latentlab_nn::linear(4, 2, &store.root().at("0"))?;
    let model = seq().add(ours).add_fn(|x| x.relu());
    let y = model.forward(&x)?;

    // candle's layer with the same values: names and layouts are PyTorch's, as candle's are.
    let tensors = store.tensors().into_iter().collect();
    let from_ours = VarBuilder::from_tensors(tensors, DType::F32, &device);
    let theirs = candle_nn::linear(4, 2, from_ours.pp("0"))?;
    let same = (theirs.forward(&x)?.relu()? - &y)?.abs()?.max_all()?;
    println!(
        "our layer and candle's differ by {}",
        same.to_scalar::<f32>()?
    );
    assert!(same.to_scalar::<f32>()? < 1e-6);

    // Back again: the values of a `VarMap` in a store of ours.
    let variables = VarMap::new();
    let at = VarBuilder::from_varmap(&variables, DType::F32, &device);
    candle_nn::linear(4, 2, at.pp("0"))?;
    let values: BTreeMap<String, Tensor> = variables
        .data()
        .lock()
        .expect("nobody else has it")
        .iter()
        .map(|(name, variable)| {
            (
                name.clone(),
                variable.as_tensor().copy().expect("on the CPU"),
            )
        })
        .collect();
    store.load(&values)?;
    println!("loaded {:?}", store.paths());
    Ok(())
}
