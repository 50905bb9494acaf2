//! The part of a training step that needs no gradient, spread over a thread pool.
//!
//! Work is cut into tasks of fixed sizes, each done by one thread with one libtorch thread, so that results do not
//! depend on the number of workers, and a tile of candidates stays in a core's cache. libtorch's own threads do
//! neither, and fall far behind when other programs use the cores.

use crate::{device::threads::use_one_thread, error::Result, network::Network};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};
use tch::Device;

/// A network for each thread of a pool, without gradient; on a GPU a single one for the calling thread.
pub struct NetworkPool<'a> {
    pool: &'a rayon::ThreadPool,
    networks: Vec<Mutex<Box<dyn Network>>>,
    device: Device,
}

impl<'a> NetworkPool<'a> {
    /// NetworkPool on `pool`, each with a network from `build`.
    ///
    /// # Errors
    /// The errors of `build`.
    pub fn new(
        pool: &'a rayon::ThreadPool,
        device: Device,
        build: impl Fn() -> Result<Box<dyn Network>>,
    ) -> Result<Self> {
        let count = if device == Device::Cpu { pool.current_num_threads() } else { 1 };
        let networks = (0..count).map(|_| Ok(Mutex::new(tch::no_grad(&build)?))).collect::<Result<_>>()?;
        Ok(Self { pool, networks, device })
    }

    /// Rows of a batch that one task should have: all of `rows` on a GPU, else at most `most` and such that the tasks
    /// are alike and as many as a power of two, which most pools share evenly.
    pub fn tile(&self, rows: usize, most: usize) -> usize {
        if self.device != Device::Cpu {
            return rows.max(1);
        }
        rows.div_ceil(rows.div_ceil(most.max(1)).next_power_of_two()).max(1)
    }

    /// Does `task` for each of `tasks`, under no gradient.
    ///
    /// # Errors
    /// The first error found.
    pub fn run<T: Send>(&self, tasks: Vec<T>, task: impl Fn(&dyn Network, T) -> Result<()> + Sync) -> Result<()> {
        let work = |index: usize, t: T| {
            // A network is never changed by its use, so one that saw a panic is as good as before.
            let network = self.networks[index].lock().unwrap_or_else(PoisonError::into_inner);
            tch::no_grad(|| task(network.as_ref(), t))
        };
        if self.device != Device::Cpu {
            return tasks.into_iter().try_for_each(|t| work(0, t));
        }
        self.pool.install(|| {
            tasks.into_par_iter().with_max_len(1).try_for_each(|t| {
                use_one_thread();
                work(rayon::current_thread_index().unwrap_or(0) % self.networks.len(), t)
            })
        })
    }
}
