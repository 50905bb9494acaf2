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
/// The same amid work that cannot ask: time for another thread, as `serve` has one, to end the process its own way.
const GRACE: Duration = Duration::from_secs(1);
/// Exit code of a process that was ended by a signal, as shells have it for Ctrl-C.
const ENDED: i32 = 130;

/// Installs the handler. Where the system refuses one, a signal ends the process as it always did.
pub fn install() {
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(ENDED);
        }
        eprintln!("stopping cleanly; once more to stop at once");
        let patience = if DEAF.load(Ordering::SeqCst) > 0 { GRACE } else { PATIENCE };
        std::thread::spawn(move || {
            std::thread::sleep(patience);
            if !HEARD.load(Ordering::SeqCst) {
                eprintln!("error: interrupted");
                std::process::exit(1);
            }
        });
    });
}

/// Does `work`, which cannot look whether the user asked to stop and leaves nothing behind: a Ctrl-C meanwhile
/// ends the process soon.
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
