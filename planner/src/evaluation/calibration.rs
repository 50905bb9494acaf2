//! Calibration of [`crate::selection::quality::Quality::improvable`]: the prediction beside what as many proposals
//! again bring.

use super::report::wilson95;
use crate::decide::{Decide, Decision, Situation};
use crate::{error::Result, planner::Planner, selection::quality};
use serde::{Deserialize, Serialize};

/// Bins of the prediction, of equal width from 0 to 1.
const BINS: usize = 10;

/// Predicted and observed improvement of one plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Probability that as many proposals again would bring a plan that is cheaper by 1 %.
    pub told: f64,
    /// Whether they did.
    pub happened: bool,
}

/// A planner that makes the decisions, and one with other draws that after each of them proposes as much again.
pub struct Calibrated {
    planner: Planner,
    again: Planner,
    chunks: Vec<f32>,
    how: Vec<Decision>,
    judged: Vec<Judged>,
}

impl Calibrated {
    /// `planner` decides; `again` draws from the same sources as many candidates as the first wave of `planner`, with
    /// another seed, and does not search.
    pub fn new(planner: Planner, again: Planner) -> Self {
        Self { planner, again, chunks: Vec::new(), how: Vec::new(), judged: Vec::new() }
    }

    /// One a decision with a prediction, in order.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }
}

impl Decide for Calibrated {
    fn sources(&self) -> Vec<&'static str> {
        self.planner.sources()
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        self.planner.decide(pool, situation, chunks, how)?;
        self.chunks.resize(chunks.len(), 0.0);
        self.how.resize(how.len(), Decision::default());
        self.again.decide(pool, situation, &mut self.chunks, &mut self.how)?;
        let batch = how.len().max(1);
        let each = chunks.len() / batch;
        for (b, decision) in how.iter().enumerate() {
            let Some(quality) = decision.quality else { continue };
            let plan = &chunks[b * each..][..each];
            let (all, scores) = (self.planner.last(), self.again.last().1);
            let n = all.1.len() / batch;
            let own = all.0[b * n * each..][..n * each].chunks_exact(each);
            let Some(plan) = own.zip(&all.1[b * n..]).find(|(chunk, _)| *chunk == plan) else { continue };
            let n = scores.len() / batch;
            let happened = scores[b * n..][..n].iter().any(|s| !s.failed && quality::improves(s.cost, plan.1.cost));
            self.judged.push(Judged { told: quality.improvable, happened });
        }
        Ok(())
    }
}

/// Calibration of the predicted probabilities of improvement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Decisions judged.
    pub decisions: usize,
    /// Share of them that were improved.
    pub observed: f64,
    /// Mean squared difference of prediction and outcome (Brier 1950); 0 is perfect.
    pub brier: f64,
    /// The same if `observed` were the prediction of every plan.
    pub brier_base: f64,
    /// By prediction, from 0 to 1 in ten equal steps; those without decisions are left out.
    pub bins: Vec<Bin>,
}

/// Decisions with about the same prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Mean predicted probability.
    pub told: f64,
    /// Share that was improved.
    pub observed: f64,
    /// 95 % Wilson interval, as if decisions were independent.
    pub ci95: [f64; 2],
    /// Number of decisions.
    pub count: usize,
}

impl Calibration {
    /// Of all that was judged.
    pub fn of(judged: &[Judged]) -> Self {
        let mean = |f: &dyn Fn(&Judged) -> f64, of: &[Judged]| of.iter().map(f).sum::<f64>() / of.len().max(1) as f64;
        let share = |j: &Judged| f64::from(u8::from(j.happened));
        let observed = mean(&share, judged);
        let bin = |index: usize| {
            let at = |j: &&Judged| ((j.told * BINS as f64) as usize).min(BINS - 1) == index;
            let of: Vec<Judged> = judged.iter().filter(at).copied().collect();
            let happened = of.iter().filter(|j| j.happened).count();
            (!of.is_empty()).then(|| Bin {
                told: mean(&|j| j.told, &of),
                observed: mean(&share, &of),
                ci95: wilson95(happened, of.len()),
                count: of.len(),
            })
        };
        Self {
            decisions: judged.len(),
            observed,
            brier: mean(&|j| (j.told - share(j)).powi(2), judged),
            brier_base: observed * (1.0 - observed),
            bins: (0..BINS).filter_map(bin).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_binned_by_what_was_told() {
        let judged = |told: f64, happened: bool| Judged { told, happened };
        let all = [judged(0.05, false), judged(0.09, true), judged(1.0, true), judged(0.95, true)];
        let told = Calibration::of(&all);
        assert_eq!((told.decisions, told.observed, told.bins.len()), (4, 0.75, 2));
        assert_eq!((told.bins[0].count, told.bins[0].observed), (2, 0.5));
        assert!((told.bins[1].told - 0.975).abs() < 1e-12 && told.bins[1].ci95[1] > 0.999);
        assert!((told.brier - (0.0025 + 0.8281 + 0.0 + 0.0025) / 4.0).abs() < 1e-12);
        assert!((told.brier_base - 0.1875).abs() < 1e-12);
        assert_eq!(Calibration::of(&[]).bins, []);
    }
}
