//! Is this plan any good? What the scored proposals say of the plan and of what more of them would bring.

use super::modes;
use imle_configs::score::Score;
use serde::{Deserialize, Serialize};

/// A plan is improved by one that costs at least this share less.
const IMPROVEMENT: f64 = 0.01;
/// Weight of the prior on gaps, as a number of gaps.
const PRIOR: f64 = 0.1;
/// Most proposals that are sorted into modes: the cheapest.
const MOST_SORTED: usize = 128;

/// Quality of a plan, estimated from its candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Standard deviation of the proposals' costs.
    pub spread: f64,
    /// Share of the proposals that cost less than the warm start, if there was one.
    pub beat_warm: Option<f64>,
    /// Modes among the cheaper half of the proposals: groups no further than [`MODE_DISTANCE`](crate::chunk::MODE_DISTANCE) from their cheapest.
    pub modes: u32,
    /// Estimated probability that as many proposals again would bring a plan that costs at least 1 % less.
    pub improvable: f64,
}

/// The first wave of an episode's decision.
#[derive(Clone, Copy, Debug)]
pub struct ScoredProposals<'a> {
    /// Chunks, (N, T, A).
    pub chunks: &'a [f32],
    /// Their scores, (N).
    pub scores: &'a [Score],
    /// Which of them is the warm start, if it was offered.
    pub warm: Option<usize>,
    /// Lowest and highest value of each action dimension.
    pub range: (&'a [f32], &'a [f32]),
}

/// Whether a plan of cost `other` is counted an improvement on one of cost `plan`: cheaper by 1 %.
pub fn improves(other: f64, plan: f64) -> bool {
    other < plan - IMPROVEMENT * plan.abs()
}

/// Buffers of [`of`], so that it allocates nothing.
#[derive(Debug, Default)]
pub struct QualityScratch {
    order: Vec<usize>,
    heads: Vec<usize>,
}

/// The quality of a plan of cost `plan` beside the proposals, of which it is one or has been found from.
pub fn of(proposals: &ScoredProposals<'_>, plan: f64, scratch: &mut QualityScratch) -> Quality {
    let ScoredProposals { scores, warm, .. } = *proposals;
    let cost = |i: usize| scores[i].cost;
    let QualityScratch { order, heads } = scratch;
    order.clear();
    let known = |i: &usize| !scores[*i].failed && !scores[*i].censored && cost(*i).is_finite();
    order.extend((0..scores.len()).filter(|i| known(i) && Some(*i) != warm));
    order.sort_unstable_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b)));
    if order.is_empty() {
        return Quality::default();
    }
    let count = order.len() as f64;
    let mean = order.iter().map(|i| cost(*i)).sum::<f64>() / count;
    let spread = (order.iter().map(|i| (cost(*i) - mean).powi(2)).sum::<f64>() / count).sqrt();
    let beat_warm = warm
        .filter(|w| !scores[*w].failed && cost(*w).is_finite())
        .map(|w| order.iter().filter(|i| cost(**i) < cost(w)).count() as f64 / count);
    // The last plan was the best of as many proposals before.
    let samples = if beat_warm.is_some() { 2.0 } else { 1.0 };
    let improvable = improvable(scores, order, plan, samples);
    Quality { spread, beat_warm, modes: count_modes(proposals, order, heads), improvable }
}

/// A greedy cover of the cheaper half, from the cheapest on.
fn count_modes(proposals: &ScoredProposals<'_>, order: &[usize], heads: &mut Vec<usize>) -> u32 {
    heads.clear();
    for i in order.iter().take(order.len().div_ceil(2).min(MOST_SORTED)) {
        modes::sort_in(proposals.chunks, proposals.range, proposals.scores.len(), *i, heads);
    }
    heads.len() as u32
}

