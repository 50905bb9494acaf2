//! The edit and its critic.
//!
//! ```text
//! δ(s)     = tanh(f(s))                                     bounded, and 0 before anything was learned
//! Q_e(s, δ)                                                 δ the edit executed, of demonstrations beyond ±1 too
//! y        = Σ_{i<n} γⁱ r_i + γⁿ max over δ' of min_e Q̄_e(s', δ')     δ' of the slow copy, or none; e of some members
//! δ goes up mean_e Q_e(s, δ(s)) − k std_e Q_e − λ mean δ²    k the pessimism: where members differ, nothing is known
//! ```
//!
//! After ResFiT (arXiv 2509.19301), with the targets and the loss of [`crate::critic::chunk_critic`]. The critic sees the
//! edit, not the executed action: that is nearly the base, which the state holds too, so that a critic takes what the
//! base does for what the action does, and the edit follows it anywhere (docs/experiments/finetuning-edits.md).

use super::state::LearningState;
use crate::critic::chunk_critic::Critic;
use crate::critic::ensemble::{EnsembleShape, LastLayer, MlpEnsemble, StepCounters};
use crate::critic::settings::CriticSettings;
use crate::online::settings::EditSettings;
use crate::replay::step_buffer::StepBatch;
use imle_policy::{Result, device::to_host};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const CRITIC_FILE: &str = "edit_critic.safetensors";
const EDIT_FILE: &str = "edit.safetensors";

/// Seed of the edit's weights beside the critic's.
const ACTOR: u64 = 0xed17;

/// Networks of a run.
pub struct EditNetworks {
    /// Their input.
    pub state: LearningState,
    /// Q.
    pub critic: Critic,
    /// f.
    pub edit: MlpEnsemble,
    device: Device,
}

impl EditNetworks {
    /// Fresh ones, or those that [`save`](Self::save) wrote to a folder, with their counters, critic and edit.
    ///
    /// # Errors
    /// libtorch's, if memory runs out; a bad input that names the file and the tensor.
    pub fn new(
        settings: &CriticSettings,
        state: LearningState,
        bounds: [f64; 2],
        seed: u64,
        saved: Option<(&Path, [StepCounters; 2])>,
        device: Device,
    ) -> Result<Self> {
        let files = saved.map(|(folder, counters)| ([folder.join(CRITIC_FILE), folder.join(EDIT_FILE)], counters));
        let of = |i: usize| files.as_ref().map(|(paths, counters)| (paths[i].as_path(), counters[i]));
        let e = state.space.size();
        let critic = Critic::new(settings, state.size() + e, bounds, seed, of(0), device)?;
        let width = settings.width;
        let shape = EnsembleShape { members: 1, inputs: state.size(), width, outputs: e, last: LastLayer::Zero };
        let edit = MlpEnsemble::new(shape, seed ^ ACTOR, of(1), device)?;
        Ok(Self { state, critic, edit, device })
    }

