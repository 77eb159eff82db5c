//! A model of candle's own, with candle's layers and `VarMap`, trained by this crate's AdamW with
//! clipped gradients and a learning rate that falls to 0.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder, VarMap, linear, seq};
use latentlab_optim::{AdamW, Optimizer, OptimizerConfig, Rule, gradients_of};
use latentlab_tensor::{Parameter, Rng};

const STEPS: u64 = 400;

fn main() -> latentlab_core::Result<()> {
    let device = Device::Cpu;
    let variables = VarMap::new();
    let at = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let model = seq()
        .add(linear(2, 32, at.pp("0"))?)
        .add_fn(|x| x.tanh())
        .add(linear(32, 1, at.pp("2"))?);

    // The variables by their names, in an order that does not change from run to run.
    let mut parameters: Vec<(String, Parameter)> = variables
        .data()
        .lock()
        .expect("nobody else has it")
        .iter()
        .map(|(name, variable)| (name.clone(), variable.clone().into()))
        .collect();
    parameters.sort_by(|one, other| one.0.cmp(&other.0));

    let config = OptimizerConfig {
        rule: Rule::AdamW(AdamW::default()),
        lr: 1e-2,
        clip_norm: Some(1.0),
        ..Default::default()
    };
    let mut optimizer = Optimizer::new(&parameters, config)?;
    let mut rng = Rng::stream(0, "points", 0);
    let mut last = f32::NAN;
    for step in 0..STEPS {
        let points = rng.normal((64, 2), DType::F32, &device)?;
        let wanted = (points.narrow(1, 0, 1)? * points.narrow(1, 1, 1)?)?; // x · y
        let loss = (model.forward(&points)? - wanted)?.sqr()?.mean_all()?;
        let gradients = gradients_of(&parameters, &loss.backward()?);
        let remaining = 1.0 - step as f64 / STEPS as f64; // the factor of the learning rate
        let norm = optimizer.step(gradients, remaining)?;
        last = loss.to_scalar()?;
        if step % 100 == 0 {
            let norm: Option<f32> = norm.as_ref().map(Tensor::to_scalar).transpose()?;
            println!("step {step}: loss {last:.4}, norm of the gradient {norm:.3?}");
        }
    }
    println!("step {STEPS}: loss {last:.4}");
    assert!(last < 0.2, "the product of two numbers can be learned");
    Ok(())
}
