//! The controller: observation and state in, actions out, at the rate of the task or at one's own.

mod assemble;
mod builder;
mod one;
mod plan;
mod settings;

pub use assemble::Decider;
pub use builder::ControllerBuilder;
pub use one::Controller;
pub use plan::Plan;
#[cfg(feature = "libtorch")]
pub use settings::SamplingOverrides;
pub use settings::{Budget, ChoiceKind, ControllerSettings, Shortcut};
