//! Whether a forward pass is part of training.

/// Whether a forward pass is part of training; batch norm and dropout behave differently then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the statistics of the batch, dropout drops.
    Train,
    /// Batch norm uses the running statistics, dropout does nothing.
    Eval,
}
