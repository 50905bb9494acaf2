//! Critics: an [`ensemble`] of networks and the values of chunks ([`chunk_critic`]).

pub mod chunk_critic;
pub mod ensemble;
pub(crate) mod rank_correlation;
pub mod settings;
pub mod within_states;
