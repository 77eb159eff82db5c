//! Memory of tensors as slices, and back.

use std::ops::Deref;

use candle_core::{CpuStorage, DType, Device, Error, Layout, Result, Shape, Storage, Tensor};

/// Whether kernels can compute on these tensors: `f32` on the CPU.
pub fn is_for(tensors: &[&Tensor]) -> bool {
    let is_for =
        |tensor: &&Tensor| tensor.dtype() == DType::F32 && matches!(tensor.device(), Device::Cpu);
    tensors.iter().all(is_for)
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
