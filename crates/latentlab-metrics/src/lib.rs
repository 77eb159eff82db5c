//! What a trained generative model is worth.
