//! The score of one rollout: what a simulator says of a candidate, and when it may stop looking.

use std::time::Instant;

/// When rollouts may end early.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// One for each of B states: a rollout that is certain to cost more than this may end there and be scored as
    /// censored; of a state with −∞ nothing is simulated. Empty for no bounds.
    pub bounds: &'a [f64],
    /// No rollout begins after this; which ones that concerns depends on the machine's speed.
    pub deadline: Option<Instant>,
}

impl Limits<'_> {
    /// The bound of state `index`.
    pub fn bound(&self, index: usize) -> f64 {
        self.bounds.get(index).copied().unwrap_or(f64::INFINITY)
    }

    /// Whether it is too late to begin.
    pub fn is_over(&self) -> bool {
        self.deadline.is_some_and(|d| Instant::now() >= d)
    }
}

/// Result of simulating one candidate chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The objective J of the rollout; infinite if the simulation failed.
    pub cost: f64,
    /// The part of `cost` that is of the way, not of the last state: w_r · (1/T) Σ c.
    pub running_cost: f64,
    /// Cost of the last state; infinite if the simulation failed.
    pub final_cost: f64,
    /// Mean cost over the steps that are going to be executed, to be compared with what is realised.
    pub executed_cost: f64,
    /// Whether the simulation diverged or gave up.
    pub failed: bool,
    /// Whether the task was lost on the way: nothing can follow.
    pub lost: bool,
    /// Whether the rollout was ended early, or not begun: `cost` is then not what it costs but ranks behind all that
    /// were ended rightly, infinite if it was not begun.
    pub censored: bool,
    /// Physics steps simulated.
    pub physics_steps: u32,
}

impl Default for Score {
    fn default() -> Self {
        Self { failed: true, ..Self::of(f64::INFINITY) }
    }
}

impl Score {
    /// The score of a candidate of which `cost` is all that is known: for your own dynamics.
    pub fn of(cost: f64) -> Self {
        Self {
            cost,
            running_cost: cost,
            final_cost: cost,
            executed_cost: cost,
            failed: false,
            lost: false,
            censored: false,
            physics_steps: 0,
        }
    }

    /// The score of a candidate that was not simulated.
    pub fn skipped() -> Self {
        Self { censored: true, ..Self::of(f64::INFINITY) }
    }

    /// Whether the candidate was not simulated at all.
    pub fn is_skipped(&self) -> bool {
        self.censored && self.cost.is_infinite()
    }
}
