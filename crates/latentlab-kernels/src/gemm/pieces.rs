//! How the result of a product is cut for several threads.

/// The result of a product, cut along its longer side.
///
/// No piece is narrower than [`LEAST`](Self::LEAST), unless the whole is: the crates add up small
/// products in another order.
pub(super) struct Pieces {
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
    /// Rows or columns of the smallest piece.
    const LEAST: usize = 32;
    /// The same for a sum of more than 512 products: `gemm` cuts such a sum by rules of its own where
    /// the piece has no more than 64 rows and columns.
    const LEAST_OF_LONG_SUMS: usize = 80;
    /// Entries of the smallest piece: `gemm` adds up 256 of them in another order.
    const LEAST_ENTRIES: usize = 257;
    /// Rows or columns of every piece of a product with a vector, whatever the threads.
    const WITH_VECTOR: usize = 256;

    /// The pieces that so many threads want.
    pub(super) fn cut(rows: usize, columns: usize, inner: usize, threads: usize) -> Self {
        let by_rows = rows > columns;
        let long = rows.max(columns);
        let wanted = (rows * columns * inner / Self::FEW).clamp(1, threads);
        let step = long.div_ceil(wanted).next_multiple_of(Self::GRAIN);
        let least = match inner > 512 {
            true => Self::LEAST_OF_LONG_SUMS,
            false => Self::LEAST,
        };
        let short = rows.min(columns);
        let least = least.max(Self::LEAST_ENTRIES.div_ceil(short.max(1)));
        // The crates have ways of their own with vectors, in which the sums depend on the piece.
        let step = match short {
            1 => Self::WITH_VECTOR,
            _ => step.max(least),
        };
        let whole = long / step + usize::from(long % step >= least);
        Self {
            sizes: [rows, columns],
            by_rows,
            step,
            count: if short == 0 { 0 } else { whole.max(1) },
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// First row and column, and size, of one piece.
    pub(super) fn get(&self, index: usize) -> ([usize; 2], [usize; 2]) {
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
