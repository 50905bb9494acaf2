//! Pools whose workers have one libtorch thread each.
//!
//! The start handler also sets libtorch's default for threads that have not used it yet, the calling thread among them.
//! [`Workers`](imle_configs::workers::Workers) cannot do that: imle-configs has no tensors.

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
