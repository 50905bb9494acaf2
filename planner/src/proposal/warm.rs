//! The last plan, shifted to the present.

use super::Proposal;
use crate::decide::Situation;
use crate::error::Result;

/// Proposes the last plan shifted by what was executed, unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Warm;

impl Proposal for Warm {
    fn name(&self) -> &'static str {
        "warm"
    }

    fn most(&self) -> usize {
        1
    }

    fn propose(&self, _: &rayon::ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        if count > 0 {
            out.copy_from_slice(situation.warm);
        }
        Ok(())
    }
}
