//! Failure of a command: one line, and exit code 2 for bad input or 1 for a failure while running.

use std::process::ExitCode;

/// The end of a command that did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or input: exit code 2.
    Input(String),
    /// Failed while running: exit code 1.
    Run(String),
}

/// Shorthand for results of commands.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The message, on one line.
    pub fn line(&self) -> String {
        let (Self::Input(text) | Self::Run(text)) = self;
        text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The exit code of the program.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Input(_) => 2,
            Self::Run(_) => 1,
        })
    }
}

/// Errors of all libraries, those of fine-tuning among them, which wrap the others.
impl<E: Into<imle_rl::Error>> From<E> for Failure {
    fn from(e: E) -> Self {
        let e = e.into();
        if e.is_input() { Self::Input(e.to_string()) } else { Self::Run(e.to_string()) }
    }
}
