//! The policy controller: the generator without a search. It executes the first sample, or one chosen by the last chunk
//! and the other samples.

use crate::decide::{Decide, Decision, Situation};
use crate::error::Result;
use crate::proposal::generator::{latent_keys, observations};
use imle_configs::spec::Horizons;
use imle_policy::choice::{Choice, ChunkSet, DecisionKey};
use imle_policy::policy::Policy;

/// Executes what the generator draws.
pub struct PolicyController {
    policy: Policy,
    seed: u64,
    horizons: Horizons,
    /// Choice among a number of candidates; without it the first sample is taken.
    choice: Option<(Choice, usize)>,
    /// Weight of one unit of each action dimension.
    scales: Vec<f32>,
    drawn: Vec<f32>,
}

impl PolicyController {
    /// Takes the first sample of each decision.
    pub fn new(policy: Policy, seed: u64, horizons: Horizons) -> Self {
        let scales = policy.checkpoint().config().normalizers.action.scales();
        Self { policy, seed, horizons, choice: None, scales, drawn: Vec::new() }
    }

    /// A, length of an action.
    pub fn action_size(&self) -> usize {
        self.policy.spec().action.size()
    }

    /// Chooses among `candidates`.
    #[must_use]
    pub fn with_choice(mut self, choice: Choice, candidates: usize) -> Self {
        self.choice = Some((choice, candidates.max(1)));
        self
    }
}

impl Decide for PolicyController {
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
        let (keys, seen) = (latent_keys(situation, self.seed), observations(situation));
        let Some((choice, n)) = &self.choice else {
            match situation.lockstep {
                true => self.policy.sampler().sample_lockstep(pool, seen, &keys, chunks)?,
                false => self.policy.sampler().sample(pool, seen, &keys, 1, chunks)?,
            }
            return Ok(());
        };
        self.drawn.resize(chunks.len() * n, 0.0);
        self.policy.sampler().sample(pool, seen, &keys, *n, &mut self.drawn)?;
        let chunk = chunks.len() / keys.len().max(1);
        let action = chunk / self.horizons.prediction;
        let shared = (self.horizons.prediction - self.horizons.action) * action;
        for (b, (key, plan)) in situation.keys.iter().zip(chunks.chunks_exact_mut(chunk)).enumerate() {
            let drawn = &self.drawn[b * n * chunk..][..n * chunk];
            let tail = if key.decision > 0 { &situation.warm[b * chunk..][..shared] } else { &[] };
            let cloud = ChunkSet { chunks: drawn, prediction: self.horizons.prediction, tail, scales: &self.scales };
            let replan = DecisionKey { seed: self.seed, episode: key.episode, index: key.decision };
            let chosen = choice.choose(cloud, replan)?;
            plan.copy_from_slice(&drawn[chosen * chunk..][..chunk]);
        }
        Ok(())
    }
}
