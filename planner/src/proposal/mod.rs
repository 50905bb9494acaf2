//! Proposals: where the candidates of a decision's first wave come from. A source of your own implements [`Proposal`].

#[cfg(feature = "libtorch")]
pub(crate) mod generator;
mod kind;
mod noise;
#[cfg(feature = "libtorch")]
mod retrieval;
pub(crate) mod source;
mod warm;

#[cfg(feature = "libtorch")]
pub use generator::{Generator, latent_keys, observations};
pub use kind::ProposalSource;
pub use noise::{Noise, Noisy};
#[cfg(feature = "libtorch")]
pub use retrieval::Retrieval;
pub use source::{Proposal, Role, SourceCount, share_out};
pub use warm::Warm;
