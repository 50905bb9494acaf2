//! Derivatives of the planning model along a chunk, by finite differences around the engine's own control step.
//!
//! A state has the coordinates of MuJoCo's tangent space: a velocity for each degree of freedom that moves the
//! positions (`mj_integratePos`), velocities, activations, and the targets that the task's actuators were last given,
//! from which the next action goes on. One control step, inverse kinematics and all, is run from the recorded state and
//! from states and actions beside it; differences are one-sided, as in MuJoCo MPC (Howell et al. 2022).
//!
//! The cost is expanded in the task's quantities ([`crate::task::cost::Cost::slopes`]), whose changes the same runs
//! give: the Hessian is that of Gauss–Newton. A quantity that jumps (a count, a contact) has no slope.

use super::engine::{RolloutEngine, Worker};
use crate::error::{Error, Result};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::cost::Slope;
use imle_configs::derivatives::Derivatives;
use rayon::prelude::*;

/// Step of positions, velocities and activations, in their own units: 0.1 mm looks across the edge of a contact.
const STATE_STEP: f64 = 1e-4;
/// Step of commanded targets, rad or m: far above the 1e-5 at which inverse kinematics is content.
const TARGET_STEP: f64 = 1e-3;
/// Step of actions, in halves of their range: as for targets, and far above what f32 resolves.
const ACTION_STEP: f32 = 1e-2;
/// Change of a quantity by a unit of a coordinate from which it counts as a jump.
const JUMP: f64 = 1e3;

/// The coordinates of a state.
struct Coordinates {
    positions: usize,
    activations: usize,
    /// Actuators whose targets are coordinates, and the range of each.
    targets: Vec<(usize, [f64; 2])>,
    /// Whether anything depends on them.
    moved: bool,
}

/// A state as its coordinates count from it.
struct Reference {
    positions: Vec<f64>,
    velocities: Vec<f64>,
    activations: Vec<f64>,
    controls: Vec<f64>,
}

impl Reference {
    fn of(sim: &Simulation) -> Self {
        let data = sim.data();
        Self {
            positions: data.qpos().to_vec(),
            velocities: data.qvel().to_vec(),
            activations: data.act().to_vec(),
            controls: data.ctrl().to_vec(),
        }
    }
}

impl Coordinates {
    fn of(worker: &Worker) -> Self {
        let model = worker.sim.model();
        let targets = worker.control.addresses().map(|at| (at, model.actuator_ctrlrange()[at]));
        Self {
            positions: worker.sim.data().qvel().len(),
            activations: worker.sim.data().act().len(),
            targets: targets.collect(),
            moved: worker.control.moves_targets(),
        }
    }

    /// n.
    fn size(&self) -> usize {
        2 * self.positions + self.activations + self.targets.len()
    }

    /// Moves the present state along coordinate `j`; returns how far, 0 if nothing depends on it.
    fn perturb(&self, sim: &mut Simulation, j: usize, scratch: &mut Scratch) -> f64 {
        let (v, a) = (self.positions, self.activations);
        if j < v {
            scratch.velocity.fill(0.0);
            scratch.velocity[j] = STATE_STEP;
            scratch.positions.copy_from_slice(sim.data().qpos());
            sim.model().integrate_pos(&mut scratch.positions, &scratch.velocity, 1.0);
            sim.data_mut().qpos_mut().copy_from_slice(&scratch.positions);
        } else if j < 2 * v {
            sim.data_mut().qvel_mut()[j - v] += STATE_STEP;
        } else if j < 2 * v + a {
            sim.data_mut().act_mut()[j - 2 * v] += STATE_STEP;
        } else {
            if !self.moved {
                return 0.0;
            }
            let (id, [_, high]) = self.targets[j - 2 * v - a];
            let target = &mut sim.data_mut().ctrl_mut()[id];
            let step = if *target + TARGET_STEP > high { -TARGET_STEP } else { TARGET_STEP };
            *target += step;
            return step;
        }
        STATE_STEP
    }

    /// Writes the coordinates (n) of the present state as seen from `from`, divided by `step`.
    fn difference(&self, sim: &Simulation, from: &Reference, step: f64, out: &mut [f64]) {
        let (v, a, data) = (self.positions, self.activations, sim.data());
        sim.model().differentiate_pos_into(step, &from.positions, data.qpos(), &mut out[..v]);
        let apart = |out: &mut [f64], now: &[f64], then: &[f64]| {
            out.iter_mut().zip(now.iter().zip(then)).for_each(|(o, (x, y))| *o = (x - y) / step);
        };
        apart(&mut out[v..2 * v], data.qvel(), &from.velocities);
        apart(&mut out[2 * v..2 * v + a], data.act(), &from.activations);
        for (o, (id, _)) in out[2 * v + a..].iter_mut().zip(&self.targets) {
            *o = (data.ctrl()[*id] - from.controls[*id]) / step;
        }
    }
}

