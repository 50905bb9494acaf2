//! Optimizers: one file each, registered by name in [`by_name`].
//!
//! An optimizer turns the scored candidates of one round of rollouts into a plan.

mod predictive_sampling;

use imle_configs::Error as InputError;
use imle_configs::score::Score;
pub use predictive_sampling::PredictiveSampling;

/// Names of the optimizers; `none` executes the generator without a planner.
pub const NAMES: [&str; 2] = ["predictive-sampling", "none"];

/// The scored candidates of one episode.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// Candidates, (N, T, A).
    pub chunks: &'a [f32],
    /// Their scores, (N).
    pub scores: &'a [Score],
}

/// Turns scored candidates into a plan.
pub trait Optimizer: Send + Sync {
    /// Its name, one of [`NAMES`].
    fn name(&self) -> &'static str;
    /// Writes the plan (T, A) and returns the index of the candidate it is or is nearest to; `None` if no candidate
    /// could be simulated, with `plan` left as it was.
    fn update(&self, scored: Scored<'_>, plan: &mut [f32]) -> Option<usize>;
}

/// The optimizer of that name.
///
/// # Errors
/// A bad input with the nearest names.
pub fn by_name(name: &str) -> imle_configs::Result<Box<dyn Optimizer>> {
    match name {
        "predictive-sampling" => Ok(Box::new(PredictiveSampling)),
        _ => Err(InputError::unknown("planner", name, NAMES)),
    }
}
