//! Evaluation: many episodes with any decider, in lockstep, one after the other until enough is known, or in real time.
//!
//! They run in an [`Environment`]: a task of ours, or one that somebody else simulates ([`Vectorized`]).

pub mod calibration;
mod environment;
mod episode_recorder;
mod episode_runner;
mod evaluator;
mod observation_renderer;
mod outcome;
pub mod realtime;
mod recorded_plan;
pub mod report;
mod sequential;
mod task_environment;
mod vector_environment;
mod vectorized;

pub use environment::{Environment, evaluate};
pub use observation_renderer::ObservationRenderer;
pub use outcome::{DecisionRecord, EpisodeResult, EvaluationSettings, Onwards, Outcome, Progress, Start};
pub use recorded_plan::RecordedPlan;
pub use report::Report;
pub use sequential::evaluate_sequentially;
pub use vector_environment::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment};
pub use vectorized::Vectorized;
