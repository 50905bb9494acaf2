//! Acting by the best of N: the generator proposes, the critic chooses.

use crate::learner::{Learner, repeat};
use crate::mlp::to_host;
use imle_configs::seed::{Purpose, stream};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_planner::proposal::{latent_keys, observations};
use imle_policy::sampler::Sampler;
use rand::Rng;
use tch::{Kind, Tensor};

/// a = argmax_n mean_e Q_e(o, G(o, z_n)), N candidates; in a share of the episodes the first candidate.
pub struct Judged<'c> {
    learner: &'c Learner<'c>,
    sampler: &'c Sampler,
    candidates: usize,
    alone_share: f64,
    drawn: Vec<f32>,
}

impl<'c> Judged<'c> {
    /// Over `candidates` of `sampler`.
    pub fn new(learner: &'c Learner<'c>, sampler: &'c Sampler, candidates: usize, alone_share: f64) -> Self {
        Self { learner, sampler, candidates, alone_share, drawn: Vec::new() }
    }

    /// Indices of the best candidate of each decision.
    fn best(&self, situation: &Situation<'_>, chunk: usize) -> imle_policy::Result<Vec<usize>> {
        let (learner, n) = (self.learner, self.candidates);
        let Some(critic) = &learner.critic else { return Ok(vec![0; situation.keys.len()]) };
        let normalizers = &self.sampler.config().normalizers;
        let mut histories = situation.observations.to_vec();
        normalizers.observation.normalize(&mut histories);
        let executed = learner.sizes.chunk();
        let mut chunks: Vec<f32> = self.drawn.chunks_exact(chunk).flat_map(|c| &c[..executed]).copied().collect();
        normalizers.action.normalize(&mut chunks);
        let rows = |values: &[f32], size: usize| -> imle_policy::Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view([-1, size as i64])?.f_to_device(learner.device())?)
        };
        let histories = repeat(&rows(&histories, learner.sizes.history())?, n)?;
        let values = tch::no_grad(|| critic.values(&histories, &rows(&chunks, executed)?))?;
        let values = to_host(&values.f_mean_dim([0i64].as_slice(), false, Kind::Float)?)?;
        let best = |values: &[f32]| (0..n).max_by(|i, j| values[*i].total_cmp(&values[*j]).then(j.cmp(i))).unwrap_or(0);
        Ok(values.chunks_exact(n).map(best).collect())
    }
}

impl Decide for Judged<'_> {
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
        let (keys, n) = (latent_keys(situation, self.learner.run.seed), self.candidates);
        let chunk = chunks.len() / keys.len().max(1);
        self.drawn.resize(chunks.len() * n, 0.0);
        self.sampler.sample(pool, observations(situation), &keys, n, &mut self.drawn)?;
        let best = if n > 1 { self.best(situation, chunk)? } else { vec![0; keys.len()] };
        for (b, (key, plan)) in situation.keys.iter().zip(chunks.chunks_exact_mut(chunk)).enumerate() {
            let mut rng = stream(self.learner.run.seed, Purpose::FinetuneBatch, key.episode, 0, 2);
            let chosen = if rng.random::<f64>() < self.alone_share { 0 } else { best[b] };
            plan.copy_from_slice(&self.drawn[(b * n + chosen) * chunk..][..chunk]);
        }
        Ok(())
    }
}
