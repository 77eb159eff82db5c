//! Memory of tensors as slices, and back.

use std::{cell::RefCell, ops::Deref};

use candle_core::{CpuStorage, DType, Device, Error, Layout, Result, Shape, Storage, Tensor};

/// Whether kernels can compute on these tensors: `f32` on the CPU.
pub fn is_for(tensors: &[&Tensor]) -> bool {
    let is_for =
        |tensor: &&Tensor| tensor.dtype() == DType::F32 && matches!(tensor.device(), Device::Cpu);
    tensors.iter().all(is_for)
}

/// New memory for `count` values, which hold anything.
///
/// Zeroing it first would cost as much as many a kernel. In debug builds it is full of NaN, so
/// that a value that was forgotten shows.
///
/// # Safety
/// The caller writes every value before it, or anybody it hands the vector to, reads it.
#[allow(
    unsafe_code,
    reason = "zeroing memory that is overwritten costs a pass over it"
)]
#[allow(clippy::uninit_vec, reason = "as above")]
pub unsafe fn overwritten(count: usize) -> Vec<f32> {
    if cfg!(debug_assertions) {
        return vec![f32::NAN; count];
    }
    let mut values = Vec::with_capacity(count);
    // SAFETY: the capacity is there, and the caller writes each value before it is read; the memory
    // is dropped as it is otherwise.
    unsafe { values.set_len(count) };
    values
}

thread_local!(static SCRATCH: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) });

/// Lends `count` values of this thread, whatever they hold, to be overwritten. They are kept for the
/// next call, for as long as the thread lives; calls within `task` get others.
pub(crate) fn with_scratch<R>(count: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    if scratch.len() < count {
        scratch = vec![0.0; count];
    }
    let result = task(&mut scratch[..count]);
    SCRATCH.with_borrow_mut(|kept| kept.push(scratch));
    result
}

/// The values of a contiguous `f32` storage.
///
/// # Errors
/// If it is of another type or not contiguous.
pub fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => Err(Error::Msg(format!(
            "a kernel needs contiguous f32, not {:?} with layout {layout:?}",
            candle_core::backend::BackendStorage::dtype(storage)
        ))),
    }
}

/// The values of a contiguous `f32` tensor on the CPU, for reading.
///
/// # Errors
/// If it is of another type, elsewhere, or not contiguous.
pub fn view(tensor: &Tensor) -> Result<impl Deref<Target = [f32]> + '_> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(cpu) = &*storage else {
        return Err(Error::Msg("a kernel needs a tensor on the CPU".to_owned()));
    };
    contiguous(cpu, layout)?;
    let (start, end) = layout.contiguous_offsets().unwrap_or_default();
    Ok(View {
        storage,
        start,
        end,
    })
}

/// A tensor of these values on the CPU.
///
/// # Errors
/// If `shape` has another number of elements.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

struct View<S> {
    storage: S,
    start: usize,
    end: usize,
}

impl<S: Deref<Target = Storage>> Deref for View<S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.end],
            _ => unreachable!("checked when the view was made"),
        }
    }
}
