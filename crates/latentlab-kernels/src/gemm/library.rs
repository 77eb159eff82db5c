//! The crates that multiply matrices on one thread.

use std::sync::OnceLock;

use super::Accumulate;

/// A crate with a matrix product.
///
/// Both are faster than `matrixmultiply`, `rten-gemm` and what candle links. On two cores with
/// AVX-512, at the sizes of the models here, `gemm` reaches 160 to 190 GFLOP/s on a thread of an
/// Intel Xeon where `faer` reaches 130 to 170; on an AMD EPYC `faer` is ahead by a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// The crate `faer`.
    Faer,
    /// The crate `gemm`.
    Gemm,
}

/// Where entry (0, 0) of a factor lies, and the way from one row and one column to the next.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    pub start: *const f32,
    pub strides: [usize; 2],
}

/// Where a product is written to.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub start: *mut f32,
    pub sizes: [usize; 2],
    pub strides: [usize; 2],
}

impl Library {
    /// The faster one on this kind of processor.
    pub fn of_processor() -> Self {
        static CHOSEN: OnceLock<Library> = OnceLock::new();
        *CHOSEN.get_or_init(|| match is_amd() {
            true => Self::Faer,
            false => Self::Gemm,
        })
    }

    /// The product of two factors with this inner size.
    ///
    /// # Safety
    /// All entries of the three must be memory of this process, those of `target` nobody else's.
    #[allow(unsafe_code, reason = "both crates work on raw memory")]
    pub(super) unsafe fn multiply(
        self,
        target: Target,
        accumulate: Accumulate,
        left: Factor,
        right: Factor,
        inner: usize,
    ) {
        let [rows, columns] = target.sizes;
        let [left_down, left_along] = left.strides.map(|stride| stride as isize);
        let [right_down, right_along] = right.strides.map(|stride| stride as isize);
        let [down, along] = target.strides.map(|stride| stride as isize);
        match self {
            Self::Faer => {
                use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
                let accum = match accumulate {
                    Accumulate::Overwrite => Accum::Replace,
                    Accumulate::Add => Accum::Add,
                };
                // SAFETY: the caller's word.
                let (target, left, right) = unsafe {
                    (
                        MatMut::from_raw_parts_mut(target.start, rows, columns, down, along),
                        MatRef::from_raw_parts(left.start, rows, inner, left_down, left_along),
                        MatRef::from_raw_parts(
                            right.start,
                            inner,
                            columns,
                            right_down,
                            right_along,
                        ),
                    )
                };
                matmul(target, accum, left, right, 1.0, Par::Seq);
            }
            // SAFETY: the caller's word.
            Self::Gemm => unsafe {
                gemm::gemm(
                    rows,
                    columns,
                    inner,
                    target.start,
                    along,
                    down,
                    accumulate == Accumulate::Add,
                    left.start,
                    left_along,
                    left_down,
                    right.start,
                    right_along,
                    right_down,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx] == [*b"Auth", *b"enti", *b"cAMD"].map(u32::from_le_bytes)
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}
