//! Batch rollouts: many candidate chunks from given states, on all threads of a pool.
//!
//! The problem each rollout evaluates: J(a) = w_r · (1/T) Σ_{t=1..T} c(s_t) + w_T · c(s_T), with s_{t+1} the
//! planning model's state after one control step of action a_t from s_t, c the task's cost, and w_r, w_T its
//! `running` and `terminal` weights.
//!
//! Every rollout starts by restoring the full integration state, so its result does not depend on what its worker did
//! before, nor on the number of threads. A rollout that diverges is scored as failed (infinite cost); one that loses
//! the task ends there, and each step left costs `failure.cost`. Costs are never negative, so that one whose sum so far
//! exceeds its bound ([`Limits`]) is certain to cost more, and ends there too.

use crate::error::{Error, Result};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::Task;
use crate::task::control::Control;
use imle_configs::ends::Ends;
use imle_configs::score::{Limits, Score};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// N chunks for each of B states, to be rolled out.
#[derive(Clone, Copy, Debug)]
pub struct ChunkBatch<'a> {
    /// Start states, (B, state size).
    pub states: &'a [f64],
    /// Chunks, (B, N, T, A).
    pub chunks: &'a [f32],
    /// T, control steps a chunk.
    pub steps: usize,
    /// T_act, control steps of a chunk that are executed.
    pub executed: usize,
    /// When rollouts may end early.
    pub limits: Limits<'a>,
}

/// One thread's simulation.
pub(crate) struct Worker {
    pub(crate) sim: Simulation,
    pub(crate) control: Control,
    /// Values of the task's quantities.
    pub(crate) values: Vec<f64>,
}

/// One candidate and where it starts.
#[derive(Clone, Copy)]
struct Rollout<'a> {
    state: &'a [f64],
    chunk: &'a [f32],
    executed: usize,
}

/// Simulates candidates with the planning model of a task.
pub struct RolloutEngine {
    task: Arc<Task>,
    workers: Vec<Mutex<Worker>>,
    state_size: usize,
    pub(crate) needs: Needs,
}

impl RolloutEngine {
    /// An engine for pools of up to `threads` threads.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data.
    pub fn new(task: Arc<Task>, threads: usize) -> Result<Self> {
        let worker = || {
            let sim = Simulation::new(task.planning_model().clone()).map_err(Error::Simulation)?;
            Ok(Worker { sim, control: task.control().clone(), values: vec![0.0; task.quantities().len()] })
        };
        let workers = (0..threads.max(1)).map(|_| worker().map(Mutex::new)).collect::<Result<Vec<_>>>()?;
        let state_size = workers[0].lock().unwrap_or_else(PoisonError::into_inner).sim.state_size();
        let needs = task.quantities().needs();
        Ok(Self { task, workers, state_size, needs })
    }

    /// Length of one state.
    pub fn state_size(&self) -> usize {
        self.state_size
    }

    /// The task whose planning model is simulated.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Threads it is made for.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Length of one observation.
    pub fn observation_size(&self) -> usize {
        self.task.observation().layout().size()
    }

    /// The simulation of the calling thread. Not to be held where rayon may begin other work.
    pub(crate) fn worker(&self) -> MutexGuard<'_, Worker> {
        let worker = &self.workers[rayon::current_thread_index().unwrap_or(0) % self.workers.len()];
        worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rolls out `chunks` (B, N, T, A) from `states` (B, state size); `executed` is T_act. Scores go to `out`
    /// (B, N). Nothing is allocated per rollout.
    ///
    /// # Errors
    /// [`Error::Simulation`] if the sizes do not fit each other.
    pub fn run(
        &self,
        pool: &rayon::ThreadPool,
        states: &[f64],
        chunks: &[f32],
        steps: usize,
        executed: usize,
        out: &mut [Score],
    ) -> Result<()> {
        self.run_within(pool, ChunkBatch { states, chunks, steps, executed, limits: Limits::default() }, out)
    }

