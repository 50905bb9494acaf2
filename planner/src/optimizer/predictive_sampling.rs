//! Predictive sampling (Howell et al. 2022, arXiv 2212.00541): the plan is the best proposal.
//!
//! It solves min_a J(a) over the finite set of proposals; with the last plan among them, the cost of the plan
//! never rises from one decision to the next in a world that is the model.

use super::search::{Optimizer, Search, Wave};

/// One wave, the proposals'.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictiveSampling;

impl Optimizer for PredictiveSampling {
    fn name(&self) -> &'static str {
        "predictive-sampling"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        out.clear();
        out.push(candidates);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Self)
    }
}

impl Search for PredictiveSampling {
    /// Is never asked: there is no second wave.
    fn sample(&mut self, _: &Wave<'_>, out: &mut [f32]) {
        out.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::search::Scored;
    use imle_configs::score::Score;

    fn score(cost: f64) -> Score {
        Score { failed: cost.is_nan(), ..Score::of(cost) }
    }

    #[test]
    fn the_cheapest_that_did_not_fail() {
        let choose = |scores: &[Score]| PredictiveSampling.choose(Scored { scores, warm: None });
        assert_eq!(choose(&[score(f64::NAN), score(2.0), score(1.0)]), Some(2));
        assert_eq!(choose(&[score(f64::NAN); 3]), None);
    }
}
