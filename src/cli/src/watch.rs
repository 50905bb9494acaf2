//! The progress bar of an evaluation, which Ctrl-C stops.

use crate::interrupt;
use crate::output::ProgressLine;
use imle_planner::evaluation::Progress;

/// Shows how many episodes are over and solved.
impl Progress for ProgressLine {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        self.set(done as u64, &format!("of {total} over, {solved} solved"));
        !interrupt::asked()
    }
}
