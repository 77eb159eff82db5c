//! The vocabulary of LatentLab: batch, loss, phase, model, registry.
