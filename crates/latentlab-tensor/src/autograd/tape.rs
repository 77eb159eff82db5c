//! A tape of the operations within networks, for gradients that are taken once.
//!
//! candle's backward pass zeroes a buffer for the gradient of every intermediate value, adds to it,
//! and keeps the values alive until the end: a quarter of the memory traffic of a convolutional
//! step. Within [`once`], an operation of this crate that runs in a [`segment`] is written to a tape,
//! and its result stands in candle's graph as a variable, with nothing behind it. [`final_backward`]
//! lets candle differentiate the loss by these variables and then walks back along the tape, where a
//! gradient is handed on as it is and a value is dropped after its last use.
//!
//! Operations that are not on the tape stay in candle's graph, also between two that are: the walk
//! leaves the tape there and lets candle differentiate what is in between.
//!
//! [`final_backward`]: super::final_backward

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use crate::{cpu::is_for, ops::add};
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor,
    TensorId, Var, backprop::GradStore,
};

thread_local! {
    /// What was recorded, while there is a tape.
    static TAPE: RefCell<Option<Vec<Event>>> = const { RefCell::new(None) };
    /// Whether operations are recorded: within a segment.
    static RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// One operation on the tape, in the order of the forward pass.
struct Event {
    output: Tensor,
    backward: Backward,
}

/// The gradients of the operands, from that of the result.
type Backward = Box<dyn FnOnce(&Tensor) -> Result<Vec<(Tensor, Option<Tensor>)>>>;

/// Runs `task` with an empty tape: gradients of what it computes are taken by
/// [`final_backward`](super::final_backward), within it, and no gradient is differentiated again,
/// except through [`input_gradient`](super::input_gradient), which stays in candle's graph.
pub fn once<R>(task: impl FnOnce() -> R) -> R {
    with_tape(Some(Vec::new()), task)
}

/// Runs `task` without a tape.
pub(super) fn without_tape<R>(task: impl FnOnce() -> R) -> R {
    with_tape(None, task)
}

fn with_tape<R>(tape: Option<Vec<Event>>, task: impl FnOnce() -> R) -> R {
    struct Restore(Option<Vec<Event>>, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            TAPE.set(self.0.take());
            RECORDING.set(self.1);
        }
    }
    let _restore = Restore(TAPE.replace(tape), RECORDING.replace(false));
    task()
}

/// Runs `task`, the forward pass of a network or a whole loss, and records its operations, if there
/// is a tape; otherwise this is a plain call.
///
/// Nothing in `task` may take gradients but through [`input_gradient`](super::input_gradient):
/// candle's graph ends at what is recorded.
pub fn segment<R>(task: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let has_tape = TAPE.with_borrow(Option::is_some);
    let _restore = Restore(RECORDING.replace(has_tape));
    task()
}

fn push(
    output: Tensor,
    backward: impl FnOnce(&Tensor) -> Result<Vec<(Tensor, Option<Tensor>)>> + 'static,
) {
    let backward = Box::new(backward);
    TAPE.with_borrow_mut(|tape| {
        if let Some(tape) = tape {
            tape.push(Event { output, backward });
        }
    });
}

/// Whether an operation on these goes on the tape: a tracked one on `f32` in the CPU's memory.
fn is_recorded(operands: &[&Tensor]) -> bool {
    RECORDING.get() && is_for(operands) && operands.iter().any(|operand| operand.track_op())
}

/// Runs a forward pass, whose result becomes a variable.
fn run<const N: usize>(
    operands: [&Tensor; N],
    forward: impl FnOnce([(&CpuStorage, &Layout); N]) -> Result<(CpuStorage, Shape)>,
) -> Result<Tensor> {
    let guards = operands.map(Tensor::storage_and_layout);
    let parts = guards.each_ref().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => (storage, *layout),
        _ => unreachable!("recorded operands are in the CPU's memory"),
    });
    let (result, shape) = forward(parts)?;
    let CpuStorage::F32(values) = result else {
        candle_core::bail!("an operation on f32 gave another type");
    };
    Ok(Var::from_vec(values, shape, &Device::Cpu)?.into_inner())
}

/// [`Tensor::apply_op1`], recorded within a [`segment`].
///
/// # Errors
/// Those of the operation.
pub fn apply1(x: &Tensor, op: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    if !is_recorded(&[x]) {
        return x.apply_op1(op);
    }
    let y = run([x], |[x]| op.cpu_fwd(x.0, x.1))?;
    let (x, result) = (x.clone(), y.clone());
    push(y.clone(), move |gradient| {
        let by_x = op.bwd(&x, &result, gradient)?;
        Ok(vec![(x, by_x)])
    });
    Ok(y)
}

