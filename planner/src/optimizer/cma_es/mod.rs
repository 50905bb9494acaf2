//! CMA-ES, the covariance matrix adaptation evolution strategy (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv
//! 1604.00772), for costs without a gradient over some ten to hundred parameters.
//!
//! It solves min_x f(x) over ℝⁿ by draws x ~ m + σ · N(0, C): m follows the weighted best of every generation, C the
//! steps that m took, σ the length of its path. [`Strategy`] has an ask-and-tell interface for callers that evaluate
//! themselves, as the planner does; [`CmaEsSolver`] is a solver for argmin, whose executor, observers and termination
//! serve it.

pub(super) mod search;
mod solver;
mod strategy;

pub use search::CmaEs;
pub use solver::CmaEsSolver;
pub use strategy::Strategy;
