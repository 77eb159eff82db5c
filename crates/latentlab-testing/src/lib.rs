//! What the tests of several crates share: how many cases a property is tried with and from which
//! seed they are drawn, and how far rounding may take a result.

mod cases;
mod normals;
mod rounded;
mod sum;

pub use cases::cases;
pub use normals::normals;
pub use rounded::{Rounded, Unit};
pub use sum::TermSum;
