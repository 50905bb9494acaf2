//! `imle_controller`: model-predictive control of one episode, and its last plan.

use crate::boundary::{
    Given, Handle, Out, Refusal, Result, Returned, Slot, Text, guard, keeping_threads, no_callbacks,
};
use crate::policy::picture_bytes;
use imle_configs::{Error as InputError, settings::overlaid, workers::Workers};
use imle_envs::task::Task;
use imle_planner::proposal::ProposalSource;
use imle_planner::{Controller, ControllerBuilder, ControllerSettings, Plan};
use imle_policy::policy::Policy;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// Most threads of a controller.
const MOST_THREADS: usize = 1024;
/// Longest deadline, s.
const LONGEST: f64 = 3600.0;

/// A controller, its last plan, and the bytes of the pictures it sees.
struct Open {
    mpc: Controller,
    plan: Plan,
    pictures: usize,
}

type Guarded = Mutex<Open>;

/// `imle_controller_shape`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ControllerShape {
    observation_steps: usize,
    prediction_steps: usize,
    action_steps: usize,
    observation: usize,
    action: usize,
    state: usize,
    pictures: usize,
}

/// `imle_plan_info`.
#[repr(C)]
#[derive(Clone, Copy)]
struct PlanInfo {
    candidates: usize,
    steps: usize,
    action: usize,
    simulated: c_int,
    predicted_cost: f64,
    rollouts: u64,
    failed_rollouts: u64,
    physics_steps: u64,
    seconds: f64,
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_new(
    task: Handle<Arc<Task>>,
    policy: Handle<Policy>,
    settings: Text,
    seed: u64,
    threads: usize,
    out: Slot<Guarded>,
) -> c_int {
    guard(|| {
        out.fill(|| {
            no_callbacks()?;
            let policy = policy.optional();
            let mut defaults = ControllerSettings::default();
            if policy.is_none() {
                defaults.proposals = vec![ProposalSource::Noise, ProposalSource::LastPlan];
            }
            let settings: ControllerSettings = overlaid(&defaults, settings.get("settings", Some("{}"))?, "settings")?;
            let expected = "none: a controller in C reads no datasets";
            InputError::ensure(settings.demonstrations.is_none(), "settings: demonstrations", expected, "one")?;
            InputError::ensure(threads <= MOST_THREADS, "threads", format!("at most {MOST_THREADS}"), threads)?;
            let workers = if threads == 0 { Workers::shared()? } else { Workers::new(threads)? };
            let builder =
                task.optional().map_or_else(ControllerBuilder::default, |task| Controller::builder(task.clone()));
            let builder = builder.settings(&settings).seed(seed).workers(workers);
            let mpc = match policy {
                Some(policy) => builder.policy(policy.clone()),
                None => builder,
            };
            let mpc = keeping_threads(|| Ok(mpc.build()?))?;
            Ok(Mutex::new(Open { mpc, plan: Plan::default(), pictures: policy.map_or(0, picture_bytes) }))
        })
    })
}

/// Runs `work` with the controller, which serves one thread at a time.
fn with(controller: &Handle<Guarded>, work: impl FnOnce(&mut Open) -> Result<()>) -> c_int {
    guard(|| {
        let mut open: MutexGuard<'_, Open> = controller.get("controller")?.try_lock().map_err(|e| {
            Refusal::run(match e {
                TryLockError::WouldBlock => "controller: expected one thread at a time, found two; give each its own",
                TryLockError::Poisoned(_) => "controller: expected one without a bug, found one that hit one; free it",
            })
        })?;
        work(&mut open)
    })
}

impl Open {
    /// Plans from `state` on, with the best that is known after `deadline` seconds, if that is not 0.
    fn decide(&mut self, state: &[f64], deadline: f64) -> Result<()> {
        let expected = format!("0 for none, or at most {LONGEST} s");
        InputError::ensure((0.0..=LONGEST).contains(&deadline), "deadline", expected, deadline)?;
        if self.mpc.needs_state() {
            no_callbacks()?;
        }
        keeping_threads(|| {
            if deadline > 0.0 {
                self.plan = self.mpc.plan_by(state, Instant::now() + Duration::from_secs_f64(deadline))?;
            } else {
                self.mpc.plan_into(&mut self.plan, state)?;
            }
            Ok(())
        })
    }

