//! The last plan, shifted to the present.

use super::source::{Proposal, Role};
use crate::{decide::Situation, error::Result};

/// Proposes the last plan shifted by what was executed, unchanged, as long as something of it is left. A plan that only
/// repeats its last action is not proposed: standing still costs least in a local minimum of the task's cost, and would
/// be chosen for ever (a third of planned `kitchen` episodes ended so).
#[derive(Clone, Copy, Debug, Default)]
pub struct Warm;

impl Proposal for Warm {
    fn name(&self) -> &'static str {
        "warm"
    }

    fn role(&self) -> Role {
        Role::LastPlan
    }

    fn most(&self) -> usize {
        1
    }

    fn offers(&self, situation: &Situation<'_>, index: usize) -> bool {
        situation.warm_left.get(index).is_none_or(|left| *left > 0)
    }

    fn propose(&self, _: &rayon::ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        if count > 0 {
            out.copy_from_slice(situation.warm);
        }
        Ok(())
    }
}
