//! Collected episodes: [`trajectory`], the [`buffer`] of decisions to learn from, and the [`episode_log`] on disk.

pub mod buffer;
pub mod episode_log;
pub mod step_buffer;
pub mod trajectory;