    /// Writes the networks to `folder`; returns their counters.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self, folder: &Path) -> Result<[StepCounters; 2]> {
        self.critic.mlp.save(&folder.join(CRITIC_FILE))?;
        self.edit.save(&folder.join(EDIT_FILE))?;
        Ok([self.critic.mlp.counters, self.edit.counters])
    }

    /// Rows of states, (B, S), on the networks' device.
    ///
    /// # Errors
    /// libtorch's.
    pub fn rows(&self, states: &[f32]) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(states)?.f_view([-1, self.state.size() as i64])?.f_to_device(self.device)?)
    }

    /// Edits (B, E) of `states`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn deltas(&self, states: &Tensor) -> Result<Tensor> {
        Ok(self.edit.frozen(states)?.f_select(0, 0)?.f_tanh()?)
    }

    /// Values (B,) of the base in `states` and of the edited base, each by so many deviations of the members lower than
    /// their mean.
    ///
    /// # Errors
    /// libtorch's.
    pub fn choices(&self, states: &Tensor, pessimism: f64) -> Result<[Tensor; 2]> {
        let deltas = self.deltas(states)?;
        let value = |deltas: &Tensor| lower(&self.critic.values(states, deltas)?, pessimism);
        Ok([value(&deltas.f_zeros_like()?)?, value(&deltas)?])
    }

    /// Edits `chunks` (B, N, T_pred, A), raw, N of each of `histories` (B, T_obs, O), where that is taken for better;
    /// returns the values (B, N) of what they are then.
    ///
    /// # Errors
    /// libtorch's.
    pub fn edit_chunks(&self, histories: &[f32], chunks: &mut [f32], n: usize, pessimism: f64) -> Result<Vec<f32>> {
        let (history, executed) = self.state.lengths();
        let size = chunks.len() / (histories.len() / history * n);
        let mut rows = vec![0.0; chunks.len() / size * self.state.size()];
        for (i, (chunk, row)) in chunks.chunks_exact(size).zip(rows.chunks_exact_mut(self.state.size())).enumerate() {
            self.state.write(&histories[i / n * history..][..history], &chunk[..executed], row);
        }
        let rows = self.rows(&rows)?;
        let [base, edited] = self.choices(&rows, pessimism)?;
        let (base, edited, deltas) = (to_host(&base)?, to_host(&edited)?, to_host(&self.deltas(&rows)?)?);
        let edits = deltas.chunks_exact(self.state.space.size());
        for (i, (chunk, delta)) in chunks.chunks_exact_mut(size).zip(edits).enumerate() {
            if edited[i] > base[i] {
                self.state.edit(delta, chunk);
            }
        }
        Ok(base.iter().zip(&edited).map(|(base, edited)| base.max(*edited)).collect())
    }

    /// Mean values (B,) of the edits `deltas` (B, E) in `states`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn values_of(&self, states: &Tensor, deltas: &Tensor) -> Result<Tensor> {
        Ok(self.critic.values(states, deltas)?.f_mean_dim([0i64].as_slice(), false, Kind::Float)?)
    }

    /// Targets of the critic for `batch`, by the slow copies of some `members`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn targets(&self, batch: &StepBatch, members: &[i64]) -> Result<Tensor> {
        let deltas = self.edit.slow(&batch.after, &[0])?.f_select(0, 0)?.f_tanh()?;
        let value = |deltas: &Tensor| -> Result<Tensor> {
            Ok(self.critic.slow_values(&batch.after, deltas, members)?.f_amin([0i64].as_slice(), false)?)
        };
        let best = value(&deltas)?.f_maximum(&value(&deltas.f_zeros_like()?)?)?;
        Ok(batch.rewards.f_add(&batch.discounts.f_mul(&best)?)?)
    }

    /// One step of the edit towards higher values in `states`; returns the mean value.
    ///
    /// # Errors
    /// libtorch's.
    pub fn improve(&mut self, states: &Tensor, settings: &EditSettings, follow: f64) -> Result<f64> {
        let deltas = self.edit.forward(states)?.f_select(0, 0)?.f_tanh()?;
        let all = self.critic.values(states, &deltas)?;
        let value = all.f_mean(Kind::Float)?;
        let goal = lower(&all, settings.pessimism)?.f_mean(Kind::Float)?;
        let size = deltas.f_square()?.f_mean(Kind::Float)?.f_mul_scalar(settings.penalty)?;
        self.edit.step(&size.f_sub(&goal)?, settings.learning_rate, 0.0)?;
        self.edit.follow(follow)?;
        Ok(value.f_double_value(&[])?)
    }
}

/// Means (B,) of the members' values (E, B), by so many of their deviations lower.
fn lower(values: &Tensor, pessimism: f64) -> Result<Tensor> {
    let mean = values.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
    Ok(match pessimism {
        0.0 => mean,
        share => mean.f_sub(&values.f_std_dim([0i64].as_slice(), true, false)?.f_mul_scalar(share)?)?,
    })
}
