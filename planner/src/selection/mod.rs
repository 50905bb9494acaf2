//! Which of the scored candidates is the plan, and what is said of it.

pub mod action_rate_limit;
pub(crate) mod cheapest;
mod modes;
pub mod near_optimal;
pub(crate) mod proximal_cost;
pub mod quality;

pub use action_rate_limit::ActionRateLimit;
pub use modes::ModeTracker;
pub use quality::Quality;
