//! The generator of a checkpoint: N chunks an episode from one batched forward pass.

use super::source::{Proposal, Role};
use crate::{decide::Situation, error::Result};
use imle_policy::policy::Policy;
use imle_policy::sampler::{LatentKey, Observations};
use rayon::ThreadPool;

/// Proposes what an imitation-trained generator draws.
pub struct Generator {
    policy: Policy,
    seed: u64,
}

impl Generator {
    /// Draws from `policy` with latents keyed by `seed`, episode, decision and candidate.
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self { policy, seed }
    }
}

/// Observations of a situation for a generator.
pub fn observations<'a>(situation: &Situation<'a>) -> Observations<'a> {
    Observations { values: situation.observations, pictures: situation.pictures }
}

/// The latents' keys of a situation's episodes.
pub fn latent_keys(situation: &Situation<'_>, seed: u64) -> Vec<LatentKey> {
    situation.keys.iter().map(|k| LatentKey { seed, episode: k.episode, step: k.decision }).collect()
}

impl Proposal for Generator {
    fn name(&self) -> &'static str {
        "imle"
    }

    fn role(&self) -> Role {
        Role::Policy
    }

    fn propose(&self, pool: &ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let keys = latent_keys(situation, self.seed);
        Ok(self.policy.sampler().sample(pool, observations(situation), &keys, count, out)?)
    }
}
