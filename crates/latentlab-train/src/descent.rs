//! The loss of a phase and its gradient.

use latentlab_core::{Batch, Loss, Phase, Step, Term};
use latentlab_tensor::{Parameter, final_backward};

use crate::{Error, Result};
use latentlab_optim::Gradients;

/// The loss of a phase on a batch and the gradient of its `parameters`, computed on `parts` parts of
/// the batch in turn.
///
/// Both are means over the parts, weighted by the parts' sizes; with a loss that is itself a mean
/// over images they are those of the whole batch.
pub(crate) fn descend(
    phase: &Phase<'_>,
    batch: &Batch,
    parts: usize,
    step: &mut Step,
    parameters: &[(String, Parameter)],
) -> Result<(Loss, Gradients)> {
    let mut gradients = Gradients::new();
    let mut mean: Option<Loss> = None;
    let size = batch.size()? as f64;
    for part in batch.chunks(parts)? {
        let loss = phase.loss(&part, step)?;
        if loss.total.rank() != 0 {
            let problem = format!(
                "returned a loss of shape {:?}; it must be a scalar, such as the mean over a batch",
                loss.total.dims()
            );
            return Err(Error::Phase {
                phase: phase.name.to_owned(),
                problem,
            });
        }
        let weighted = match part.size()? as f64 / size {
            1.0 => loss,
            share => scale(loss, share)?,
        };
        latentlab_optim::accumulate(
            &mut gradients,
            &final_backward(&weighted.total)?,
            parameters,
        )?;
        let total = weighted.total.detach();
        let part = Loss { total, ..weighted };
        mean = Some(match mean {
            None => part,
            Some(mean) => sum(mean, part)?,
        });
    }
    match mean {
        Some(mean) => Ok((mean, gradients)),
        None => Err(Error::Phase {
            phase: phase.name.to_owned(),
            problem: "got an empty batch".to_owned(),
        }),
    }
}

fn scale(loss: Loss, factor: f64) -> Result<Loss> {
    let terms = loss.terms.into_iter();
    let terms = terms.map(|(name, term)| (name, Term::new(move || Ok((term.value()? * factor)?))));
    Ok(Loss {
        total: (loss.total * factor)?,
        terms: terms.collect(),
    })
}

fn sum(a: Loss, b: Loss) -> Result<Loss> {
    let terms = a.terms.into_iter().zip(b.terms);
    let sum = |a: Term, b: Term| Term::new(move || Ok((a.value()? + b.value()?)?));
    let terms = terms.map(|((name, a), (_, b))| (name, sum(a, b)));
    Ok(Loss {
        total: (a.total + b.total)?,
        terms: terms.collect(),
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Module, Tensor};
    use latentlab_nn::linear;
    use latentlab_tensor::{ParamStore, Rng};

    use super::*;

    /// Loss, term and weight gradient of a linear map's mean square, in `parts` parts.
    fn results(parts: usize) -> Vec<f64> {
        let store = ParamStore::new(1, DType::F64, &Device::Cpu);
        let layer = linear(2, 1, &store.root().at("layer")).unwrap();
        let phase = Phase::new("layer", |batch, _| {
            let output = layer.forward(&batch.images)?;
            Ok(Loss::new(output.sqr()?.mean_all()?).term("mean", &output.mean_all()?))
        });
        let mut rng = Rng::stream(1, "test", 0);
        let images = rng.normal((7, 2), DType::F64, &Device::Cpu).unwrap();
        let batch = Batch {
            images,
            labels: None,
        };
        let mut step = Step::new(1, rng);
        let (loss, gradients) =
            descend(&phase, &batch, parts, &mut step, &store.parameters("")).unwrap();
        let term = loss.terms[0].1.value().unwrap();
        let scalars = [&loss.total, &term, &gradients["layer.weight"]];
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        scalars.into_iter().flat_map(flat).collect()
    }

    #[test]
    fn parts_of_a_batch_give_the_loss_and_the_gradient_of_the_whole() {
        let whole = results(1);
        for parts in [2, 3, 7] {
            for (a, b) in whole.iter().zip(results(parts)) {
                assert!((a - b).abs() < 1e-12, "{parts} parts: {b} is not {a}");
            }
        }
    }
}
