//! Gaussian noise around the last plan, the proposal of predictive sampling (Howell et al. 2022, MuJoCo MPC).
//!
//! Noise is drawn at a few knots and joined linearly, so that candidates are as smooth as motion is:
//! a_t = clip(warm_t + σ · half-range · ξ_t), with ξ linear between ξ_k ~ N(0, I) at the knots.

use super::Proposal;
use crate::decide::Situation;
use crate::error::Result;
use imle_configs::seed::{Purpose, fill_normal, stream};

/// Gaussian proposals around the warm start.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Standard deviation as a share of half the range of each action dimension.
    pub scale: f64,
    /// Knots a chunk, at least 2.
    pub knots: usize,
    /// Lowest value of each action dimension.
    pub low: Vec<f32>,
    /// Highest value of each action dimension.
    pub high: Vec<f32>,
}

impl Proposal for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn propose(&self, _: &rayon::ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        let action = self.low.len();
        let chunk = situation.warm.len() / situation.keys.len();
        let steps = chunk / action;
        let knots = self.knots.clamp(2, steps.max(2));
        let mut draws = vec![0.0f32; knots * action];
        for (b, key) in situation.keys.iter().enumerate() {
            let warm = &situation.warm[b * chunk..][..chunk];
            for n in 0..count {
                let mut rng = stream(self.seed, Purpose::Noise, key.episode, key.decision, n as u64);
                fill_normal(&mut rng, &mut draws);
                for (i, slot) in out[(b * count + n) * chunk..][..chunk].iter_mut().enumerate() {
                    let (t, d) = (i / action, i % action);
                    let at = t as f32 * (knots - 1) as f32 / (steps - 1).max(1) as f32;
                    let k = (at as usize).min(knots - 2);
                    let part = at - k as f32;
                    let xi = draws[k * action + d] * (1.0 - part) + draws[(k + 1) * action + d] * part;
                    let half = (self.high[d] - self.low[d]) / 2.0;
                    *slot = (warm[i] + self.scale as f32 * half * xi).clamp(self.low[d], self.high[d]);
                }
            }
        }
        Ok(())
    }
}
