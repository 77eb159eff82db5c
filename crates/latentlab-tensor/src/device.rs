//! The choice of a device: `auto`, `cpu`, `cuda:N` or `metal`.
