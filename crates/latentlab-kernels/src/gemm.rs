//! Products of matrices on all threads, by one of two crates.
//!
//! Which one is the processor's business, see [`Library`]; it is called on one thread for each piece
//! of the result. Each entry of a product is one sum in the order of its inner index, however the
//! result is cut: a test holds both crates to that, and with it to bytes that do not depend on the
//! number of threads.

mod library;
mod pieces;

pub use library::Library;
use library::{Factor, Target};
use pieces::Pieces;

use super::{buffer::with_scratch, pool};
use crate::vectorised;

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

    /// Whether the entries of a column, not those of a row, lie one after the other.
    fn is_transposed(&self) -> bool {
        self.strides[0] < self.strides[1]
    }

    fn rows_from(&self, row: usize) -> Factor {
        Factor {
            start: self.values[row * self.strides[0]..].as_ptr(),
            strides: self.strides,
        }
    }

    fn columns_from(&self, column: usize) -> Factor {
        Factor {
            start: self.values[column * self.strides[1]..].as_ptr(),
            strides: self.strides,
        }
    }
}

/// Whether a product overwrites its result or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// `result ← a · b`.
    Overwrite,
    /// `result ← result + a · b`.
    Add,
}

/// The product of `a` `[M, K]` and `b` `[K, N]` into `result` `[M, N]`, on this thread.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply_here(result: &mut [f32], accumulate: Accumulate, a: Matrix<'_>, b: Matrix<'_>) {
    let [rows, columns, inner] = sizes(result, a, b);
    if result.is_empty() {
        return;
    }
    let target = Target {
        start: result.as_mut_ptr(),
        sizes: [rows, columns],
        strides: [columns, 1],
    };
    #[allow(unsafe_code, reason = "products on raw memory")]
    // SAFETY: the sizes fit, which `sizes` checked, and `result` is borrowed for this call.
    unsafe {
        Library::of_processor().multiply(
            target,
            accumulate,
            a.rows_from(0),
            b.columns_from(0),
            inner,
        );
    }
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
    accumulate: Accumulate,
    a: Matrix<'_>,
    b: Matrix<'_>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    multiply_by(
        Library::of_processor(),
        pool::available(),
        (result, accumulate),
        [a, b],
        finish,
    );
}

/// The products of several pairs of factors, on all threads, one after the other in `results`.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply_each(
    results: &mut [f32],
    accumulate: Accumulate,
    factors: &[(Matrix<'_>, Matrix<'_>)],
) {
    let library = Library::of_processor();
    let mut pieces = Vec::new();
    let mut start = 0;
    for (a, b) in factors {
        let (rows, columns) = (a.rows(), b.columns());
        assert_eq!(a.columns(), b.rows(), "inner sizes of a product");
        let cut = Pieces::cut(rows, columns, a.columns(), pool::available());
        pieces.extend((0..cut.count()).map(|index| (start, *a, *b, cut.get(index))));
        start += rows * columns;
    }
    assert_eq!(results.len(), start, "size of the products");
    let shared = pool::Shared::new(results);
    pool::for_each(pieces.len(), |index| {
        let (start, a, b, ([row, column], sizes)) = pieces[index];
        let columns = b.columns();
        let target = Target {
            start: shared.pointer(start + row * columns + column),
            sizes,
            strides: [columns, 1],
        };
        #[allow(unsafe_code, reason = "products on raw memory")]
        // SAFETY: the piece lies within the three matrices, and no other task has any of it.
        unsafe {
            library.multiply(
                target,
                accumulate,
                a.rows_from(row),
                b.columns_from(column),
                a.columns(),
            );
        }
    });
}

