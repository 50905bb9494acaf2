//! Threads: one pool a process, or a separate pool, shared by all that get it.

use crate::{Error, Result};
use std::sync::{Arc, OnceLock};

/// A handle to a pool of threads. Clones share the pool.
///
/// It stands wherever a [`rayon::ThreadPool`] is asked for, by dereference. Results of this workspace are the same bits
/// at any number of threads.
///
/// ```
/// use imle_configs::workers::Workers;
///
/// let workers = Workers::new(2)?;
/// assert_eq!((workers.threads(), workers.install(|| 1 + 1)), (2, 2));
/// # Ok::<(), imle_configs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workers(Arc<rayon::ThreadPool>);

impl Workers {
    /// The pool of this process, made at the first call: one thread a core.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if the system refuses the threads.
    pub fn shared() -> Result<Self> {
        static SHARED: OnceLock<std::result::Result<Workers, String>> = OnceLock::new();
        let cores = cores();
        let made = SHARED.get_or_init(|| build(cores).map_err(|e| e.to_string()));
        made.clone().map_err(|e| refused(cores, &e))
    }

    /// A pool of its own with `threads` threads, at least 1.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if the system refuses the threads.
    pub fn new(threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        build(threads).map_err(|e| refused(threads, &e.to_string()))
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `work` on the pool and returns its result. Parallel iterators inside use this pool.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }

    /// The pool itself.
    pub fn pool(&self) -> &rayon::ThreadPool {
        &self.0
    }
}

impl std::ops::Deref for Workers {
    type Target = rayon::ThreadPool;

    fn deref(&self) -> &rayon::ThreadPool {
        &self.0
    }
}

impl From<rayon::ThreadPool> for Workers {
    fn from(pool: rayon::ThreadPool) -> Self {
        Self(Arc::new(pool))
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn build(threads: usize) -> std::result::Result<Workers, rayon::ThreadPoolBuildError> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("worker-{i}"));
    builder.build().map(Workers::from)
}

fn refused(threads: usize, reason: &str) -> Error {
    Error::unexpected("threads", format!("{threads} that the system can start"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_pool_is_one_and_a_pool_of_its_own_has_its_threads() {
        let (one, two) = (Workers::shared().unwrap(), Workers::shared().unwrap());
        assert!(std::ptr::eq(one.pool(), two.pool()) && one.threads() == cores());
        let own = Workers::new(3).unwrap();
        assert_eq!((own.threads(), own.install(rayon::current_num_threads)), (3, 3));
        assert_eq!(Workers::new(0).unwrap().threads(), 1);
    }
}
