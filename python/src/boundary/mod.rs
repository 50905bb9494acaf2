//! The boundary to Python: arrays, exceptions, long work, and the process around it.

pub mod arrays;
pub mod background;
pub mod failure;
pub mod process;
