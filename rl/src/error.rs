//! Errors of fine-tuning.

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in fine-tuning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bad input.
    #[error(transparent)]
    Input(#[from] imle_configs::Error),
    /// A world failed.
    #[error(transparent)]
    World(#[from] imle_envs::Error),
    /// The generator or its training failed.
    #[error(transparent)]
    Policy(#[from] imle_policy::Error),
    /// Planning or evaluation failed.
    #[error(transparent)]
    Planner(#[from] imle_planner::Error),
    /// No episode of a round gave anything to learn from.
    #[error(
        "round {round}: none of {episodes} planned episodes succeeded, so there is nothing to learn from; begin again in a new --out with more candidates, or from a generator of more demonstrations"
    )]
    NothingLearned {
        /// The round.
        round: u64,
        /// Its episodes.
        episodes: usize,
    },
}

impl Error {
    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::Input(_) => true,
            Self::World(e) => e.is_input(),
            Self::Policy(e) => e.is_input(),
            Self::Planner(e) => e.is_input(),
            Self::NothingLearned { .. } => false,
        }
    }
}