/// Buffers of one step's differences.
struct Scratch {
    velocity: Vec<f64>,
    positions: Vec<f64>,
    action: Vec<f32>,
    /// Slope of each of the cost's terms along each coordinate of z, (terms, n + A).
    slopes: Vec<f64>,
}

/// One control step of the trajectory: where it starts and what is commanded.
#[derive(Clone, Copy)]
struct Step<'a> {
    state: &'a [f64],
    action: &'a [f32],
    /// Weight of its cost in the objective.
    weight: f64,
}

/// Where the derivatives of one step go.
struct Out<'a> {
    dynamics: &'a mut [f64],
    gradient: &'a mut [f64],
    hessian: &'a mut [f64],
}

impl RolloutEngine {
    /// Derivatives along the rollout of `chunk` (T, A) from `state`, on the threads of `pool`, the same bits for any
    /// number of them. From where the rollout diverges or loses the task all derivatives are 0, as are those by a
    /// coordinate along which a step diverges.
    ///
    /// # Errors
    /// [`Error::Simulation`] if the sizes do not fit each other.
    pub fn differentiate(
        &self,
        pool: &rayon::ThreadPool,
        state: &[f64],
        chunk: &[f32],
        out: &mut Derivatives,
    ) -> Result<()> {
        let task = self.task();
        let (action, size) = (task.spec().action.size(), self.state_size());
        let steps = chunk.len() / action;
        if state.len() != size || steps * action != chunk.len() || steps == 0 {
            return Err(Error::Simulation(format!(
                "expected a state of {size} values and a chunk (T, {action}), found {} and {} values",
                state.len(),
                chunk.len()
            )));
        }
        pool.install(|| {
            let mut states = vec![0.0; steps * size];
            let (coordinates, simulated, known) = {
                let mut worker = self.worker();
                let (simulated, known) = self.record(&mut worker, state, chunk, &mut states);
                (Coordinates::of(&worker), simulated, known)
            };
            let n = coordinates.size();
            let both = n + action;
            out.clear(steps, n, action);
            let cost = task.cost();
            let rows = out.dynamics.par_chunks_exact_mut(both * n).zip(out.gradient.par_chunks_exact_mut(both));
            let rows = rows.zip(out.hessian.par_chunks_exact_mut(both * both)).take(known).with_max_len(1);
            let taken: u64 = rows
                .enumerate()
                .map(|(t, ((dynamics, gradient), hessian))| {
                    let last = if t + 1 == steps { cost.terminal } else { 0.0 };
                    let step = Step {
                        state: &states[t * size..][..size],
                        action: &chunk[t * action..][..action],
                        weight: cost.running / steps as f64 + last,
                    };
                    self.one(&mut self.worker(), &coordinates, step, Out { dynamics, gradient, hessian })
                })
                .sum();
            out.physics_steps = (simulated + taken) * task.planning_substeps() as u64;
        });
        Ok(())
    }

    /// Writes the state before each step; returns how many steps were simulated, and how many of them succeeded without
    /// losing the task.
    fn record(&self, worker: &mut Worker, state: &[f64], chunk: &[f32], states: &mut [f64]) -> (u64, usize) {
        let (task, size) = (self.task(), self.state_size());
        let steps = states.len() / size;
        if worker.sim.set_state(state).is_err() {
            return (0, 0);
        }
        for (t, action) in chunk.chunks_exact(chunk.len() / steps).enumerate() {
            let recorded = worker.sim.get_state(&mut states[t * size..][..size]);
            if recorded.is_err() || self.advance(worker, action, self.needs).is_none() || task.lost(&worker.values) {
                return (t as u64 + 1, t);
            }
        }
        (steps as u64, steps)
    }

    /// One control step and the values of the quantities after it; nothing if it fails.
    fn advance(&self, worker: &mut Worker, action: &[f32], needs: Needs) -> Option<()> {
        worker.control.execute(&mut worker.sim, action, self.task().planning_substeps()).ok()?;
        worker.sim.refresh(needs).ok()?;
        self.task().quantities().evaluate(&worker.sim, &mut worker.values);
        Some(())
    }

