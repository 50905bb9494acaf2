//! The process around our threads: forks, MuJoCo callbacks in Python, torch's thread count.

use crate::boundary::failure::raise;
use imle_configs::workers::Workers;
use imle_envs::mujoco::callbacks;
use imle_policy::device::use_one_thread;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Remembers the process that imported the module.
pub fn remember() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
}

/// Refuses to go on in a fork: the threads of the pools were not copied, so that work would wait for ever.
pub fn check() -> PyResult<()> {
    if PROCESS.load(Ordering::Relaxed) == std::process::id() {
        return Ok(());
    }
    let line = "imle_planner: expected the process that imported it, found a fork of it; start processes with \
                multiprocessing's \"spawn\" or \"forkserver\"";
    Err(PyRuntimeError::new_err(line))
}

/// As [`check`], before physics: a callback in Python would be called by threads that do not hold the interpreter.
pub fn check_physics() -> PyResult<()> {
    check()?;
    callbacks::any().map_or(Ok(()), |name| {
        let line =
            format!("{name}: expected no callback of MuJoCo's while imle_planner simulates, found one; set it to None");
        Err(PyRuntimeError::new_err(line))
    })
}

/// The pool of the process, or one of `threads`. Its workers bind themselves to one thread of libtorch here, so that no
/// call changes libtorch's default later, which is put back.
pub fn workers(threads: Option<usize>) -> PyResult<Workers> {
    static SHARED: OnceLock<Workers> = OnceLock::new();
    let bound = |workers: Workers| {
        let before = tch::get_num_threads();
        workers.broadcast(|_| use_one_thread());
        tch::set_num_threads(before);
        workers
    };
    match (threads, SHARED.get()) {
        (None, Some(shared)) => Ok(shared.clone()),
        (None, None) => {
            let shared = bound(Workers::shared().map_err(raise)?);
            Ok(SHARED.get_or_init(|| shared).clone())
        }
        (Some(threads), _) => Ok(bound(Workers::new(threads).map_err(raise)?)),
    }
}
