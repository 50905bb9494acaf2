//! Planning with an imitation-trained generator, MuJoCo rollouts and RL fine-tuning.
//!
//! A generator proposes action chunks in one forward pass, a planner scores them with MuJoCo rollouts, and fine-tuning
//! improves the generator. This crate re-exports what your own program needs; everything else is in the crates
//! behind it.
//!
//! | name | is |
//! |---|---|
//! | [`Task`], [`World`] | a task and its simulation: observations, actions, cost, success |
//! | [`Policy`] | a trained generator: N chunks for an observation |
//! | [`Controller`], [`Plan`] | one episode of model-predictive control: observation and state in, actions out |
//! | [`Planner`], [`EpisodeState`] | its two halves: one planner decides for many episodes |
//! | [`optimizer`], [`proposal`], [`parameterization`] | the parts of a decision, and the traits to write your own |
//! | [`rollout`] | where candidates are scored: MuJoCo, an ensemble, a lookahead, your own dynamics |
//! | [`evaluation`] | held-out episodes and their figures, in a task or an environment of your own |
//! | [`errors`] | the errors of every part; `is_input()` distinguishes bad input from a failure while running |
//!
//! ```
//! use planner::{Controller, Policy, Task, World, optimizer::Cem, seed::Purpose};
//!
//! let task = std::sync::Arc::new(Task::load("cylinder_push")?); // or your own TOML file
//! let policy = Policy::pretrained(&*task)?; // or Policy::load(folder, device)
//! let mut mpc = Controller::builder(task.clone()).policy(policy).optimizer(Cem::default()).candidates(32).build()?;
//! let mut robot = World::new(task.clone())?; // yours: a robot, or any simulator
//! robot.reset(0, Purpose::Reset, 0)?;
//! mpc.reset(0);
//! for _ in 0..8 {
//!     let mut state = vec![0.0; robot.state_size()];
//!     robot.get_state(&mut state)?;
//!     let action = mpc.act(&task.observe(&state)?, &state)?; // once a control step; replans when due
//!     robot.step(action);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Build without the program's own dependencies with `default-features = false`.

pub use imle_configs::bounds;
pub use imle_configs::embedded;
pub use imle_configs::seed;
pub use imle_configs::spec;
pub use imle_data as data;
pub use imle_envs as envs;
pub use imle_envs::task::Task;
pub use imle_envs::world::World;
pub use imle_planner::episode::EpisodeState;
pub use imle_planner::planner::Planner;
pub use imle_planner::{
    Controller, ControllerBuilder, ControllerSettings, Error, Plan, Result, chunk, decide, episode, optimizer,
    parameterization, policy_controller, proposal, selection,
};
pub use imle_policy as policy;
pub use imle_policy::checkpoint::Checkpoint;
pub use imle_policy::policy::Policy;
pub use imle_rl as rl;
pub use tch::Device;

/// Threads: one pool a process, or a separate pool, shared by all that get it.
pub mod workers {
    pub use imle_configs::workers::Workers;
    pub use rayon::ThreadPool;
}

/// Where candidates are scored.
pub mod rollout {
    pub use imle_envs::rollout::RolloutEngine;
    pub use imle_planner::rollout::*;
}

/// Held-out episodes and their figures.
pub mod evaluation {
    pub use imle_planner::evaluation::*;
}

/// Errors of every part.
pub mod errors {
    pub use imle_configs::{Error as InputError, Result as InputResult};
    pub use imle_envs::Error as EnvError;
    pub use imle_planner::Error as PlannerError;
    pub use imle_policy::Error as PolicyError;
    pub use imle_rl::Error as FinetuneError;
}
