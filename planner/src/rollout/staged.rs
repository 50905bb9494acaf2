//! Rollouts in stages: the costs of the first candidates bound those of the others.
//!
//! Eight of the candidates of a decision are rolled out first (of few half of them, of many an eighth), spread evenly
//! over the proposals, then as many again, and so on until all are. Between the stages
//!
//! - **early abort**: what is certain to cost more than the best so far is not rolled out to its end (costs are never
//!   negative). The bound is fixed before a stage, so that the work does not depend on the threads; the plan is the
//!   same as without, the spread of the costs is not known.
//! - **budget**: once as many again are unlikely to bring an improvement ([`crate::selection::quality`]), the rest is
//!   left out.
//!
//! Both are for plans that are the best candidate. What weighs or ranks all of them needs their whole costs.

use super::simulator::{Candidates, Ends, Limits, Score, Simulator};
use crate::selection::quality::{self, ScoredProposals};
use crate::{error::Result, selection::cheapest::cheapest};
use std::sync::{Mutex, PoisonError};

/// Candidates of the first stage; of many such a part of them.
const PILOT: usize = 8;

/// Settings of the work between the stages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StagedSettings {
    /// Whether rollouts end early.
    pub abort: bool,
    /// Probability of an improvement by 1 % below which no more candidates are rolled out; nothing for all of them.
    pub enough: Option<f64>,
}

/// A simulator that rolls candidates out in stages.
pub struct Staged {
    inner: Box<dyn Simulator>,
    settings: StagedSettings,
    buffers: Mutex<Buffers>,
}

#[derive(Default)]
struct Buffers {
    order: Vec<usize>,
    chunks: Vec<f32>,
    scores: Vec<Score>,
    bounds: Vec<f64>,
    quality: quality::QualityScratch,
}

impl Staged {
    /// Over `inner`.
    pub fn new(inner: Box<dyn Simulator>, settings: StagedSettings) -> Self {
        Self { inner, settings, buffers: Mutex::default() }
    }

    /// The bound of an episode whose candidates `own` are scored so far.
    fn bound(&self, chunks: &[f32], own: &[Score], scratch: &mut quality::QualityScratch) -> f64 {
        let cost = |s: &Score| if s.failed || s.censored { f64::INFINITY } else { s.cost };
        let Some(best) = cheapest(own.iter().map(cost)) else { return f64::INFINITY };
        let proposals = ScoredProposals { chunks, scores: own, warm: None, range: self.inner.action_range() };
        let enough = self.settings.enough;
        if enough.is_some_and(|p| quality::of(&proposals, own[best].cost, scratch).improvable < p) {
            return f64::NEG_INFINITY;
        }
        if self.settings.abort { own[best].cost } else { f64::INFINITY }
    }
}

/// Writes 0..n, stage after stage, and returns how many the first has: evenly spread, the last candidate among them;
/// every other stage doubles what was rolled out.
fn stages(n: usize, order: &mut Vec<usize>) -> usize {
    order.clear();
    let mut stride = (n / PILOT).clamp(2, PILOT).next_power_of_two();
    order.extend((0..n).rev().step_by(stride));
    let first = order.len();
    while stride > 1 {
        order.extend((0..n).rev().skip(stride / 2).step_by(stride));
        stride /= 2;
    }
    first
}

impl Simulator for Staged {
    fn state_size(&self) -> usize {
        self.inner.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.inner.action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let batch = candidates.states.len() / self.state_size().max(1);
        if batch == 0 || out.len() < 2 * batch {
            return self.inner.rollout(pool, candidates, out);
        }
        let (n, chunk) = (out.len() / batch, candidates.chunks.len() / out.len());
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { order, chunks, scores, bounds, quality } = &mut *buffers;
        let mut stage = 0..stages(n, order);
        out.fill(Score::skipped());
        bounds.clear();
        bounds.extend((0..batch).map(|b| candidates.limits.bound(b)));
        while !stage.is_empty() {
            let (own, count) = (&order[stage.clone()], stage.len());
            chunks.clear();
            for b in 0..batch {
                own.iter().for_each(|i| chunks.extend_from_slice(&candidates.chunks[(b * n + i) * chunk..][..chunk]));
            }
            scores.resize(batch * count, Score::default());
            let limits = Limits { bounds, ..candidates.limits };
            self.inner.rollout(pool, Candidates { chunks, limits, offered: &[], ..candidates }, scores)?;
            for (b, scores) in scores.chunks_exact(count).enumerate() {
                for (i, score) in own.iter().zip(scores) {
                    let cost = if candidates.is_offered(b * n + i) { score.cost } else { f64::INFINITY };
                    out[b * n + i] = Score { cost, ..*score };
                }
                let chunks = &candidates.chunks[b * n * chunk..][..n * chunk];
                bounds[b] = bounds[b].min(self.bound(chunks, &out[b * n..][..n], quality));
            }
            if bounds.iter().all(|bound| *bound == f64::NEG_INFINITY) {
                break;
            }
            stage = stage.end..(2 * stage.end).min(n);
        }
        Ok(())
    }

