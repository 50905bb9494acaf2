//! Geometry of a scene: points and frames, commanded poses, chains of joints, inverse kinematics, outlines.

pub mod chain;
pub mod ik;
pub mod overlap;
pub mod point;
pub mod pose;
