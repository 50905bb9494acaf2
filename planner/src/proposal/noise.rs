//! Gaussian noise: around the last plan, the proposal of predictive sampling (Howell et al. 2022, MuJoCo MPC), and
//! around what another source proposes.
//!
//! Noise is drawn at a few knots and joined linearly, so that candidates are as smooth as motion is:
//! a_t = clip(center_t + σ · half-range · ξ_t), with ξ linear between ξ_k ~ N(0, I) at the knots.

use super::source::Proposal;
use crate::decide::{Key, Situation};
use crate::error::Result;
use imle_configs::bounds::ActionBounds;
use imle_configs::seed::{Purpose, fill_normal, stream};
use rayon::ThreadPool;

/// Gaussian proposals around the warm start.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Standard deviation as a share of half the range of each action dimension.
    pub scale: f64,
    /// Knots a chunk, at least 2.
    pub knots: usize,
    /// Bounds of an action.
    pub bounds: ActionBounds,
}

impl Noise {
    /// Adds the noise of candidate `index` of a decision to `chunk` (T, A).
    fn add(&self, key: Key, index: usize, chunk: &mut [f32]) {
        let action = self.bounds.size();
        let steps = chunk.len() / action;
        let knots = self.knots.clamp(2, steps.max(2));
        let mut rng = stream(self.seed, Purpose::Noise, key.episode, key.decision, index as u64);
        // Two knots at a time: the one before and the one after step t.
        let (mut before, mut after) = ([0.0f32; MOST_ACTIONS], [0.0f32; MOST_ACTIONS]);
        let (mut before, mut after) = (&mut before[..action.min(MOST_ACTIONS)], &mut after[..action.min(MOST_ACTIONS)]);
        fill_normal(&mut rng, before);
        fill_normal(&mut rng, after);
        let mut knot = 0;
        for (t, row) in chunk.chunks_exact_mut(action).enumerate() {
            let at = t as f32 * (knots - 1) as f32 / (steps - 1).max(1) as f32;
            while knot < (at as usize).min(knots - 2) {
                std::mem::swap(&mut before, &mut after);
                fill_normal(&mut rng, after);
                knot += 1;
            }
            let part = at - knot as f32;
            for (d, a) in row.iter_mut().enumerate().take(MOST_ACTIONS) {
                let xi = before[d] * (1.0 - part) + after[d] * part;
                *a = self.bounds.clamp(d, *a + self.scale as f32 * self.bounds.half_range(d) * xi);
            }
        }
    }
}

/// Dimensions of an action that noise is added to; the noise of later ones would not fit where nothing is allocated.
const MOST_ACTIONS: usize = 128;

impl Proposal for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn propose(&self, _: &ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        let chunk = situation.warm.len() / situation.keys.len();
        for (b, key) in situation.keys.iter().enumerate() {
            for n in 0..count {
                let plan = &mut out[(b * count + n) * chunk..][..chunk];
                plan.copy_from_slice(&situation.warm[b * chunk..][..chunk]);
                self.add(*key, n, plan);
            }
        }
        Ok(())
    }
}

/// Proposals of another source with noise: its first candidate as it is, all others disturbed.
///
/// A source that has one candidate only gives that one, disturbed in different ways.
pub struct Noisy {
    source: Box<dyn Proposal>,
    name: &'static str,
    noise: Noise,
}

impl Noisy {
    /// `source` under the name `name`, with the deviation and knots of `noise`.
    pub fn new(source: Box<dyn Proposal>, name: &'static str, noise: Noise) -> Self {
        Self { source, name, noise }
    }
}

impl Proposal for Noisy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn offers(&self, situation: &Situation<'_>, index: usize) -> bool {
        self.source.offers(situation, index)
    }

    fn propose(&self, pool: &ThreadPool, situation: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
        let (batch, own) = (situation.keys.len(), self.source.most().min(count));
        if count == 0 {
            return Ok(());
        }
        let chunk = out.len() / batch / count;
        // What the source has lies together at the front and is spread out from the last on.
        self.source.propose(pool, situation, own, &mut out[..batch * own * chunk])?;
        for b in (0..batch).rev() {
            for n in (0..count).rev() {
                let (from, to) = ((b * own + n % own) * chunk, (b * count + n) * chunk);
                if n < own || own == 1 {
                    out.copy_within(from..from + chunk, to);
                }
            }
            for n in 1..count {
                self.noise.add(situation.keys[b], n, &mut out[(b * count + n) * chunk..][..chunk]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proposes one chunk: the episode's number, repeated.
    struct Fixed;

    impl Proposal for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }
        fn most(&self) -> usize {
            1
        }
        fn propose(&self, _: &ThreadPool, s: &Situation<'_>, count: usize, out: &mut [f32]) -> Result<()> {
            let chunk = out.len() / s.keys.len() / count;
            out.chunks_exact_mut(chunk).zip(s.keys).for_each(|(row, key)| row.fill(key.episode as f32));
            Ok(())
        }
    }

    #[test]
    fn one_proposal_becomes_many_around_it_within_the_range() {
        let noise = Noise { seed: 2, scale: 0.2, knots: 3, bounds: ActionBounds::new([-1.0], [3.0]) };
        let noisy = Noisy::new(Box::new(Fixed), "fixed+noise", noise);
        let keys = [0, 1, 2].map(|episode| Key { episode, decision: 5 });
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &[],
            warm: &[0.0; 12],
            warm_left: &[0; 3],
            keys: &keys,
            deadline: None,
            lockstep: false,
        };
        let pool = crate::threads::pool(1).unwrap();
        let mut out = vec![0.0; 3 * 5 * 4];
        noisy.propose(&pool, &situation, 5, &mut out).unwrap();
        for (b, own) in out.chunks(20).enumerate() {
            assert_eq!(own[..4], [b as f32; 4]);
            assert!(own[4..].chunks(4).all(|c| c.iter().any(|x| *x != b as f32)));
            assert!(own.iter().all(|x| (-1.0..=3.0).contains(x) && (x - b as f32).abs() < 2.0));
        }
        assert_eq!(noisy.most(), usize::MAX);
    }
}
