//! The score of one rollout: what a simulator says of a candidate.

/// What simulating one candidate chunk gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The objective J of the rollout; infinite if the simulation failed.
    pub cost: f64,
    /// Cost of the last state; infinite if the simulation failed.
    pub final_cost: f64,
    /// Mean cost over the steps that are going to be executed, to be compared with what is realised.
    pub executed_cost: f64,
    /// Whether the simulation diverged or gave up.
    pub failed: bool,
    /// Physics steps simulated.
    pub physics_steps: u32,
}

impl Default for Score {
    fn default() -> Self {
        let worst = f64::INFINITY;
        Self { cost: worst, final_cost: worst, executed_cost: worst, failed: true, physics_steps: 0 }
    }
}
