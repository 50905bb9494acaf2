//! Training targets: states with one or more target chunks each, drawn by probability.
//!
//! Every draw comes from the stream of (seed, `Batch`, step, row), so that a resumed run needs no generator state.
//! Values are raw; the training loop normalises them.

mod demonstrations;
mod distillation;
mod draw;
mod estimates;
mod mixed;
mod progress_weights;
mod relative;
mod residual;
mod source;
mod weighted;

pub use demonstrations::DemonstrationChunks;
pub use distillation::{DistillationTargets, TeacherWindows, distill};
pub use estimates::estimates;
pub use mixed::MixedTargets;
pub use progress_weights::progress_weights;
pub use relative::{Spread, own_values};
pub use source::{TargetBatch, TargetRow, TargetShape, TargetSource};
pub use weighted::{WeightedState, WeightedTargets};
