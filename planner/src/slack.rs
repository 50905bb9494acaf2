//! Plans that are good enough: what the generator would do anyway rather than what is a little quicker.

use imle_configs::score::Score;

/// The first candidate that costs at most `slack` more than `best`, the chosen one's index.
///
/// The generator's candidates are independent draws and come first, so that this is a draw from the generator on the condition
/// that it is good enough: π(a | s) restricted to J(a) ≤ min J + slack, the improvement with the least divergence from π
/// that does without the rest (compare relative-entropy policy search, Peters et al. 2010). The cheapest of N is log N nats
/// from π and always the hastiest. What a search found is the plan where no candidate before it comes as near.
pub(crate) fn first_within(scores: &[Score], best: usize, slack: f64) -> usize {
    let most = scores[best].cost + slack;
    let known = |s: &Score| !(s.failed || s.censored || s.is_skipped());
    scores.iter().position(|s| known(s) && s.cost <= most).map_or(best, |first| first.min(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_good_enough() {
        let failed = Score::default();
        let scores =
            [failed, Score::of(3.0), Score { censored: true, ..Score::of(1.0) }, Score::of(1.2), Score::of(1.0)];
        assert_eq!(first_within(&scores, 4, 0.0), 4);
        assert_eq!(first_within(&scores, 4, 0.3), 3);
        assert_eq!(first_within(&scores, 4, 2.0), 1);
    }
}
