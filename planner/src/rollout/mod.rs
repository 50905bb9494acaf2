//! Rollouts: what candidates lead to. In MuJoCo, in several models at once, further ahead, in stages, or in dynamics of
//! your own, which implement [`Simulator`].

pub mod action_perturbation;
pub mod ensemble;
pub mod halving;
#[cfg(feature = "libtorch")]
pub mod lookahead;
#[cfg(feature = "mujoco")]
mod mujoco;
pub(crate) mod simulator;
pub mod staged;

pub use simulator::{Candidates, Derivatives, Ends, Limits, OneCandidate, Score, Simulator};
