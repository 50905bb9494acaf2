//! Where training targets come from: states with one or more target chunks each, drawn by probability.
//!
//! Every draw comes from the stream of (seed, `Batch`, step, row), so that a resumed run needs no generator state.
//! Values are raw; the training loop normalises them.

mod demonstrations;
mod draw;
mod mixed;
mod quality;
mod teacher;
mod weighted;

pub use demonstrations::DemonstrationChunks;
pub use mixed::MixedTargets;
pub use quality::progress_weights;
pub use teacher::teach;
pub use weighted::{WeightedState, WeightedTargets};

use imle_configs::seed::{Purpose, stream};
use rand_chacha::ChaCha8Rng;

/// Sizes of what a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetShape {
    /// Values of an observation history, T_obs · O.
    pub observation: usize,
    /// Values of a chunk, T_pred · A.
    pub chunk: usize,
    /// Most targets a state may have, K.
    pub targets: usize,
}

/// A batch on the host, raw units, row-major. Reused between steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Observation histories (B, T_obs · O), oldest observation first.
    pub observations: Vec<f32>,
    /// Target chunks (B, K, T_pred · A); zeros where `mask` is false.
    pub targets: Vec<f32>,
    /// Which targets count (B, K).
    pub mask: Vec<bool>,
    /// Which of the source's states each row is (B).
    pub states: Vec<usize>,
}

/// A source of training targets.
pub trait TargetSource {
    /// Sizes of what it gives, the same for every row.
    fn shape(&self) -> TargetShape;

    /// Number of states that can be drawn.
    fn states(&self) -> usize;

    /// Draws one state with `rng` and returns which it is, of [`states`](Self::states); writes its history (T_obs · O),
    /// its chunks (K, T_pred · A) and which count (K). The slices come zeroed and false, and may be longer in K than
    /// this source's own.
    fn draw(&self, rng: &mut ChaCha8Rng, observation: &mut [f32], targets: &mut [f32], mask: &mut [bool]) -> usize;

    /// Fills `batch` with the `size` states of training step `step`.
    fn batch(&self, seed: u64, step: u64, size: usize, batch: &mut Batch) {
        let shape = self.shape();
        for (values, length) in [
            (&mut batch.observations, size * shape.observation),
            (&mut batch.targets, size * shape.targets * shape.chunk),
        ] {
            values.clear();
            values.resize(length, 0.0);
        }
        batch.states.clear();
        batch.mask.clear();
        batch.mask.resize(size * shape.targets, false);
        let observations = batch.observations.chunks_exact_mut(shape.observation);
        let targets = batch.targets.chunks_exact_mut(shape.targets * shape.chunk);
        let mask = batch.mask.chunks_exact_mut(shape.targets);
        for (row, ((observation, targets), mask)) in observations.zip(targets).zip(mask).enumerate() {
            let mut rng = stream(seed, Purpose::Batch, row as u64, step, 0);
            batch.states.push(self.draw(&mut rng, observation, targets, mask));
        }
    }
}
