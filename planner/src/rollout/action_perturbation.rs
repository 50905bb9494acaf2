//! Plans that tolerate errors: candidates that stay good when what is done is a little beside what was meant.
//!
//! The problem: minimise (1/M) Σ_m J(a + δ_m) over chunks a, J the simulator's cost and δ_m shifts that last the whole
//! chunk, M/2 drawn from N(0, (σ · half-range)²) for every decision, the same for all its candidates, and their
//! opposites. Among plans that all succeed it prefers the one in the middle of what succeeds: one to be imitated, by
//! whoever cannot do it exactly.

use super::ensemble::{Ensemble, Risk};
use super::simulator::{Candidates, Score, Simulator};
use crate::error::Result;
use imle_configs::bounds::half_range;
use imle_configs::seed::{Purpose, fill_normal, stream};
use std::sync::{Arc, Mutex, PoisonError};

/// `inner` with tolerance of deviation `sigma`, in halves of an action's range, by `shifts` shifts, an even number;
/// `seed` draws them.
///
/// # Errors
/// As [`Ensemble::new`].
pub fn with_tolerance(inner: &Arc<dyn Simulator>, sigma: f64, shifts: usize, seed: u64) -> Result<Ensemble> {
    let shifted = |index: usize| -> Box<dyn Simulator> {
        let sign = if index.is_multiple_of(2) { sigma } else { -sigma };
        Box::new(Perturbed {
            inner: inner.clone(),
            sigma: sign,
            seed,
            draw: (index / 2) as u64,
            chunks: Mutex::default(),
        })
    };
    Ensemble::new((0..shifts).map(shifted).collect(), Risk::Mean)
}

/// Adds `sigma` · half-range · `shift` to an action (A,), clamped to its `range`, lowest and highest values.
pub fn shift_action(action: &mut [f32], (low, high): (&[f32], &[f32]), sigma: f64, shift: &[f32]) {
    for (d, a) in action.iter_mut().enumerate() {
        let half = f64::from(half_range(low[d], high[d]));
        *a = (*a + (sigma * half) as f32 * shift[d]).clamp(low[d], high[d]);
    }
}

/// A simulator in which all actions of a decision are shifted alike.
struct Perturbed {
    inner: Arc<dyn Simulator>,
    sigma: f64,
    seed: u64,
    draw: u64,
    chunks: Mutex<Vec<f32>>,
}

impl Simulator for Perturbed {
    fn state_size(&self) -> usize {
        self.inner.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.inner.action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let (low, high) = self.action_range();
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.clear();
        chunks.extend_from_slice(candidates.chunks);
        let each = candidates.chunks.len() / candidates.keys.len().max(1);
        let mut shift = vec![0.0; low.len()];
        for (key, own) in candidates.keys.iter().zip(chunks.chunks_exact_mut(each.max(1))) {
            let mut rng = stream(self.seed, Purpose::Perturbation, key.episode, key.decision, self.draw);
            fill_normal(&mut rng, &mut shift);
            for row in own.chunks_exact_mut(low.len()) {
                shift_action(row, (low, high), self.sigma, &shift);
            }
        }
        self.inner.rollout(pool, Candidates { chunks: &chunks, ..candidates }, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Key;

    /// Cost 0 within 1 of the goal at 5, and 1 beyond.
    struct Gap;

    impl Simulator for Gap {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[0.0], &[10.0])
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            for (score, a) in out.iter_mut().zip(c.chunks) {
                *score = Score::of(if (a - 5.0).abs() <= 1.0 { 0.0 } else { 1.0 });
            }
            Ok(())
        }
    }

    #[test]
    fn what_lies_in_the_middle_is_cheapest() {
        let pool = crate::threads::pool(1).unwrap();
        let gap: Arc<dyn Simulator> = Arc::new(Gap);
        let keys = [Key { episode: 3, decision: 1 }];
        let chunks = [4.05, 5.0, 5.95, 8.0];
        let candidates =
            Candidates { keys: &keys, states: &[0.0], chunks: &chunks, steps: 1, executed: 1, ..Candidates::default() };
        let mut out = [Score::default(); 4];
        with_tolerance(&gap, 0.1, 16, 7).unwrap().rollout(&pool, candidates, &mut out).unwrap();
        let costs = out.map(|s| s.cost);
        assert!(costs[1] < costs[0] && costs[1] < costs[2] && costs[0] < 1.0 && costs[3] > 0.9, "{costs:?}");
        gap.rollout(&pool, candidates, &mut out).unwrap();
        assert_eq!(out.map(|s| s.cost), [0.0, 0.0, 0.0, 1.0]);
    }
}
