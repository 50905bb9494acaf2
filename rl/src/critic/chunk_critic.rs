//! Chunk critics: what a chunk is worth in a state, by an ensemble of E members.
//!
//! ```text
//! Q_e(o, a) = lo + (hi − lo) · σ(f_e(o, a))                      o a history, a the T_act actions executed of a chunk
//! y         = Σ_{i<n} γⁱ r_i + γⁿ V̄(o')                          γⁿ V̄ 0 where the task ended the episode, not where it was cut off
//! V̄(o')     = best over candidates a' of the generator of  min(Q̄_i, Q̄_j)(o', a'),  i, j drawn anew each step
//! ```
//!
//! Returns lie in \[lo, hi\] ([`imle_planner::evaluation::Environment::return_bounds`]), so that a value cannot run
//! away, and the loss is the cross-entropy of the target's place in it (Farebrother et al., arXiv 2403.03950, for two atoms). Chunks as actions
//! after Q-chunking (arXiv 2507.07969), two random members of several after REDQ (arXiv 2101.05982). Q̄ is a slow copy.

use super::ensemble::{EnsembleShape, LastLayer, MlpEnsemble, StepCounters};
use super::{rank_correlation::spearman, settings::CriticSettings};
use crate::replay::buffer::{ReplayBuffer, TransitionBatch};
use imle_policy::{Result, device::to_host};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// A critic of chunks, or of anything else beside a history.
pub struct Critic {
    /// The networks.
    pub mlp: MlpEnsemble,
    low: f64,
    span: f64,
}

impl Critic {
    /// For returns within `bounds`; a row is a history and what is beside it, `inputs` values. Fresh, or what was saved to
    /// a file with these counters.
    ///
    /// # Errors
    /// libtorch's, if memory runs out; a bad input that names the file and the tensor.
    pub fn new(
        settings: &CriticSettings,
        inputs: usize,
        bounds: [f64; 2],
        seed: u64,
        saved: Option<(&Path, StepCounters)>,
        device: Device,
    ) -> Result<Self> {
        let share = settings.initial;
        let last = if share == 0.5 { LastLayer::Uniform } else { LastLayer::Bias((share / (1.0 - share)).ln() as f32) };
        let shape = EnsembleShape { members: settings.members, inputs, width: settings.width, outputs: 1, last };
        Ok(Self { mlp: MlpEnsemble::new(shape, seed, saved, device)?, low: bounds[0], span: bounds[1] - bounds[0] })
    }

    fn value(&self, logits: &Tensor) -> Result<Tensor> {
        Ok(logits.f_squeeze_dim(2)?.f_sigmoid()?.f_mul_scalar(self.span)?.f_add_scalar(self.low)?)
    }

    /// Values (E, R) of rows; gradients flow to the rows alone.
    ///
    /// # Errors
    /// libtorch's, if the sizes do not fit.
    pub fn values(&self, histories: &Tensor, beside: &Tensor) -> Result<Tensor> {
        self.value(&self.mlp.frozen(&Tensor::f_cat(&[histories, beside], 1)?)?)
    }

    /// As [`values`](Self::values), by the slow copy of some `members`, (members, R).
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub fn slow_values(&self, histories: &Tensor, beside: &Tensor, members: &[i64]) -> Result<Tensor> {
        self.value(&self.mlp.slow(&Tensor::f_cat(&[histories, beside], 1)?, members)?)
    }

    /// One step towards `targets` (B,); returns the loss, nothing if the step was skipped as not finite.
    ///
    /// # Errors
    /// libtorch's.
    pub fn learn(
        &mut self,
        settings: &CriticSettings,
        histories: &Tensor,
        beside: &Tensor,
        targets: &Tensor,
    ) -> Result<Option<f64>> {
        let logits = self.mlp.forward(&Tensor::f_cat(&[histories, beside], 1)?)?.f_squeeze_dim(2)?;
        let place = targets.f_sub_scalar(self.low)?.f_div_scalar(self.span)?.f_clamp(0.0, 1.0)?;
        let place = place.f_unsqueeze(0)?.f_expand_as(&logits)?;
        let (none, mean) = (None::<&Tensor>, tch::Reduction::Mean);
        let loss = logits.f_binary_cross_entropy_with_logits(&place, none, none, mean)?;
        // A mean over members would make their steps smaller the more there are; AdamW does not see the factor.
        let taken = self.mlp.step(&loss, settings.learning_rate, settings.weight_decay)?;
        self.mlp.follow(settings.follow)?;
        Ok(if taken { Some(loss.f_double_value(&[])?) } else { None })
    }

