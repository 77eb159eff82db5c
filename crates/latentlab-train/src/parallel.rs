//! Element-wise passes over memory on all threads, with the same bytes for any number of them.

use std::ops::Range;

use candle_core::{DType, Device, Layout, Tensor};
use latentlab_tensor::kernels::pool;
use num_traits::Float;

/// Elements that one task handles: 64 KiB of `f32`, so that what it needs of three or four arrays
/// fits a core's cache and waking a thread is worth it.
const CHUNK: usize = 16 * 1024;

/// One task's share of every array. All are of the same length, or empty.
pub(crate) struct Chunk<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) source: &'a [T],
    pub(crate) slots: [&'a mut [T]; 2],
}

/// Applies `work` to all chunks of `values`, with the parts of `source` and of up to two `slots`
/// that belong to them. A slot that is not given is empty in every chunk.
pub(crate) fn chunks<T: Float + Send + Sync>(
    values: &mut [T],
    source: &[T],
    slots: &mut [Vec<T>],
    work: impl Fn(Chunk<'_, T>) + Send + Sync,
) {
    let count = values.len().div_ceil(CHUNK);
    let mut slots = slots.iter_mut();
    let mut next_slot = || {
        let slot = slots.next().map(Vec::as_mut_slice).unwrap_or_default();
        let mut parts: Vec<&mut [T]> = slot.chunks_mut(CHUNK).collect();
        parts.resize_with(count, Default::default);
        parts
    };
    let (first, second) = (next_slot(), next_slot());
    let tasks: Vec<Chunk<'_, T>> = values
        .chunks_mut(CHUNK)
        .zip(source.chunks(CHUNK))
        .zip(first.into_iter().zip(second))
        .map(|((values, source), (first, second))| Chunk {
            values,
            source,
            slots: [first, second],
        })
        .collect();
    pool::for_each_item(tasks, work);
}

/// Whether a tensor's memory can be updated in place here; others take composed operations.
pub(crate) fn in_place(tensor: &Tensor) -> bool {
    matches!(tensor.device(), Device::Cpu) && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// Where the elements of a contiguous tensor lie in its storage.
pub(crate) fn range(layout: &Layout) -> candle_core::Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => candle_core::bail!("an in-place update needs contiguous memory"),
    }
}

/// A constant in the type of the elements.
#[inline(always)]
pub(crate) fn real<T: Float>(value: f64) -> T {
    T::from(value).expect("an f64 rounds to any float")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(count: usize) -> (Vec<f64>, Vec<f64>) {
        let mut values = vec![1.0; count];
        let source: Vec<f64> = (0..count).map(|index| index as f64).collect();
        let mut slots = [vec![0.5; count]];
        chunks(&mut values, &source, &mut slots, |chunk| {
            let [slot, none] = chunk.slots;
            assert!(none.is_empty());
            for ((value, source), slot) in chunk.values.iter_mut().zip(chunk.source).zip(slot) {
                *value += source.sqrt();
                *slot *= source;
            }
        });
        let [slot] = slots;
        (values, slot)
    }

    #[test]
    fn every_element_is_visited_once_with_its_own_source_and_slot() {
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let (values, slot) = powers(count);
            for index in 0..count {
                assert_eq!(values[index], 1.0 + (index as f64).sqrt());
                assert_eq!(slot[index], 0.5 * index as f64);
            }
        }
    }
}
