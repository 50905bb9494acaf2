//! Reward of a control step, which fine-tuning maximises.
//!
//! With c_t the task's cost after control step t, c_0 that of the start state, S the `scale`, γ the discount of a
//! control step, and \[·\] 1 where it holds and else 0:
//!
//! ```text
//! sparse    r_t = [solved at t]                                        returns in [0, 1]: γ to the power of the steps left
//! cost      r_t = −(1 − γ) · min(c_t / S, 1) + [solved at t] − γ [lost at t]    returns in [−1, 1]
//! progress  r_t = (c_{t−1} − c_t) / S, within ±1, + [solved at t]       returns in [−1, 2]
//! ```
//!
//! `progress` adds up to the part of the ladder that was climbed, so that what is gained and lost again counts nothing.

use crate::task::file::{RewardFile, RewardKind};
use imle_configs::{Error as InputError, Result};

/// The reward of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reward {
    /// Which one.
    pub kind: RewardKind,
    /// S, the cost that counts 1.
    pub scale: f64,
}

/// End of an episode that was not cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The task was solved.
    Solved,
    /// It was lost, as its file's `failure` says.
    Lost,
}

impl Reward {
    /// As `file` says; without a scale of its own it is `start`, the cost of the start state.
    ///
    /// # Errors
    /// A bad input: a scale that is not positive.
    pub fn resolve(file: &RewardFile, start: f64) -> Result<Self> {
        match file.scale {
            Some(scale) if !(scale > 0.0 && scale.is_finite()) => {
                Err(InputError::unexpected("reward.scale", "a positive number", scale))
            }
            scale => Ok(Self { kind: file.kind, scale: scale.unwrap_or(if start > 0.0 { start } else { 1.0 }) }),
        }
    }

    /// r_t of a step from cost `before` to cost `after`, under the discount γ of a control step. With `cost` what is
    /// lost costs the most for ever after, so that losing is never better than going on.
    pub fn of(&self, before: f64, after: f64, end: Option<End>, discount: f64) -> f64 {
        let done = if end == Some(End::Solved) { 1.0 } else { 0.0 };
        match self.kind {
            RewardKind::Sparse => done,
            RewardKind::Cost => {
                let after = (1.0 - discount) * (after / self.scale).min(1.0);
                done - after - if end == Some(End::Lost) { discount } else { 0.0 }
            }
            RewardKind::Progress => done + ((before - after) / self.scale).clamp(-1.0, 1.0),
        }
    }

    /// Between what returns lie.
    pub fn bounds(&self) -> [f64; 2] {
        match self.kind {
            RewardKind::Sparse => [0.0, 1.0],
            RewardKind::Cost => [-1.0, 1.0],
            RewardKind::Progress => [-1.0, 2.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewards_add_up_to_what_they_say() {
        let reward = |kind| Reward { kind, scale: 4.0 };
        let costs = [4.0, 3.0, 3.5, 1.0, 0.0];
        let total = |kind: RewardKind, discount: f64| {
            let steps = costs.windows(2).enumerate();
            steps
                .map(|(t, c)| {
                    discount.powi(t as i32) * reward(kind).of(c[0], c[1], (t == 3).then_some(End::Solved), discount)
                })
                .sum::<f64>()
        };
        assert_eq!(total(RewardKind::Sparse, 0.5), 0.125);
        assert!((total(RewardKind::Progress, 1.0) - 2.0).abs() < 1e-12);
        let cost = -0.5 * (0.75 + 0.5 * 0.875 + 0.25 * 0.25) + 0.125;
        assert!((total(RewardKind::Cost, 0.5) - cost).abs() < 1e-12);
        // Lost after two steps of the least cost is worth as little as the greatest cost for ever.
        let lost = reward(RewardKind::Cost);
        let after = lost.of(0.0, 0.0, None, 0.9) + 0.9 * lost.of(0.0, 4.0, Some(End::Lost), 0.9);
        assert!((after - (-0.9 * 0.1 - 0.81)).abs() < 1e-12);
        let file = |scale| RewardFile { kind: RewardKind::Cost, scale };
        assert_eq!(Reward::resolve(&file(None), 9.0).unwrap().scale, 9.0);
        assert!(Reward::resolve(&file(Some(0.0)), 9.0).unwrap_err().to_string().contains("reward.scale"));
    }
}
