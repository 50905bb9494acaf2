//! Chained lookahead: what candidates lead to several chunks ahead, with the generator as the policy that goes on.
//!
//! The problem each candidate a is scored by: min over chains a = a¹, a², …, aᴷ of (1/K) Σ_k w_r·(1/T) Σ_t c(s) +
//! w_T·c(s at the end of aᴷ), where aᵏ⁺¹ is one of the chunks that the generator proposes at the state in which aᵏ
//! ends. Of all chains so far the `beam` cheapest are kept from level to level, each goes on in `branches` ways, drawn
//! in one batched forward pass for all. A candidate none of whose chains is kept ranks behind those that have one.
//! Rollouts a decision: N + (K − 1) · beam · branches.

use super::simulator::{Candidates, Ends, Limits, Score, Simulator};
use crate::error::Result;
use imle_policy::{policy::Policy, sampler::LatentKey};
use std::sync::{Mutex, PoisonError};

/// Depth and weight of the lookahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookaheadSettings {
    /// K, chunks in a row; 1 is no lookahead.
    pub depth: usize,
    /// Chains that are kept an episode.
    pub beam: usize,
    /// Ways in which each goes on.
    pub branches: usize,
}

/// A simulator that scores candidates by what the generator can do from where they end.
pub struct Lookahead {
    inner: Box<dyn Simulator>,
    policy: Policy,
    seed: u64,
    settings: LookaheadSettings,
    buffers: Mutex<Buffers>,
}

/// A chain of chunks from a candidate.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// Index of the candidate it begins with, of all B·N.
    root: usize,
    /// Sum of the running costs of its chunks, and the cost of its end.
    running: f64,
    last: f64,
    /// Index of its last rollout among those of its level.
    end: usize,
}

#[derive(Default)]
struct Buffers {
    scores: Vec<Score>,
    states: Vec<f64>,
    histories: Vec<f32>,
    from_states: Vec<f64>,
    from_histories: Vec<f32>,
    keys: Vec<LatentKey>,
    chunks: Vec<f32>,
    chains: Vec<Vec<Chain>>,
}

/// Latents of lookahead are others than those of the decision's own candidates.
const AHEAD: u64 = 0x6c6f_6f6b_6168_6561;

impl Lookahead {
    /// Over `inner`, which must be able to go on from where rollouts end; `policy` draws with `seed`.
    pub fn new(inner: Box<dyn Simulator>, policy: Policy, seed: u64, settings: LookaheadSettings) -> Self {
        Self { inner, policy, seed, settings, buffers: Mutex::default() }
    }
}

