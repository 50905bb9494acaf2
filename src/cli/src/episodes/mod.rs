//! Files that a run leaves: its folder, a dataset of its solved episodes, a video.

pub mod folder;
mod overlay;
pub mod recording;
pub mod video;
