//! Algorithms that learn online, and the loop that they share.
//!
//! [`training_loop`] runs an [`algorithm`]: [`edit`], [`best_of_n`] or [`ppo`]. They share the [`learner`]: generator
//! ([`actor`]), critic, replay buffer and anchor.

pub mod actor;
pub mod algorithm;
pub mod best_of_n;
mod best_of_n_policy;
pub mod edit;
pub mod learner;
pub mod ppo;
pub mod settings;
pub mod training_loop;

#[cfg(test)]
mod tests;
