//! Errors of planning.

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of planning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bad input.
    #[error(transparent)]
    Input(#[from] imle_configs::Error),
    /// A world or a rollout engine failed.
    #[cfg(feature = "mujoco")]
    #[error(transparent)]
    World(#[from] imle_envs::Error),
    /// The generator failed.
    #[cfg(feature = "libtorch")]
    #[error(transparent)]
    Policy(#[from] imle_policy::Error),
    /// Arrays whose sizes do not fit each other.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Expected shape.
        expected: String,
        /// Shape found.
        found: String,
    },
    /// A simulator of the user's own that cannot do what is asked of it.
    #[error("the simulator was asked {0}, which it cannot do")]
    Unsupported(&'static str),
    /// An environment of the user's own failed, for a reason of its own.
    #[error("environment: {0}")]
    Environment(Box<dyn std::error::Error + Send + Sync>),
    /// A generator is needed and there is none.
    #[error(
        "{wanted}: no checkpoint is shipped for task `{task}`; train one and name it with --checkpoint, or plan \
         without: {instead}"
    )]
    NoPolicy {
        /// Name of the task.
        task: String,
        /// The flag that needs the generator.
        wanted: &'static str,
        /// Flags that need none.
        instead: &'static str,
    },
    /// The thread pool could not be made.
    #[error("cannot start {0} threads: {1}")]
    Threads(usize, String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Shape`].
    pub(crate) fn shape(what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Shape { what, expected: expected.to_string(), found: found.to_string() }
    }

    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::Input(e) => e.is_input(),
            Self::Shape { .. } | Self::NoPolicy { .. } => true,
            #[cfg(feature = "mujoco")]
            Self::World(e) => e.is_input(),
            #[cfg(feature = "libtorch")]
            Self::Policy(e) => e.is_input(),
            _ => false,
        }
    }
}
