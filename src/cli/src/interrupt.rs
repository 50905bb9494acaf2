//! Ctrl-C and SIGTERM: the first asks every long loop to stop cleanly, the second ends the process. So does the first
//! where no loop asks, as in a long rollout or while a model is compiled.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

static ASKED: AtomicBool = AtomicBool::new(false);
static HEARD: AtomicBool = AtomicBool::new(false);
/// Calls of [`at_once`] that are going on.
static DEAF: AtomicUsize = AtomicUsize::new(0);

/// After so long without a loop that asks, there is nothing to stop cleanly.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for another thread to end the process.
const GRACE: Duration = Duration::from_secs(1);
/// Exit code of a process that was ended by a signal, as shells have it for Ctrl-C.
const ENDED: i32 = 130;

/// Installs the handler. Where the system refuses one, a signal ends the process as it always did.
pub fn install() {
    let _ = ctrlc::set_handler(|| {
        if DEAF.load(Ordering::SeqCst) > 0 && !ASKED.swap(true, Ordering::SeqCst) {
            // A thread that asks, as `serve` has one, ends the process its own way.
            std::thread::sleep(GRACE);
            eprintln!("error: interrupted");
            std::process::exit(1);
        }
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(ENDED);
        }
        eprintln!("stopping cleanly; once more to stop at once");
        std::thread::spawn(|| {
            std::thread::sleep(PATIENCE);
            if !HEARD.load(Ordering::SeqCst) {
                eprintln!("error: interrupted");
                std::process::exit(ENDED);
            }
        });
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
    let asked = ASKED.load(Ordering::SeqCst);
    if asked {
        HEARD.store(true, Ordering::SeqCst);
    }
    asked
}
