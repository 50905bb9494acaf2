//! The controller that the flags describe.

pub mod from_flags;
pub mod held_out;
