//! Planning with an imitation-trained generator, MuJoCo rollouts and RL fine-tuning.
//!
//! A generator proposes action chunks in one forward pass, a planner scores them with MuJoCo rollouts, and fine-tuning
//! improves the generator. This crate re-exports what a program of one's own needs; everything else is in the crates
//! behind it.
//!
//! | name | is |
//! |---|---|
//! | [`Task`], [`World`] | a task and its simulation: observations, actions, cost, success |
//! | [`Checkpoint`], [`Sampler`] | a trained generator, and chunks drawn from it |
//! | [`Planner`] | the decision: proposals, an optimizer, rollouts |
//! | [`optimizer`], [`proposal`], [`parameterization`] | the parts of a decision, and the traits to write your own |
//! | [`rollout`] | where candidates are scored: MuJoCo, an ensemble, a lookahead, your own dynamics |
//! | [`evaluation`] | held-out episodes and their figures |
//! | [`errors`] | the errors of every part; `is_input()` tells bad input from a failure while running |
//!
//! Build without the program's own dependencies with `default-features = false`.

pub use imle_configs::embedded;
pub use imle_configs::seed;
pub use imle_configs::spec;
pub use imle_data as data;
pub use imle_envs as envs;
pub use imle_envs::task::Task;
pub use imle_envs::world::World;
pub use imle_planner::decide;
pub use imle_planner::planner::Planner;
pub use imle_planner::proposal;
pub use imle_planner::threads;
pub use imle_policy as policy;
pub use imle_policy::checkpoint::Checkpoint;
pub use imle_policy::sampler::Sampler;
pub use imle_rl as rl;

/// Search methods: the trait, the methods, and the registry of their names.
pub mod optimizer {
    pub use imle_planner::optimizer::*;
}

/// Spaces that an optimizer searches in: whole chunks, splines, latents.
pub mod parameterization {
    pub use imle_planner::space::*;
}

/// Where candidates are scored.
pub mod rollout {
    pub use imle_envs::rollout::RolloutEngine;
    pub use imle_planner::simulator::*;
}

/// Held-out episodes and their figures.
pub mod evaluation {
    pub use imle_planner::evaluate::*;
    pub use imle_planner::realtime;
    pub use imle_planner::report;
}

/// Errors of every part.
pub mod errors {
    pub use imle_configs::Error as InputError;
    pub use imle_envs::Error as EnvError;
    pub use imle_planner::Error as PlannerError;
    pub use imle_policy::Error as PolicyError;
    pub use imle_rl::Error as FinetuneError;
}
