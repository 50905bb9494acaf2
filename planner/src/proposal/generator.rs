//! The generator of a checkpoint: N chunks an episode from one batched forward pass.

use super::Proposal;
use crate::decide::Situation;
use crate::error::Result;
use imle_policy::sampler::{LatentKey, Observations, Sampler};

/// Proposes what an imitation-trained generator draws.
pub struct Generator<'a> {
    sampler: &'a Sampler,
    seed: u64,
}

impl<'a> Generator<'a> {
    /// Draws from `sampler` with latents keyed by `seed`, episode, decision and candidate.
    pub fn new(sampler: &'a Sampler, seed: u64) -> Self {
        Self { sampler, seed }
    }
}

/// What a generator is shown of a situation.
pub fn observations<'a>(situation: &Situation<'a>) -> Observations<'a> {
    Observations { values: situation.observations, pictures: situation.pictures }
}

/// The latents' keys of a situation's episodes.
pub fn latent_keys(situation: &Situation<'_>, seed: u64) -> Vec<LatentKey> {
    situation.keys.iter().map(|k| LatentKey { seed, episode: k.episode, step: k.decision }).collect()
}

impl Proposal for Generator<'_> {
    fn name(&self) -> &'static str {
        "imle"
    }

    fn propose(
        &self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        count: usize,
        out: &mut [f32],
    ) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let keys = latent_keys(situation, self.seed);
        Ok(self.sampler.sample(pool, observations(situation), &keys, count, out)?)
    }
}
