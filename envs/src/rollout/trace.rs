//! Rollouts whose states are kept, for costs that are computed elsewhere.

use super::engine::{ChunkBatch, RolloutEngine, Worker};
use crate::error::Result;
use crate::kinematics::point::Point;
use crate::mujoco::simulation::Needs;
use mujoco_rs::prelude::MjModel;
use rayon::prelude::*;

/// Optional parts of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceFields {
    /// Sensor values, which cost about a physics step a state.
    pub sensors: bool,
}

/// States after each control step of B · N rollouts, row-major. A rollout that failed is not a number from there on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Positions, (B · N, T, nq).
    pub qpos: Vec<f64>,
    /// Velocities, (B · N, T, nv).
    pub qvel: Vec<f64>,
    /// Sensor values, (B · N, T, nsensordata); empty unless they are kept.
    pub sensors: Vec<f64>,
    /// Positions of the sites in the world, m, (B · N, T, nsite, 3).
    pub sites: Vec<f64>,
    /// Positions of the bodies in the world, m, (B · N, T, nbody, 3).
    pub bodies: Vec<f64>,
}

impl Trace {
    /// Position of a point in row `row` of (B · N · T), world frame, m, in rollouts of `model`; not a number where the
    /// rollout failed.
    pub fn position(&self, point: Point, model: &MjModel, row: usize) -> [f64; 3] {
        let of = |values: &[f64], count: i64, id: usize| {
            let at = (row * count as usize + id) * 3;
            [values[at], values[at + 1], values[at + 2]]
        };
        match point {
            Point::Site(id) => of(&self.sites, model.ffi().nsite, id),
            Point::Body(id) => of(&self.bodies, model.ffi().nbody, id),
            Point::Fixed(p) => p,
            // Their places are not kept.
            Point::Geom(_) => [f64::NAN; 3],
        }
    }
}

/// The rows of one rollout.
struct Rows<'a> {
    parts: [&'a mut [f64]; 5],
    sizes: [usize; 5],
}

impl RolloutEngine {
    /// Rolls out the candidates of `batch` and writes the states to `out`, which keeps its memory. The limits of the
    /// batch do not apply. The same bits at any number of threads.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// ```
    /// use imle_envs::rollout::{ChunkBatch, RolloutEngine, Trace, TraceFields};
    /// use imle_envs::task::Task;
    ///
    /// let task = std::sync::Arc::new(Task::load("cartpole")?);
    /// let (state, pool) = (task.state_at(&[0.0, 0.1], &[0.0, 0.0], None)?, rayon::ThreadPoolBuilder::new().build()?);
    /// let chunks = [0.0, 0.1, 0.2, 0.0, -0.1, -0.2]; // two of three steps
    /// let batch = ChunkBatch { states: &state, chunks: &chunks, steps: 3, executed: 1, limits: Default::default() };
    /// let mut trace = Trace::default();
    /// RolloutEngine::new(task, 1)?.trace(&pool, batch, 2, TraceFields::default(), &mut trace)?;
    /// assert_eq!((trace.qpos.len(), trace.qvel.len()), (2 * 3 * 2, 2 * 3 * 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(
        &self,
        pool: &rayon::ThreadPool,
        batch: ChunkBatch<'_>,
        rollouts: usize,
        fields: TraceFields,
        out: &mut Trace,
    ) -> Result<()> {
        let Some(each) = self.each(batch, rollouts)? else { return Ok(()) };
        let model = self.task().planning_model().ffi();
        let sensors = if fields.sensors { model.nsensordata } else { 0 };
        let sizes = [model.nq, model.nv, sensors, 3 * model.nsite, 3 * model.nbody].map(|n| n as usize * batch.steps);
        let parts = [&mut out.qpos, &mut out.qvel, &mut out.sensors, &mut out.sites, &mut out.bodies];
        let mut rows: Vec<Rows<'_>> =
            (0..rollouts).map(|_| Rows { parts: Default::default(), sizes: sizes.map(|n| n / batch.steps) }).collect();
        for (part, (values, size)) in parts.into_iter().zip(sizes).enumerate() {
            values.clear();
            values.resize(rollouts * size, f64::NAN);
            let chunks = values.chunks_exact_mut(size.max(1));
            rows.iter_mut().zip(chunks).for_each(|(rows, chunk)| rows.parts[part] = chunk);
        }
        let (state, chunk) = (self.state_size(), batch.steps * self.task().spec().action.size());
        let needs = Needs { forces: sensors > 0, ..Needs::default() };
        pool.install(|| {
            rows.par_iter_mut().with_max_len(1).enumerate().for_each(|(i, rows)| {
                let state = &batch.states[(i / each) * state..][..state];
                // What failed stays not a number.
                let _ = self.follow(&mut self.worker(), state, &batch.chunks[i * chunk..][..chunk], needs, rows);
            });
        });
        Ok(())
    }

    fn follow(
        &self,
        worker: &mut Worker,
        state: &[f64],
        chunk: &[f32],
        needs: Needs,
        rows: &mut Rows<'_>,
    ) -> std::result::Result<(), String> {
        worker.sim.set_state(state)?;
        for (t, action) in chunk.chunks_exact(self.task().spec().action.size()).enumerate() {
            worker.control.execute(&mut worker.sim, action, self.task().planning_substeps())?;
            worker.sim.refresh(needs)?;
            let data = worker.sim.data();
            let all: [&[f64]; 5] = [
                data.qpos(),
                data.qvel(),
                if needs.forces { data.sensordata() } else { &[] },
                data.site_xpos().as_flattened(),
                data.xpos().as_flattened(),
            ];
            for ((part, values), size) in rows.parts.iter_mut().zip(all).zip(rows.sizes) {
                part[t * size..][..size].copy_from_slice(values);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{task::Task, world::World};
    use imle_configs::seed::Purpose;
    use std::sync::Arc;

    #[test]
    fn a_trace_is_what_a_world_does_and_a_failed_rollout_is_not_a_number() {
        let task = Arc::new(Task::load("cartpole").unwrap());
        let mut world = World::new(task.clone()).unwrap();
        world.reset(1, Purpose::Reset, 0).unwrap();
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).unwrap();
        let chunks = [0.1, 0.3, 0.2, f32::NAN, 0.0, 0.0];
        let batch = ChunkBatch { states: &state, chunks: &chunks, steps: 3, executed: 1, limits: Default::default() };
        let traced = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut trace = Trace::default();
            let engine = RolloutEngine::new(task.clone(), threads).unwrap();
            engine.trace(&pool, batch, 2, TraceFields { sensors: true }, &mut trace).unwrap();
            trace
        };
        let trace = traced(1);
        assert_eq!(trace.qpos[..6], traced(2).qpos[..6]);
        for t in 0..3 {
            world.step(&chunks[t..=t]);
            let data = world.simulation().data();
            assert_eq!(trace.qpos[t * 2..][..2], *data.qpos());
            assert_eq!(trace.qvel[t * 2..][..2], *data.qvel());
            let sites = data.site_xpos().as_flattened();
            assert_eq!(trace.sites[t * sites.len()..][..sites.len()], *sites);
        }
        assert!(trace.qpos[6..].iter().all(|q| q.is_nan()));
    }
}
