//! The controller: observation and state in, actions out, at the rate of the task or at your own.

mod assemble;
mod builder;
mod decider;
mod one;
mod plan;
mod settings;

#[cfg(feature = "mujoco")]
pub use assemble::coarse;
pub use builder::ControllerBuilder;
pub use decider::Decider;
#[cfg(feature = "libtorch")]
pub use imle_policy::method::SamplingOverrides;
pub use one::Controller;
pub use plan::Plan;
pub use settings::{Budget, ChoiceKind, ControllerSettings, ENOUGH, Shortcut};
