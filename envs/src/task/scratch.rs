//! Pool of simulations for questions that a task answers about a single state.

use super::control::Control;
use crate::error::{Error, Result};
use crate::mujoco::simulation::Simulation;
use mujoco_rs::prelude::MjModel;
use std::sync::{Arc, Mutex, PoisonError};

/// A simulation and an action mapping with its buffers.
#[derive(Debug)]
pub(super) struct Scratch {
    pub sim: Simulation,
    pub control: Control,
}

/// Idle scratches of one model: as many as there were callers at the same time.
#[derive(Debug, Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl Clone for ScratchPool {
    /// An empty pool.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ScratchPool {
    /// Calls `ask` with an idle scratch, or a new one of `model` and `control`.
    ///
    /// # Errors
    /// If MuJoCo cannot make its data; those of `ask`.
    pub fn with<T>(
        &self,
        model: &Arc<MjModel>,
        control: &Control,
        ask: impl FnOnce(&mut Scratch) -> Result<T>,
    ) -> Result<T> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = match idle {
            Some(scratch) => scratch,
            None => {
                Scratch { sim: Simulation::new(model.clone()).map_err(Error::Simulation)?, control: control.clone() }
            }
        };
        let answer = ask(&mut scratch);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        answer
    }
}
