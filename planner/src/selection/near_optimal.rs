//! Near-optimal selection: of the candidates that are good enough, the one that the generator would draw anyway.
//!
//! The cheapest of N candidates is the fastest of them, and keeps whatever noise the rollouts happened to like. A
//! policy trained on such plans learns the noise without the rollouts that chose it. Among candidates that cost at most
//! `near_optimal` more than the best, the first is a draw from the generator on the condition that it is good enough,
//! π(a | s) restricted to J(a) ≤ min J + `near_optimal`: the generator's candidates are independent draws and come
//! first. Of all improvements that leave out the rest it has the least divergence from π (compare relative-entropy
//! policy search, Peters et al. 2010). Modes are taken as often as the generator has them. Within the mode that was
//! drawn, the candidate nearest to the others has the least noise.

use crate::chunk::{MODE_DISTANCE, distance};
use crate::selection::quality::ScoredProposals;

/// The candidate nearest to the others (least sum of distances; of equals the first) among those of the mode of the
/// first one, none of which costs more than `best`, the index of the chosen one, by more than `near_optimal`. What a
/// search found is the plan where no candidate comes as near.
pub(crate) fn typical_within(candidates: &ScoredProposals<'_>, best: usize, near_optimal: f64) -> usize {
    let ScoredProposals { chunks, scores, range: (low, high), .. } = *candidates;
    let most = scores[best].cost + near_optimal;
    let good = |i: &usize| {
        let score = &scores[*i];
        !(score.failed || score.censored || score.is_skipped()) && score.cost <= most
    };
    let size = chunks.len() / scores.len().max(1);
    let chunk = |i: usize| &chunks[i * size..][..size];
    let far = |i: usize, j: usize| distance(chunk(i), chunk(j), size / low.len().max(1), low, high);
    let Some(first) = (0..scores.len()).find(|i| good(i)) else { return best };
    let mode = || (first..scores.len()).filter(good).filter(|i| far(first, *i) <= MODE_DISTANCE);
    let apart = |i: usize| mode().map(|j| far(i, j)).sum::<f64>();
    mode().map(|i| (apart(i), i)).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map_or(first, |(_, i)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::score::Score;

    #[test]
    fn the_typical_of_the_first_mode_that_is_good_enough() {
        // One step of one action: a mode around 0 and one around 0.8.
        let chunks = [0.0, 0.81, 0.05, 0.08, -0.02, 0.79, 0.02];
        let mut scores = [4.0, 1.3, 1.2, 1.9, 1.25, 1.0, 1.2].map(Score::of);
        let of = |scores: &[Score], near_optimal| {
            let range: (&[f32], &[f32]) = (&[-1.0], &[1.0]);
            typical_within(&ScoredProposals { chunks: &chunks, scores, warm: None, range }, 5, near_optimal)
        };
        // The first good one is 1, of the mode that has 5 too: of two the first.
        assert_eq!(of(&scores, 0.3), 1);
        // Without it the other mode: 2, 4 and 6, of which 6 is in the middle.
        scores[1] = Score::default();
        assert_eq!(of(&scores, 0.3), 6);
        scores[6].censored = true;
        assert_eq!(of(&scores, 0.3), 2);
        assert_eq!(of(&scores, 0.0), 5);
    }
}