    /// As [`run`](Self::run), within the limits of `batch`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_within(&self, pool: &rayon::ThreadPool, batch: ChunkBatch<'_>, out: &mut [Score]) -> Result<()> {
        let Some(each) = self.each(batch, out.len())? else { return Ok(()) };
        pool.install(|| {
            let rows = out.par_iter_mut().with_max_len(1).enumerate();
            rows.for_each(|(i, score)| *score = self.begin(batch, each, i, None));
        });
        Ok(())
    }

    /// As [`run_within`](Self::run_within), and writes where each rollout ends.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_to(
        &self,
        pool: &rayon::ThreadPool,
        batch: ChunkBatch<'_>,
        out: &mut [Score],
        ends: Ends<'_>,
    ) -> Result<()> {
        let Some(each) = self.each(batch, out.len())? else { return Ok(()) };
        let history = ends.histories.len() / out.len();
        if ends.states.len() != out.len() * self.state_size || !history.is_multiple_of(self.observation_size()) {
            return Err(Error::Simulation(format!(
                "expected end states (B, N, {}) and histories (B, N, T_obs, {}), found {} and {} values",
                self.state_size,
                self.observation_size(),
                ends.states.len(),
                ends.histories.len()
            )));
        }
        let rows =
            out.par_iter_mut().zip(ends.states.par_chunks_exact_mut(self.state_size)).with_max_len(1).enumerate();
        pool.install(|| match history {
            0 => rows.for_each(|(i, (score, end))| *score = self.begin(batch, each, i, Some((end, &mut [])))),
            _ => rows
                .zip(ends.histories.par_chunks_exact_mut(history))
                .for_each(|((i, (score, end)), history)| *score = self.begin(batch, each, i, Some((end, history)))),
        });
        Ok(())
    }

    /// Candidates a state; nothing if there are none.
    pub(super) fn each(
        &self,
        ChunkBatch { states, chunks, steps, .. }: ChunkBatch<'_>,
        scores: usize,
    ) -> Result<Option<usize>> {
        let action = self.task.spec().action.size();
        let (batch, chunk) = (states.len() / self.state_size, steps * action);
        if batch * self.state_size != states.len()
            || scores * chunk != chunks.len()
            || batch == 0
            || !scores.is_multiple_of(batch)
            || chunk == 0
        {
            return Err(Error::Simulation(format!(
                "expected states (B, {}), chunks (B, N, {steps}, {action}) and scores (B, N), found {}, {} and {scores} values",
                self.state_size,
                states.len(),
                chunks.len(),
            )));
        }
        Ok((scores > 0).then_some(scores / batch))
    }

    /// Rolls out candidate `i` of all, of which a state has `each`, on the calling thread, unless that is too late or
    /// not wanted.
    fn begin(&self, batch: ChunkBatch<'_>, each: usize, i: usize, end: Option<(&mut [f64], &mut [f32])>) -> Score {
        let ChunkBatch { states, chunks, steps, executed, limits } = batch;
        let (bound, chunk) = (limits.bound(i / each), steps * self.task.spec().action.size());
        if bound == f64::NEG_INFINITY || limits.is_over() {
            return Score::skipped();
        }
        let state = &states[(i / each) * self.state_size..][..self.state_size];
        let rollout = Rollout { state, chunk: &chunks[i * chunk..][..chunk], executed };
        self.roll(&mut self.worker(), rollout, bound, end)
    }

    /// `end` is a state and an observation history, written unless the simulation fails, the task is lost or the
    /// rollout is ended by `bound`.
    fn roll(
        &self,
        worker: &mut Worker,
        Rollout { state, chunk, executed }: Rollout<'_>,
        bound: f64,
        end: Option<(&mut [f64], &mut [f32])>,
    ) -> Score {
        let (substeps, action) = (self.task.planning_substeps(), self.task.spec().action.size());
        let (mut end, observation) = (end, self.observation_size());
        let steps = chunk.len() / action;
        let mut score = Score { failed: true, ..Score::default() };
        if worker.sim.set_state(state).is_err() {
            return score;
        }
        let (mut sum, mut executed_sum, mut last) = (0.0, 0.0, 0.0);
        for (t, action) in chunk.chunks_exact(action).enumerate() {
            score.physics_steps += substeps as u32;
            if worker.control.execute(&mut worker.sim, action, substeps).is_err() {
                return score;
            }
            // Of a state that is not written the next physics step computes all that is looked at, but for forces;
            // where the next action moves a mocap body, that step cannot begin before it.
            let written =
                t + 1 == steps || end.as_ref().is_some_and(|(_, history)| steps - 1 - t < history.len() / observation);
            let apart = written || self.needs.forces || worker.control.moves_bodies();
            let begun = if apart { Ok(false) } else { worker.sim.begin_step() };
            let ready = begun.and_then(|begun| if begun { Ok(()) } else { worker.sim.refresh(self.needs) });
            if ready.is_err() {
                return score;
            }
            self.task.quantities().evaluate(&worker.sim, &mut worker.values);
            if self.task.lost(&worker.values) {
                // Nothing that follows matters: every step left costs the same.
                last = self.task.failure_cost();
                sum += (steps - t) as f64 * last;
                executed_sum += executed.saturating_sub(t) as f64 * last;
                score.lost = true;
                break;
            }
            last = self.task.cost().value(&worker.values);
            sum += last;
            if t < executed {
                executed_sum += last;
            }
            if t + 1 < steps && self.task.cost().running * sum > bound * steps as f64 {
                let cost = self.task.cost().running * sum / steps as f64;
                return Score { censored: true, physics_steps: score.physics_steps, ..Score::of(cost) };
            }
            let Some((end_state, history)) = &mut end else { continue };
            // The last T_obs observations; a chunk shorter than that repeats its first.
            let (left, kept) = (steps - 1 - t, history.len() / observation);
            if left < kept {
                if worker.sim.refresh(Needs::ALL).is_err() {
                    return score;
                }
                let from = (kept - 1 - left) * observation;
                self.task.observation().write(&worker.sim, &mut history[from..from + observation]);
                if t == 0 {
                    (0..from).step_by(observation).for_each(|i| history.copy_within(from..from + observation, i));
                }
            }
            if left == 0 && worker.sim.get_state(end_state).is_err() {
                return score;
            }
        }
        let cost = self.task.cost();
        let total = cost.running * sum / steps as f64 + cost.terminal * last;
        if total.is_finite() {
            score.cost = total;
            score.running_cost = cost.running * sum / steps as f64;
            score.final_cost = last;
            score.executed_cost = executed_sum / executed.clamp(1, steps) as f64;
            score.failed = false;
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use imle_configs::seed::Purpose;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    /// Two states and, for each, four chunks of six steps towards different places; one of them is not finite.
    fn inputs(task: &Arc<Task>) -> (Vec<f64>, Vec<f32>) {
        let mut world = World::new(task.clone()).unwrap();
        let (mut states, mut chunks) = (Vec::new(), Vec::new());
        for episode in 0..2 {
            world.reset(1, Purpose::Reset, episode).unwrap();
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state).unwrap();
            states.extend(state);
            for candidate in 0..4 {
                let x = if episode == 1 && candidate == 2 { f32::NAN } else { 0.05 * candidate as f32 };
                for _ in 0..6 {
                    chunks.extend([x, 0.02, 0.03, 1.0, 0.0, 0.5]);
                }
            }
        }
        (states, chunks)
    }

    #[test]
    fn scores_do_not_depend_on_threads_and_failures_stand_alone() {
        let task = Arc::new(Task::load("stack").unwrap());
        let (states, chunks) = inputs(&task);
        let run = |threads| {
            let engine = RolloutEngine::new(task.clone(), threads).unwrap();
            let mut scores = vec![Score::default(); 8];
            engine.run(&pool(threads), &states, &chunks, 6, 3, &mut scores).unwrap();
            scores
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
        assert_eq!(one.iter().filter(|s| s.failed).count(), 1);
        assert!(one[6].failed && one[6].cost.is_infinite());
        assert_eq!(one[0].physics_steps, 6 * task.planning_substeps() as u32);
    }

    #[test]
    fn sleeping_rollouts_do_not_depend_on_what_a_worker_did_before() {
        let task = Arc::new(Task::load("stack").unwrap().with_planning_sleep(true));
        let (states, chunks) = inputs(&task);
        // Long enough for the cubes to fall asleep: MuJoCo waits for ten steps at rest.
        let chunks: Vec<f32> = chunks.chunks(36).flat_map(|c| c.repeat(4)).collect();
        let run = |threads, repeats| {
            let engine = RolloutEngine::new(task.clone(), threads).unwrap();
            let mut scores = vec![Score::default(); 8];
            for _ in 0..repeats {
                engine.run(&pool(threads), &states, &chunks, 24, 8, &mut scores).unwrap();
            }
            scores
        };
        let one = run(1, 1);
        assert_eq!(one, run(1, 3));
        assert_eq!(one, run(2, 2));
        let asleep = {
            let mut sim = Simulation::new(task.planning_model().clone()).unwrap();
            sim.set_state(&states[..sim.state_size()]).unwrap();
            (0..200).for_each(|_| sim.step().unwrap());
            sim.data().tree_asleep().iter().filter(|t| **t >= 0).count()
        };
        assert!(asleep > 0, "nothing ever slept");
    }

    #[test]
    fn a_rollout_goes_on_from_where_another_ended() {
        for name in ["stack", "push_t"] {
            // What sleeps is in no state: with it a rollout goes on from nearly where the other ended.
            let task = Arc::new(Task::load(name).unwrap().with_planning_sleep(false));
            let mut world = World::new(task.clone()).unwrap();
            world.reset(1, Purpose::Reset, 0).unwrap();
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state).unwrap();
            let action = task.spec().action.size();
            let (low, high) = task.action_bounds().range();
            let chunk: Vec<f32> = (0..6 * action)
                .map(|i| low[i % action] + (high[i % action] - low[i % action]) * (0.3 + 0.05 * (i / action) as f32))
                .collect();
            let engine = RolloutEngine::new(task.clone(), 2).unwrap();
            let observation = engine.observation_size();
            let roll = |state: &[f64], chunk: &[f32]| {
                let (mut score, mut end) = ([Score::default()], vec![0.0; state.len()]);
                let mut histories = vec![0.0; 2 * observation];
                let ends = Ends { states: &mut end, histories: &mut histories };
                let (steps, limits) = (chunk.len() / action, Limits::default());
                let batch = ChunkBatch { states: state, chunks: chunk, steps, executed: 1, limits };
                engine.run_to(&pool(2), batch, &mut score, ends).unwrap();
                (score[0], end, histories)
            };
            let (whole, end, seen) = roll(&state, &chunk);
            let (first, middle, _) = roll(&state, &chunk[..4 * action]);
            let (second, end_of_both, seen_of_both) = roll(&middle, &chunk[4 * action..]);
            assert!(end == end_of_both && seen == seen_of_both);
            assert_eq!(whole.final_cost, second.final_cost);
            let running = (4.0 * first.running_cost + 2.0 * second.running_cost) / 6.0;
            assert!((whole.running_cost - running).abs() < 1e-9);
        }
    }

    /// A rollout observes what the next physics step computes. Here every state is brought up to date by itself.
    #[test]
    fn costs_are_those_of_states_brought_up_to_date() {
        for name in imle_configs::embedded::task_names() {
            let task = Arc::new(Task::load(name).unwrap());
            let mut world = World::new(task.clone()).unwrap();
            world.reset(1, Purpose::Reset, 0).unwrap();
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state).unwrap();
            let (low, high) = task.action_bounds().range();
            let action = low.len();
            let at =
                |i: usize| low[i % action] + (high[i % action] - low[i % action]) * (0.3 + 0.02 * (i / action) as f32);
            let chunk: Vec<f32> = (0..20 * action).map(at).collect();
            let mut score = [Score::default()];
            RolloutEngine::new(task.clone(), 1).unwrap().run(&pool(1), &state, &chunk, 20, 8, &mut score).unwrap();
            let mut sim = Simulation::new(task.planning_model().clone()).unwrap();
            let (mut control, mut values) = (task.control().clone(), vec![0.0; task.quantities().len()]);
            sim.set_state(&state).unwrap();
            let mut sum = 0.0;
            for (t, action) in chunk.chunks_exact(action).enumerate() {
                control.execute(&mut sim, action, task.planning_substeps()).unwrap();
                sim.refresh(task.quantities().needs()).unwrap();
                task.quantities().evaluate(&sim, &mut values);
                if task.lost(&values) {
                    sum += (20 - t) as f64 * task.failure_cost();
                    break;
                }
                sum += task.cost().value(&values);
            }
            assert_eq!(score[0].running_cost, task.cost().running * sum / 20.0, "{name}");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let task = Arc::new(Task::load("stack").unwrap());
        let (states, chunks) = inputs(&task);
        let engine = RolloutEngine::new(task, 1).unwrap();
        let mut scores = vec![Score::default(); 7];
        assert!(engine.run(&pool(1), &states, &chunks, 6, 3, &mut scores).is_err());
    }
}
