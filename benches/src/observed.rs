//! A decider whose decisions are looked at as they are made.

use imle_planner::Result;
use imle_planner::decide::{Decide, Decision, Situation};
use rayon::ThreadPool;
use std::time::Instant;

/// Decides as `decider`, and shows `look` each decision afterwards: its situation, and the time it took, ms.
pub struct Observed<'a, D: ?Sized, L> {
    pub decider: &'a mut D,
    pub look: L,
}

impl<D, L> Decide for Observed<'_, D, L>
where
    D: Decide + ?Sized,
    L: FnMut(&D, &ThreadPool, &Situation<'_>, f64) -> Result<()>,
{
    fn sources(&self) -> Vec<&'static str> {
        self.decider.sources()
    }

    fn decide(&mut self, pool: &ThreadPool, s: &Situation<'_>, out: &mut [f32], how: &mut [Decision]) -> Result<()> {
        let begun = Instant::now();
        self.decider.decide(pool, s, out, how)?;
        (self.look)(self.decider, pool, s, begun.elapsed().as_secs_f64() * 1e3)
    }
}
