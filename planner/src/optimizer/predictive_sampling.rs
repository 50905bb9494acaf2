//! Predictive sampling (Howell et al. 2022, arXiv 2212.00541): the plan is the best candidate.
//!
//! It solves min_a J(a) over the finite set of candidates; with the last plan among them, the cost of the plan
//! never rises from one decision to the next in a world that is the model.

use super::{Optimizer, Scored};

/// Takes the candidate of least cost; of equals the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictiveSampling;

impl Optimizer for PredictiveSampling {
    fn name(&self) -> &'static str {
        "predictive-sampling"
    }

    fn update(&self, scored: Scored<'_>, plan: &mut [f32]) -> Option<usize> {
        let alive = scored.scores.iter().enumerate().filter(|(_, s)| !s.failed && s.cost.is_finite());
        let (best, _) = alive.min_by(|a, b| a.1.cost.total_cmp(&b.1.cost).then(a.0.cmp(&b.0)))?;
        plan.copy_from_slice(&scored.chunks[best * plan.len()..][..plan.len()]);
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::score::Score;

    fn score(cost: f64) -> Score {
        Score { cost, final_cost: cost, executed_cost: cost, failed: cost.is_nan(), physics_steps: 1 }
    }

    #[test]
    fn the_cheapest_that_did_not_fail() {
        let chunks = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let mut plan = [9.0, 9.0];
        let scores = [score(f64::NAN), score(2.0), score(1.0)];
        assert_eq!(PredictiveSampling.update(Scored { chunks: &chunks, scores: &scores }, &mut plan), Some(2));
        assert_eq!(plan, [2.0, 2.0]);
        let failed = [score(f64::NAN); 3];
        assert_eq!(PredictiveSampling.update(Scored { chunks: &chunks, scores: &failed }, &mut plan), None);
        assert_eq!(plan, [2.0, 2.0]);
    }
}
