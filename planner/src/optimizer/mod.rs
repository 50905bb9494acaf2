//! Optimizers: what turns proposals into a plan. One file or folder each; [`by_name`] knows them all.
//!
//! | type | name | searches by |
//! |---|---|---|
//! | [`PredictiveSampling`] | `predictive-sampling` | nothing: the plan is the best proposal |
//! | [`Mppi`] | `mppi` | the mean, weighted by cost |
//! | [`Cem`] | `cem` | mean and deviation of the best |
//! | [`CmaEs`] | `cma-es` | an adapted covariance |
//! | [`Dial`] | `dial` | weighted means, with noise that is annealed |
//! | [`ModePreserving`] | `mode-preserving` | every mode on its own |
//! | [`Ilqg`] | `ilqg` | derivatives of the simulator |
//!
//! An optimizer of your own implements [`Optimizer`] and [`Search`].

mod cem;
pub mod cma_es;
mod dial;
pub mod ilqg;
mod mode_preserving;
mod mppi;
mod predictive_sampling;
mod registry;
pub(crate) mod search;
#[cfg(test)]
mod testing;
mod waves;

pub use cem::Cem;
pub use cma_es::CmaEs;
pub use dial::Dial;
pub use ilqg::Ilqg;
pub use mode_preserving::ModePreserving;
pub use mppi::Mppi;
pub use predictive_sampling::PredictiveSampling;
pub use registry::{NAMES, OptimizerSettings, by_name};
pub use search::{Optimizer, Scored, Search, SearchContext, Wave};
