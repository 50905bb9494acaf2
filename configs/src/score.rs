//! The score of one rollout: what a simulator says of a candidate.

/// What simulating one candidate chunk gave.
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
    /// Physics steps simulated.
    pub physics_steps: u32,
}

impl Default for Score {
    fn default() -> Self {
        Self { failed: true, ..Self::of(f64::INFINITY) }
    }
}

impl Score {
    /// The score of a candidate of which `cost` is all that is known: for dynamics of one's own.
    pub fn of(cost: f64) -> Self {
        Self {
            cost,
            running_cost: cost,
            final_cost: cost,
            executed_cost: cost,
            failed: false,
            lost: false,
            physics_steps: 0,
        }
    }
}
