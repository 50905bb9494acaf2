//! The generator without a planner: its first sample, or the one most consistent with the last chunk.

use crate::decide::{Decide, Decision, Situation};
use crate::error::Result;
use crate::proposal::latent_keys;
use imle_configs::spec::Horizons;
use imle_policy::consistency::{Consistency, Replan};
use imle_policy::sampler::Sampler;

/// Executes what the generator draws.
pub struct GeneratorAlone<'a> {
    sampler: &'a Sampler,
    seed: u64,
    horizons: Horizons,
    /// The paper's choice among so many candidates; without it the first sample is taken.
    consistency: Option<(Consistency, usize)>,
    drawn: Vec<f32>,
}

impl<'a> GeneratorAlone<'a> {
    /// Takes the first sample of each decision.
    pub fn new(sampler: &'a Sampler, seed: u64, horizons: Horizons) -> Self {
        Self { sampler, seed, horizons, consistency: None, drawn: Vec::new() }
    }

    /// Chooses among `candidates` by temporal consistency (arXiv 2502.12371).
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency, candidates: usize) -> Self {
        self.consistency = Some((consistency, candidates.max(1)));
        self
    }
}

impl Decide for GeneratorAlone<'_> {
    fn sources(&self) -> Vec<&'static str> {
        vec!["imle"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        how.fill(Decision::default());
        let keys = latent_keys(situation, self.seed);
        let Some((consistency, n)) = &self.consistency else {
            return Ok(self.sampler.sample(pool, situation.observations, &keys, 1, chunks)?);
        };
        self.drawn.resize(chunks.len() * n, 0.0);
        self.sampler.sample(pool, situation.observations, &keys, *n, &mut self.drawn)?;
        let chunk = chunks.len() / keys.len().max(1);
        let action = chunk / self.horizons.prediction;
        let shared = (self.horizons.prediction - self.horizons.action) * action;
        for (b, (key, plan)) in situation.keys.iter().zip(chunks.chunks_exact_mut(chunk)).enumerate() {
            let drawn = &self.drawn[b * n * chunk..][..n * chunk];
            let tail = (key.decision > 0).then(|| &situation.warm[b * chunk..][..shared]);
            let replan = Replan { seed: self.seed, episode: key.episode, index: key.decision };
            let chosen = consistency.choose(drawn, self.horizons.prediction, tail, replan)?;
            plan.copy_from_slice(&drawn[chosen * chunk..][..chunk]);
        }
        Ok(())
    }
}
