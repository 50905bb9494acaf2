//! The interface of every source of training targets.

use imle_configs::seed::{Purpose, stream};
use rand_chacha::ChaCha8Rng;

/// Sizes of what a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetShape {
    /// Values of an observation history, T_obs · O.
    pub observation: usize,
    /// Bytes of the pictures beside it, (T_obs, cameras, H, W, 3); 0 without.
    pub pictures: usize,
    /// Values of a chunk, T_pred · A.
    pub chunk: usize,
    /// Most targets a state may have, K.
    pub targets: usize,
}

/// A batch on the host, raw units, row-major. Reused between steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetBatch {
    /// Observation histories (B, T_obs · O), oldest observation first.
    pub observations: Vec<f32>,
    /// Pictures (B, T_obs, cameras, H, W, 3), oldest first; empty without.
    pub pictures: Vec<u8>,
    /// Target chunks (B, K, T_pred · A); zeros where `mask` is false.
    pub targets: Vec<f32>,
    /// Which targets count (B, K).
    pub mask: Vec<bool>,
    /// Which of the source's states each row is (B).
    pub states: Vec<usize>,
}

/// The place of one state in a [`TargetBatch`](super::TargetBatch).
#[derive(Debug)]
pub struct TargetRow<'a> {
    /// Observation history (T_obs · O).
    pub observation: &'a mut [f32],
    /// Pictures (T_obs, cameras, H, W, 3).
    pub pictures: &'a mut [u8],
    /// Target chunks (K, T_pred · A).
    pub targets: &'a mut [f32],
    /// Which of them count (K).
    pub mask: &'a mut [bool],
}

/// Makes `length` default values of what was there, in the same memory.
fn refill<T: Clone + Default>(values: &mut Vec<T>, length: usize) {
    values.clear();
    values.resize(length, T::default());
}

/// A source of training targets.
pub trait TargetSource {
    /// Sizes of what it gives, the same for every row.
    fn shape(&self) -> TargetShape;

    /// Number of states that can be drawn.
    fn states(&self) -> usize;

    /// Draws one state with `rng` into `row`, whose slices come zeroed and false, and may be longer in K than this
    /// source's own; returns which it is, of [`states`](Self::states).
    fn draw(&self, rng: &mut ChaCha8Rng, row: TargetRow<'_>) -> usize;

    /// Fills `batch` with the `size` states of training step `step`.
    fn batch(&self, seed: u64, step: u64, size: usize, batch: &mut TargetBatch) {
        let shape = self.shape();
        refill(&mut batch.observations, size * shape.observation);
        refill(&mut batch.targets, size * shape.targets * shape.chunk);
        refill(&mut batch.pictures, size * shape.pictures);
        refill(&mut batch.mask, size * shape.targets);
        batch.states.clear();
        let observations = batch.observations.chunks_exact_mut(shape.observation);
        let mut pictures = batch.pictures.as_mut_slice();
        let targets = batch.targets.chunks_exact_mut(shape.targets * shape.chunk);
        let mask = batch.mask.chunks_exact_mut(shape.targets);
        for (row, ((observation, targets), mask)) in observations.zip(targets).zip(mask).enumerate() {
            let mut rng = stream(seed, Purpose::Batch, row as u64, step, 0);
            let (seen, rest) = std::mem::take(&mut pictures).split_at_mut(shape.pictures);
            pictures = rest;
            batch.states.push(self.draw(&mut rng, TargetRow { observation, pictures: seen, targets, mask }));
        }
    }
}
