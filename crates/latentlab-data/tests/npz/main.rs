//! `.npz` and `.npy` files.

mod archive;
mod arrays;
mod numbers;
#[path = "../opened/mod.rs"]
mod opened;
mod reading;
