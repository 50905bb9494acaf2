//! The latents of the generator: candidates stay among what was demonstrated.
//!
//! It solves min_z J(G(o, z)) for the generator G and the observation o, with z not kept near its prior but by where the
//! search begins and how far it steps. Only the generator's own proposals have parameters; those of other sources are
//! scored and may win, and nothing is searched around them.

use super::{Decode, Proposals, Space};
use crate::error::Result;
use crate::proposal::observations;
use imle_policy::sampler::{LatentKey, Sampler};

/// P = Z, the values of a latent.
pub struct Latent<'a> {
    sampler: &'a Sampler,
    seed: u64,
}

impl<'a> Latent<'a> {
    /// The latents of `sampler`, of which the proposals were drawn with `seed`.
    pub fn new(sampler: &'a Sampler, seed: u64) -> Self {
        Self { sampler, seed }
    }
}

impl Space for Latent<'_> {
    fn name(&self) -> &'static str {
        "latent"
    }

    fn size(&self) -> usize {
        self.sampler.latent_size()
    }

    fn dims(&self) -> usize {
        self.size()
    }

    fn encode(&self, proposals: Proposals<'_>, out: &mut [f32]) {
        let key = LatentKey { seed: self.seed, episode: proposals.key.episode, step: proposals.key.decision };
        let mut rows = out.chunks_exact_mut(self.size().max(1));
        for (name, count) in proposals.sources {
            for (i, row) in rows.by_ref().take(*count).enumerate() {
                match *name {
                    "imle" => self.sampler.latent(key, i as u64, row),
                    _ => row.fill(f32::NAN),
                }
            }
        }
    }

    fn decode(&self, pool: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()> {
        let each = what.parameters.len() / self.size() / what.situation.keys.len().max(1);
        Ok(self.sampler.sample_latents(pool, observations(what.situation), what.parameters, each, out)?)
    }
}
