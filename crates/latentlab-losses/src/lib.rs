//! Losses of generative models: reconstruction, divergence, adversarial, penalties.
