//! Products of matrices on all threads, by `faer`.
//!
//! `faer` has the fastest single-threaded product for the CPU among the kept crates (measured
//! against `gemm`, `matrixmultiply` and Intel's MKL); it is called once for each piece of the
//! result. Each entry of a product is one sum in the order of its inner index, however the result
//! is cut: a test holds `faer` to that, and with it to bytes that do not depend on the number of
//! threads.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};

use super::pool;

/// A matrix in a slice: row `i`, column `j` is at `i · strides[0] + j · strides[1]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    sizes: [usize; 2],
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// A matrix whose rows lie one after the other in `values`.
    ///
    /// # Panics
    /// If `values` are fewer.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self {
            values: &values[..rows * columns],
            sizes: [rows, columns],
            strides: [columns, 1],
        }
    }

    /// The transpose of this matrix, in the same memory.
    pub fn transposed(self) -> Self {
        let ([rows, columns], [down, right]) = (self.sizes, self.strides);
        Self {
            sizes: [columns, rows],
            strides: [right, down],
            ..self
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.sizes[0]
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.sizes[1]
    }

    fn faer(&self) -> MatRef<'a, f32> {
        let ([rows, columns], [down, right]) = (self.sizes, self.strides);
        #[allow(unsafe_code, reason = "faer's constructor of a strided matrix")]
        // SAFETY: both constructors above keep the last entry within `values`.
        unsafe {
            let start = self.values.as_ptr();
            MatRef::from_raw_parts(start, rows, columns, down as isize, right as isize)
        }
    }
}

/// Overwrites `result`, or adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// `result ← a · b`.
    Overwritten,
    /// `result ← result + a · b`.
    Sum,
}

impl Into {
    fn faer(self) -> Accum {
        match self {
            Self::Overwritten => Accum::Replace,
            Self::Sum => Accum::Add,
        }
    }
}

/// The product of `a` `[M, K]` and `b` `[K, N]` into `result` `[M, N]`, on this thread.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply_here(result: &mut [f32], into: Into, a: Matrix<'_>, b: Matrix<'_>) {
    let ([rows, inner], [same, columns]) = (a.sizes, b.sizes);
    assert_eq!(inner, same, "inner sizes of a product");
    assert_eq!(result.len(), rows * columns, "size of a product");
    let result = MatMut::from_row_major_slice_mut(result, rows, columns);
    matmul(result, into.faer(), a.faer(), b.faer(), 1.0, Par::Seq);
}

/// The product of `a` `[M, K]` and `b` `[K, N]` into `result` `[M, N]`, on all threads.
///
/// As soon as a row, or a part of one, is done, `finish` gets its first column and its values, while
/// they are still in the cache: the place for a bias and an activation.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply(
    result: &mut [f32],
    into: Into,
    a: Matrix<'_>,
    b: Matrix<'_>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let ([rows, inner], [same, columns]) = (a.sizes, b.sizes);
    assert_eq!(inner, same, "inner sizes of a product");
    assert_eq!(result.len(), rows * columns, "size of a product");
    let pieces = Pieces::cut(rows, columns, inner, pool::threads());
    let shared = pool::Shared::new(result);
    pool::for_each(pieces.count(), |index| {
        let ([row, column], [height, width]) = pieces.get(index);
        let start = shared.pointer(row * columns + column);
        #[allow(unsafe_code, reason = "columns of one matrix on several threads")]
        // SAFETY: row `i` of the piece is `width` entries from `start + i · columns`, within
        // `result`; the pieces have no entry in common.
        let target =
            unsafe { MatMut::from_raw_parts_mut(start, height, width, columns as isize, 1) };
        let (a, b) = (
            a.faer().subrows(row, height),
            b.faer().subcols(column, width),
        );
        matmul(target, into.faer(), a, b, 1.0, Par::Seq);
        for row in row..row + height {
            #[allow(unsafe_code, reason = "columns of one matrix on several threads")]
            // SAFETY: a row of this piece, as above; `target` is gone.
            let part = unsafe { shared.part(row * columns + column, width) };
            finish(column, part);
        }
    });
}

/// The result of a product, cut along its longer side.
///
/// No piece is narrower than [`GRAIN`](Self::GRAIN), unless the whole is: `faer` adds up a product
/// with a single column in another order.
struct Pieces {
    sizes: [usize; 2],
    /// Whether rows are cut, not columns.
    by_rows: bool,
    /// Rows or columns of a piece; the last one takes what is left over.
    step: usize,
    count: usize,
}

impl Pieces {
    /// Sums of products below which a second thread does not pay.
    const FEW: usize = 1 << 17;
    /// Pieces are cut at multiples of the registers' width.
    const GRAIN: usize = 16;

