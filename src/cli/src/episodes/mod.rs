//! Files that a run leaves: its folder with its states, a dataset of its solved episodes, a video.

pub mod folder;
mod overlay;
pub mod recording;
pub mod states;
pub mod video;
