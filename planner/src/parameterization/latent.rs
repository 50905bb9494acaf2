//! The latents of the generator: candidates stay among what was demonstrated.
//!
//! It solves min_z J(G(o, z)) for the generator G and the observation o, with z not kept near its prior but by where
//! the search begins and how far it steps. Only the generator's own proposals have parameters; those of other sources
//! are scored and may win, and nothing is searched around them.

use super::kind::ParameterizationKind;
use super::representation::{Decode, Parameterization, ProposedChunks};
use crate::{error::Result, proposal::generator::observations, proposal::source::Role};
use imle_policy::{policy::Policy, sampler::LatentKey};

/// P = Z, the values of a latent.
pub struct Latent {
    policy: Policy,
    seed: u64,
}

impl Latent {
    /// The latents of `policy`, of which the proposals were drawn with `seed`.
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self { policy, seed }
    }
}

impl Parameterization for Latent {
    fn kind(&self) -> Option<ParameterizationKind> {
        Some(ParameterizationKind::Latent)
    }

    fn size(&self) -> usize {
        self.policy.sampler().latent_size()
    }

    fn dims(&self) -> usize {
        self.size()
    }

    fn encode(&self, proposals: ProposedChunks<'_>, out: &mut [f32]) {
        let key = LatentKey { seed: self.seed, episode: proposals.key.episode, step: proposals.key.decision };
        let mut rows = out.chunks_exact_mut(self.size().max(1));
        for source in proposals.sources {
            for (i, row) in rows.by_ref().take(source.count).enumerate() {
                match source.role {
                    Role::Policy => self.policy.sampler().latent(key, i as u64, row),
                    _ => row.fill(f32::NAN),
                }
            }
        }
    }

    fn decode(&self, pool: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()> {
        let each = what.parameters.len() / self.size() / what.situation.keys.len().max(1);
        Ok(self.policy.sampler().sample_latents(pool, observations(what.situation), what.parameters, each, out)?)
    }
}
