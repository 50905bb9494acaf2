//! Files that a run leaves: its folder, a dataset of its solved episodes, a video.

pub mod folder;
pub mod recording;
pub mod video;
