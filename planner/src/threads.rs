//! The one budget of threads: made by the controller's side, handed down to every library.

use crate::error::{Error, Result};

/// A pool of `threads` workers, each with a single libtorch thread of its own, so that the two never multiply.
///
/// # Errors
/// [`Error::Threads`].
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("worker-{i}"));
    #[cfg(feature = "libtorch")]
    let builder = builder.start_handler(|_| imle_policy::device::use_one_thread());
    builder.build().map_err(|e| Error::Threads(threads, e.to_string()))
}
