//! What can go wrong while a model is configured, built or used.

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a model is configured, built or used. `Debug` says the same as `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation, a parameter or a device failed.
    #[error(transparent)]
    Tensor(#[from] latentlab_tensor::Error),
    /// A value in a configuration cannot work.
    #[error("`{field}`: {problem}")]
    Config {
        /// The key, as it stands in the experiment file.
        field: String,
        /// What is wrong with the value and what would be right.
        problem: String,
    },
    /// No model of this name is registered.
    #[error("no {kind} named `{name}`{}; known: {known}", did_you_mean(nearest))]
    Unknown {
        /// What was looked for, for example "model".
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// The known name closest to it, if one is close.
        nearest: Option<String>,
        /// All known names.
        known: String,
    },
    /// Two plugins register one name.
    #[error("a model named `{0}` is already registered")]
    Duplicate(&'static str),
    /// The data could not be read or do not fit.
    #[error("{0}")]
    Data(String),
}

latentlab_tensor::debug_as_display!(Error);

impl Error {
    /// An error about the value of the key `field` in a model's configuration.
    pub fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// An error about a name that is not among `known`.
    pub fn unknown<'a>(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Self::Unknown {
            kind,
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()).map(str::to_owned),
            known: known.join(", "),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error.into())
    }
}

/// As an error of candle, for code that has no other: within a `Module`, or in a program of candle's.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Tensor(error) => error.into(),
            // Not by `wrap`, which appends a backtrace to the words where one is asked for.
            other => Self::Wrapped(Box::new(other)),
        }
    }
}

/// The candidate closest to `name` in spelling, if any is close enough to have been meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn did_you_mean(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!(", did you mean `{name}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_met_with_the_nearest() {
        let message = Error::unknown("model", "vea", ["ae", "gan", "vae"]).to_string();
        assert_eq!(
            message,
            "no model named `vea`, did you mean `vae`?; known: ae, gan, vae"
        );
    }

    /// `main` prints the `Debug` of the error that it returns, of whichever crate below it is.
    #[test]
    fn what_main_prints_of_an_error_is_what_the_error_says() {
        for error in [
            Error::config("latent", "must be at least 1"),
            Error::from(latentlab_tensor::Error::SecondOrderOff),
        ] {
            assert_eq!(format!("{error:?}"), error.to_string());
        }
        let below = Error::from(latentlab_tensor::Error::SecondOrderOff);
        assert!(format!("{below:?}").contains("call latentlab_tensor::enable_second_order()"));
    }

    #[test]
    fn a_name_unlike_all_others_gets_no_suggestion() {
        assert_eq!(nearest("diffusion", ["ae", "gan", "vae"]), None);
    }

    #[test]
    fn as_errors_of_candle_they_say_the_same() {
        let error = Error::config("latent", "must be at least 1");
        let words = error.to_string();
        assert_eq!(candle_core::Error::from(error).to_string(), words);
        let own = candle_core::Error::Msg("from candle".to_owned());
        let back = candle_core::Error::from(Error::from(own));
        assert!(matches!(back, candle_core::Error::Msg(_)), "{back:?}");
    }
}
