//! The part of a controller that decides.

use crate::decide::{CandidateSet, Decide, Decision, Situation};
#[cfg(feature = "libtorch")]
use crate::policy_controller::PolicyController;
use crate::{error::Result, planner::Planner};

/// A planner, or the generator alone.
pub enum Decider {
    /// Searches with rollouts.
    Planner(Box<Planner>),
    /// Executes what the generator draws.
    #[cfg(feature = "libtorch")]
    Policy(Box<PolicyController>),
}

impl Decider {
    /// The planner, unless the generator is alone.
    pub fn into_planner(self) -> Option<Planner> {
        match self {
            Self::Planner(planner) => Some(*planner),
            #[cfg(feature = "libtorch")]
            Self::Policy(_) => None,
        }
    }
}

impl Decide for Decider {
    fn sources(&self) -> Vec<&'static str> {
        match self {
            Self::Planner(planner) => planner.sources(),
            #[cfg(feature = "libtorch")]
            Self::Policy(policy) => policy.sources(),
        }
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> Result<()> {
        match self {
            Self::Planner(planner) => planner.decide(pool, situation, chunks, how),
            #[cfg(feature = "libtorch")]
            Self::Policy(policy) => policy.decide(pool, situation, chunks, how),
        }
    }

    fn tried(&self, b: usize) -> Option<CandidateSet<'_>> {
        match self {
            Self::Planner(planner) => planner.tried(b),
            #[cfg(feature = "libtorch")]
            Self::Policy(policy) => policy.tried(b),
        }
    }
}
