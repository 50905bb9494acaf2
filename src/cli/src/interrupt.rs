//! Ctrl-C: the first asks every long loop to stop cleanly, the second ends the process. What is no loop of ours ends at
//! the first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
/// Calls of [`at_once`] that are going on.
static DEAF: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler. Where the system refuses one, Ctrl-C ends the process as it always did.
pub fn install() {
    let _ = ctrlc::set_handler(|| {
        if DEAF.load(Ordering::SeqCst) > 0 {
            eprintln!("error: interrupted");
            std::process::exit(1);
        }
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping cleanly; once more to stop at once");
    });
}

/// Does `work`, which cannot look whether the user asked to stop and leaves nothing behind: meanwhile the first Ctrl-C
/// ends the process.
pub fn at_once<T>(work: impl FnOnce() -> T) -> T {
    DEAF.fetch_add(1, Ordering::SeqCst);
    let done = work();
    DEAF.fetch_sub(1, Ordering::SeqCst);
    done
}

/// Whether the user asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
