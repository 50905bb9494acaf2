//! Evaluation: many episodes with any decider, in lockstep, one after the other until enough is known, or in real time.

pub mod calibration;
mod episode_runner;
mod evaluator;
mod observation_renderer;
mod outcome;
pub mod realtime;
pub mod report;
mod sequential;

pub use evaluator::evaluate;
pub use observation_renderer::ObservationRenderer;
pub use outcome::{DecisionRecord, EpisodeResult, EvaluationSettings, Onwards, Outcome, Progress, Start};
pub use report::Report;
pub use sequential::evaluate_sequentially;
