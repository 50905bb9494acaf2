//! Custom quantities: scalars that a program computes, where a task file cannot describe them.
//!
//! A file names one as `swing = { kind = "custom" }` and uses it as any other quantity. The program that loads the task
//! gives the [`CustomQuantity`] of that name to `Task::load_with`. `examples/own_term.rs` shows one.

use crate::mujoco::simulation::{Needs, Simulation};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A scalar of a simulated state.
///
/// It is computed once a control step in the world and in every rollout, on several threads. It must depend on the
/// state alone: anything it remembered would differ between threads.
pub trait CustomQuantity: Send + Sync {
    /// Parts of the state it reads besides positions of bodies, sites and geoms, joints and controls.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Looks up ids in the model, once a task.
    ///
    /// # Errors
    /// A bad input, if the model lacks something.
    fn prepare(&self, model: &MjModel) -> Result<Box<dyn PreparedQuantity>>;
}

/// A [`CustomQuantity`] for one model.
pub trait PreparedQuantity: Send + Sync {
    /// Value in the present state of `sim`, in which what the quantity needs is up to date. A value that is not finite
    /// fails the rollout.
    fn value(&self, sim: &Simulation) -> f64;
}

/// The custom quantities of a program, by name.
#[derive(Clone, Default)]
pub struct CustomQuantities(BTreeMap<String, Arc<dyn CustomQuantity>>);

impl CustomQuantities {
    /// Adds a quantity.
    #[must_use]
    pub fn with(mut self, name: &str, quantity: impl CustomQuantity + 'static) -> Self {
        self.0.insert(name.to_string(), Arc::new(quantity));
        self
    }

    /// The quantity `name`.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub(super) fn find(&self, name: &str) -> Result<&dyn CustomQuantity> {
        let known = || InputError::unknown("custom quantity", name, self.0.keys());
        self.0.get(name).map(AsRef::as_ref).ok_or_else(known)
    }
}
