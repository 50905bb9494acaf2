//! The progress bar of an evaluation, which Ctrl-C stops.

use crate::interrupt;
use crate::output::{Output, ProgressLine};

/// Shows how many episodes are over and solved.
pub struct Watch {
    progress: ProgressLine,
}

impl Watch {
    /// A bar of `episodes`, with a word on what they are for.
    pub fn new(output: Output, episodes: usize, what: &'static str) -> Self {
        Self { progress: output.progress(episodes as u64, what) }
    }

    /// Ends the bar.
    pub fn finish(self) {
        self.progress.finish();
    }
}

impl imle_planner::evaluation::Progress for Watch {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        self.progress.set(done as u64, &format!("of {total} over, {solved} solved"));
        !interrupt::asked()
    }
}
