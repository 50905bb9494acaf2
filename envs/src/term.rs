//! What a task file's terms cannot say: quantities that a program computes.
//!
//! A file names one as `swing = { kind = "custom" }` and uses it as any other quantity; the program that loads the task
//! gives the [`Term`] of that name ([`crate::task::Task::load_with`]). `examples/own_term.rs` shows one.

use crate::native::{Needs, Simulation};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A scalar of a simulated state.
///
/// It is computed once a control step in the world and in every rollout, on several threads, so it depends on the state
/// alone: what it remembers would differ between them.
pub trait Term: Send + Sync {
    /// What of the state it reads besides positions of bodies, sites and geoms, joints and controls.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Looks up ids in the model, which is all that stays the same; called once a task.
    ///
    /// # Errors
    /// A bad input, if the model lacks something.
    fn prepare(&self, model: &MjModel) -> Result<Box<dyn Prepared>>;
}

/// A [`Term`] for one model.
pub trait Prepared: Send + Sync {
    /// The value in the present state of `sim`, in which what the term needs is up to date. A value that is not finite fails
    /// the rollout.
    fn value(&self, sim: &Simulation) -> f64;
}

/// The terms of a program, by name.
#[derive(Clone, Default)]
pub struct Terms(BTreeMap<String, Arc<dyn Term>>);

impl Terms {
    /// With one more term.
    #[must_use]
    pub fn with(mut self, name: &str, term: impl Term + 'static) -> Self {
        self.0.insert(name.to_string(), Arc::new(term));
        self
    }

    /// The term of that name.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub(crate) fn find(&self, name: &str) -> Result<Unprepared<'_>> {
        let term = self.0.get(name).ok_or_else(|| InputError::unknown("custom quantity", name, self.0.keys()))?;
        Ok(Unprepared(term.as_ref()))
    }
}

/// A term that has not seen the model yet.
pub(crate) struct Unprepared<'a>(&'a dyn Term);

impl Unprepared<'_> {
    pub(crate) fn prepared(&self, model: &MjModel) -> Result<Wrapped> {
        Ok(Wrapped { needs: self.0.needs(), term: self.0.prepare(model)?.into() })
    }
}

/// A term as a quantity holds it.
#[derive(Clone)]
pub struct Wrapped {
    needs: Needs,
    term: Arc<dyn Prepared>,
}

impl Wrapped {
    pub(crate) fn needs(&self) -> Needs {
        self.needs
    }

    pub(crate) fn value(&self, sim: &Simulation) -> f64 {
        self.term.value(sim)
    }
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrapped").field("needs", &self.needs).finish_non_exhaustive()
    }
}
