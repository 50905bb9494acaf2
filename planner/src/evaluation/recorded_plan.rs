//! Plans that are kept with their candidates, to be drawn.

use crate::decide::CandidateSet;

/// Most candidates of a decision that are kept: more paths hide each other.
const MOST_KEPT: usize = 64;

/// A plan and the candidates that it was chosen from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedPlan {
    /// Control step from which the plan is executed, counted from the first recorded state.
    pub step: usize,
    /// Full integration state that it was planned from.
    pub state: Vec<f64>,
    /// The plan, (T_pred, A).
    pub plan: Vec<f32>,
    /// The candidates that were simulated to the end, (n, T_pred, A): all of them, or 64 that lie evenly among them.
    pub candidates: Vec<f32>,
    /// Costs of the candidates, (n).
    pub costs: Vec<f64>,
}

impl RecordedPlan {
    /// Copies a plan made in `state`, with those of the candidates `of` that are kept.
    pub(crate) fn new(state: &[f64], plan: &[f32], of: Option<CandidateSet<'_>>) -> Self {
        let mut kept = Self { state: state.to_vec(), plan: plan.to_vec(), ..Self::default() };
        let Some(CandidateSet { chunks, scores }) = of else { return kept };
        let known: Vec<usize> =
            (0..scores.len()).filter(|i| !scores[*i].failed && scores[*i].cost.is_finite()).collect();
        let n = known.len().min(MOST_KEPT);
        for i in (0..n).map(|i| known[i * known.len() / n]) {
            kept.candidates.extend_from_slice(&chunks[i * plan.len()..][..plan.len()]);
            kept.costs.push(scores[i].cost);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::score::Score;

    #[test]
    fn what_failed_is_left_out_and_many_are_thinned() {
        let scores: Vec<Score> =
            (0..200).map(|i| if i % 2 == 0 { Score::of(f64::from(i)) } else { Score::default() }).collect();
        let chunks: Vec<f32> = (0..200).flat_map(|i| [i as f32, 0.0]).collect();
        let of = |n: usize| {
            let set = CandidateSet { chunks: &chunks[..2 * n], scores: &scores[..n] };
            RecordedPlan::new(&[1.0], &[0.5, 0.5], Some(set))
        };
        assert_eq!(of(5).candidates, [0.0, 0.0, 2.0, 0.0, 4.0, 0.0]);
        assert_eq!((of(200).costs.len(), of(200).costs[0], of(200).candidates.len()), (MOST_KEPT, 0.0, 2 * MOST_KEPT));
        assert!(of(200).costs.windows(2).all(|c| c[0] < c[1]));
        assert!(RecordedPlan::new(&[], &[0.0; 2], None).candidates.is_empty());
    }
}
