//! The errors of this crate; each prints as one line.

use std::path::PathBuf;
use tch::TchError;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The errors of training, checkpoints and sampling.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bad input, or a file that could not be read or written.
    #[error(transparent)]
    Config(#[from] imle_configs::Error),
    /// libtorch refused an operation.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] TchError),
    /// The device asked for cannot be used.
    #[error("device {device}: {reason}")]
    Device {
        /// As given: `cuda`, or a name that is none.
        device: String,
        /// The missing part, and the remedy.
        reason: String,
    },
    /// An argument of a library call has the wrong size or value.
    #[error("{operation}: {what}: expected {expected}, found {found}")]
    Argument {
        /// The call.
        operation: &'static str,
        /// The argument.
        what: &'static str,
        /// The expected size or value.
        expected: String,
        /// The size or value found.
        found: String,
    },
    /// Training met non-finite losses or gradients several steps in a row.
    #[error(
        "training stopped at step {step}: the loss or its gradient was not finite {count} steps in a row; \
         {} holds the last good checkpoint; try a lower learning_rate", folder.display()
    )]
    NonFinite {
        /// The step at which training gave up.
        step: u64,
        /// Number of steps skipped in a row.
        count: u64,
        /// The output folder.
        folder: PathBuf,
    },
    /// The evaluation callback failed.
    #[error("evaluation at step {step}: {reason}")]
    Evaluation {
        /// The training step.
        step: u64,
        /// The callback's own message.
        reason: String,
    },
}

impl Error {
    /// Whether the cause is a bad input (the command line's exit code 2) rather than a failure while running.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Config(e) => e.is_input(),
            Self::Device { .. } | Self::Argument { .. } => true,
            Self::Torch(_) | Self::NonFinite { .. } | Self::Evaluation { .. } => false,
        }
    }

    /// An [`Error::Argument`].
    pub(crate) fn argument(
        operation: &'static str,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::Argument { operation, what, expected: expected.to_string(), found: found.to_string() }
    }
}

/// libtorch appends a C++ backtrace to its messages; the first line says what happened.
fn first_line(error: &TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_errors_are_one_line() {
        let a = tch::Tensor::zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu));
        let error = Error::from(a.f_matmul(&a).unwrap_err());
        let text = error.to_string();
        assert!(text.starts_with("libtorch: ") && text.lines().count() == 1, "{text}");
        assert!(!error.is_input());
    }
}
