//! Hindsight smoothing: what a planner solved is played again with smoother actions, and the smoother episode is kept
//! where it is solved too.
//!
//! A planner that searches leaves traces: where plans meet the motion jumps, and within them there is noise that the
//! rollouts happened to like. A generator that imitates this draws noise of the same kind, which nobody has checked. So
//! the actions a_t of a solved episode are convolved with a Gaussian over time,
//!
//! ```text
//! ã_t = Σ_k g_σ(k) a_{t+k},   the first and last action repeated beyond the ends
//! ```
//!
//! and executed from the same start state without feedback, for the widest σ (in control steps) first. What is seen on
//! the way is what the generator learns from.

use super::state::ExpertIteration;
use crate::error::Result;
use imle_configs::{seed::Purpose, spec::Horizons};
use imle_envs::task::Task;
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::evaluation::{EpisodeResult, EvaluationSettings, Progress, Start, evaluate};

/// Result of playing episodes again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Smoothed {
    /// Episodes that were replaced by smoother ones.
    pub replaced: usize,
    /// Physics steps of playing them.
    pub physics_steps: u64,
}

impl ExpertIteration<'_> {
    /// Replaces what can be replaced of `episodes`: those that are solved and have kept their states and actions.
    ///
    /// # Errors
    /// What [`evaluate()`] returns.
    pub(super) fn smooth(
        &self,
        horizons: Horizons,
        episodes: &mut [EpisodeResult],
        progress: &mut dyn Progress,
    ) -> Result<Smoothed> {
        let task = &self.task;
        let size = task.spec().action.size();
        let mut left: Vec<usize> =
            (0..episodes.len()).filter(|i| episodes[*i].success && !episodes[*i].states.is_empty()).collect();
        let mut done = Smoothed::default();
        for width in &self.settings.smooth {
            if left.is_empty() {
                break;
            }
            let starts: Vec<Start> = left.iter().map(|i| start_of(task, horizons, &episodes[*i], 0)).collect();
            let actions = left.iter().map(|i| smooth(&episodes[*i].actions, size, *width)).collect();
            let mut player = Player { actions, size, executed: horizons.action };
            let settings = EvaluationSettings {
                purpose: Purpose::FinetuneReset,
                lockstep: self.settings.lockstep,
                keep_actions: true,
                starts: Some(starts.into()),
                ..EvaluationSettings::held_out(left.len(), 0, horizons)
            };
            let played = evaluate(task, &mut player, &settings, &self.pool, progress)?;
            let mut failed = Vec::new();
            for (at, mut episode) in left.into_iter().zip(played.episodes) {
                done.physics_steps += (episode.steps * task.substeps()) as u64;
                if episode.success {
                    episode.episode = episodes[at].episode;
                    episode.decisions = std::mem::take(&mut episodes[at].decisions);
                    episodes[at] = episode;
                    done.replaced += 1;
                } else {
                    failed.push(at);
                }
            }
            left = failed;
        }
        Ok(done)
    }
}

/// The state before control step `step` of an episode that has kept its states, with the observations up to it.
pub(crate) fn start_of(task: &Task, horizons: Horizons, episode: &EpisodeResult, step: usize) -> Start {
    let size = task.spec().observation.size();
    let seen = (0..horizons.observation).rev().map(|back| step.saturating_sub(back));
    Start {
        state: episode.states[step].clone(),
        history: seen.flat_map(|t| &episode.observations[t * size..][..size]).copied().collect(),
        steps_left: task.max_steps(),
    }
}

/// Plays given actions, whatever is seen; the last one goes on at the end.
struct Player {
    /// One an episode, (steps, A).
    actions: Vec<Vec<f32>>,
    size: usize,
    executed: usize,
}

impl Decide for Player {
    fn sources(&self) -> Vec<&'static str> {
        vec!["played"]
    }

    fn decide(
        &mut self,
        _: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        how.fill(Decision::default());
        let chunk = chunks.len() / situation.keys.len().max(1);
        for (key, out) in situation.keys.iter().zip(chunks.chunks_exact_mut(chunk)) {
            let actions = &self.actions[key.episode as usize];
            let last = actions.len() / self.size - 1;
            for (t, row) in out.chunks_exact_mut(self.size).enumerate() {
                let at = (key.decision as usize * self.executed + t).min(last);
                row.copy_from_slice(&actions[at * self.size..][..self.size]);
            }
        }
        Ok(())
    }
}

/// `actions` (steps, size), convolved with a Gaussian of deviation `width`.
fn smooth(actions: &[f32], size: usize, width: f64) -> Vec<f32> {
    let (steps, reach) = ((actions.len() / size) as isize, (3.0 * width).ceil() as isize);
    let weights: Vec<f64> = (-reach..=reach).map(|k| (-0.5 * (k as f64 / width).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let at = |t: isize, d: usize| f64::from(actions[t.clamp(0, steps - 1) as usize * size + d]);
    let value = |t: isize, d: usize| (-reach..=reach).zip(&weights).map(|(k, w)| w * at(t + k, d)).sum::<f64>() / sum;
    (0..steps).flat_map(|t| (0..size).map(move |d| (t, d))).map(|(t, d)| value(t, d) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_what_is_straight_and_calms_what_jumps() {
        let constant = smooth(&[0.5, -1.0].repeat(6), 2, 1.5);
        assert!(constant.chunks(2).all(|a| (a[0] - 0.5).abs() < 1e-6 && (a[1] + 1.0).abs() < 1e-6));
        let jagged: Vec<f32> = (0..20).map(|t| t as f32 + if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let calm = smooth(&jagged, 1, 1.0);
        assert_eq!(calm.len(), 20);
        assert!((5..15).all(|t| (calm[t] - t as f32).abs() < 0.05), "{calm:?}");
    }
}
