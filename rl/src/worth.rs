//! A chunk critic as the planner's terminal value: what is still to come where a candidate ends.

use crate::critic::Critic;
use crate::learner::{Learner, repeat};
use crate::mlp::to_host;
use imle_planner::simulator::terminal::{Ended, TerminalValue};
use imle_policy::normalizer::Normalizers;
use imle_policy::sampler::{LatentKey, Sampler};
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor};

/// Candidates of the generator in each end, the best of which counts.
const CANDIDATES: usize = 2;
/// What sets the latents of ends apart from those of the world.
const SEED: u64 = 0x0077_6f72_7468;

/// hi − max_k mean_e Q_e(o_T, G(o_T, z_k)), with hi the largest return there can be: 0 where the task is all but solved.
pub struct Worth<'c> {
    critic: Mutex<Critic>,
    sampler: &'c Sampler,
    normalizers: Normalizers,
    /// T_obs · O, T_act · A.
    sizes: (usize, usize),
    seed: u64,
    device: Device,
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
            normalizers: learner.run.checkpoint.config().normalizers.clone(),
            sizes: (learner.sizes.history(), learner.sizes.chunk()),
            seed: learner.run.seed ^ SEED,
            device: learner.device(),
        }))
    }

    /// The best value (M,) of each end.
    fn values(&self, pool: &rayon::ThreadPool, histories: &[f32]) -> imle_policy::Result<(Vec<f32>, f64)> {
        let (history, executed) = self.sizes;
        let ends = histories.len() / history;
        let keys: Vec<LatentKey> =
            (0..ends as u64).map(|episode| LatentKey { seed: self.seed, episode, step: 0 }).collect();
        let chunk = self.sampler.shape().chunk();
        let mut drawn = vec![0.0; ends * CANDIDATES * chunk];
        self.sampler.sample(pool, histories, &keys, CANDIDATES, &mut drawn)?;
        let mut chunks: Vec<f32> = drawn.chunks_exact(chunk).flat_map(|c| &c[..executed]).copied().collect();
        self.normalizers.action.normalize(&mut chunks);
        let mut seen = histories.to_vec();
        self.normalizers.observation.normalize(&mut seen);
        let rows = |values: &[f32], size: usize| -> imle_policy::Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view([-1, size as i64])?.f_to_device(self.device)?)
        };
        let seen = repeat(&rows(&seen, history)?, CANDIDATES)?;
        let critic = self.critic.lock().unwrap_or_else(PoisonError::into_inner);
        let values = tch::no_grad(|| critic.values(&seen, &rows(&chunks, executed)?))?;
        let values = values.f_mean_dim([0i64].as_slice(), false, Kind::Float)?.f_view([ends as i64, -1])?;
        Ok((to_host(&values.f_amax([1i64].as_slice(), false)?)?, critic.most()))
    }
}

impl TerminalValue for Worth<'_> {
    fn cost_to_go(&self, pool: &rayon::ThreadPool, ended: Ended<'_>, out: &mut [f64]) -> imle_planner::Result<()> {
        let (values, most) = self.values(pool, ended.histories)?;
        out.iter_mut().zip(values).for_each(|(out, value)| *out = most - f64::from(value));
        Ok(())
    }
}
