//! Element-wise passes over memory on all threads, with the same bytes for any number of them.

use std::{cell::RefCell, collections::HashSet, ops::Range};

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Storage, Tensor};
use latentlab_kernels::pool;
use num_traits::Float;

/// Elements that one task handles: 64 KiB of `f32`, so that what it needs of three or four arrays
/// fits a core's cache and waking a thread is worth it.
const CHUNK: usize = 16 * 1024;

/// What an update rule remembers of the values beside them, at most.
pub(crate) const SLOTS: usize = 3;

/// Arrays of one length, or empty, that are worked on together.
pub(crate) struct Arrays<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) source: &'a [T],
    pub(crate) slots: [&'a mut [T]; SLOTS],
    pub(crate) average: &'a mut [T],
}

impl<'a, T> Arrays<'a, T> {
    /// The parts that are one task's share each. An empty array is empty in every one.
    fn chunks(self) -> Vec<Arrays<'a, T>> {
        let count = self.values.len().div_ceil(CHUNK);
        let parts = |array: &'a mut [T]| {
            let mut parts: Vec<&mut [T]> = array.chunks_mut(CHUNK).collect();
            parts.resize_with(count, Default::default);
            parts.into_iter()
        };
        let mut slots = self.slots.map(parts);
        let averages = parts(self.average);
        let values = self.values.chunks_mut(CHUNK).zip(self.source.chunks(CHUNK));
        let arrays = values.zip(averages);
        arrays
            .map(|((values, source), average)| Arrays {
                values,
                source,
                slots: slots
                    .each_mut()
                    .map(|parts| parts.next().unwrap_or_default()),
                average,
            })
            .collect()
    }
}

/// Applies `work` to all parts of all `arrays`, each with what comes with it, in one go.
pub(crate) fn for_each_chunk<T: Send + Sync, W: Copy + Send>(
    arrays: Vec<(W, Arrays<'_, T>)>,
    work: impl Fn(W, Arrays<'_, T>) + Sync,
) {
    let mut tasks = Vec::new();
    for (with, arrays) in arrays {
        tasks.extend(arrays.chunks().into_iter().map(|chunk| (with, chunk)));
    }
    pool::for_each_item(tasks, |(with, chunk)| work(with, chunk));
}

/// A type of elements that are updated in place.
pub(crate) trait Element: Float + Send + Sync {
    /// The elements of a storage of this type.
    fn of(storage: &CpuStorage) -> Option<&[Self]>;

    /// [`of`](Self::of), to write to.
    fn of_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

impl Element for f32 {
    fn of(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }

    fn of_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }
}

impl Element for f64 {
    fn of(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::F64(values) => Some(values),
            _ => None,
        }
    }

    fn of_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        match storage {
            CpuStorage::F64(values) => Some(values),
            _ => None,
        }
    }
}

/// Parameters whose memory is asked for at once.
pub(crate) const TOGETHER: usize = 256;

/// Which memory a tensor has; views of one share it.
pub(crate) fn storage_of(tensor: &Tensor) -> *const Storage {
    &raw const *tensor.storage_and_layout().0
}

/// Calls `run` with the memory of all of `tensors`, to read and write.
///
/// candle lends the memory of one tensor at a time, for the length of an operation on it; so the
/// operation on each one performs that on the next, and the last one calls `run`. They lie on the
/// stack within each other: callers give no more than [`TOGETHER`] and what belongs to each.
///
/// # Errors
/// If one is not of this type, not contiguous, or given twice.
pub(crate) fn with_memory<T: Element>(
    tensors: &[&Tensor],
    run: &dyn Fn(Vec<&mut [T]>),
) -> candle_core::Result<()> {
    let mut seen = HashSet::new();
    if !tensors.iter().all(|tensor| seen.insert(storage_of(tensor))) {
        candle_core::bail!("an in-place update of one tensor twice");
    }
    lend(tensors, Vec::new(), run)
}

fn lend<T: Element>(
    tensors: &[&Tensor],
    lent: Vec<&mut [T]>,
    run: &dyn Fn(Vec<&mut [T]>),
) -> candle_core::Result<()> {
    match tensors.split_first() {
        None => {
            run(lent);
            Ok(())
        }
        Some((tensor, rest)) => tensor.inplace_op1(&Lend {
            rest,
            lent: RefCell::new(lent),
            run,
        }),
    }
}

struct Lend<'a, T> {
    rest: &'a [&'a Tensor],
    lent: RefCell<Vec<&'a mut [T]>>,
    run: &'a dyn Fn(Vec<&mut [T]>),
}

impl<T: Element> InplaceOp1 for Lend<'_, T> {
    fn name(&self) -> &'static str {
        "in-place update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some(values) = T::of_mut(storage) else {
            candle_core::bail!("an in-place update of tensors of different types");
        };
        let mut lent = self.lent.take();
        lent.push(&mut values[range(layout)?]);
        lend(self.rest, lent, self.run)
    }
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
    use candle_core::Var;

    use super::*;

    #[test]
    fn every_element_is_visited_once_with_what_belongs_to_it() {
        let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5];
        let mut values: Vec<Vec<f64>> = sizes.iter().map(|size| vec![1.0; *size]).collect();
        let mut slots: Vec<Vec<f64>> = sizes.iter().map(|size| vec![0.5; *size]).collect();
        let source: Vec<f64> = (0..4 * CHUNK).map(|index| index as f64).collect();
        let arrays = values.iter_mut().zip(&mut slots).zip(sizes);
        let arrays = arrays.map(|((values, slot), size)| {
            let arrays = Arrays {
                values,
                source: &source[..size],
                slots: [slot, &mut [], &mut []],
                average: &mut [],
            };
            (size, arrays)
        });
        for_each_chunk(arrays.collect(), |size, chunk| {
            let [slot, second, third] = chunk.slots;
            assert!(second.is_empty() && third.is_empty() && chunk.average.is_empty());
            for ((value, source), slot) in chunk.values.iter_mut().zip(chunk.source).zip(slot) {
                *value += source.sqrt() + size as f64;
                *slot *= source;
            }
        });
        for ((values, slots), size) in values.iter().zip(&slots).zip(sizes) {
            for index in 0..size {
                assert_eq!(values[index], 1.0 + ((index as f64).sqrt() + size as f64));
                assert_eq!(slots[index], 0.5 * index as f64);
            }
        }
    }

    #[test]
    fn the_memory_of_several_tensors_is_lent_at_once() {
        let vars = [1f32, 2.0, 3.0].map(|x| Var::new(&[x, x], &Device::Cpu).unwrap());
        let tensors: Vec<&Tensor> = vars.iter().map(|var| var.as_tensor()).collect();
        with_memory::<f32>(&tensors, &|mut lent| {
            let total: f32 = lent.iter().map(|values| values[0]).sum();
            lent[0][1] = total;
        })
        .unwrap();
        assert_eq!(vars[0].to_vec1::<f32>().unwrap(), [1.0, 6.0]);
        assert!(with_memory::<f64>(&tensors, &|_| {}).is_err());
        assert!(with_memory::<f32>(&[tensors[0], tensors[0]], &|_| {}).is_err());
    }
}
