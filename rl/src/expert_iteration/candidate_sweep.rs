//! Number of candidates that generator and planner need: it grows until the planner solves 95 % of the episodes.

use crate::error::Result;
use crate::run::Figures;
use crate::run::Run;
use imle_configs::spec::Horizons;
use imle_planner::evaluation::report::wilson95;
use imle_planner::evaluation::{EvaluationSettings, Progress, evaluate};
use imle_planner::planner::Planner;

/// Success that the planner is to reach with as few candidates as it can.
const WANTED: f64 = 0.95;
/// The figure with the number of candidates that it reached it with.
pub const CANDIDATES_FOR_95: &str = "planned/candidates_for_95";

/// Settings of a sweep.
pub(crate) struct CandidateSweep<'l> {
    /// Numbers of candidates, in the order in which they are tried.
    pub(crate) candidates: &'l [usize],
    /// Held-out episodes of each.
    pub(crate) episodes: usize,
    /// Episodes in lock-step.
    pub(crate) lockstep: usize,
    pub(crate) horizons: Horizons,
}

impl CandidateSweep<'_> {
    /// Tries the planners of `planner` for each number: `planned/success_rate_NNN` with its Wilson bound
    /// `planned/at_least_NNN`, and [`CANDIDATES_FOR_95`] where that is reached.
    ///
    /// # Errors
    /// What planners and episodes return.
    pub(crate) fn run(
        &self,
        run: &Run<'_>,
        pool: &rayon::ThreadPool,
        planner: impl Fn(usize) -> Result<Planner>,
        progress: &mut dyn Progress,
    ) -> Result<Figures> {
        let held_out = EvaluationSettings {
            lockstep: self.lockstep,
            ..EvaluationSettings::held_out(self.episodes, run.seed, self.horizons)
        };
        let mut figures = Figures::new();
        for candidates in self.candidates {
            let outcome = evaluate(&run.task, &mut planner(*candidates)?, &held_out, pool, progress)?;
            let rate = outcome.solved() as f64 / self.episodes as f64;
            figures.insert(format!("planned/success_rate_{candidates:03}"), rate);
            figures.insert(format!("planned/at_least_{candidates:03}"), wilson95(outcome.solved(), self.episodes)[0]);
            if rate >= WANTED {
                figures.insert(CANDIDATES_FOR_95.into(), *candidates as f64);
                break;
            }
        }
        Ok(figures)
    }
}
