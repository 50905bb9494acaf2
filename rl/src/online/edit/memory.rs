//! Memory of decisions for edits: those collected, and those of demonstrations.

use super::state::LearningState;
use crate::error::Result;
use crate::online::learner::Learner;
use crate::replay::step_buffer::{StepBatch, StepBuffer, StepEpisode};
use crate::replay::trajectory::Sizes;
use imle_configs::episode::Episode;
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};

/// Chunks among which the nearest is the base of a demonstration.
const NEAREST: usize = 64;

/// Memory of a run.
pub struct EditMemory {
    /// Collected.
    pub online: StepBuffer,
    demonstrations: StepBuffer,
    /// Trajectories of the learner that are in `online`.
    added: usize,
    /// Share of the demonstrations' decisions that an edit can make of their base.
    pub within: f64,
}

impl EditMemory {
    /// Empty.
    pub fn new(state: &LearningState, learner: &Learner<'_>) -> Self {
        let settings = learner.settings;
        let sizes = (state.size(), state.space.size());
        let buffer = || StepBuffer::new(sizes, settings.edit.steps, settings.discount);
        Self { online: buffer(), demonstrations: buffer(), added: 0, within: 1.0 }
    }

    /// Adds what the learner has collected since.
    pub fn add(&mut self, state: &LearningState, learner: &Learner<'_>) {
        let sizes = learner.sizes;
        let trajectories = &learner.replay.trajectories()[self.added..];
        self.added += trajectories.len();
        let hold = hold(learner);
        for trajectory in trajectories {
            let (observations, actions, base) = (&trajectory.observations, &trajectory.actions, &trajectory.base);
            let (states, edits) = remembered(state, (sizes, hold), observations, actions, base);
            let terminated = trajectory.terminated || !learner.settings.edit.cut_off_goes_on;
            let rewards = &trajectory.rewards[..];
            self.online.push(StepEpisode { states: &states, actions: &edits, rewards, hold, terminated });
        }
    }

    /// Adds the demonstrations, each with the base that the generator would most nearly have proposed.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn show(&mut self, state: &LearningState, base: &Policy, learner: &Learner<'_>) -> Result<()> {
        let sizes = learner.sizes;
        let (mut within, mut all) = (0, 0);
        let hold = hold(learner);
        for (index, episode) in learner.run.demonstrations.iter().enumerate() {
            let bases = nearest_bases(state, sizes, learner, base, index as u64, episode)?;
            let (observations, actions) = (&episode.observations, &episode.actions);
            let (states, edits) = remembered(state, (sizes, hold), observations, actions, &bases);
            for delta in edits.chunks_exact(state.space.size()) {
                within += u32::from(delta.iter().all(|d| d.abs() <= 1.0));
                all += 1;
            }
            let mut rewards = vec![0.0; episode.len];
            if let Some(last) = rewards.last_mut() {
                *last = f64::from(u8::from(episode.success));
            }
            let (rewards, terminated) = (&rewards[..], episode.success);
            self.demonstrations.push(StepEpisode { states: &states, actions: &edits, rewards, hold, terminated });
        }
        self.within = f64::from(within) / f64::from(all.max(1));
        Ok(())
    }

    /// The batch of step `step`: a share of demonstrations, if there are any.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn draw(&self, learner: &Learner<'_>, step: u64) -> Result<StepBatch> {
        let size = learner.settings.critic.batch_size;
        let share = if self.demonstrations.is_empty() { 0.0 } else { learner.settings.edit.demonstration_share };
        let shown = (size as f64 * share) as usize;
        let seed = learner.run.seed;
        let online = self.online.draw(seed, 7, step, size - shown);
        let demonstrations = self.demonstrations.draw(seed, 8, step, shown);
        let parts = [(&self.online, &online[..]), (&self.demonstrations, &demonstrations[..])];
        Ok(StepBuffer::batch(&parts, learner.run.device)?)
    }
}

/// Control steps that an edit is held: as set, or the next fewer of which a chunk has a whole number.
pub fn hold(learner: &Learner<'_>) -> usize {
    let (hold, chunk) = (learner.settings.edit.hold, learner.sizes.base);
    let most = if hold == 0 { chunk } else { hold.min(chunk) };
    (1..=most).rev().find(|held| chunk.is_multiple_of(*held)).unwrap_or(1)
}

/// The states and edits of the decisions of an episode with this `base`, each held for so many control steps: its edit
/// is the mean over them. After the last decision comes the state after the last action, if it was observed.
fn remembered(
    state: &LearningState,
    (sizes, hold): (Sizes, usize),
    observations: &[f32],
    actions: &[f32],
    base: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (o, a, c, e) = (sizes.observation, sizes.action, sizes.base, state.space.size());
    let (rows, steps) = (observations.len() / o, actions.len() / a);
    let starts: Vec<usize> = (0..steps).step_by(hold).collect();
    let (mut states, mut edits) = (Vec::new(), vec![0.0; starts.len() * e]);
    let (mut history, mut row) = (vec![0.0; sizes.history()], vec![0.0; state.size()]);
    for t in starts.iter().copied().chain((rows > steps).then_some(steps)) {
        sizes.write_history(observations, t, &mut history);
        state.write(&history, &base[t * a..(t / c + 1) * c * a], &mut row);
        states.extend_from_slice(&row);
    }
    let mut delta = vec![0.0; e];
    for (start, mean) in starts.iter().zip(edits.chunks_exact_mut(e)) {
        let held = hold.min(steps - start);
        for t in *start..start + held {
            state.space.between(&base[t * a..][..a], &actions[t * a..][..a], &mut delta);
            mean.iter_mut().zip(&delta).for_each(|(m, d)| *m += d / held as f32);
        }
    }
    (states, edits)
}

/// The base of a demonstration, (⌈L / C⌉, C, A): of [`NEAREST`] chunks drawn at the beginning of each, the one that is
/// nearest to what was done.
fn nearest_bases(
    state: &LearningState,
    sizes: Sizes,
    learner: &Learner<'_>,
    sampler: &Policy,
    index: u64,
    episode: &Episode,
) -> Result<Vec<f32>> {
    let (a, c) = (sizes.action, sizes.base);
    let starts: Vec<usize> = (0..episode.len).step_by(c).collect();
    let mut histories = vec![0.0; starts.len() * sizes.history()];
    for (start, history) in starts.iter().zip(histories.chunks_exact_mut(sizes.history())) {
        sizes.write_history(&episode.observations, *start, history);
    }
    let key = |start: &usize| LatentKey { seed: !learner.run.seed, episode: index, step: *start as u64 };
    let keys: Vec<LatentKey> = starts.iter().map(key).collect();
    let chunk = sampler.sampler().shape().chunk();
    let mut drawn = vec![0.0; starts.len() * NEAREST * chunk];
    sampler.sampler().sample(&learner.pool, Observations::from(&histories), &keys, NEAREST, &mut drawn)?;
    let mut base = Vec::with_capacity(starts.len() * c * a);
    for (start, drawn) in starts.iter().zip(drawn.chunks_exact(NEAREST * chunk)) {
        let steps = c.min(episode.len - start);
        let apart = |chunk: &[f32], j: usize| {
            state.space.distance(&chunk[j * a..][..a], &episode.actions[(start + j) * a..][..a])
        };
        let total = |chunk: &[f32]| (0..steps).map(|j| f64::from(apart(chunk, j)).powi(2)).sum::<f64>();
        let nearest = drawn.chunks_exact(chunk).min_by(|x, y| total(x).total_cmp(&total(y))).unwrap_or_default();
        base.extend_from_slice(&nearest[..c * a]);
    }
    Ok(base)
}
