//! Training: one loop for imitation and fine-tuning, exact to the bit on resume.
//!
//! ```text
//! per step:  batch ← source(seed, step)     normalised on the host
//!            loss  ← method(network, batch) clip gradient to grad_clip
//!            AdamW (cosine schedule with warm-up), moving average of the weights
//! ```
//!
//! Candidates are generated in tiles on a thread pool; results are the same bits at any number of its threads.
//!
//! [`Trainer`] is one training in memory, a step at a time, for algorithms with a loop of their own; [`train`] drives
//! it to the end, writing logs, evaluations and checkpoints. The output folder is itself the checkpoint, with
//! `metrics.jsonl`, TensorBoard events, `best/` (the checkpoint of the best evaluation) and `training_state/` beside.

mod observer;
pub mod optimizer;
mod run;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod thresholds;
mod trainer;
mod window;

pub use observer::{EvalPoint, TrainMetrics, TrainObserver};
pub use run::{BEST_FOLDER, TrainOutcome, TrainStart, train};
pub use settings::TrainSettings;
pub use state::{BestEvaluation, STATE_FOLDER, can_resume, saved_data, saved_settings};
pub use trainer::{AuxiliaryLoss, FreshStart, StepReport, TrainCounters, Trainer, WeightedSource};
