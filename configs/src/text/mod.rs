//! Settings and names as text.

pub mod explained;
pub mod names;
