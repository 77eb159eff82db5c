//! Named tensors to and from the bytes of a safetensors file, in path order.

use std::collections::{BTreeMap, HashMap};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Error, Result};

/// The bytes of a safetensors file with these tensors; the same tensors give the same bytes.
///
/// The metadata hold one key, `format = "pt"`: the format's map has no order, so that two keys
/// would make the bytes differ from run to run.
///
/// # Errors
/// If a tensor is neither `f32` nor `f64`.
pub fn encode_tensors(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    let raw = tensors
        .iter()
        .map(|(path, tensor)| Ok((path, tensor.dims(), raw_bytes(tensor)?)))
        .collect::<Result<Vec<_>>>()?;
    let views = raw
        .iter()
        .map(|(path, dims, (dtype, bytes))| {
            let view = TensorView::new(*dtype, dims.to_vec(), bytes).map_err(format_error)?;
            Ok((path.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(format_error)
}

/// The tensors of a safetensors file, on the CPU.
///
/// # Errors
/// If the bytes are no such file, or a tensor is neither `F32` nor `F64`.
pub fn decode_tensors(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let file = SafeTensors::deserialize(bytes).map_err(format_error)?;
    file.iter()
        .map(|(path, view)| {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F64 => DType::F64,
                other => {
                    let problem = format!("`{path}` has type {other:?}, expected F32 or F64");
                    return Err(Error::Format(problem));
                }
            };
            let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?;
            Ok((path.to_owned(), tensor))
        })
        .collect()
}

fn raw_bytes(tensor: &Tensor) -> Result<(Dtype, Vec<u8>)> {
    let tensor = tensor
        .flatten_all()?
        .to_device(&Device::Cpu)?
        .contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let (start, end) = (
        layout.start_offset(),
        layout.start_offset() + tensor.elem_count(),
    );
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => {
            let bytes = values[start..end].iter().flat_map(|v| v.to_le_bytes());
            Ok((Dtype::F32, bytes.collect()))
        }
        Storage::Cpu(CpuStorage::F64(values)) => {
            let bytes = values[start..end].iter().flat_map(|v| v.to_le_bytes());
            Ok((Dtype::F64, bytes.collect()))
        }
        _ => Err(Error::Format(format!(
            "cannot store a tensor of type {:?}, only f32 and f64",
            tensor.dtype()
        ))),
    }
}

fn format_error(error: safetensors::SafeTensorError) -> Error {
    Error::Format(error.to_string())
}
