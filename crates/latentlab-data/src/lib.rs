//! Endless seeded streams of batches: MNIST, IDX, folders, npz, synthetic distributions.
