//! Ctrl-C and SIGTERM: the first asks every long loop to stop cleanly, the second ends the process. So does the first
//! where no loop asks, as while a large model is compiled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static ASKED: AtomicBool = AtomicBool::new(false);
static HEARD: AtomicBool = AtomicBool::new(false);

/// After so long without a loop that asks, there is nothing to stop cleanly.
const PATIENCE: Duration = Duration::from_secs(10);
/// Exit code of a process that was ended by a signal, as shells have it for Ctrl-C.
const ENDED: i32 = 130;

/// Installs the handler. Where the system refuses one, a signal ends the process as it always did.
pub fn install() {
    let _ = ctrlc::set_handler(|| {
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

/// Whether the user asked to stop.
pub fn asked() -> bool {
    let asked = ASKED.load(Ordering::SeqCst);
    if asked {
        HEARD.store(true, Ordering::SeqCst);
    }
    asked
}