    /// Differences of one control step; returns how many were simulated.
    fn one(&self, worker: &mut Worker, coordinates: &Coordinates, step: Step<'_>, out: Out<'_>) -> u64 {
        let (n, both) = (coordinates.size(), out.gradient.len());
        // Contacts are found for the step that is differentiated around, and not for those beside it.
        let needs = Needs { contacts: false, ..self.needs };
        if worker.sim.set_state(step.state).is_err() || self.advance(worker, step.action, self.needs).is_none() {
            return 1;
        }
        let (reference, values) = (Reference::of(&worker.sim), worker.values.clone());
        let mut terms: Vec<Slope> = Vec::new();
        self.task().cost().slopes(&values, &mut terms);
        let mut scratch = Scratch {
            velocity: vec![0.0; coordinates.positions],
            positions: vec![0.0; reference.positions.len()],
            action: vec![0.0; both - n],
            slopes: vec![0.0; terms.len() * both],
        };
        let mut simulated = 1;
        for j in 0..both {
            scratch.action.copy_from_slice(step.action);
            if worker.sim.set_state(step.state).is_err() {
                continue;
            }
            let moved = match j.checked_sub(n) {
                None => coordinates.perturb(&mut worker.sim, j, &mut scratch),
                Some(d) => self.perturb_action(&mut scratch.action, d),
            };
            if moved == 0.0 {
                continue;
            }
            simulated += 1;
            if self.advance(worker, &scratch.action, needs).is_none() {
                continue;
            }
            coordinates.difference(&worker.sim, &reference, moved, &mut out.dynamics[j * n..][..n]);
            for (k, term) in terms.iter().enumerate() {
                let slope = (worker.values[term.quantity] - values[term.quantity]) / moved;
                scratch.slopes[k * both + j] = if slope.abs() < JUMP { slope } else { 0.0 };
            }
        }
        for (term, slopes) in terms.iter().zip(scratch.slopes.chunks_exact(both)) {
            for (i, x) in slopes.iter().enumerate() {
                out.gradient[i] += step.weight * term.slope * x;
                let row = &mut out.hessian[i * both..][..both];
                row.iter_mut().zip(slopes).for_each(|(h, y)| *h += step.weight * term.curvature * x * y);
            }
        }
        simulated
    }

    /// Moves dimension `d` of an action within its range; returns by how many half-ranges.
    fn perturb_action(&self, action: &mut [f32], d: usize) -> f64 {
        let bounds = self.task().action_bounds();
        let ((low, high), half) = (bounds.range(), bounds.half_range(d));
        let at = action[d].clamp(low[d], high[d]);
        let step = ACTION_STEP * half;
        action[d] = if at + step > high[d] { (at - step).max(low[d]) } else { at + step };
        (f64::from(action[d]) - f64::from(at)) / f64::from(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use crate::world::World;
    use imle_configs::score::Score;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    const STEPS: usize = 6;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    /// A start state of the task and a chunk that goes gently to the middle of every range.
    fn start(task: &Arc<Task>) -> (Vec<f64>, Vec<f32>) {
        let mut world = World::new(task.clone()).unwrap();
        world.reset(1, Purpose::Reset, 0).unwrap();
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).unwrap();
        let mut held = vec![0.0; task.spec().action.size()];
        world.hold(&mut held);
        let (low, high) = task.action_bounds().range();
        let mut chunk = Vec::new();
        for t in 1..=STEPS {
            chunk.extend((0..held.len()).map(|i| held[i] + 0.02 * t as f32 * ((low[i] + high[i]) / 2.0 - held[i])));
        }
        (state, chunk)
    }

    fn derivatives(task: &Arc<Task>, threads: usize) -> Derivatives {
        let (state, chunk) = start(task);
        let mut out = Derivatives::default();
        let engine = RolloutEngine::new(task.clone(), threads).unwrap();
        engine.differentiate(&pool(threads), &state, &chunk, &mut out).unwrap();
        out
    }

    /// Derivative of the objective by every action, by going back along the trajectory.
    fn by_actions(d: &Derivatives) -> Vec<f64> {
        let (n, both) = (d.states, d.states + d.actions);
        let (mut later, mut out) = (vec![0.0; n], vec![0.0; d.steps * d.actions]);
        for t in (0..d.steps).rev() {
            let slope = |j: usize| {
                let column = &d.dynamics[(t * both + j) * n..][..n];
                d.gradient[t * both + j] + column.iter().zip(&later).map(|(f, v)| f * v).sum::<f64>()
            };
            let all: Vec<f64> = (0..both).map(slope).collect();
            later.copy_from_slice(&all[..n]);
            out[t * d.actions..][..d.actions].copy_from_slice(&all[n..]);
        }
        out
    }

    #[test]
    fn the_objective_changes_as_the_derivatives_say() {
        // Raw controls; joint targets; an end effector by inverse kinematics.
        for name in ["cartpole", "cylinder_push", "push_t", "avoid", "lift"] {
            let task = Arc::new(Task::load(name).unwrap());
            let (state, chunk) = start(&task);
            let engine = RolloutEngine::new(task.clone(), 1).unwrap();
            let cost = |chunk: &[f32]| {
                let mut score = [Score::default()];
                engine.run(&pool(1), &state, chunk, STEPS, STEPS, &mut score).unwrap();
                score[0].cost
            };
            let found = by_actions(&derivatives(&task, 1));
            let (low, high) = task.action_bounds().range();
            let central = |i: usize| {
                let half = (high[i % low.len()] - low[i % low.len()]) / 2.0;
                let beside = |by: f32| {
                    let mut moved = chunk.clone();
                    moved[i] += by * half;
                    cost(&moved)
                };
                (beside(0.02) - beside(-0.02)) / 0.04
            };
            let expected: Vec<f64> = (0..chunk.len()).map(central).collect();
            let most = expected.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
            assert!(most > 0.0, "{name}");
            for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
                assert!((a - b).abs() < 0.05 * most, "{name}, action value {i}: {a}, {b} of {most}");
            }
        }
    }

