//! Several models at once: candidates that are good in all the worlds that the true one may be.
//!
//! The problem: minimise ρ(J₁(a), …, J_M(a)) over chunks a, J_m the cost in model m and ρ a measure of risk: the mean,
//! the greatest, or the mean of the dearest share (conditional value at risk, Rockafellar and Uryasev 2000). A
//! candidate that fails in one model has failed.

use super::simulator::{Candidates, Score, Simulator};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Rule that makes the costs of a candidate in all models one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Risk {
    /// Their mean.
    Mean,
    /// The greatest.
    Worst,
    /// The mean of the dearest share, above 0 and at most 1.
    CVaR(f64),
}

impl std::str::FromStr for Risk {
    type Err = imle_configs::Error;

    /// `mean`, `worst`, or `cvar:SHARE`.
    fn from_str(text: &str) -> imle_configs::Result<Self> {
        let share = text.strip_prefix("cvar:").and_then(|s| s.parse::<f64>().ok()).filter(|s| *s > 0.0 && *s <= 1.0);
        match (text, share) {
            ("mean", _) => Ok(Self::Mean),
            ("worst", _) => Ok(Self::Worst),
            (_, Some(share)) => Ok(Self::CVaR(share)),
            _ => Err(imle_configs::Error::unexpected("risk", "mean, worst, or cvar:SHARE with a share up to 1", text)),
        }
    }
}

impl std::fmt::Display for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Worst => f.write_str("worst"),
            Self::CVaR(share) => write!(f, "cvar:{share}"),
        }
    }
}

imle_configs::as_text!(Risk);

impl Risk {
    /// Of `costs`, which it sorts.
    fn of(self, costs: &mut [f64]) -> f64 {
        costs.sort_unstable_by(|a, b| b.total_cmp(a));
        let dearest = match self {
            Self::Mean => costs.len(),
            Self::Worst => 1,
            Self::CVaR(share) => ((share * costs.len() as f64).ceil() as usize).clamp(1, costs.len()),
        };
        costs[..dearest].iter().sum::<f64>() / dearest as f64
    }
}

/// Scores candidates in every model.
pub struct Ensemble {
    models: Vec<Box<dyn Simulator>>,
    risk: Risk,
    /// Scores in all models, (M, B, N).
    scores: Mutex<Vec<Score>>,
}

impl Ensemble {
    /// Of `models`, all of the same state and action.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are none, or they differ.
    pub fn new(models: Vec<Box<dyn Simulator>>, risk: Risk) -> Result<Self> {
        let sizes: Vec<_> = models.iter().map(|m| (m.state_size(), m.action_size())).collect();
        if sizes.is_empty() || sizes.len() > MOST_MODELS || sizes.iter().any(|s| *s != sizes[0]) {
            let expected = format!("1 to {MOST_MODELS} of equal sizes of state and action");
            return Err(Error::shape("models", expected, format!("{sizes:?}")));
        }
        Ok(Self { models, risk, scores: Mutex::default() })
    }
}

/// Most models of an ensemble: their costs are sorted on the stack.
pub const MOST_MODELS: usize = 64;

impl Simulator for Ensemble {
    fn state_size(&self) -> usize {
        self.models[0].state_size()
    }

    fn action_range(&self) -> (&[f32], &[f32]) {
        self.models[0].action_range()
    }

    fn rollout(&self, pool: &rayon::ThreadPool, candidates: Candidates<'_>, out: &mut [Score]) -> Result<()> {
        let mut scores = self.scores.lock().unwrap_or_else(PoisonError::into_inner);
        let (n, models) = (out.len(), self.models.len());
        scores.resize(n * models, Score::default());
        for (model, scores) in self.models.iter().zip(scores.chunks_exact_mut(n.max(1))) {
            model.rollout(pool, candidates, scores)?;
        }
        let mut costs = [0.0; MOST_MODELS];
        for (i, score) in out.iter_mut().enumerate() {
            let of = |m: usize| scores[m * n + i];
            let mut risk = |cost: fn(&Score) -> f64| {
                (0..models).for_each(|m| costs[m] = cost(&of(m)));
                self.risk.of(&mut costs[..models])
            };
            *score = Score {
                cost: risk(|s| s.cost),
                running_cost: risk(|s| s.running_cost),
                final_cost: risk(|s| s.final_cost),
                // What is to be compared with what happens: no risk is added to it.
                executed_cost: (0..models).map(|m| of(m).executed_cost).sum::<f64>() / models as f64,
                failed: (0..models).any(|m| of(m).failed),
                lost: (0..models).any(|m| of(m).lost),
                censored: (0..models).any(|m| of(m).censored),
                physics_steps: (0..models).map(|m| of(m).physics_steps).sum(),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs the square of (action − goal); fails for actions above 2.
    struct Goal([f32; 1], f64);

    impl Simulator for Goal {
        fn state_size(&self) -> usize {
            1
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&self.0, &self.0)
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            for (score, a) in out.iter_mut().zip(c.chunks) {
                let cost = (f64::from(*a) - self.1).powi(2);
                *score = Score { failed: *a > 2.0, physics_steps: 3, ..Score::of(cost) };
            }
            Ok(())
        }
    }

    #[test]
    fn risks_weigh_the_models() {
        let pool = crate::threads::pool(1).unwrap();
        let score = |risk: &str| {
            let models = [0.0, 1.0, 3.0].map(|g| Box::new(Goal([1.0], g)) as Box<dyn Simulator>);
            let ensemble = Ensemble::new(models.into(), risk.parse().unwrap()).unwrap();
            let mut out = [Score::default(); 2];
            let candidates = Candidates {
                keys: &[],
                states: &[0.0],
                chunks: &[1.0, 2.5],
                steps: 1,
                executed: 1,
                ..Candidates::default()
            };
            ensemble.rollout(&pool, candidates, &mut out).unwrap();
            assert!(out[1].failed && !out[0].failed && out[0].physics_steps == 9);
            assert!((out[0].executed_cost - 5.0 / 3.0).abs() < 1e-12);
            out[0].cost
        };
        assert!((score("mean") - 5.0 / 3.0).abs() < 1e-12);
        assert_eq!((score("worst"), score("cvar:0.5"), score("cvar:0.1")), (4.0, 2.5, 4.0));
        for bad in ["cvar", "cvar:0", "cvar:2", "median"] {
            assert!(bad.parse::<Risk>().unwrap_err().to_string().contains(bad));
        }
        assert!(Ensemble::new(vec![], Risk::Mean).is_err());
    }
}