/// [`multiply`] by one of the crates, in as many pieces as so many threads would want.
fn multiply_by(
    library: Library,
    threads: usize,
    (result, accumulate): (&mut [f32], Accumulate),
    [a, b]: [Matrix<'_>; 2],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let [rows, columns, inner] = sizes(result, a, b);
    let pieces = Pieces::cut(rows, columns, inner, threads);
    let turned = accumulate == Accumulate::Overwrite && pays_turned(rows, columns, inner, b);
    let shared = pool::Shared::new(result);
    pool::for_each(pieces.count(), |index| {
        let ([row, column], sizes) = pieces.get(index);
        let (a, b) = (a.rows_from(row), b.columns_from(column));
        let start = shared.pointer(row * columns + column);
        let [height, width] = sizes;
        #[allow(unsafe_code, reason = "columns of one matrix on several threads")]
        // SAFETY: row `i` of the piece is `width` entries from `start + i · columns`, within
        // `result`; the pieces have no entry in common, and all are within their matrices.
        let part =
            |row: usize| unsafe { std::slice::from_raw_parts_mut(start.add(row * columns), width) };
        if turned {
            with_scratch(height * width, |columns| {
                let target = Target {
                    start: columns.as_mut_ptr(),
                    sizes,
                    strides: [1, height],
                };
                #[allow(unsafe_code, reason = "products on raw memory")]
                // SAFETY: the scratch has the size of the piece, which lies within its matrices.
                unsafe {
                    library.multiply(target, accumulate, a, b, inner);
                }
                for first in (0..height).step_by(LINE) {
                    let rows = first..height.min(first + LINE);
                    let mut lines = rows.clone().map(part);
                    let mut lines: [&mut [f32]; LINE] =
                        std::array::from_fn(|_| lines.next().unwrap_or_default());
                    turn(columns, height, first, &mut lines[..rows.len()]);
                    lines[..rows.len()]
                        .iter_mut()
                        .for_each(|line| finish(column, line));
                }
            });
            return;
        }
        let target = Target {
            start,
            sizes,
            strides: [columns, 1],
        };
        #[allow(unsafe_code, reason = "products on raw memory")]
        // SAFETY: the piece lies within the three matrices, and no other task has any of it.
        unsafe {
            library.multiply(target, accumulate, a, b, inner);
        }
        (0..height).for_each(|row| finish(column, part(row)));
    });
}

/// Rows, columns and inner size of a product.
fn sizes(result: &[f32], a: Matrix<'_>, b: Matrix<'_>) -> [usize; 3] {
    let ([rows, inner], [same, columns]) = (a.sizes, b.sizes);
    assert_eq!(inner, same, "inner sizes of a product");
    assert_eq!(result.len(), rows * columns, "size of a product");
    [rows, columns, inner]
}

/// Whether the transpose of the result is better computed, and turned afterwards.
///
/// The crates bring the right factor into rows first. Where that is the larger one and lies in
/// columns, as the weight of a layer does, it costs a quarter of the time of a product with a batch
/// of some hundred rows; turning the factors around leaves the weight where it is. Decided by the
/// whole sizes, not by those of a piece.
fn pays_turned(rows: usize, columns: usize, inner: usize, b: Matrix<'_>) -> bool {
    b.is_transposed() && (LINE..=256).contains(&rows) && columns >= 320 && inner >= 128
}

/// Values in a cache line.
const LINE: usize = 16;

vectorised! {
    /// Writes to `lines` the rows of a matrix from `first` on, whose columns of `height` entries lie
    /// one after the other in `columns`.
    fn turn(columns: &[f32], height: usize, first: usize, lines: &mut [&mut [f32]]) {
        for (place, column) in columns.chunks_exact(height).enumerate() {
            let column = &column[first..first + lines.len()];
            for (line, value) in lines.iter_mut().zip(column) {
                line[place] = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use latentlab_testing::{Unit, normals};
    use proptest::prelude::*;

    use super::*;

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
        #![proptest_config(latentlab_testing::cases(120))]

        #[test]
        fn it_is_the_product(
            (m, k, n) in (1usize..70, 1usize..90, 1usize..70),
            turns in any::<[bool; 2]>(),
            add in any::<bool>(),
            library in library(),
        ) {
            let (a, b) = (normals(m * k, 0), normals(k * n, 1));
            let (a, b) = (matrix(&a, m, k, turns[0]), matrix(&b, k, n, turns[1]));
            let before = normals(m * n, 2);
            let mut result = before.clone();
            let accumulate = if add { Accumulate::Add } else { Accumulate::Overwrite };
            multiply_by(library, 2, (&mut result, accumulate), [a, b], |_, _| {});
            for (place, (result, before)) in result.iter().zip(before).enumerate() {
                let terms = (0..k).map(|inner| at(a, place / n, inner) * at(b, inner, place % n));
                let expected = terms.sum::<f64>() + if add { f64::from(before) } else { 0.0 };
                // The factors and what was there before are standard normal numbers.
                prop_assert!((f64::from(*result) - expected).abs() < Unit::F32.of_drawn(k + 1));
            }
        }

        /// Cut for any number of threads, every entry comes out in the same bits.
        #[test]
        fn the_cut_does_not_show(
            (m, k, n) in (side(300), 1usize..1300, side(600)),
            turns in any::<[bool; 2]>(),
            add in any::<bool>(),
            threads in 2usize..9,
            library in library(),
        ) {
            let (a, b) = (normals(m * k, 3), normals(k * n, 4));
            let (a, b) = (matrix(&a, m, k, turns[0]), matrix(&b, k, n, turns[1]));
            let accumulate = if add { Accumulate::Add } else { Accumulate::Overwrite };
            let bits = |threads| {
                let mut result = normals(m * n, 5);
                multiply_by(library, threads, (&mut result, accumulate), [a, b], |_, _| {});
                result.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            prop_assert_eq!(bits(1), bits(threads));
        }
    }

    /// A number of rows or columns; every second one is small.
    fn side(most: usize) -> impl Strategy<Value = usize> {
        prop_oneof![1..12usize, 1..most]
    }

    fn library() -> impl Strategy<Value = Library> {
        prop_oneof![Just(Library::Faer), Just(Library::Gemm)]
    }

    /// The sizes for which the crates have ways of their own.
    #[test]
    fn thin_and_empty_products_are_products_however_they_are_cut() {
        for (m, k, n) in [
            (1, 700, 500),
            (500, 700, 1),
            (1, 300, 1000),
            (1000, 300, 1),
            (2, 700, 500),
            (500, 700, 2),
            (9, 1100, 400),
            (3, 700, 500),
            (500, 1100, 5),
            (400, 1, 400),
            (400, 2, 400),
            (64, 600, 64),
            (3, 0, 5),
            (130, 0, 7),
            (40, 700, 500),
        ] {
            let (a, b) = (normals(m * k, 3), normals(k * n, 4));
            for turns in [[false, false], [false, true], [true, false], [true, true]] {
                let (a, b) = (matrix(&a, m, k, turns[0]), matrix(&b, k, n, turns[1]));
                for (library, accumulate) in [
                    (Library::Faer, Accumulate::Overwrite),
                    (Library::Faer, Accumulate::Add),
                    (Library::Gemm, Accumulate::Overwrite),
                    (Library::Gemm, Accumulate::Add),
                ] {
                    let product = |threads| {
                        let mut result = vec![0.5; m * n];
                        multiply_by(
                            library,
                            threads,
                            (&mut result, accumulate),
                            [a, b],
                            |_, _| {},
                        );
                        result
                    };
                    let (whole, cut) = (product(1), product(7));
                    for (place, (whole, cut)) in whole.iter().zip(cut).enumerate() {
                        assert_eq!(whole.to_bits(), cut.to_bits(), "{m} {k} {n} {library:?}");
                        let terms = (0..k).map(|i| at(a, place / n, i) * at(b, i, place % n));
                        let before = if accumulate == Accumulate::Add {
                            0.5
                        } else {
                            0.0
                        };
                        let expected = terms.sum::<f64>() + before;
                        let error = (f64::from(*whole) - expected).abs();
                        assert!(error < Unit::F32.of_drawn(k + 1), "{m} {k} {n}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn several_products_come_one_after_the_other() {
        let sizes = [(3, 5, 7), (200, 100, 90), (0, 4, 2), (1, 1, 1)];
        let factors = sizes.map(|(m, k, n)| (normals(m * k, 3), normals(k * n, 4), m, k, n));
        let pairs: Vec<_> = factors
            .iter()
            .map(|(a, b, m, k, n)| (Matrix::new(a, *m, *k), Matrix::new(b, *k, *n)))
            .collect();
        let mut results = vec![f32::NAN; sizes.iter().map(|(m, _, n)| m * n).sum()];
        multiply_each(&mut results, Accumulate::Overwrite, &pairs);
        let mut expected = Vec::new();
        for ((a, b), (m, _, n)) in pairs.into_iter().zip(sizes) {
            let mut result = vec![0.0; m * n];
            multiply(&mut result, Accumulate::Overwrite, a, b, |_, _| {});
            expected.extend(result);
        }
        assert_eq!(results, expected);
    }

    #[test]
    fn a_turned_product_is_the_product() {
        let (m, k, n) = (37, 130, 325);
        let (a, b) = (normals(m * k, 3), normals(k * n, 4));
        let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, n, k).transposed());
        assert!(pays_turned(m, n, k, b));
        for library in [Library::Faer, Library::Gemm] {
            let mut result = vec![f32::NAN; m * n];
            let target = (&mut result[..], Accumulate::Overwrite);
            multiply_by(library, 2, target, [a, b], |_, _| {});
            for (place, result) in result.iter().enumerate() {
                let terms = (0..k).map(|inner| at(a, place / n, inner) * at(b, inner, place % n));
                let error = (f64::from(*result) - terms.sum::<f64>()).abs();
                assert!(error < Unit::F32.of_drawn(k), "{library:?}: {error}");
            }
        }
    }

    #[test]
    fn every_row_is_finished_once() {
        for turned in [false, true] {
            assert_every_row_is_finished_once(turned);
        }
    }

    fn assert_every_row_is_finished_once(turned: bool) {
        let (m, k, n) = (100, 200, 400);
        let (a, b) = (normals(m * k, 5), normals(k * n, 6));
        let (a, b) = (Matrix::new(&a, m, k), matrix(&b, k, n, turned));
        let (mut plain, mut finished) = (vec![0.0; m * n], vec![0.0; m * n]);
        multiply(&mut plain, Accumulate::Overwrite, a, b, |_, _| {});
        multiply(&mut finished, Accumulate::Overwrite, a, b, |column, row| {
            for (place, value) in row.iter_mut().enumerate() {
                *value += (column + place) as f32;
            }
        });
        for (place, (plain, finished)) in plain.iter().zip(&finished).enumerate() {
            assert_eq!(plain + (place % n) as f32, *finished);
        }
    }
}