    #[test]
    fn a_cartpole_step_agrees_with_central_differences_of_a_larger_step() {
        let task = Arc::new(Task::load("cartpole").unwrap());
        let (state, chunk) = start(&task);
        let found = derivatives(&task, 1);
        assert_eq!((found.states, found.actions, found.steps), (5, 1, STEPS));
        let mut sim = Simulation::new(task.planning_model().clone()).unwrap();
        let mut control = task.control().clone();
        // Positions and velocities of cart and pole, then the action.
        let mut after = |j: usize, by: f64| -> [f64; 4] {
            sim.set_state(&state).unwrap();
            match j {
                0 | 1 => sim.data_mut().qpos_mut()[j] += by,
                2 | 3 => sim.data_mut().qvel_mut()[j - 2] += by,
                _ => {}
            }
            let (low, high) = task.action_bounds().range();
            let action = if j == 5 { chunk[0] + by as f32 * (high[0] - low[0]) / 2.0 } else { chunk[0] };
            control.execute(&mut sim, &[action], task.planning_substeps()).unwrap();
            let (q, v) = (sim.data().qpos(), sim.data().qvel());
            [q[0], q[1], v[0], v[1]]
        };
        for j in [0, 1, 2, 3, 5] {
            let step = if j == 5 { 0.02 } else { 1e-3 };
            let (plus, minus) = (after(j, step), after(j, -step));
            for i in 0..4 {
                let (a, b) = (found.dynamics[j * 5 + i], (plus[i] - minus[i]) / (2.0 * step));
                assert!((a - b).abs() < 1e-2 * (1.0 + b.abs()), "{i} by {j}: {a}, {b}");
            }
        }
        // A raw control is the action's alone: the one before is forgotten.
        assert!(found.dynamics[4 * 5..5 * 5].iter().all(|x| *x == 0.0));
    }

    #[test]
    fn bits_do_not_depend_on_threads_and_turns_have_three_coordinates() {
        let task = Arc::new(Task::load("stack").unwrap());
        let one = derivatives(&task, 1);
        assert_eq!(one, derivatives(&task, 3));
        let sim = Simulation::new(task.planning_model().clone()).unwrap();
        let (nq, nv) = (sim.data().qpos().len(), sim.data().qvel().len());
        assert!(nq > nv, "no quaternions in this test");
        assert_eq!(one.states, 2 * nv + task.control().limits(1.0).len());
        assert!(one.dynamics.iter().chain(&one.gradient).chain(&one.hessian).all(|x| x.is_finite()));
        // The last body that moves freely, at rest on the table, keeps the heading that it is given.
        let heading = nv - 1;
        let kept = one.dynamics[heading * one.states + heading];
        assert!((kept - 1.0).abs() < 0.05, "{kept}");
        let runs = one.physics_steps / task.planning_substeps() as u64;
        assert_eq!(runs, (STEPS * (2 + one.states + one.actions)) as u64);
    }

    #[test]
    fn what_diverges_has_no_derivatives_and_sizes_are_checked() {
        let task = Arc::new(Task::load("push_t").unwrap());
        let (state, mut chunk) = start(&task);
        let engine = RolloutEngine::new(task.clone(), 1).unwrap();
        let mut out = Derivatives::default();
        assert!(engine.differentiate(&pool(1), &state[1..], &chunk, &mut out).is_err());
        chunk[4] = f32::NAN;
        engine.differentiate(&pool(1), &state, &chunk, &mut out).unwrap();
        let step = (out.states + out.actions) * out.states;
        assert!(out.dynamics[..2 * step].iter().any(|x| *x != 0.0));
        assert!(
            out.dynamics[2 * step..].iter().chain(&out.gradient[2 * (out.states + out.actions)..]).all(|x| *x == 0.0)
        );
    }
}
