//! The targets of a batch as rows with draws of their own.

use super::objective::{Loss, LossContext, LossValue, TensorBatch};
use crate::{error::Result, network::Network};
use imle_configs::seed::{Purpose, fill_normal, stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

/// The kept targets of a batch as rows, each with the draws of its own stream: for methods that learn from every
/// target alike.
pub(super) struct Rows {
    /// The state of each row (R,), int64.
    pub(super) states: Tensor,
    /// Target chunks (R, 1, T_pred · A).
    pub(super) targets: Tensor,
    /// Normal values (R, 1, T_pred · A).
    pub(super) noise: Tensor,
    /// Uniform values in [0, 1), `per_row` a row.
    pub(super) uniform: Vec<f64>,
}

/// The loss of a method that learns from every target alike: the mean over elements of (found − wanted)², both made by
/// `pair` from the rows of `batch`, which draw `per_row` uniform values each.
pub(super) fn squared_error(
    batch: &TensorBatch<'_>,
    context: &LossContext<'_>,
    per_row: usize,
    pair: impl FnOnce(&Rows) -> Result<[Tensor; 2]>,
) -> Result<Loss> {
    let Some(rows) = Rows::of(batch, context, per_row)? else { return Ok(Loss::plain(LossValue::Empty)) };
    let [found, wanted] = pair(&rows)?;
    Ok(Loss::plain(LossValue::Scalar(found.f_sub(&wanted)?.f_square()?.f_mean(Kind::Float)?)))
}

impl Rows {
    /// The rows of `batch`, nothing if no target is kept; each draws its noise and then `per_row` uniform values.
    fn of(batch: &TensorBatch<'_>, context: &LossContext<'_>, per_row: usize) -> Result<Option<Self>> {
        let (states, targets, chunk) = batch.targets.size3()?;
        let kept: Vec<i64> = (0..states * targets).filter(|i| batch.mask[*i as usize]).collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let device = batch.targets.device();
        let rows = kept.len();
        let (mut noise, mut uniform) = (vec![0.0f32; rows * chunk as usize], Vec::with_capacity(rows * per_row));
        for (row, noise) in kept.iter().zip(noise.chunks_exact_mut(chunk as usize)) {
            let mut rng: ChaCha8Rng = stream(context.seed, Purpose::TrainLatent, *row as u64, context.step, 0);
            fill_normal(&mut rng, noise);
            uniform.extend((0..per_row).map(|_| rng.random::<f64>()));
        }
        let of_state: Vec<i64> = kept.iter().map(|i| i / targets).collect();
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(device)?) };
        let sizes = [rows as i64, 1, chunk];
        let all = batch.targets.f_view([states * targets, chunk])?;
        Ok(Some(Self {
            states: index(&of_state)?,
            targets: all.f_index_select(0, &index(&kept)?)?.f_view(sizes)?,
            noise: Tensor::f_from_slice(&noise)?.f_view(sizes)?.f_to_device(device)?,
            uniform,
        }))
    }

    /// Features (R, F) of the rows' observations, each of which is encoded once.
    pub(super) fn features(&self, network: &dyn Network, batch: &TensorBatch<'_>) -> Result<Tensor> {
        Ok(network.encode(&batch.observations)?.f_index_select(0, &self.states)?)
    }

    pub(super) fn len(&self) -> usize {
        self.targets.size().first().map_or(0, |n| *n as usize)
    }

    /// Values, K a row, as a tensor (R, K) beside the rows.
    pub(super) fn column(&self, values: &[f64]) -> Result<Tensor> {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        Ok(Tensor::f_from_slice(&values)?.f_view([self.len() as i64, -1])?.f_to_device(self.targets.device())?)
    }
}
