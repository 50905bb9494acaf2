//! Failure of a command: one line, and exit code 2 for bad input or 1 for a failure while running.

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

    fn of(input: bool, error: &dyn std::fmt::Display) -> Self {
        if input { Self::Input(error.to_string()) } else { Self::Run(error.to_string()) }
    }
}

impl From<imle_configs::Error> for Failure {
    fn from(e: imle_configs::Error) -> Self {
        Self::of(true, &e)
    }
}

impl From<imle_envs::Error> for Failure {
    fn from(e: imle_envs::Error) -> Self {
        Self::of(e.is_input(), &e)
    }
}

impl From<imle_policy::Error> for Failure {
    fn from(e: imle_policy::Error) -> Self {
        Self::of(e.is_input(), &e)
    }
}

impl From<imle_planner::Error> for Failure {
    fn from(e: imle_planner::Error) -> Self {
        Self::of(e.is_input(), &e)
    }
}

impl From<imle_rl::Error> for Failure {
    fn from(e: imle_rl::Error) -> Self {
        Self::of(e.is_input(), &e)
    }
}
