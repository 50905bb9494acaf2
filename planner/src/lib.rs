//! Sampling-based model-predictive control with learned proposals.
//!
//! [`Controller`] is the front door: observation and state in, actions out.
//!
//! ```
//! use imle_envs::{task::Task, world::World};
//! use imle_planner::{Controller, optimizer::Cem};
//! use imle_policy::Policy;
//!
//! let task = std::sync::Arc::new(Task::load("stack")?);
//! let policy = Policy::pretrained("stack")?;
//! let mut robot = World::new(task.clone())?; // yours
//! let mut mpc = Controller::builder(task).policy(policy).optimizer(Cem::default()).candidates(16).threads(2).build()?;
//! robot.reset(0, imle_configs::seed::Purpose::Reset, 0)?;
//! let mut observation = vec![0.0; robot.task().spec().observation.size()];
//! let mut state = vec![0.0; robot.state_size()];
//! mpc.reset(0);
//! for _ in 0..3 {
//!     robot.observe(&mut observation);
//!     robot.get_state(&mut state)?;
//!     robot.step(mpc.act(&observation, &state)?);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Below it are the layers that the evaluator and servers share: a [`planner::Planner`] decides for a batch of episodes
//! ([`decide::Decide`]), an [`episode::EpisodeState`] keeps what one episode needs between decisions. One decision:
//! sources fill a batch of candidates ([`proposal`]), a [`rollout::Simulator`] scores them, an
//! [`optimizer::Optimizer`] refines them in a [`parameterization`], and [`selection`] chooses the plan. [`evaluation`]
//! runs many episodes with any decider.
//!
//! Own dynamics implement [`rollout::Simulator`], own candidates [`proposal::Proposal`], own optimizers
//! [`optimizer::Optimizer`]. Without the features `mujoco` and `libtorch` neither is linked.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod chunk;
pub mod controller;
pub mod decide;
pub mod episode;
pub mod error;
#[cfg(feature = "mujoco")]
pub mod evaluation;
pub mod optimizer;
pub mod parameterization;
pub mod planner;
#[cfg(feature = "libtorch")]
pub mod policy_controller;
pub mod proposal;
pub mod rollout;
pub mod selection;
pub mod threads;

pub use controller::{Controller, ControllerBuilder, ControllerSettings, Plan};
pub use error::{Error, Result};
