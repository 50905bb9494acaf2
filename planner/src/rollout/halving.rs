//! Successive halving: candidates that begin badly are not rolled out to their end.
//!
//! All candidates are rolled out over a quarter of the horizon, the better half of them over the next quarter, and the
//! better half of those to the end: half of the physics. Each time they rank by their cost so far, J over the steps
//! that were simulated (Jamieson and Talwalkar 2016, with time as the resource). Unlike an early abort this may drop
//! what would have been best.

use super::simulator::{Candidates, Ends, Limits, Score, Simulator};
use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// A simulator that rolls fewer and fewer candidates further and further.
pub struct Halving {
    inner: Box<dyn Simulator>,
    buffers: Mutex<Buffers>,
}

/// A candidate under way.
#[derive(Clone, Copy, Debug, Default)]
struct Runner {
    /// Index among the B·N, and row among those under way.
    index: usize,
    row: usize,
    /// Sums over the steps so far of the running cost, and of the cost of what is going to be executed.
    running: f64,
    executed: f64,
    /// J over the steps so far.
    cost: f64,
    /// Whether it cannot go on: failed, lost, or not begun.
    over: bool,
    /// Whether it cannot be chosen, so that it gives way first.
    idle: bool,
}

#[derive(Default)]
struct Buffers {
    runners: Vec<Runner>,
    chunks: Vec<f32>,
    scores: Vec<Score>,
    starts: Vec<f64>,
    states: Vec<f64>,
}

impl Halving {
    /// Over `inner`, which must be able to go on from where rollouts end.
    pub fn new(inner: Box<dyn Simulator>) -> Self {
        Self { inner, buffers: Mutex::default() }
    }
}

/// Steps at which candidates are compared, and T.
fn ends(steps: usize) -> impl Iterator<Item = usize> {
    [4, 2, 1].into_iter().map(move |part| steps / part).filter(|end| *end > 0)
}

impl Runner {
    /// Adds `score` of the steps from `begun` to `end` of `steps`, of which `executed` are going to be executed.
    fn go_on(&mut self, score: &Score, [begun, end, steps]: [usize; 3], executed: usize, own: &mut Score) {
        own.physics_steps += score.physics_steps;
        if self.over {
            return;
        }
        if score.failed || score.is_skipped() {
            self.over = true;
            (own.failed, own.censored) = (score.failed, !score.failed);
            own.cost = if score.failed { f64::INFINITY } else { own.cost };
            return;
        }
        let length = (end - begun) as f64;
        self.running += score.running_cost * length;
        self.executed += score.executed_cost * executed as f64;
        self.cost = self.running / end as f64 + (score.cost - score.running_cost);
        // One that is lost on the way has not paid for all that it would have lost: it ranks behind.
        self.over = score.lost && end < steps;
        *own = Score {
            cost: self.cost,
            running_cost: self.running / end as f64,
            final_cost: score.final_cost,
            failed: false,
            lost: score.lost,
            censored: self.over,
            ..*own
        };
    }
}

/// Keeps the `each` best of every episode.
fn keep(runners: &mut Vec<Runner>, batch: usize, each: usize, out: &mut [Score]) {
    let count = runners.len() / batch;
    runners.iter_mut().enumerate().for_each(|(row, r)| r.row = row);
    for group in runners.chunks_exact_mut(count) {
        let over = |r: &Runner| r.over || r.idle;
        group
            .sort_unstable_by(|a, b| over(a).cmp(&over(b)).then(a.cost.total_cmp(&b.cost)).then(a.index.cmp(&b.index)));
        for r in &group[each.min(count)..] {
            out[r.index].censored = !out[r.index].failed;
        }
    }
    let mut row = 0;
    runners.retain(|_| {
        row += 1;
        (row - 1) % count < each
    });
}

/// Ranks those of an episode that were dropped behind all that came to the end.
fn rank_behind(own: &mut [Score]) {
    let costs = |dropped: bool| {
        let wanted = own.iter().filter(move |s| !s.failed && s.censored == dropped && s.cost.is_finite());
        wanted.map(|s| s.cost)
    };
    let dearest = costs(false).fold(f64::NEG_INFINITY, f64::max);
    let behind = (dearest - costs(true).fold(f64::INFINITY, f64::min)).max(0.0);
    own.iter_mut().filter(|s| s.censored).for_each(|s| s.cost += behind);
}

