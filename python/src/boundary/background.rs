//! Long work on a thread of its own, so that Ctrl-C is heard at once.

use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

/// Work that was interrupted and may still be ending.
static ENDING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether to stop now.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` on a thread of its own. `message` is called here, with the interpreter, for all that `work` sends.
///
/// # Errors
/// `KeyboardInterrupt`, or what `message` raises: at once, while `work` is told to stop and ends behind it.
pub fn run<T: Send + 'static, M: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(Stop, &dyn Fn(M)) -> T + Send + 'static,
    mut message: impl FnMut(M) -> PyResult<()>,
) -> PyResult<T> {
    enum Told<T, M> {
        Message(M),
        Done(T),
    }
    // An interrupted run still holds its folder.
    while ENDING.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|thread| !thread.is_finished()) {
        py.detach(|| std::thread::sleep(LOOK));
        py.check_signals()?;
    }
    ENDING.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let (sender, receiver) = channel();
    // Only this thread listens; the lock lets it wait without the interpreter.
    let receiver = Mutex::new(receiver);
    let threads = tch::get_num_threads();
    let stop = Stop::default();
    let asked = stop.clone();
    let thread = std::thread::spawn(move || {
        // Nobody listens once it was interrupted.
        let done = work(asked, &|message| drop(sender.send(Told::Message(message))));
        drop(sender.send(Told::Done(done)));
    });
    let mut wait = || -> PyResult<Option<T>> {
        loop {
            match py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK)) {
                Ok(Told::Message(one)) => message(one)?,
                Ok(Told::Done(done)) => return Ok(Some(done)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
            py.check_signals()?;
        }
    };
    let done = wait();
    // Also libtorch's default for threads to come, which the pools set to 1.
    tch::set_num_threads(threads);
    if done.is_err() {
        stop.ask();
        ENDING.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }
    done?.ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("imle_planner: the work ended without a result"))
}
