//! Disturbing what is executed while lessons are collected, so that they show the way back (Laskey et al. 2017, DART).
//!
//! A planner that executes exactly what it plans never shows what to do a little beside its way, and solves by plans that bear no
//! error: who imitates it errs and finds itself where no lesson was. Here the executed action of step t of decision k is
//!
//! ```text
//! a_t + (1 − τ) e_{k−1} + τ e_k,   τ = (t + 1) / T_act,   e_k ~ N(0, (σ · half-range)²),   e_{−1} = 0
//! ```
//!
//! and the lesson is a_t: what was meant, in the states that the disturbance led to. Plans that only just succeed fail now, and are no
//! lessons.

use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_planner::decide::{Decide, Decision, Key, Situation};
use imle_planner::evaluate::EpisodeResult;
use imle_planner::simulator::shifted::shift_action;
use std::collections::BTreeMap;

/// Draws of other kinds with the same purpose have smaller indices.
const DRAW: u64 = 1 << 32;

/// Decides as another does, and disturbs what is executed.
pub struct Disturbed<'a> {
    inner: &'a mut dyn Decide,
    sigma: f64,
    seed: u64,
    /// Lowest and highest value of each action dimension.
    range: (&'a [f32], &'a [f32]),
    /// T_act
    executed: usize,
    /// What was meant, (T_act, A), of every decision of every episode.
    meant: BTreeMap<(u64, u64), Vec<f32>>,
}

impl<'a> Disturbed<'a> {
    /// `sigma` in halves of an action's range; 0 disturbs nothing.
    pub fn new(
        inner: &'a mut dyn Decide,
        sigma: f64,
        seed: u64,
        range: (&'a [f32], &'a [f32]),
        executed: usize,
    ) -> Self {
        Self { inner, sigma, seed, range, executed, meant: BTreeMap::new() }
    }

    /// Puts what was meant into the place of what was executed, in episodes of this decider that begin with their first decision.
    pub fn restore(&self, episodes: &mut [EpisodeResult]) {
        let size = self.range.0.len();
        for episode in episodes {
            for k in 0..episode.decisions.len() {
                let Some(meant) = self.meant.get(&(episode.episode, k as u64)) else { continue };
                for all in [&mut episode.actions, &mut episode.planned] {
                    let rest = all.get_mut(k * self.executed * size..).unwrap_or_default();
                    let count = rest.len().min(meant.len());
                    rest[..count].copy_from_slice(&meant[..count]);
                }
            }
        }
    }

    /// e_k, in halves of an action's range over σ.
    fn error(&self, episode: u64, decision: Option<u64>) -> Vec<f32> {
        let mut error = vec![0.0; self.range.0.len()];
        if let Some(k) = decision {
            fill_normal(&mut stream(self.seed, Purpose::Perturbation, episode, k, DRAW), &mut error);
        }
        error
    }

    fn disturb(&self, key: Key, chunk: &mut [f32]) {
        let (from, to) =
            (self.error(key.episode, key.decision.checked_sub(1)), self.error(key.episode, Some(key.decision)));
        for (t, row) in chunk.chunks_exact_mut(from.len()).take(self.executed).enumerate() {
            let tau = (t + 1) as f32 / self.executed as f32;
            let error: Vec<f32> = from.iter().zip(&to).map(|(from, to)| (1.0 - tau) * from + tau * to).collect();
            shift_action(row, self.range, self.sigma, &error);
        }
    }
}

impl Decide for Disturbed<'_> {
    fn sources(&self) -> Vec<&'static str> {
        self.inner.sources()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        self.inner.decide(pool, situation, chunks, how)?;
        if self.sigma == 0.0 {
            return Ok(());
        }
        let each = chunks.len() / situation.keys.len().max(1);
        let kept = (self.executed * self.range.0.len()).min(each);
        for (key, chunk) in situation.keys.iter().zip(chunks.chunks_exact_mut(each.max(1))) {
            self.meant.insert((key.episode, key.decision), chunk[..kept].to_vec());
            self.disturb(*key, chunk);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_planner::evaluate::Record;

    struct Still;

    impl Decide for Still {
        fn sources(&self) -> Vec<&'static str> {
            vec!["still"]
        }

        fn decide(
            &mut self,
            _: &rayon::ThreadPool,
            _: &Situation<'_>,
            chunks: &mut [f32],
            how: &mut [Decision],
        ) -> imle_planner::Result<()> {
            chunks.fill(0.5);
            how.fill(Decision::default());
            Ok(())
        }
    }

    #[test]
    fn what_is_executed_strays_smoothly_and_what_is_learned_is_what_was_meant() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (low, high) = ([-1.0f32, 0.0], [1.0f32, 1.0]);
        let mut still = Still;
        let mut disturbed = Disturbed::new(&mut still, 0.1, 3, (&low, &high), 4);
        // Two decisions of 4 steps, of 6 planned; the episode ends after 7.
        let mut executed = Vec::new();
        for decision in 0..2 {
            let keys = [Key { episode: 9, decision }];
            let (mut chunk, mut how) = (vec![0.0; 12], [Decision::default()]);
            let situation = Situation { keys: &keys, ..Situation::default() };
            disturbed.decide(&pool, &situation, &mut chunk, &mut how).unwrap();
            assert_eq!(chunk[8..], [0.5; 4]);
            executed.extend_from_slice(&chunk[..8]);
        }
        let planned = executed.clone();
        executed.truncate(14);
        let strays: Vec<f32> = executed.iter().step_by(2).map(|a| a - 0.5).collect();
        assert!(strays.iter().any(|e| e.abs() > 0.02));
        // Straight towards the error of the decision, from that of the one before.
        let steps: Vec<f32> = strays.windows(2).map(|w| w[1] - w[0]).collect();
        assert!((strays[0] - steps[0]).abs() < 1e-6 && (steps[0] - steps[2]).abs() < 1e-6);
        assert!((steps[3] - steps[5]).abs() < 1e-6 && (steps[2] - steps[3]).abs() > 1e-4);

        let record = Record { decision: Decision::default(), realised: 0.0, switched: false };
        let mut episode = EpisodeResult {
            episode: 9,
            success: true,
            failure: None,
            lost: false,
            steps: 7,
            mode: None,
            mean_cost: 0.0,
            reached: Vec::new(),
            drive: imle_envs::drive::Drive::default(),
            decisions: vec![record; 2],
            states: Vec::new(),
            observations: Vec::new(),
            actions: executed,
            costs: Vec::new(),
            last_observation: Vec::new(),
            planned,
            pictures: Vec::new(),
        };
        disturbed.restore(std::slice::from_mut(&mut episode));
        assert_eq!((episode.actions, episode.planned), (vec![0.5; 14], vec![0.5; 16]));
    }
}
