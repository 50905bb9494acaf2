//! Whole chunks: every action of every step is a parameter.

use super::kind::ParameterizationKind;
use super::representation::{Decode, Parameterization, ProposedChunks};
use crate::error::Result;
use imle_configs::bounds::ActionBounds;

/// P = T·A; 0 is the middle of an action's range, ±1 its ends.
#[derive(Clone, Debug)]
pub struct Chunk {
    range: ActionBounds,
    steps: usize,
}

impl Chunk {
    /// Chunks of `steps` actions.
    pub fn new(range: ActionBounds, steps: usize) -> Self {
        Self { range, steps }
    }
}

impl Parameterization for Chunk {
    fn kind(&self) -> Option<ParameterizationKind> {
        Some(ParameterizationKind::Chunk)
    }

    fn size(&self) -> usize {
        self.steps * self.range.size()
    }

    fn dims(&self) -> usize {
        self.range.size()
    }

    fn encode(&self, proposals: ProposedChunks<'_>, out: &mut [f32]) {
        let action = self.range.size();
        for (i, (x, a)) in out.iter_mut().zip(proposals.chunks).enumerate() {
            let d = i % action;
            *x = (*a - self.range.middle(d)) / self.range.half_range(d);
        }
    }

    fn decode(&self, _: &rayon::ThreadPool, what: Decode<'_>, out: &mut [f32]) -> Result<()> {
        let action = self.range.size();
        for (i, (a, x)) in out.iter_mut().zip(what.parameters).enumerate() {
            let d = i % action;
            *a = self.range.clamp(d, self.range.middle(d) + self.range.half_range(d) * *x);
        }
        Ok(())
    }
}