impl Simulator for Halving {
    fn state_size(&self) -> usize {
        self.inner.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.inner.action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let (state, size, steps) = (self.state_size(), self.action_size(), candidates.steps);
        let batch = candidates.states.len() / state.max(1);
        if batch == 0 || out.is_empty() || candidates.chunks.len() != out.len() * steps * size {
            return self.inner.rollout(pool, candidates, out);
        }
        let (n, executed) = (out.len() / batch, candidates.executed.clamp(1, steps.max(1)));
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { runners, chunks, scores, starts, states } = &mut *buffers;
        runners.clear();
        runners.extend((0..out.len()).map(|index| Runner {
            index,
            idle: !candidates.is_offered(index),
            ..Runner::default()
        }));
        out.fill(Score::default());
        let (mut begun, mut each) = (0, n);
        for end in ends(steps) {
            let length = end - begun;
            chunks.clear();
            for r in runners.iter() {
                chunks.extend_from_slice(&candidates.chunks[(r.index * steps + begun) * size..][..length * size]);
            }
            scores.resize(runners.len(), Score::default());
            states.resize(runners.len() * state, 0.0);
            let now = executed.saturating_sub(begun).min(length);
            let limits =
                Limits { bounds: if begun == 0 { candidates.limits.bounds } else { &[] }, ..candidates.limits };
            let (keys, from) = if begun == 0 { (candidates.keys, candidates.states) } else { (&[][..], &starts[..]) };
            let segment =
                Candidates { keys, states: from, chunks, steps: length, executed: now.max(1), limits, offered: &[] };
            self.inner.rollout_to(pool, segment, scores, Ends { states, histories: &mut [] })?;
            for (r, score) in runners.iter_mut().zip(scores.iter()) {
                r.go_on(score, [begun, end, steps], now, &mut out[r.index]);
            }
            begun = end;
            if end < steps {
                each = each.div_ceil(2);
                keep(runners, batch, each, out);
                starts.clear();
                for r in runners.iter() {
                    // What cannot go on starts anew, for nothing.
                    let from = match r.over {
                        true => &candidates.states[r.index / n * state..][..state],
                        false => &states[r.row * state..][..state],
                    };
                    starts.extend_from_slice(from);
                }
            }
        }
        for r in runners.iter() {
            out[r.index].executed_cost = r.executed / executed as f64;
        }
        out.chunks_exact_mut(n).for_each(rank_behind);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point that is moved by its actions; every state costs its distance from 1, one beyond 5 fails, one below −5 is
    /// lost.
    struct Point;

    impl Simulator for Point {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[-1.0], &[1.0])
        }
        fn rollout(&self, pool: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            let mut states = vec![0.0; out.len()];
            self.rollout_to(pool, c, out, Ends { states: &mut states, histories: &mut [] })
        }
        fn rollout_to(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score], e: Ends<'_>) -> Result<()> {
            let each = out.len() / c.states.len();
            for (i, score) in out.iter_mut().enumerate() {
                let (mut x, mut costs) = (c.states[i / each], Vec::new());
                for a in &c.chunks[i * c.steps..][..c.steps] {
                    x += f64::from(*a);
                    costs.push(if x < -5.0 { 100.0 } else { (x - 1.0).abs() });
                }
                let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len() as f64;
                let (running, last) = (mean(&costs), costs[c.steps - 1]);
                *score = Score {
                    running_cost: running,
                    final_cost: last,
                    executed_cost: mean(&costs[..c.executed.clamp(1, c.steps)]),
                    lost: x < -5.0,
                    physics_steps: c.steps as u32,
                    ..Score::of(running + 3.0 * last)
                };
                if x > 5.0 {
                    *score = Score { physics_steps: c.steps as u32, ..Score::default() };
                }
                e.states[i] = x;
            }
            Ok(())
        }
    }

    fn scores(paces: &[f32], executed: usize, halved: bool) -> Vec<Score> {
        let pool = crate::threads::pool(1).unwrap();
        let chunks: Vec<f32> = paces.iter().flat_map(|a| [*a; 8]).collect();
        let mut out = vec![Score::default(); 2 * paces.len()];
        let chunks = [chunks.clone(), chunks].concat();
        let candidates =
            Candidates { states: &[0.0, 0.5], chunks: &chunks, steps: 8, executed, ..Candidates::default() };
        match halved {
            true => Halving::new(Box::new(Point)).rollout(&pool, candidates, &mut out).unwrap(),
            false => Point.rollout(&pool, candidates, &mut out).unwrap(),
        }
        out
    }

    #[test]
    fn those_that_come_to_the_end_are_scored_as_if_alone_with_half_the_physics() {
        let paces = [0.0, 0.1, 0.2, 0.3, -0.1, -0.2, 0.15, 0.05];
        for executed in [1, 3, 8] {
            let (plain, halved) = (scores(&paces, executed, false), scores(&paces, executed, true));
            let steps = |scores: &[Score]| scores.iter().map(|s| s.physics_steps).sum::<u32>();
            assert_eq!(2 * steps(&halved), steps(&plain));
            for own in [0..8, 8..16] {
                let whole = || own.clone().filter(|i| !halved[*i].censored);
                assert_eq!(whole().count(), 2);
                for i in whole() {
                    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
                    assert!(
                        close(halved[i].cost, plain[i].cost) && close(halved[i].executed_cost, plain[i].executed_cost)
                    );
                    assert!(close(halved[i].running_cost, plain[i].running_cost));
                    assert!(own.clone().filter(|j| halved[*j].censored).all(|j| halved[j].cost >= halved[i].cost));
                }
            }
        }
    }

    #[test]
    fn what_fails_or_is_lost_ranks_behind() {
        let halved = scores(&[4.0, -4.0, 0.1, -4.0], 2, true);
        assert!(halved[0].failed && halved[0].cost.is_infinite());
        assert!(halved[1].lost && halved[1].censored && halved[3].lost && !halved[2].censored);
        assert!(halved[1].cost >= halved[2].cost && halved[3].cost >= halved[2].cost);
        // Where all are lost the least bad is still known.
        let lost = scores(&[-4.0, -6.0], 2, true);
        assert!(lost[0].cost.is_finite() && lost[0].lost && lost[0].censored);
    }
}
