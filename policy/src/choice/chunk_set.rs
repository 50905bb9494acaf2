//! The chunks to choose from, and the decision to choose for.

use crate::error::{Error, Result};

/// The decision that a chunk is chosen for; it keys the random choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionKey {
    /// Seed of the run.
    pub seed: u64,
    /// Episode index.
    pub episode: u64,
    /// 0 for the episode's first decision, then 1, 2…
    pub index: u64,
}

/// The chunks to choose from.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSet<'a> {
    /// Chunks, row-major (N, T_pred, A).
    pub chunks: &'a [f32],
    /// T_pred.
    pub prediction: usize,
    /// The previous chunk from its first unexecuted action on (at most T_pred actions); empty at an episode's first
    /// decision.
    pub tail: &'a [f32],
    /// Weight of one unit of each action dimension (A values); `Normalizer::scales` makes it normalised units.
    pub scales: &'a [f32],
}

impl ChunkSet<'_> {
    /// Values of a chunk.
    pub(super) fn size(&self) -> usize {
        self.prediction * self.scales.len()
    }

    /// Number of chunks, N.
    pub(super) fn count(&self) -> usize {
        self.chunks.len() / self.size().max(1)
    }

    /// The chunk of that index.
    pub(super) fn chunk(&self, index: usize) -> &[f32] {
        &self.chunks[index * self.size()..][..self.size()]
    }

    /// Distance of two rows of actions over the shorter of them: root mean square, weighted.
    pub(super) fn distance(&self, a: &[f32], b: &[f32]) -> f64 {
        let n = a.len().min(b.len()).max(1) as f64;
        let weighted = a.iter().zip(b).zip(self.scales.iter().cycle());
        (weighted.map(|((a, b), s)| f64::from((a - b) * s).powi(2)).sum::<f64>() / n).sqrt()
    }

    pub(super) fn check(&self) -> Result<()> {
        let bad = |what, expected: String, found: usize| {
            Err(Error::argument("Choice::choose", what, expected, format!("{found} values")))
        };
        let (size, action) = (self.size(), self.scales.len());
        if size == 0 || self.chunks.is_empty() || !self.chunks.len().is_multiple_of(size) {
            let expected = format!("at least one chunk of {} × {action} values", self.prediction);
            return bad("chunks", expected, self.chunks.len());
        }
        if self.tail.len() > size || !self.tail.len().is_multiple_of(action) {
            return bad("tail", format!("at most {} actions of {action} values", self.prediction), self.tail.len());
        }
        Ok(())
    }
}
