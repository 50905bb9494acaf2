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

/// Binds the calling thread to one libtorch thread until it is dropped.
pub(crate) struct OneThread {
    before: i32,
}

impl OneThread {
    pub(crate) fn new() -> Self {
        let before = tch::get_num_threads();
        use_one_thread();
        Self { before }
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        if self.before != 1 {
            tch::set_num_threads(self.before);
        }
    }
}
