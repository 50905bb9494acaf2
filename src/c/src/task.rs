//! `imle_task`: states in, observations and controls out.

use crate::boundary::{Given, Handle, Out, Result, Returned, Slot, Text, guard, no_callbacks};
use imle_configs::seed::Purpose;
use imle_envs::{task::Task, world::World};
use std::ffi::c_int;
use std::sync::Arc;

/// `imle_task_shape`.
#[repr(C)]
#[derive(Clone, Copy)]
struct TaskShape {
    observation: usize,
    action: usize,
    state: usize,
    nq: usize,
    nv: usize,
    nu: usize,
    substeps: usize,
    max_steps: usize,
    control_rate: f64,
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_load(name: Text, out: Slot<Arc<Task>>) -> c_int {
    guard(|| {
        out.fill(|| {
            no_callbacks()?;
            Ok(Arc::new(Task::load(name.get("task", None)?)?))
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_sizes(task: Handle<Arc<Task>>, out: Out<TaskShape>) -> c_int {
    guard(|| out.put("out", shape(task.get("task")?)?))
}

fn shape(task: &Task) -> Result<TaskShape> {
    let (spec, model) = (task.spec(), task.compiled_model().ffi());
    Ok(TaskShape {
        observation: spec.observation.size(),
        action: spec.action.size(),
        state: task.state_size()?,
        nq: model.nq as usize,
        nv: model.nv as usize,
        nu: model.nu as usize,
        substeps: task.substeps(),
        max_steps: task.max_steps(),
        control_rate: spec.control_rate,
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_start_state(
    task: Handle<Arc<Task>>,
    seed: u64,
    episode: u64,
    state: Out<f64>,
    state_length: usize,
) -> c_int {
    guard(|| {
        no_callbacks()?;
        let task = task.get("task")?;
        let mut started = vec![0.0; task.state_size()?];
        let room = state.room("state", state_length, started.len())?;
        let mut world = World::new(task.clone())?;
        world.reset(seed, Purpose::Reset, episode)?;
        world.get_state(&mut started)?;
        room.fill(&started);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_state_at(
    task: Handle<Arc<Task>>,
    qpos: Given<f64>,
    nq: usize,
    qvel: Given<f64>,
    nv: usize,
    ctrl: Given<f64>,
    nu: usize,
    state: Out<f64>,
    state_length: usize,
) -> c_int {
    guard(|| {
        no_callbacks()?;
        let task = task.get("task")?;
        let shape = shape(task)?;
        let room = state.room("state", state_length, shape.state)?;
        let ctrl = if ctrl.is_null() { None } else { Some(ctrl.finite("ctrl", nu, shape.nu)?) };
        let (qpos, qvel) = (qpos.finite("qpos", nq, shape.nq)?, qvel.finite("qvel", nv, shape.nv)?);
        room.fill(&task.state_at(qpos, qvel, ctrl)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_observe(
    task: Handle<Arc<Task>>,
    state: Given<f64>,
    state_length: usize,
    observation: Out<f32>,
    observation_length: usize,
) -> c_int {
    guard(|| {
        no_callbacks()?;
        let task = task.get("task")?;
        let room = observation.room("observation", observation_length, task.spec().observation.size())?;
        room.fill(&task.observe(state.finite("state", state_length, task.state_size()?)?)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_controls(
    task: Handle<Arc<Task>>,
    action: Given<f32>,
    action_length: usize,
    state: Given<f64>,
    state_length: usize,
    controls: Out<f64>,
    controls_length: usize,
) -> c_int {
    guard(|| {
        no_callbacks()?;
        let task = task.get("task")?;
        let shape = shape(task)?;
        let room = controls.room("controls", controls_length, shape.nu)?;
        let action = action.values("action", action_length, shape.action)?;
        room.fill(&task.controls(action, state.finite("state", state_length, shape.state)?)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn imle_task_free(task: Returned<Arc<Task>>) {
    task.free();
}