    /// The state that decisions need: none for a generator alone.
    fn state<'a>(&self, state: &'a Given<f64>, length: usize) -> Result<&'a [f64]> {
        match state.is_null() && !self.mpc.needs_state() {
            true => Ok(&[]),
            false => state.finite("state", length, self.mpc.state_size()),
        }
    }

    fn plan(&self) -> Result<&Plan> {
        let none = self.plan.actions().is_empty();
        InputError::ensure(!none, "plan", "one of this episode", "none; call imle_controller_plan")?;
        Ok(&self.plan)
    }
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_sizes(controller: Handle<Guarded>, out: Out<ControllerShape>) -> c_int {
    with(&controller, |open| {
        let h = open.mpc.horizons();
        out.put(
            "out",
            ControllerShape {
                observation_steps: h.observation,
                prediction_steps: h.prediction,
                action_steps: h.action,
                observation: open.mpc.observation_size(),
                action: open.mpc.action_size(),
                state: open.mpc.state_size(),
                pictures: open.pictures,
            },
        )
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_reset(controller: Handle<Guarded>, episode: u64) -> c_int {
    with(&controller, |open| {
        open.mpc.reset(episode);
        open.plan = Plan::default();
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_observe(
    controller: Handle<Guarded>,
    observation: Given<f32>,
    observation_length: usize,
    pictures: Given<u8>,
    pictures_length: usize,
) -> c_int {
    with(&controller, |open| {
        let values = observation.values("observation", observation_length, open.mpc.observation_size())?;
        match pictures.values("pictures", pictures_length, open.pictures)? {
            [] => open.mpc.observe(values)?,
            pictures => open.mpc.observe_with(values, pictures)?,
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_skip(controller: Handle<Guarded>, steps: u32) -> c_int {
    with(&controller, |open| {
        open.mpc.skip(steps as usize);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_act(
    controller: Handle<Guarded>,
    state: Given<f64>,
    state_length: usize,
    action: Out<f32>,
    action_length: usize,
) -> c_int {
    with(&controller, |open| {
        let room = action.room("action", action_length, open.mpc.action_size())?;
        if open.mpc.episode().due(open.mpc.horizons().action) {
            open.decide(open.state(&state, state_length)?, 0.0)?;
        }
        room.fill(open.mpc.next_action());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_plan(
    controller: Handle<Guarded>,
    state: Given<f64>,
    state_length: usize,
    deadline: f64,
) -> c_int {
    with(&controller, |open| open.decide(open.state(&state, state_length)?, deadline))
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_next_action(
    controller: Handle<Guarded>,
    action: Out<f32>,
    action_length: usize,
) -> c_int {
    with(&controller, |open| {
        action.room("action", action_length, open.mpc.action_size())?.fill(open.mpc.next_action());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_plan_describe(controller: Handle<Guarded>, out: Out<PlanInfo>) -> c_int {
    with(&controller, |open| {
        let plan = open.plan()?;
        let ([steps, action], [candidates, ..]) = (plan.shape(), plan.candidates_shape());
        out.put(
            "out",
            PlanInfo {
                candidates,
                steps,
                action,
                simulated: plan.source().is_some().into(),
                predicted_cost: plan.predicted_cost().unwrap_or(f64::NAN),
                rollouts: plan.rollouts(),
                failed_rollouts: plan.failed_rollouts(),
                physics_steps: plan.physics_steps(),
                seconds: plan.plan_time().as_secs_f64(),
            },
        )
    })
}

/// Copies what `values` takes of the last plan.
fn copied<T: Copy>(
    controller: &Handle<Guarded>,
    values: impl FnOnce(&Plan) -> &[T],
    (name, out, length): (&str, &Out<T>, usize),
) -> c_int {
    with(controller, |open| {
        let values = values(open.plan()?);
        out.room(name, length, values.len())?.fill(values);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_plan_actions(controller: Handle<Guarded>, actions: Out<f32>, actions_length: usize) -> c_int {
    copied(&controller, Plan::actions, ("actions", &actions, actions_length))
}

#[unsafe(no_mangle)]
extern "C" fn imle_plan_candidates(controller: Handle<Guarded>, candidates: Out<f32>, length: usize) -> c_int {
    copied(&controller, Plan::candidates, ("candidates", &candidates, length))
}

#[unsafe(no_mangle)]
extern "C" fn imle_plan_costs(controller: Handle<Guarded>, costs: Out<f64>, costs_length: usize) -> c_int {
    copied(&controller, Plan::costs, ("costs", &costs, costs_length))
}

#[unsafe(no_mangle)]
extern "C" fn imle_controller_free(controller: Returned<Guarded>) {
    controller.free();
}