/// The probability that the best of as many proposals again costs less than `plan` by [`IMPROVEMENT`].
///
/// The least of `samples` + 1 samples from one distribution is as likely in any of them. So if all proposals so far
/// count as `samples` samples, none of which holds a chunk that cheap, and costs below it are as likely as a share a of
/// those that could be cheaper by anything, new ones hold one with probability 1 − (samples / (samples + 1))^a: ½ for
/// one sample and a = 1. Near its lower end the distribution is taken to be even, which makes the gaps between costs
/// exponential and a = exp(−δ/θ), with θ the mean gap and δ from the cheapest proposal to what would be an improvement
/// (Rényi 1953). Costs come in clusters, though (plans that reach their goal at the same step), and the mean of few
/// gaps is that of the widest; so a is the mean of exp(−δ/g) over the lowest gaps g, and [`PRIOR`] gaps each of nothing
/// and of everything.
fn improvable(scores: &[Score], order: &[usize], plan: f64, samples: f64) -> f64 {
    let cost = |i: usize| scores[order[i]].cost;
    let cheaper = order.iter().take_while(|i| improves(scores[**i].cost, plan)).count();
    if cheaper > 0 {
        // The plan was not chosen for its cost: each of these is as likely to be among the new ones.
        return 1.0 - (samples / (samples + 1.0)).powi(cheaper as i32);
    }
    let wanted = cost(0) - (plan - IMPROVEMENT * plan.abs());
    let gaps = (order.len() / 8).max(4).min(order.len() - 1);
    let likely = |gap: f64| if gap > 0.0 { (-wanted / gap).exp() } else { 0.0 };
    let sum: f64 = (0..gaps).map(|i| likely(cost(i + 1) - cost(i))).sum();
    let share = (sum + PRIOR) / (gaps as f64 + 2.0 * PRIOR);
    1.0 - (samples / (samples + 1.0)).powf(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::seed::{Purpose, fill_normal, stream};

    fn score(cost: f64) -> Score {
        Score { failed: cost.is_nan(), ..Score::of(cost) }
    }

    fn quality(costs: &[f64], chunks: &[f32], warm: Option<usize>, plan: f64) -> Quality {
        let scores: Vec<Score> = costs.iter().map(|c| score(*c)).collect();
        let proposals = ScoredProposals { chunks, scores: &scores, warm, range: (&[-1.0], &[1.0]) };
        of(&proposals, plan, &mut QualityScratch::default())
    }

    #[test]
    fn modes_spread_and_share_are_those_of_the_proposals() {
        // Two groups of cheap chunks, one of costly ones, a failed one, and the warm start.
        let chunks = [0.0, 0.0, 0.05, 0.0, 0.9, 0.9, -0.9, -0.9, 0.5, 0.5, 0.0, 0.1];
        let predicted = quality(&[1.0, 1.1, 1.2, 5.0, f64::NAN, 1.15], &chunks, Some(5), 1.0);
        assert_eq!((predicted.modes, predicted.beat_warm), (1, Some(0.5)));
        let predicted = quality(&[1.0, 1.1, 1.0, 5.0], &chunks[..8], None, 1.0);
        assert_eq!((predicted.modes, predicted.beat_warm), (2, None));
        assert!(predicted.spread > 1.0);
        assert_eq!(quality(&[f64::NAN; 2], &chunks[..4], None, 1.0), Quality::default());
    }

    /// Costs of one decision: |N(0, 1)| shifted by 2, so that the tail ends at 2.
    fn costs(seed: u64, n: usize) -> Vec<f64> {
        let mut drawn = vec![0.0f32; n];
        fill_normal(&mut stream(seed, Purpose::Bench, 0, 0, 0), &mut drawn);
        drawn.iter().map(|x| 2.0 + f64::from(x.abs())).collect()
    }

    #[test]
    fn the_probability_is_near_how_often_more_proposals_help() {
        for (n, shift) in [(32, 0.0), (32, 0.05), (128, 0.0)] {
            let (mut predicted, mut happened) = (0.0, 0.0);
            for seed in 0..600 {
                let all = costs(seed, 2 * n);
                let best = all[..n].iter().copied().fold(f64::INFINITY, f64::min) - shift;
                predicted += quality(&all[..n], &vec![0.0; n], None, best).improvable;
                let again = all[n..].iter().copied().fold(f64::INFINITY, f64::min);
                happened += f64::from(u8::from(again < best * (1.0 - IMPROVEMENT)));
            }
            assert!((predicted - happened).abs() / 600.0 < 0.08, "{n} {shift}: {predicted} beside {happened}");
        }
    }

    #[test]
    fn clusters_of_costs_are_not_taken_for_a_wide_tail() {
        // Of a decision of `push_t`: one step sooner at the goal costs 0.064 less. Of decisions like it one in six was
        // improved by 1 %; exp(−δ/θ)/2 predicts 0.48.
        let costs = [0.0652, 0.06521, 0.1294, 0.1294, 0.1295, 0.1295, 1.9, 2.1];
        let predicted = quality(&costs, &[0.0; 8], None, costs[0]).improvable;
        assert!((0.05..0.25).contains(&predicted), "{predicted}");
    }

    #[test]
    fn a_last_plan_that_holds_counts_as_proposals_that_did_not_improve_it() {
        let costs = [1.0, 1.1, 1.3, 1.4, 1.6, 1.7, 1.9, 1.0];
        let without = quality(&costs[..7], &[0.0; 7], None, 1.0).improvable;
        let with = quality(&costs, &[0.0; 8], Some(7), 1.0).improvable;
        assert!(with < without && with > 0.5 * without, "{with} {without}");
    }

    #[test]
    fn equal_costs_are_hardly_improved_by_more_of_them_and_what_was_passed_over_mostly_is() {
        assert!(quality(&[3.0; 16], &[0.0; 16], None, 3.0).improvable < 0.02);
        assert!(quality(&[1.0, 1.1, 1.2, 1.3, 2.0], &[0.0; 5], None, 2.0).improvable > 0.9);
    }
}
