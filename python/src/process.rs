//! What a process must not do around our threads: fork, set MuJoCo callbacks in Python, or lose torch's thread count.

use imle_envs::mujoco::callbacks;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
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

/// Runs `work` without the interpreter's lock and leaves torch's number of threads as it was.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        let threads = tch::get_num_threads();
        let done = work();
        // Also libtorch's default for threads to come, which the pools set to 1.
        tch::set_num_threads(threads);
        done
    })
}
