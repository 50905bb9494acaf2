//! libtorch's threads on the threads of a pool.
//!
//! libtorch's results depend on its thread count, and the setting binds only the thread that makes it. The sampler and
//! the training workers bind every thread that enters them, so a pool needs no start handler.

/// Binds the calling thread to one libtorch thread; where it is bound already, this is one thread-local check.
pub fn use_one_thread() {
    if tch::get_num_threads() != 1 {
        tch::set_num_threads(1);
    }
}

/// Runs `f` with `threads` libtorch threads on the calling thread and puts the old number back.
pub fn with_threads<T>(threads: usize, f: impl FnOnce() -> T) -> T {
    let old = tch::get_num_threads();
    let wanted = i32::try_from(threads).unwrap_or(old);
    if wanted == old {
        return f();
    }
    tch::set_num_threads(wanted);
    let result = f();
    tch::set_num_threads(old);
    result
}
