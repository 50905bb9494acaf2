//! Values that simulators, planners and reports of episodes share.

pub mod bounds;
pub mod derivatives;
pub mod ends;
pub mod episode;
pub mod score;
