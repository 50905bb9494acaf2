//! Expert iteration: the planner is the expert, the generator its apprentice (Anthony et al. 2017, with RS-IMLE as the
//! distillation).
//!
//! ```text
//! repeat until env_steps are spent
//!     collect   episodes with the planner on the generator's candidates
//!     keep      the decisions of episodes that succeeded, and those episodes themselves
//!     distil    solved episodes and demonstrations into the generator with RS-IMLE, from its present weights
//!     evaluate  the generator alone on held-out start states
//! ```
//!
//! Each phase ends with an atomic write, the episodes that are being collected are kept after every `lockstep` of them,
//! and every draw is keyed by counters: a run that is killed and resumed gives the bits of one that was not.

mod collect;
mod dagger;
mod distill;
mod evaluate;
mod kept;
mod planner;
mod settings;
mod smoothing;
mod state;
mod student_turns;

pub use evaluate::CANDIDATES_FOR_95;
pub use settings::ExpertIterationSettings;
pub(crate) use smoothing::start_of;
pub use state::{NAME, run};
