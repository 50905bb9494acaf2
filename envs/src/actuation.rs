//! Actuation metrics: peak speed and force of the actuated joints against their limits, and jerk.
//!
//! Sampled once a control step. Jerk is the third difference of the joints' positions over the control period,
//! ‖q_t − 3 q_{t−1} + 3 q_{t−2} − q_{t−3}‖ / Δt³ in rad/s³ (m/s³ for slides); a jerk whose window spans the first
//! step of a new chunk belongs to the boundary, any other to the inside.

use crate::mujoco::lookup::hinge_or_slide;
use crate::mujoco::simulation::Simulation;
use crate::task::Task;
use serde::{Deserialize, Serialize};

struct Joint {
    qpos: usize,
    dof: usize,
    output: usize,
    fastest: f64,
    strongest: f64,
}

/// Actuation metrics of one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActuationMetrics {
    /// Greatest joint speed as a share of that joint's limit; 0 if none has a limit.
    pub peak_velocity: f64,
    /// Greatest actuator force as a share of its limit; 0 if none has a limit.
    pub peak_torque: f64,
    /// Root mean square jerk where chunks meet.
    pub boundary_jerk: f64,
    /// Root mean square jerk elsewhere.
    pub inner_jerk: f64,
}

/// Meter of one episode.
pub struct ActuationMeter {
    joints: Vec<Joint>,
    period: f64,
    /// Positions of the last four control steps, newest last.
    window: Vec<Vec<f64>>,
    /// Control steps since a chunk began.
    since_boundary: usize,
    metrics: ActuationMetrics,
    /// Sum of squares and count: boundary, inside.
    jerk: [(f64, f64); 2],
}

/// Positions that a third difference takes.
const WINDOW: usize = 4;

impl ActuationMeter {
    /// A meter for episodes of `task`.
    pub fn new(task: &Task) -> Self {
        let (model, period) = (task.compiled_model(), 1.0 / task.spec().control_rate);
        let limits = task.control().limits(period);
        let joints = limits.into_iter().filter_map(|(actuator, fastest)| {
            let joint = hinge_or_slide(model, actuator)?;
            let [low, high] = model.actuator_forcerange()[actuator];
            let limited = low < high;
            Some(Joint {
                qpos: model.jnt_qposadr()[joint] as usize,
                dof: model.jnt_dofadr()[joint] as usize,
                output: model.actuator_outadr()[actuator] as usize,
                fastest,
                strongest: if limited { high.abs().max(low.abs()) } else { f64::INFINITY },
            })
        });
        let jerk = [(0.0, 0.0); 2];
        Self {
            joints: joints.collect(),
            period,
            window: Vec::new(),
            since_boundary: WINDOW,
            metrics: ActuationMetrics::default(),
            jerk,
        }
    }

    /// Marks that a new chunk begins with the next control step.
    pub fn boundary(&mut self) {
        self.since_boundary = 0;
    }

    /// Samples the state after a control step.
    pub fn observe(&mut self, sim: &Simulation) {
        let (data, metrics) = (sim.data(), &mut self.metrics);
        for joint in &self.joints {
            metrics.peak_velocity = metrics.peak_velocity.max(data.qvel()[joint.dof].abs() / joint.fastest);
            metrics.peak_torque = metrics.peak_torque.max(data.actuator_force()[joint.output].abs() / joint.strongest);
        }
        let mut newest = if self.window.len() == WINDOW { self.window.remove(0) } else { Vec::new() };
        newest.clear();
        newest.extend(self.joints.iter().map(|j| data.qpos()[j.qpos]));
        self.window.push(newest);
        self.since_boundary += 1;
        if let [a, b, c, d] = &self.window[..] {
            let third = (0..d.len()).map(|i| d[i] - 3.0 * c[i] + 3.0 * b[i] - a[i]);
            let squares = third.map(|x| x * x).sum::<f64>() / self.period.powi(6);
            let (sum, count) = &mut self.jerk[usize::from(self.since_boundary >= WINDOW)];
            *sum += squares;
            *count += 1.0;
        }
    }

    /// Metrics of the episode so far.
    pub fn metrics(&self) -> ActuationMetrics {
        let root = |(sum, count): (f64, f64)| if count > 0.0 { (sum / count).sqrt() } else { 0.0 };
        ActuationMetrics { boundary_jerk: root(self.jerk[0]), inner_jerk: root(self.jerk[1]), ..self.metrics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;
    use crate::world::World;
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    #[test]
    fn a_jump_between_chunks_shows_at_the_boundary() {
        let task = Arc::new(Task::load("stack").unwrap());
        let mut world = World::new(task.clone()).unwrap();
        world.reset(0, Purpose::Reset, 0).unwrap();
        let mut hold = vec![0.0; 6];
        world.hold(&mut hold);
        let mut meter = ActuationMeter::new(&task);
        for _ in 0..10 {
            world.step(&hold);
            meter.observe(world.simulation());
        }
        let still = meter.metrics();
        assert_eq!(still.boundary_jerk, 0.0);
        hold[1] += 0.1;
        meter.boundary();
        for _ in 0..3 {
            world.step(&hold);
            meter.observe(world.simulation());
        }
        let moved = meter.metrics();
        assert!(moved.boundary_jerk > 10.0 * still.inner_jerk, "{still:?} {moved:?}");
        assert!(moved.peak_velocity > 0.3 && moved.peak_velocity < 2.0, "{moved:?}");
        assert!(moved.peak_torque > 0.0 && moved.peak_torque <= 1.0, "{moved:?}");
    }
}
