//! A chunk critic as the planner's terminal value: what is still to come where a candidate ends.

use crate::critic::Critic;
use crate::judged::Candidates;
use crate::learner::Learner;
use imle_planner::simulator::terminal::{Ended, TerminalValue};
use imle_policy::sampler::{LatentKey, Sampler};
use std::sync::{Mutex, PoisonError};

/// Candidates of the generator in each end, the best of which counts.
const CANDIDATES: usize = 2;
/// What sets the latents of ends apart from those of the world.
const SEED: u64 = 0x0077_6f72_7468;

/// hi − max_k mean_e Q_e(o_T, G(o_T, z_k)), with hi the largest return there can be: 0 where the task is all but solved.
pub struct Worth<'c> {
    critic: Mutex<Critic>,
    sampler: &'c Sampler,
    seen: Candidates,
    /// T_obs · O.
    history: usize,
    seed: u64,
}

impl<'c> Worth<'c> {
    /// By a copy of the learner's critic and `sampler`; nothing without a critic.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn new(learner: &Learner<'_>, sampler: &'c Sampler) -> imle_policy::Result<Option<Self>> {
        let Some(critic) = &learner.critic else { return Ok(None) };
        Ok(Some(Self {
            critic: Mutex::new(critic.copied()?),
            sampler,
            seen: Candidates::of(learner),
            history: learner.sizes.history(),
            seed: learner.run.seed ^ SEED,
        }))
    }

    /// The best value (M,) of each end.
    fn values(&self, pool: &rayon::ThreadPool, histories: &[f32]) -> imle_policy::Result<(Vec<f32>, f64)> {
        let ends = histories.len() / self.history;
        let keys: Vec<LatentKey> =
            (0..ends as u64).map(|episode| LatentKey { seed: self.seed, episode, step: 0 }).collect();
        let mut drawn = vec![0.0; ends * CANDIDATES * self.sampler.shape().chunk()];
        self.sampler.sample(pool, histories, &keys, CANDIDATES, &mut drawn)?;
        let critic = self.critic.lock().unwrap_or_else(PoisonError::into_inner);
        let values = self.seen.values(&critic, histories, &drawn, CANDIDATES)?;
        let best = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Ok((values.chunks_exact(CANDIDATES).map(best).collect(), critic.most()))
    }
}

impl TerminalValue for Worth<'_> {
    fn cost_to_go(&self, pool: &rayon::ThreadPool, ended: Ended<'_>, out: &mut [f64]) -> imle_planner::Result<()> {
        let (values, most) = self.values(pool, ended.histories)?;
        out.iter_mut().zip(values).for_each(|(out, value)| *out = most - f64::from(value));
        Ok(())
    }
}
