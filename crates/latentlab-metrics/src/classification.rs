//! How often a classifier is right.

use latentlab_core::{Batch, Classify, Error, Result};

use crate::{
    host::{check_shape, columns, host_rows},
    nothing,
    scores::{argmax, log_sum_exp},
};

/// What a classifier makes of labelled images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classification {
    /// Share of the images whose largest logit is that of their label, from 0 to 1.
    pub accuracy: f64,
    /// Mean of `-ln softmax(logits)[label]`, nats per image.
    pub cross_entropy: f64,
    /// Images judged.
    pub images: usize,
}

/// Classifies all images of `batches`.
///
/// # Errors
/// If there are no images, they have no labels or one beyond the classes, the labels are not `[N]` or
/// the logits not `[N, classes]`, or the model fails.
pub fn classification(
    model: &dyn Classify,
    batches: impl IntoIterator<Item = Result<Batch>>,
) -> Result<Classification> {
    let (mut right, mut entropy, mut images) = (0, 0.0, 0);
    for batch in batches {
        let batch = batch?;
        let labels = batch.labels.as_ref().ok_or_else(|| nothing("labels"))?;
        let size = batch.size()?;
        check_shape("labels", labels, &[size])?;
        let logits = model.class_logits(&model.features(&batch.images)?)?;
        check_shape("logits", &logits, &[size, columns(&logits)])?;
        for (row, label) in host_rows(&logits)?.iter().zip(labels.to_vec1::<u32>()?) {
            let label = label as usize;
            let logit = row.get(label).ok_or_else(|| {
                Error::Data(format!("label {label} is beyond the {} classes", row.len()))
            })?;
            let loss = log_sum_exp(row) - logit;
            entropy += loss;
            // Logits that are no numbers are of no class.
            right += usize::from(argmax(row) == label && !loss.is_nan());
            images += 1;
        }
    }
    if images == 0 {
        return Err(nothing("images"));
    }
    Ok(Classification {
        accuracy: right as f64 / images as f64,
        cross_entropy: entropy / images as f64,
        images,
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// Takes the pixels for logits.
    struct Pixels;

    impl Classify for Pixels {
        fn features(&self, images: &Tensor) -> Result<Tensor> {
            Ok(images.flatten_from(1)?)
        }

        fn class_logits(&self, features: &Tensor) -> Result<Tensor> {
            Ok(features.clone())
        }
    }

    fn batch(labels: [u32; 2]) -> Result<Batch> {
        let images = Tensor::new(&[[0f32, 1e4], [2.0, 2.0]], &Device::Cpu)?;
        Ok(Batch {
            images: images.reshape((2, 2, 1, 1))?,
            labels: Some(Tensor::new(&labels, &Device::Cpu)?),
        })
    }

    #[test]
    fn a_sure_and_right_classifier_loses_nothing_and_an_undecided_one_ln_2() {
        let found = classification(&Pixels, [batch([1, 0])]).unwrap();
        assert_eq!((found.accuracy, found.images), (1.0, 2));
        assert!((found.cross_entropy - 0.5 * 2f64.ln()).abs() < 1e-12);
        let wrong = classification(&Pixels, [batch([0, 0]), batch([1, 0])]).unwrap();
        assert_eq!((wrong.accuracy, wrong.images), (0.75, 4));
    }

    #[test]
    fn a_label_beyond_the_classes_is_named() {
        let error = classification(&Pixels, [batch([0, 2])]).unwrap_err();
        assert!(error.to_string().contains("label 2"), "{error}");
    }

    #[test]
    fn logits_that_are_no_numbers_are_never_right() {
        let mut batch = batch([0, 0]).unwrap();
        batch.images = (batch.images * f64::NAN).unwrap();
        let found = classification(&Pixels, [Ok(batch)]).unwrap();
        assert_eq!(found.accuracy, 0.0);
        assert!(found.cross_entropy.is_nan());
    }

    #[test]
    fn nothing_to_judge_is_an_error() {
        assert!(classification(&Pixels, []).is_err());
    }
}