    /// The targets y (B,) of `batch`, with `candidates` (B, n, T_act · A) for the states after it and the members
    /// `pair`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn targets(&self, batch: &TransitionBatch, candidates: &Tensor, pair: [i64; 2]) -> Result<Tensor> {
        let (b, n, chunk) = candidates.size3()?;
        let histories = batch.after.f_unsqueeze(1)?.f_expand([b, n, -1], false)?.f_reshape([b * n, -1])?;
        let both = self.slow_values(&histories, &candidates.f_reshape([b * n, chunk])?, &pair)?;
        let lower = both.f_amin([0i64].as_slice(), false)?.f_view([b, n])?;
        let value = lower.f_amax([1i64].as_slice(), false)?;
        Ok(batch.rewards.f_add(&batch.discounts.f_mul(&value)?)?)
    }

    /// Judges the critic on decisions `rows` that it has not learned from: Spearman's rank correlation of its mean
    /// value with the returns that followed, and its mean excess over them. Equal returns are not ranked: 0.
    ///
    /// # Errors
    /// libtorch's.
    pub fn judge(&self, replay: &ReplayBuffer, rows: Vec<usize>, device: Device) -> Result<Judgement> {
        let returns: Vec<f64> = rows.iter().map(|r| replay.return_from(*r)).collect();
        let batch = replay.batch(rows, device)?;
        let mean = self.values(&batch.before, &batch.chunks)?.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
        let values: Vec<f64> = to_host(&mean)?.into_iter().map(f64::from).collect();
        let above = values.iter().zip(&returns).map(|(v, r)| v - r).sum::<f64>() / returns.len().max(1) as f64;
        Ok(Judgement { rank_correlation: spearman(&values, &returns).unwrap_or(0.0), above })
    }
}

/// Quality of a critic on decisions that it has not learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Spearman's, −1 to 1.
    pub rank_correlation: f64,
    /// Mean of value less return.
    pub above: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A corridor of five places: one more step to the right each, the last of which ends the episode with reward 1.
    #[test]
    fn values_are_discounted_distances() {
        let settings =
            CriticSettings { members: 3, width: 32, learning_rate: 3e-3, follow: 0.05, ..Default::default() };
        let mut critic = Critic::new(&settings, 2, [0.0, 1.0], 0, None, Device::Cpu).unwrap();
        let column = |values: &[f32]| Tensor::from_slice(values).view([-1, 1]);
        let batch = TransitionBatch {
            before: column(&[0.0, 0.25, 0.5, 0.75]),
            chunks: column(&[1.0; 4]),
            rewards: Tensor::from_slice(&[0.0f32, 0.0, 0.0, 1.0]),
            discounts: Tensor::from_slice(&[0.5f32, 0.5, 0.5, 0.0]),
            after: column(&[0.25, 0.5, 0.75, 1.0]),
            rows: vec![0, 1, 2, 3],
        };
        let candidates = Tensor::ones([4, 1, 1], (Kind::Float, Device::Cpu));
        for step in 0..1500 {
            let targets = critic.targets(&batch, &candidates, [step % 3, (step + 1) % 3]).unwrap();
            critic.learn(&settings, &batch.before, &batch.chunks, &targets).unwrap().unwrap();
        }
        let found =
            critic.values(&batch.before, &batch.chunks).unwrap().mean_dim([0i64].as_slice(), false, Kind::Float);
        let found = to_host(&found).unwrap();
        assert!(found.iter().zip([0.125, 0.25, 0.5, 1.0]).all(|(a, b)| (a - b).abs() < 0.05), "{found:?}");
    }
}
