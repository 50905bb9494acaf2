//! Terminal value: an estimate of the cost beyond the horizon, at the state in which a candidate ends.
//!
//! The problem: minimise J(a) + weight · V(s_T, o_T) over chunks a, J the simulator's cost and V an estimate of the
//! cost still to come after the end. Without one, what comes after the horizon counts nothing.

use super::simulator::{Candidates, Ends, Score, Simulator};
use crate::error::{Error, Result};
use std::sync::{Mutex, PoisonError};

/// Where candidates ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Full states, (M, state size).
    pub states: &'a [f64],
    /// The last T_obs observations, (M, T_obs, O), oldest first.
    pub histories: &'a [f32],
}

/// An estimate of the cost still to come.
pub trait TerminalValue: Send + Sync {
    /// Writes it for each of M ends, `out` (M); of what failed or was lost the end is not known, and what is written
    /// does not matter. What is not finite makes a candidate fail. The same ends give the same values at any number of
    /// threads.
    ///
    /// # Errors
    /// If the sizes do not fit.
    fn cost_to_go(&self, pool: &rayon::ThreadPool, ended: Ended<'_>, out: &mut [f64]) -> Result<()>;
}

/// A simulator whose candidates are also scored by where they end.
pub struct Valued {
    inner: Box<dyn Simulator>,
    value: Box<dyn TerminalValue>,
    weight: f64,
    /// T_obs · O.
    history: usize,
    buffers: Mutex<Buffers>,
}

#[derive(Default)]
struct Buffers {
    states: Vec<f64>,
    histories: Vec<f32>,
    values: Vec<f64>,
}

impl Valued {
    /// Over `inner`, which must give the end states of its rollouts; histories have `history` = T_obs · O values.
    pub fn new(inner: Box<dyn Simulator>, value: Box<dyn TerminalValue>, weight: f64, history: usize) -> Self {
        Self { inner, value, weight, history, buffers: Mutex::default() }
    }

    fn add(&self, pool: &rayon::ThreadPool, ended: Ended<'_>, values: &mut Vec<f64>, out: &mut [Score]) -> Result<()> {
        values.resize(out.len(), 0.0);
        self.value.cost_to_go(pool, ended, values)?;
        for (score, value) in out.iter_mut().zip(values) {
            if score.failed || score.lost || score.censored {
                continue;
            }
            match value.is_finite() {
                true => score.cost += self.weight * *value,
                false => *score = Score { physics_steps: score.physics_steps, ..Score::default() },
            }
        }
        Ok(())
    }
}

impl Simulator for Valued {
    fn state_size(&self) -> usize {
        self.inner.state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.inner.action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { states, histories, values } = &mut *buffers;
        states.resize(out.len() * self.state_size(), 0.0);
        histories.resize(out.len() * self.history, 0.0);
        self.inner.rollout_to(pool, candidates, out, Ends { states, histories })?;
        self.add(pool, Ended { states, histories }, values, out)
    }

    fn rollout_to(
        &self,
        pool: &rayon::ThreadPool,
        candidates: Candidates<'_>,
        out: &mut [Score],
        ends: Ends<'_>,
    ) -> Result<()> {
        if ends.histories.len() != out.len() * self.history {
            let expected = format!("(B, N, T_obs · O) of {} values", out.len() * self.history);
            return Err(Error::shape("histories", expected, ends.histories.len()));
        }
        let Ends { states, histories } = ends;
        self.inner.rollout_to(pool, candidates, out, Ends { states: &mut *states, histories: &mut *histories })?;
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        self.add(pool, Ended { states, histories }, &mut buffers.values, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point that is moved by its actions, each of which costs its square.
    struct Point;

    impl Simulator for Point {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&[-1.0], &[1.0])
        }
        fn rollout(&self, _: &rayon::ThreadPool, _: Candidates<'_>, _: &mut [Score]) -> Result<()> {
            Err(Error::Unsupported("alone"))
        }
        fn rollout_to(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score], e: Ends<'_>) -> Result<()> {
            for (i, score) in out.iter_mut().enumerate() {
                let chunk = &c.chunks[i * c.steps..][..c.steps];
                *score = Score::of(chunk.iter().map(|a| f64::from(a * a)).sum());
                e.states[i] = c.states[0] + chunk.iter().map(|a| f64::from(*a)).sum::<f64>();
            }
            Ok(())
        }
    }

    /// Ten times the distance from 2; not known beyond 3.
    struct Goal;

    impl TerminalValue for Goal {
        fn cost_to_go(&self, _: &rayon::ThreadPool, ended: Ended<'_>, out: &mut [f64]) -> Result<()> {
            for (value, x) in out.iter_mut().zip(ended.states) {
                *value = if *x > 3.0 { f64::NAN } else { 10.0 * (x - 2.0).abs() };
            }
            Ok(())
        }
    }

    #[test]
    fn candidates_are_worth_what_their_ends_are() {
        let pool = crate::threads::pool(1).unwrap();
        let candidates = Candidates {
            states: &[0.0],
            chunks: &[0.0, 0.5, 1.0, 2.0],
            steps: 1,
            executed: 1,
            ..Candidates::default()
        };
        let mut out = [Score::default(); 4];
        Valued::new(Box::new(Point), Box::new(Goal), 0.5, 0).rollout(&pool, candidates, &mut out).unwrap();
        assert_eq!(out.map(|s| s.cost)[..3], [10.0, 7.75, 6.0]);
        let beyond = Candidates { states: &[1.5], ..candidates };
        Valued::new(Box::new(Point), Box::new(Goal), 0.5, 0).rollout(&pool, beyond, &mut out).unwrap();
        assert!(out[3].failed && !out[2].failed);
        assert!((out[1].executed_cost - 0.25).abs() < 1e-12, "what is executed is predicted as before");
    }
}
