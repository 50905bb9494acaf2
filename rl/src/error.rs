//! Errors of fine-tuning.

use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Steps, or iterations, in a row that may go wrong before a run gives up.
pub(crate) const PATIENCE: u64 = 5;

/// Errors of fine-tuning.
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
        /// Number of episodes.
        episodes: usize,
    },
    /// Nothing that was collected had a reward.
    #[error(
        "no reward in {env_steps} control steps, so there is nothing to learn from; begin from a generator that solves some \
         episodes, or with a reward on the way (in a task's file `[reward] kind = \"progress\"`)"
    )]
    NoReward {
        /// Control steps in the world.
        env_steps: u64,
    },
    /// Every episode was over after one control step.
    #[error(
        "each of {episodes} episodes was over after its first control step, so there is nothing to learn from: is the \
         environment reset before each, and its observation the one that the generator was trained with?"
    )]
    EndsAtOnce {
        /// Number of episodes.
        episodes: usize,
    },
    /// The generator's loss was not finite several steps in a row.
    #[error(
        "the generator's loss or its gradient was not finite {steps} steps in a row; {} holds the last iteration: a lower \
         actor.learning_rate may help", folder.display()
    )]
    ActorDiverged {
        /// Number of steps.
        steps: u64,
        /// The run's folder.
        folder: PathBuf,
    },
    /// The critic diverged in several iterations in a row.
    #[error(
        "the critic diverged {times} times in a row (its values were {above:.2} above the returns, or not finite); {} holds the \
         last iteration: a lower critic.learning_rate or critic.follow may help", folder.display()
    )]
    CriticDiverged {
        /// Number of times.
        times: u64,
        /// Mean of value less return.
        above: f64,
        /// The run's folder.
        folder: PathBuf,
    },
}

impl Error {
    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::Input(e) => e.is_input(),
            Self::World(e) => e.is_input(),
            Self::Policy(e) => e.is_input(),
            Self::Planner(e) => e.is_input(),
            Self::EndsAtOnce { .. } => true,
            _ => false,
        }
    }
}
