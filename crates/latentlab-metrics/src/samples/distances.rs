//! Distances between all rows of two sets, a tile at a time: by matrix products where that is
//! enough, exactly where it matters.
//!
//! `|x - y|² = |x|² + |y|² - 2 x·y` is a matrix product, many times faster than differences, but
//! cancels where two rows are close. So a tile holds lower bounds, which lie below the distance by
//! no more than the rounding of that formula; whoever cannot decide by a bound asks for the distance
//! itself. Results are therefore those of exact arithmetic on differences, in whatever order the rows
//! come and however many threads there are.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use latentlab_kernels::pool;

use crate::Features;

/// Rows of a tile, by one task.
const ROWS: usize = 128;
/// Columns of a tile.
const COLUMNS: usize = 1024;
/// Rows on the right that are centred at once.
const BLOCK: usize = 8 * COLUMNS;

/// Lower bounds on the squared distances from one row on the left to some on the right.
pub(crate) struct Bounds<'a> {
    /// The row on the left.
    pub left: usize,
    /// The first of the rows on the right.
    pub first: usize,
    /// A lower bound for each of the rows on the right; it may be negative.
    pub lower: &'a [f64],
    /// How far a squared distance may lie above its bound.
    pub slack: f64,
}

/// `|a - b|²`, the same for (b, a).
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Shows `visit` the bounds on the distances from each row of `left` to all rows of `right`, in order
/// and in several parts, with the state of the row on the left; returns the states. Beside these, in
/// memory at once are one block of rows on the right, and for each thread a tile and its rows.
pub(crate) fn visit_all<S: Send>(
    left: &Features,
    right: &Features,
    mut states: Vec<S>,
    visit: impl Fn(&mut S, Bounds<'_>) + Sync,
) -> Vec<S> {
    let size = left.dimensions();
    // The rounding of norms, product and centring, relative to the sum of the squared norms.
    let rounding = (2 * size + 16) as f64 * f64::EPSILON;
    let centre = right.mean();
    for start in (0..right.count()).step_by(BLOCK) {
        let block = right.centred(start..right.count().min(start + BLOCK), &centre);
        let norms: Vec<f64> = block.chunks_exact(size).map(squared_norm).collect();
        pool::for_each_part(&mut states, ROWS, |index, states| {
            let first = index * ROWS;
            let rows = left.centred(first..first + states.len(), &centre);
            let mut tile = vec![0.0; states.len() * COLUMNS];
            let columns = block.chunks(COLUMNS * size).zip(norms.chunks(COLUMNS));
            for (place, (columns, norms)) in columns.enumerate() {
                let width = norms.len();
                let tile = &mut tile[..states.len() * width];
                products(tile, &rows, columns, size);
                let largest = norms.iter().copied().fold(0.0, f64::max);
                for (offset, state) in states.iter_mut().enumerate() {
                    let norm = squared_norm(&rows[offset * size..][..size]);
                    let lower = &mut tile[offset * width..][..width];
                    for (lower, other) in lower.iter_mut().zip(norms) {
                        *lower = (norm + other) * (1.0 - rounding) - 2.0 * *lower;
                    }
                    let bounds = Bounds {
                        left: first + offset,
                        first: start + place * COLUMNS,
                        lower,
                        slack: 2.0 * rounding * (norm + largest),
                    };
                    visit(state, bounds);
                }
            }
        });
    }
    states
}

/// The products of each of some rows of `size` values with each of others, on this thread.
pub(crate) fn products(result: &mut [f64], left: &[f64], right: &[f64], size: usize) {
    let (rows, columns) = (left.len() / size, right.len() / size);
    let left = MatRef::from_row_major_slice(left, rows, size);
    let right = MatRef::from_row_major_slice(right, columns, size);
    let result = MatMut::from_row_major_slice_mut(result, rows, columns);
    matmul(
        result,
        Accum::Replace,
        left,
        right.transpose(),
        1.0,
        Par::Seq,
    );
}

fn squared_norm(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum()
}

/// A row on the right and its squared distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    pub squared: f64,
    pub index: usize,
}

/// The `count` rows of `right` nearest to each row of `left`, nearest first, by exact distances; of
/// rows at one distance, those that come first.
pub(crate) fn nearest(left: &Features, right: &Features, count: usize) -> Vec<Vec<Near>> {
    find(left, right, count, |_, _| true)
}

/// As [`nearest`], among the rows of one set, none of which counts as its own neighbour.
pub(crate) fn nearest_others(rows: &Features, count: usize) -> Vec<Vec<Near>> {
    find(rows, rows, count, |left, right| left != right)
}

fn find(
    left: &Features,
    right: &Features,
    count: usize,
    counts: impl Fn(usize, usize) -> bool + Sync,
) -> Vec<Vec<Near>> {
    let states = vec![Vec::new(); left.count()];
    visit_all(left, right, states, |found: &mut Vec<Near>, bounds| {
        let mut farthest = limit(found, count);
        for (offset, lower) in bounds.lower.iter().enumerate() {
            let index = bounds.first + offset;
            if *lower >= farthest || !counts(bounds.left, index) {
                continue;
            }
            let squared = squared_distance(left.row(bounds.left), right.row(index));
            if squared < farthest {
                let place = found.partition_point(|near| near.squared <= squared);
                found.insert(place, Near { squared, index });
                found.truncate(count);
                farthest = limit(found, count);
            }
        }
    })
}

/// The squared distance below which a row is among the `count` nearest.
fn limit(found: &[Near], count: usize) -> f64 {
    match found.len() < count {
        true => f64::INFINITY,
        false => found[count - 1].squared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of whole numbers, many of them equal, far from 0.
    fn rows(count: usize, seed: usize) -> Features {
        let value = |n: usize| 1e6 + ((n * n * 31 + n * seed) % 7) as f64;
        Features::new((0..count * 3).map(value).collect(), 3).unwrap()
    }

    #[test]
    fn the_nearest_are_those_of_all_differences() {
        let (left, right) = (rows(150, 3), rows(BLOCK + COLUMNS + 7, 5));
        let found = nearest(&left, &right, 4);
        for (row, found) in left.rows().zip(found) {
            let all = right.rows().enumerate();
            let mut all: Vec<Near> = all
                .map(|(index, other)| Near {
                    squared: squared_distance(row, other),
                    index,
                })
                .collect();
            all.sort_by(|a, b| a.squared.total_cmp(&b.squared));
            assert_eq!(found, all[..4]);
        }
    }

    #[test]
    fn distances_lie_between_their_bound_and_its_slack() {
        let (left, right) = (rows(200, 3), rows(1500, 5));
        let seen = visit_all(&left, &right, vec![0; 200], |seen, bounds| {
            for (offset, lower) in bounds.lower.iter().enumerate() {
                let index = bounds.first + offset;
                let squared = squared_distance(left.row(bounds.left), right.row(index));
                assert!(*lower <= squared && squared <= lower + bounds.slack);
                *seen += 1;
            }
        });
        assert_eq!(seen, vec![1500; 200]);
    }

    #[test]
    fn no_row_is_its_own_neighbour_but_its_double_is() {
        let twice = Features::new(vec![1.0, 5.0, 1.0], 1).unwrap();
        let found = nearest_others(&twice, 1);
        let expected = [(0.0, 2), (16.0, 0), (0.0, 0)];
        let expected = expected.map(|(squared, index)| vec![Near { squared, index }]);
        assert_eq!(found, expected);
    }
}
