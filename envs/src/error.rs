//! Errors of the simulated worlds.

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of loading a task and of simulating it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bad input or output place: the user's to mend.
    #[error(transparent)]
    Input(#[from] imle_configs::Error),
    /// The simulation diverged or MuJoCo gave up on it.
    #[error("the simulation failed: {0}")]
    Simulation(String),
    /// There is no renderer on this machine.
    #[error("cannot render: {0} (Debian: apt install libegl1 libgl1-mesa-dri libgles2)")]
    Render(String),
    /// Encoding a video failed.
    #[error("cannot write the video: {0}")]
    Video(String),
}

impl Error {
    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Input(e) if e.is_input())
    }
}