    fn cut(rows: usize, columns: usize, inner: usize, threads: usize) -> Self {
        let by_rows = rows > columns;
        let long = rows.max(columns);
        let wanted = (rows * columns * inner / Self::FEW).clamp(1, threads);
        let step = long.div_ceil(wanted).next_multiple_of(Self::GRAIN);
        let left_over = long % step;
        let whole = long / step + usize::from(left_over >= Self::GRAIN);
        Self {
            sizes: [rows, columns],
            by_rows,
            step,
            count: if long == 0 { 0 } else { whole.max(1) },
        }
    }

    fn count(&self) -> usize {
        self.count
    }

    /// First row and column, and size, of one piece.
    fn get(&self, index: usize) -> ([usize; 2], [usize; 2]) {
        let [rows, columns] = self.sizes;
        let start = index * self.step;
        let end = |long: usize| match index + 1 == self.count {
            true => long,
            false => start + self.step,
        };
        match self.by_rows {
            true => ([start, 0], [end(rows) - start, columns]),
            false => ([0, start], [rows, end(columns) - start]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rng;

    fn values(count: usize, index: u64) -> Vec<f32> {
        let mut rng = Rng::stream(2, "gemm", index);
        let values = rng.normal(count, candle_core::DType::F32, &candle_core::Device::Cpu);
        values.unwrap().to_vec1().unwrap()
    }

    /// A matrix in memory of its own, or the transpose of one.
    fn matrix(values: &[f32], rows: usize, columns: usize, transposed: bool) -> Matrix<'_> {
        match transposed {
            true => Matrix::new(values, columns, rows).transposed(),
            false => Matrix::new(values, rows, columns),
        }
    }

    fn at(matrix: Matrix<'_>, row: usize, column: usize) -> f64 {
        f64::from(matrix.values[row * matrix.strides[0] + column * matrix.strides[1]])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn it_is_the_product(
            (m, k, n) in (1usize..70, 1usize..90, 1usize..70),
            turns in any::<[bool; 2]>(),
            add in any::<bool>(),
        ) {
            let (a, b) = (values(m * k, 0), values(k * n, 1));
            let (a, b) = (matrix(&a, m, k, turns[0]), matrix(&b, k, n, turns[1]));
            let before = values(m * n, 2);
            let mut result = before.clone();
            let into = if add { Into::Sum } else { Into::Overwritten };
            multiply(&mut result, into, a, b, |_, _| {});
            for (place, (result, before)) in result.iter().zip(before).enumerate() {
                let terms = (0..k).map(|inner| at(a, place / n, inner) * at(b, inner, place % n));
                let expected = terms.sum::<f64>() + if add { f64::from(before) } else { 0.0 };
                prop_assert!((f64::from(*result) - expected).abs() < 1e-4);
            }
        }

        /// Cut for any number of threads, every entry comes out in the same bits.
        #[test]
        fn the_cut_does_not_show(
            (m, k, n) in (1usize..300, 1usize..900, 1usize..300),
            turns in any::<[bool; 2]>(),
            threads in 2usize..9,
        ) {
            let (a, b) = (values(m * k, 3), values(k * n, 4));
            let (a, b) = (matrix(&a, m, k, turns[0]), matrix(&b, k, n, turns[1]));
            let mut whole = vec![0.0; m * n];
            multiply_here(&mut whole, Into::Overwritten, a, b);
            let pieces = Pieces::cut(m, n, k, threads);
            for index in 0..pieces.count() {
                let ([row, column], [height, width]) = pieces.get(index);
                let mut part = faer::Mat::<f32>::zeros(height, width);
                let (a, b) = (a.faer().subrows(row, height), b.faer().subcols(column, width));
                let mut rows = vec![0.0; height * width];
                let target = MatMut::from_row_major_slice_mut(&mut rows, height, width);
                matmul(target, Accum::Replace, a, b, 1.0, Par::Seq);
                part.as_mut().copy_from(MatRef::from_row_major_slice(&rows, height, width));
                for i in 0..height {
                    for j in 0..width {
                        let whole = whole[(row + i) * n + column + j];
                        prop_assert_eq!(part[(i, j)].to_bits(), whole.to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn every_row_is_finished_once() {
        let (m, k, n) = (100, 200, 300);
        let (a, b) = (values(m * k, 5), values(k * n, 6));
        let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        let (mut plain, mut finished) = (vec![0.0; m * n], vec![0.0; m * n]);
        multiply(&mut plain, Into::Overwritten, a, b, |_, _| {});
        multiply(&mut finished, Into::Overwritten, a, b, |column, row| {
            for (place, value) in row.iter_mut().enumerate() {
                *value += (column + place) as f32;
            }
        });
        for (place, (plain, finished)) in plain.iter().zip(&finished).enumerate() {
            assert_eq!(plain + (place % n) as f32, *finished);
        }
    }
}
