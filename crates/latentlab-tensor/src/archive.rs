//! Named tensors to and from the bytes of a safetensors file, in path order.

use std::collections::{BTreeMap, HashMap};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Error, Result};

const DESCRIPTION: &str = "description";

/// The bytes of a safetensors file with these tensors; the same tensors give the same bytes.
///
/// The metadata hold one key, `format = "pt"`: the format's map has no order, so that two keys
/// would make the bytes differ from run to run.
///
/// # Errors
/// If a tensor is neither `f32` nor `f64`.
pub fn encode_tensors(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    encode(tensors, ("format", "pt"))
}

/// [`encode_tensors`] with a text that says what the tensors are, under the one key `description`
/// of the file's metadata.
///
/// # Errors
/// If a tensor is neither `f32` nor `f64`.
pub fn encode_described(tensors: &BTreeMap<String, Tensor>, description: &str) -> Result<Vec<u8>> {
    encode(tensors, (DESCRIPTION, description))
}

/// The text that [`encode_described`] wrote into a safetensors file, if there is one.
///
/// # Errors
/// If the bytes are no such file.
pub fn description(bytes: &[u8]) -> Result<Option<String>> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(format_error)?;
    let texts = metadata.metadata().as_ref();
    Ok(texts.and_then(|texts| texts.get(DESCRIPTION).cloned()))
}

fn encode(tensors: &BTreeMap<String, Tensor>, (key, text): (&str, &str)) -> Result<Vec<u8>> {
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
    let metadata = HashMap::from([(key.to_owned(), text.to_owned())]);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> BTreeMap<String, Tensor> {
        let special = [0.0f64, -0.0, f64::MIN_POSITIVE / 2.0, f64::MAX, 0.1];
        let matrix = Tensor::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu).unwrap();
        BTreeMap::from([
            ("z.bias".to_owned(), matrix.get(1).unwrap()),
            ("a.weight".to_owned(), matrix.t().unwrap()),
            (
                "m.scalar".to_owned(),
                Tensor::new(0.5f32, &Device::Cpu).unwrap(),
            ),
            (
                "m.special".to_owned(),
                Tensor::new(&special, &Device::Cpu).unwrap(),
            ),
        ])
    }

    #[test]
    fn tensors_come_back_bit_by_bit() {
        let before = tensors();
        let after = decode_tensors(&encode_tensors(&before).unwrap()).unwrap();
        assert!(before.keys().eq(after.keys()));
        for (path, tensor) in &before {
            assert_eq!(after[path].dims(), tensor.dims());
            assert_eq!(
                raw_bytes(&after[path]).unwrap(),
                raw_bytes(tensor).unwrap(),
                "{path}"
            );
        }
        let weight = after["a.weight"].to_vec2::<f32>().unwrap();
        assert_eq!(weight, [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    }

    #[test]
    fn the_same_tensors_give_the_same_bytes() {
        let bytes = encode_tensors(&tensors()).unwrap();
        assert_eq!(encode_tensors(&tensors()).unwrap(), bytes);
        let again = encode_tensors(&decode_tensors(&bytes).unwrap()).unwrap();
        assert_eq!(again, bytes);
    }

    #[test]
    fn a_description_comes_back_with_its_tensors() {
        let bytes = encode_described(&tensors(), "{\"model\": \"ae\"}").unwrap();
        let text = description(&bytes).unwrap();
        assert_eq!(text.as_deref(), Some("{\"model\": \"ae\"}"));
        assert!(tensors().keys().eq(decode_tensors(&bytes).unwrap().keys()));
        let plain = encode_tensors(&tensors()).unwrap();
        assert_eq!(description(&plain).unwrap(), None);
    }

    #[test]
    fn bytes_that_are_no_such_file_are_refused() {
        let whole = encode_tensors(&tensors()).unwrap();
        for bytes in [
            &b""[..],
            b"not a file of tensors",
            &whole[..whole.len() - 1],
        ] {
            let error = decode_tensors(bytes).unwrap_err();
            assert!(matches!(error, Error::Format(_)), "{error}");
        }
    }

    #[test]
    fn a_type_that_holds_no_parameters_is_refused_both_ways() {
        let integers = Tensor::new(&[1u32], &Device::Cpu).unwrap();
        let error = encode_tensors(&BTreeMap::from([("n".to_owned(), integers)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "safetensors: cannot store a tensor of type U32, only f32 and f64"
        );
        let view = TensorView::new(Dtype::U32, vec![1], &[1, 0, 0, 0]).unwrap();
        let bytes = safetensors::serialize([("n", view)], None).unwrap();
        assert_eq!(
            decode_tensors(&bytes).unwrap_err().to_string(),
            "safetensors: `n` has type U32, expected F32 or F64"
        );
    }
}
