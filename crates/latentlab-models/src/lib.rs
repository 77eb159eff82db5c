//! Autoencoders, variational autoencoders and GANs.