    fn rollout_to(
        &self,
        pool: &rayon::ThreadPool,
        candidates: Candidates<'_>,
        out: &mut [Score],
        ends: Ends<'_>,
    ) -> Result<()> {
        self.inner.rollout_to(pool, candidates, out, ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Each of the steps of a chunk costs its action; a step after the bound is not taken.
    #[derive(Default)]
    struct Tally(AtomicUsize);

    impl Simulator for Tally {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[0.0], &[100.0])
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            let each = out.len() / c.states.len();
            for (i, score) in out.iter_mut().enumerate() {
                let bound = c.limits.bound(i / each);
                if bound == f64::NEG_INFINITY {
                    *score = Score::skipped();
                    continue;
                }
                let (mut sum, mut censored) = (0.0, false);
                for a in &c.chunks[i * c.steps..][..c.steps] {
                    sum += f64::from(*a);
                    self.0.fetch_add(1, Ordering::Relaxed);
                    censored = sum > bound;
                    if censored {
                        break;
                    }
                }
                *score = Score { censored, ..Score::of(sum) };
            }
            Ok(())
        }
    }

    /// Scores of two episodes, 16 candidates of 10 steps each, and the steps taken.
    fn scores(settings: StagedSettings, cost: impl Fn(usize) -> f32) -> (Vec<Score>, usize) {
        let pool = crate::threads::pool(2).unwrap();
        let tally = Arc::new(Tally::default());
        let chunks: Vec<f32> = (0..32).flat_map(|i| [cost(i) / 10.0; 10]).collect();
        let mut out = vec![Score::default(); 32];
        let candidates =
            Candidates { states: &[0.0, 0.0], chunks: &chunks, steps: 10, executed: 1, ..Candidates::default() };
        Staged::new(Box::new(tally.clone()), settings).rollout(&pool, candidates, &mut out).unwrap();
        (out, tally.0.load(Ordering::Relaxed))
    }

    #[test]
    fn every_candidate_is_in_one_stage_and_the_last_in_the_first() {
        for n in [2, 7, 8, 32, 33, 100, 256] {
            let mut order = Vec::new();
            let first = stages(n, &mut order);
            assert!(order[..first].contains(&(n - 1)) && 2 * first <= n + 1 && 8 * first >= n, "{n}: {first}");
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..n));
        }
    }

    #[test]
    fn what_is_aborted_would_not_have_been_chosen() {
        let dear = |i: usize| if i % 16 == 5 { 1.0 } else { 10.0 + (i * 7 % 16) as f32 };
        let best = |scores: &[Score]| cheapest(scores.iter().map(|s| s.cost)).unwrap();
        let (plain, all) = scores(StagedSettings::default(), dear);
        let (aborted, fewer) = scores(StagedSettings { abort: true, enough: None }, dear);
        assert!(fewer < all && aborted.iter().any(|s| s.censored));
        for b in [0, 16] {
            assert_eq!((best(&plain[b..][..16]), best(&aborted[b..][..16])), (5, 5));
            assert_eq!(plain[b + 5], aborted[b + 5]);
        }
    }

    #[test]
    fn what_cannot_be_chosen_bounds_nothing() {
        let pool = crate::threads::pool(1).unwrap();
        let tally = Arc::new(Tally::default());
        // The last candidate is in the first stage, and the cheapest.
        let chunks: Vec<f32> = (0..16).flat_map(|i| [(16 - i) as f32 / 10.0; 10]).collect();
        let offered: Vec<bool> = (0..16).map(|i| i < 15).collect();
        let mut out = vec![Score::default(); 16];
        let candidates = Candidates {
            states: &[0.0],
            chunks: &chunks,
            steps: 10,
            executed: 1,
            offered: &offered,
            ..Candidates::default()
        };
        let settings = StagedSettings { abort: true, enough: None };
        Staged::new(Box::new(tally.clone()), settings).rollout(&pool, candidates, &mut out).unwrap();
        assert_eq!((cheapest(out.iter().map(|s| s.cost)), out[14].censored), (Some(14), false));
    }

    #[test]
    fn the_budget_ends_where_more_would_not_help() {
        // All of the first episode cost the same; those of the second have little in common.
        let cost = |i: usize| if i < 16 { 5.0 } else { 5.0 + (i * 7 % 16) as f32 };
        let (scores, _) = scores(StagedSettings { abort: false, enough: Some(0.05) }, cost);
        let begun = |b: usize| scores[b..][..16].iter().filter(|s| !s.is_skipped()).count();
        assert_eq!((begun(0), begun(16)), (8, 16));
    }
}