/// [`Tensor::apply_op2`], recorded within a [`segment`].
///
/// # Errors
/// Those of the operation.
pub fn apply2(
    a: &Tensor,
    b: &Tensor,
    op: impl CustomOp2 + Send + Sync + 'static,
) -> Result<Tensor> {
    if !is_recorded(&[a, b]) {
        return a.apply_op2(b, op);
    }
    let y = run([a, b], |[a, b]| op.cpu_fwd(a.0, a.1, b.0, b.1))?;
    let (a, b, result) = (a.clone(), b.clone(), y.clone());
    push(y.clone(), move |gradient| {
        let (by_a, by_b) = op.bwd(&a, &b, &result, gradient)?;
        Ok(vec![(a, by_a), (b, by_b)])
    });
    Ok(y)
}

/// [`Tensor::apply_op3`], recorded within a [`segment`].
///
/// # Errors
/// Those of the operation.
pub fn apply3(
    a: &Tensor,
    b: &Tensor,
    c: &Tensor,
    op: impl CustomOp3 + Send + Sync + 'static,
) -> Result<Tensor> {
    if !is_recorded(&[a, b, c]) {
        return a.apply_op3(b, c, op);
    }
    let y = run([a, b, c], |[a, b, c]| {
        op.cpu_fwd(a.0, a.1, b.0, b.1, c.0, c.1)
    })?;
    let (a, b, c, result) = (a.clone(), b.clone(), c.clone(), y.clone());
    push(y.clone(), move |gradient| {
        let (by_a, by_b, by_c) = op.bwd(&a, &b, &c, &result, gradient)?;
        Ok(vec![(a, by_a), (b, by_b), (c, by_c)])
    });
    Ok(y)
}

/// [`Tensor::reshape`], recorded within a [`segment`]; no copy of a contiguous tensor, in either
/// direction.
///
/// # Errors
/// If `shape` has another number of elements.
pub fn reshape(x: &Tensor, shape: impl candle_core::shape::ShapeWithOneHole) -> Result<Tensor> {
    let y = x.reshape(shape)?;
    if y.dims() == x.dims() {
        return Ok(x.clone());
    }
    if is_recorded(&[x]) {
        let x = x.clone();
        push(y.clone(), move |gradient| {
            let by_x = gradient.reshape(x.shape())?;
            Ok(vec![(x, Some(by_x))])
        });
    }
    Ok(y)
}

/// Hands the gradients in `gradients` on along the tape, from its end.
///
/// Operations that none reaches stay on the tape: a later loss may be computed from them.
pub(super) fn unwind(gradients: &mut GradStore) -> Result<()> {
    let Some(events) = TAPE.with_borrow_mut(|tape| tape.as_mut().map(std::mem::take)) else {
        return Ok(());
    };
    // Gradients of reshaped values: those are no variables, so candle has none for them.
    let reshaped = |event: &Event| !event.output.is_variable();
    let mut known: HashMap<TensorId, Option<Tensor>> = events
        .iter()
        .filter(|event| reshaped(event))
        .map(|event| (event.output.id(), None))
        .collect();
    let mut kept = Vec::new();
    for event in events.into_iter().rev() {
        let gradient = match known.remove(&event.output.id()) {
            Some(gradient) => gradient,
            None => gradients.remove(&event.output),
        };
        let Some(gradient) = gradient else {
            kept.push(event);
            continue;
        };
        for (operand, gradient) in (event.backward)(&gradient)? {
            if let Some(gradient) = gradient {
                hand_on(&operand, gradient, &mut known, gradients)?;
            }
        }
    }
    kept.reverse();
    TAPE.set(Some(kept));
    Ok(())
}

/// Adds to the gradient of a value: of one that is known, of a variable, or of whatever candle
/// computed it from.
fn hand_on(
    value: &Tensor,
    gradient: Tensor,
    known: &mut HashMap<TensorId, Option<Tensor>>,
    gradients: &mut GradStore,
) -> Result<()> {
    let sum = |before: Option<Tensor>, gradient: Tensor| match before {
        Some(before) => add(&before, &gradient),
        None => Ok(gradient),
    };
    if let Some(place) = known.get_mut(&value.id()) {
        *place = Some(sum(place.take(), gradient)?);
    } else if value.is_variable() {
        let sum = sum(gradients.remove(value), gradient)?;
        gradients.insert(value, sum);
    } else if value.track_op() {
        let further = (value * gradient.detach())?.sum_all()?.backward()?;
        gradients.extend(further)?;
    }
    Ok(())
}