impl Simulator for Lookahead {
    fn state_size(&self) -> usize {
        self.inner.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.inner.action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let LookaheadSettings { depth, beam, branches } = self.settings;
        let batch = candidates.keys.len();
        if depth < 2 || out.is_empty() {
            return self.inner.rollout(pool, candidates, out);
        }
        let (state, history, each) = (self.state_size(), self.policy.sampler().shape().observation, out.len() / batch);
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { scores, states, histories, from_states, from_histories, keys, chunks, chains } = &mut *buffers;
        states.resize(out.len() * state, 0.0);
        histories.resize(out.len() * history, 0.0);
        self.inner.rollout_to(pool, candidates, out, Ends { states, histories })?;
        let alive = |s: &Score| !s.failed && !s.lost && !s.censored && s.cost.is_finite();
        chains.resize_with(batch, Vec::new);
        for (b, chains) in chains.iter_mut().enumerate() {
            chains.clear();
            let own = (b * each..(b + 1) * each).filter(|i| alive(&out[*i]));
            chains.extend(own.map(|i| Chain {
                root: i,
                running: out[i].running_cost,
                last: out[i].cost - out[i].running_cost,
                end: i,
            }));
        }
        for level in 1..depth {
            from_states.clear();
            from_histories.clear();
            keys.clear();
            for (b, chains) in chains.iter_mut().enumerate() {
                let cost = |c: &Chain| c.running / level as f64 + c.last;
                chains.sort_unstable_by(|x, y| cost(x).total_cmp(&cost(y)).then(x.end.cmp(&y.end)));
                chains.truncate(beam);
                for (w, chain) in chains.iter().enumerate() {
                    from_states.extend_from_slice(&states[chain.end * state..][..state]);
                    from_histories.extend_from_slice(&histories[chain.end * history..][..history]);
                    let key = candidates.keys[b];
                    let step = (key.decision * depth as u64 + level as u64) * beam as u64 + w as u64;
                    keys.push(LatentKey { seed: self.seed ^ AHEAD, episode: key.episode, step });
                }
            }
            if keys.is_empty() {
                break;
            }
            let count = keys.len() * branches;
            chunks.resize(count * self.policy.sampler().shape().chunk(), 0.0);
            self.policy.sampler().sample(pool, &*from_histories, keys, branches, chunks)?;
            scores.resize(count, Score::default());
            states.resize(count * state, 0.0);
            histories.resize(count * history, 0.0);
            let limits = Limits { bounds: &[], ..candidates.limits };
            let on = Candidates { keys: &[], states: from_states, chunks, limits, ..candidates };
            self.inner.rollout_to(pool, on, scores, Ends { states, histories })?;
            let mut at = 0;
            for chains in chains.iter_mut() {
                let kept = chains.len();
                for w in 0..kept {
                    let from = chains[w];
                    for (i, score) in scores.iter().enumerate().skip(at * branches).take(branches) {
                        out[from.root].physics_steps += score.physics_steps;
                        // A chain that loses the task costs what that makes it, and ends here.
                        if !score.failed && score.cost.is_finite() && (alive(score) || level + 1 == depth) {
                            chains.push(Chain {
                                running: from.running + score.running_cost,
                                last: score.cost - score.running_cost,
                                end: i,
                                ..from
                            });
                        }
                    }
                    at += 1;
                }
                chains.drain(..kept);
            }
        }
        for (b, chains) in chains.iter().enumerate() {
            let own = &mut out[b * each..][..each];
            let dearest = own.iter().filter(|s| alive(s)).map(|s| s.cost).fold(0.0, f64::max);
            let total = |c: &Chain| c.running / depth as f64 + c.last;
            let behind = chains.iter().map(total).fold(0.0, f64::max) + dearest.abs();
            for (i, score) in own.iter_mut().enumerate().filter(|(_, s)| s.cost.is_finite() && !s.failed) {
                let best = chains.iter().filter(|c| c.root == b * each + i).map(total).fold(f64::INFINITY, f64::min);
                score.cost = if best.is_finite() { best } else { score.cost + behind };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Key;
    use imle_policy::checkpoint::Checkpoint;
    use imle_policy::device::DeviceChoice;

    /// A point on a line, moved by an action; the goal is at 10.
    struct Line {
        history: usize,
    }

    impl Line {
        fn roll(&self, c: Candidates<'_>, out: &mut [Score], mut ends: Option<Ends<'_>>) {
            let each = out.len() / c.states.len();
            for (i, score) in out.iter_mut().enumerate() {
                let (mut x, mut sum) = (c.states[i / each], 0.0);
                for a in &c.chunks[i * c.steps..][..c.steps] {
                    x += f64::from(*a).clamp(-1.0, 1.0);
                    sum += (x - 10.0).abs();
                }
                let last = (x - 10.0).abs();
                let running = sum / c.steps as f64;
                *score = Score { running_cost: running, physics_steps: 4, ..Score::of(running + last) };
                if let Some(ends) = &mut ends {
                    ends.states[i] = x;
                    ends.histories[i * self.history..][..self.history].fill(0.1 * x as f32);
                }
            }
        }
    }

    impl Simulator for Line {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[-1.0], &[1.0])
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            self.roll(c, out, None);
            Ok(())
        }
        fn rollout_to(
            &self,
            _: &rayon::ThreadPool,
            c: Candidates<'_>,
            out: &mut [Score],
            ends: Ends<'_>,
        ) -> Result<()> {
            self.roll(c, out, Some(ends));
            Ok(())
        }
    }

    fn scores(depth: usize, threads: usize) -> Vec<Score> {
        // The generator of another task: what it says of a line is nonsense, and the same nonsense every time.
        let files = imle_configs::embedded::checkpoint("cartpole").unwrap();
        let checkpoint = Checkpoint::load_bytes("shipped", &files).unwrap();
        let policy = Policy::with_threads(&checkpoint, threads, DeviceChoice::Cpu.open().unwrap()).unwrap();
        let shape = policy.sampler().shape();
        let line = Line { history: shape.observation };
        let lookahead = Lookahead::new(Box::new(line), policy, 7, LookaheadSettings { depth, beam: 2, branches: 3 });
        let pool = crate::threads::pool(threads).unwrap();
        let keys = [Key { episode: 0, decision: 0 }, Key { episode: 4, decision: 2 }];
        let steps = shape.chunk();
        let chunks: Vec<f32> = (0..2 * 4 * steps).map(|i| ((i / steps) % 4) as f32 * 0.1).collect();
        let mut out = vec![Score::default(); 8];
        let candidates = Candidates {
            keys: &keys,
            states: &[0.0, 2.0],
            chunks: &chunks,
            steps,
            executed: 2,
            ..Candidates::default()
        };
        lookahead.rollout(&pool, candidates, &mut out).unwrap();
        out
    }

    #[test]
    fn the_beam_is_looked_ahead_of_and_ranks_before_the_rest() {
        let (near, far) = (scores(1, 1), scores(3, 1));
        for b in 0..2 {
            let (near, far) = (&near[b * 4..][..4], &far[b * 4..][..4]);
            // The fastest two are the beam: only from them rollouts go on.
            assert!(near[3].cost < near[2].cost && near[2].cost < near[1].cost);
            assert!(far[2].physics_steps > 4 && far[3].physics_steps > 4);
            assert_eq!((far[0].physics_steps, far[1].physics_steps), (4, 4));
            let steps: u32 = far.iter().map(|s| s.physics_steps).sum();
            assert_eq!(steps, 4 * 4 + 2 * 2 * 3 * 4);
            let best = far[2].cost.min(far[3].cost);
            assert!(far[..2].iter().all(|s| s.cost > best));
            // What is executed is predicted as before.
            assert!(near.iter().zip(far).all(|(a, b)| a.executed_cost == b.executed_cost));
        }
        assert_eq!(far, scores(3, 3));
    }
}
