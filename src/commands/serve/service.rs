//! State that the clients of a server share.

use super::protocol::{Hello, PROTOCOL};
use super::{args::ServeArgs, wire::LONGEST_LINE};
use imle_cli::failure::{Failure, Result};
use imle_configs::spec::Horizons;
use imle_envs::{task::Task, world::World};
use imle_planner::episode::EpisodeState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// State that all clients share.
pub struct Service {
    pub task: Arc<Task>,
    pub horizons: Horizons,
    pub hello: Hello,
    /// `hello` as a line.
    pub greeting: String,
    /// Most clients at once, those that are there, and all that ever asked for something.
    pub most: usize,
    pub present: AtomicUsize,
    pub clients: AtomicU64,
    /// Requests that were answered with an error.
    pub refused: AtomicU64,
}

impl Service {
    pub fn new(args: &ServeArgs, task: &Arc<Task>, horizons: Horizons) -> Result<Self> {
        let world = World::new(task.clone())?;
        let data = world.simulation().data();
        let (spec, (low, high)) = (task.spec(), task.action_bounds().range());
        let hello = Hello {
            protocol: PROTOCOL,
            version: imle_configs::VERSION,
            task: spec.task.clone(),
            control_rate: spec.control_rate,
            t_obs: horizons.observation,
            t_pred: horizons.prediction,
            t_act: horizons.action,
            state_size: world.state_size(),
            qpos_size: data.qpos().len(),
            qvel_size: data.qvel().len(),
            ctrl_size: data.ctrl().len(),
            observation_size: spec.observation.size(),
            observation: spec.observation.terms.clone(),
            action_size: spec.action.size(),
            action: spec.action.terms.clone(),
            action_low: low.to_vec(),
            action_high: high.to_vec(),
            planner: args.controller.optimizer.clone(),
            candidates: args.controller.candidates,
            seed: args.seed,
            state_needed: args.controller.optimizer != "none",
            longest_line: LONGEST_LINE,
        };
        Ok(Self {
            task: task.clone(),
            horizons,
            greeting: serde_json::to_string(&hello).map_err(|e| Failure::Run(e.to_string()))?,
            hello,
            most: usize::from(args.clients),
            present: AtomicUsize::new(0),
            clients: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Episode `index`, of which nothing is observed yet.
    pub fn new_episode(&self, index: u64) -> EpisodeState {
        let mut episode = EpisodeState::new(self.horizons, self.hello.observation_size, self.hello.action_size);
        episode.reset(index);
        episode
    }
}

/// An array (n, `size`) as its rows.
pub fn rows(values: &[f32], size: usize) -> Vec<Vec<f32>> {
    values.chunks_exact(size.max(1)).map(<[f32]>::to_vec).collect()
}
