//! State that the clients of a server share.

use super::args::ServeArgs;
use super::model;
use super::protocol::{Hello, PROTOCOL, REVISION};
use super::request::{Bounds, Kind, Which};
use super::room::Room;
use super::{seats::Seats, standing::Standing};
use imle_cli::failure::{Failure, Result};
use imle_configs::Error as InputError;
use imle_configs::spec::{Horizons, Spec};
use imle_envs::{mujoco::mujoco_version, task::Task, world::World};
use imle_planner::episode::EpisodeState;
use imle_policy::normalizer::Normalizer;
use imle_policy::policy::Policy;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// State that all clients share.
pub struct Service {
    /// None where a generator is served without one.
    pub task: Option<Arc<Task>>,
    pub horizons: Horizons,
    pub hello: Hello,
    /// `hello` as a line.
    pub greeting: String,
    /// Bounds of what a client may send.
    pub bounds: Bounds,
    /// Silence after which a client is given up.
    pub idle: Duration,
    pub seats: Seats,
    pub room: Room,
    pub standing: Arc<Standing>,
    /// Answers to `model` that were asked for: of the world's and of the planner's.
    models: Mutex<[Option<Arc<str>>; 2]>,
}

impl Service {
    /// A service for `task`, or of `policy` alone.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(
        args: &ServeArgs,
        task: Option<Arc<Task>>,
        policy: Option<&Policy>,
        horizons: Horizons,
        standing: Arc<Standing>,
    ) -> Result<Self> {
        let neither = || InputError::unexpected("--task", "a task, or --checkpoint", "neither");
        let spec = task.as_deref().map(Task::spec).or(policy.map(Policy::spec)).ok_or_else(neither)?;
        let hello = hello(args, spec, task.as_ref(), policy, horizons)?;
        let state = hello.state_size + hello.qpos_size + hello.qvel_size + hello.ctrl_size;
        let bounds = Bounds::new(horizons.observation * hello.observation_size + state + hello.action_size);
        let hello = Hello { longest_line: bounds.line(), ..hello };
        Ok(Self {
            horizons,
            greeting: serde_json::to_string(&hello).map_err(|e| Failure::Run(e.to_string()))?,
            hello,
            bounds,
            idle: Duration::from_secs(args.idle_timeout.into()),
            seats: Seats::new(args.clients.into()),
            room: Room::default(),
            standing,
            task,
            models: Mutex::default(),
        })
    }

    /// Episode `index`, of which nothing is observed yet.
    pub fn new_episode(&self, index: u64) -> EpisodeState {
        let mut episode = EpisodeState::new(self.horizons, self.hello.observation_size, self.hello.action_size);
        episode.reset(index);
        episode
    }

    /// The task.
    ///
    /// # Errors
    /// A bad input, if a generator is served alone; `wanted` is what needs a task.
    pub fn task(&self, wanted: &str) -> Result<&Arc<Task>> {
        let none = || InputError::unexpected(wanted, "a server with a simulator (--task)", "a generator alone");
        Ok(self.task.as_ref().ok_or_else(none)?)
    }

    /// One of the task's models as an answer; all clients share the text.
    ///
    /// # Errors
    /// As [`task`](Self::task); if MuJoCo cannot write it.
    pub fn model(&self, which: Which) -> Result<Arc<str>> {
        let task = self.task("model")?;
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut models[which as usize];
        if kept.is_none() {
            *kept = Some(model::answer(task, which)?.into());
        }
        Ok(kept.clone().unwrap_or_default())
    }
}

fn hello(
    args: &ServeArgs,
    spec: &Spec,
    task: Option<&Arc<Task>>,
    policy: Option<&Policy>,
    horizons: Horizons,
) -> Result<Hello> {
    let world = task.map(|task| World::new(task.clone())).transpose()?;
    let data = world.as_ref().map(|world| world.simulation().data());
    let (low, high) = match (task, policy) {
        (Some(task), _) => {
            let (low, high) = task.action_bounds().range();
            (Some(low.to_vec()), Some(high.to_vec()))
        }
        (None, Some(policy)) => match &policy.checkpoint().config().normalizers.action {
            Normalizer::Range { min, max } => (Some(min.clone()), Some(max.clone())),
            _ => (None, None),
        },
        (None, None) => (None, None),
    };
    let planner = if task.is_some() { args.controller.optimizer.clone() } else { "none".into() };
    Ok(Hello {
        protocol: PROTOCOL,
        revision: REVISION,
        version: imle_configs::VERSION,
        requests: &Kind::NAMES,
        task: spec.task.clone(),
        control_rate: spec.control_rate,
        t_obs: horizons.observation,
        t_pred: horizons.prediction,
        t_act: horizons.action,
        state_size: world.as_ref().map_or(0, World::state_size),
        qpos_size: data.map_or(0, |data| data.qpos().len()),
        qvel_size: data.map_or(0, |data| data.qvel().len()),
        ctrl_size: data.map_or(0, |data| data.ctrl().len()),
        mocap_size: data.map_or(0, |data| data.mocap_pos().len()),
        substeps: task.map_or(0, |task| task.substeps()),
        timestep: task.map(|task| task.compiled_model().opt().timestep),
        mujoco: mujoco_version(),
        observation_size: spec.observation.size(),
        observation: spec.observation.terms.clone(),
        action_size: spec.action.size(),
        action: spec.action.terms.clone(),
        action_low: low,
        action_high: high,
        state_needed: planner != "none",
        planner,
        candidates: args.controller.candidates,
        seed: args.seed,
        longest_line: 0,
        idle_timeout_s: args.idle_timeout,
    })
}
