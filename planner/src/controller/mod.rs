//! The controller: observation and state in, actions out, at the rate of the task or at your own.

mod assemble;
mod builder;
mod one;
mod plan;
mod settings;

pub use assemble::Decider;
pub use builder::ControllerBuilder;
#[cfg(feature = "mujoco")]
pub use builder::coarse;
#[cfg(feature = "libtorch")]
pub use imle_policy::method::SamplingOverrides;
pub use one::Controller;
pub use plan::Plan;
pub use settings::{Budget, ChoiceKind, ControllerSettings, ENOUGH, Shortcut};
