//! One training loop for every generative model, exactly resumable.
