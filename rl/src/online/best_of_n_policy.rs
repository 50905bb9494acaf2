//! Acting by the best of N: the generator proposes, the critic chooses.

use super::learner::{Learner, repeat};
use crate::critic::chunk_critic::Critic;
use imle_configs::seed::{Purpose, stream};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::proposal::{latent_keys, observations};
use imle_policy::{device::to_host, policy::Policy};
use rand::Rng;
use tch::{Kind, Tensor};

/// a = argmax_n mean_e Q_e(o, G(o, z_n)), N candidates; in a share of the episodes the first candidate.
pub struct BestOfNPolicy<'c> {
    learner: &'c Learner<'c>,
    sampler: &'c Policy,
    candidates: usize,
    generator_share: f64,
    drawn: Vec<f32>,
}

impl<'c> BestOfNPolicy<'c> {
    /// Over `candidates` of `sampler`.
    pub fn new(learner: &'c Learner<'c>, sampler: &'c Policy, candidates: usize, generator_share: f64) -> Self {
        Self { learner, sampler, candidates, generator_share, drawn: Vec::new() }
    }

    /// Values (B · n), the mean of the critic's members, of the first T_act actions of n chunks drawn for each of B
    /// `histories`.
    fn values(&self, critic: &Critic, histories: &[f32]) -> imle_policy::Result<Vec<f32>> {
        let (sizes, n) = (self.learner.sizes, self.candidates);
        let (history, executed) = (sizes.history(), sizes.chunk());
        let normalizers = &self.learner.run.checkpoint.config().normalizers;
        let chunk = self.drawn.len() / (histories.len() / history * n).max(1);
        let mut seen = histories.to_vec();
        normalizers.observation.normalize(&mut seen);
        let mut chunks: Vec<f32> = self.drawn.chunks_exact(chunk).flat_map(|c| &c[..executed]).copied().collect();
        normalizers.action.normalize(&mut chunks);
        let rows = |values: &[f32], size: usize| -> imle_policy::Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view([-1, size as i64])?.f_to_device(self.learner.run.device)?)
        };
        let seen = repeat(&rows(&seen, history)?, n)?;
        let values = tch::no_grad(|| critic.values(&seen, &rows(&chunks, executed)?))?;
        to_host(&values.f_mean_dim([0i64].as_slice(), false, Kind::Float)?)
    }

    /// Indices of the best candidate of each decision.
    fn best(&self, situation: &Situation<'_>) -> imle_policy::Result<Vec<usize>> {
        let n = self.candidates;
        let Some(critic) = &self.learner.critic else { return Ok(vec![0; situation.keys.len()]) };
        let values = self.values(critic, situation.observations)?;
        let best = |values: &[f32]| (0..n).max_by(|i, j| values[*i].total_cmp(&values[*j]).then(j.cmp(i))).unwrap_or(0);
        Ok(values.chunks_exact(n).map(best).collect())
    }
}

impl Decide for BestOfNPolicy<'_> {
    fn sources(&self) -> Vec<&'static str> {
        vec!["imle"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        how.fill(Decision::default());
        let (keys, n) = (latent_keys(situation, self.learner.acting_seed()), self.candidates);
        let chunk = chunks.len() / keys.len().max(1);
        self.drawn.resize(chunks.len() * n, 0.0);
        self.sampler.sampler().sample(pool, observations(situation), &keys, n, &mut self.drawn)?;
        let best = if n > 1 { self.best(situation)? } else { vec![0; keys.len()] };
        for (b, (key, plan)) in situation.keys.iter().zip(chunks.chunks_exact_mut(chunk)).enumerate() {
            let mut rng = stream(self.learner.run.seed, Purpose::FinetuneBatch, key.episode, 0, 2);
            let chosen = if rng.random::<f64>() < self.generator_share { 0 } else { best[b] };
            plan.copy_from_slice(&self.drawn[(b * n + chosen) * chunk..][..chunk]);
        }
        Ok(())
    }
}
