//! Output of a command: text for people, or one JSON object on standard output and all else on standard error.

use crate::failure::{Failure, Result};
use crate::interrupt;
use imle_planner::evaluation::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// Output as `--json` and `--quiet` ask.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// A line of the result: standard output for people; beside JSON standard error, or nothing when quiet.
    pub fn say(self, line: impl AsRef<str>) {
        if self.quiet && self.json {
            return;
        }
        // A reader that went away (`| head`) is no failure of ours.
        let _ = if self.json {
            writeln!(std::io::stderr(), "{}", line.as_ref())
        } else {
            writeln!(std::io::stdout(), "{}", line.as_ref())
        };
    }

    /// A line on what is going on: standard error, nothing when quiet.
    pub fn note(self, line: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// The JSON object, if `--json` asks for one; `version` is added.
    ///
    /// # Errors
    /// [`Failure::Run`] if the value cannot be written as JSON, or the disk refuses it.
    pub fn result(self, value: &Value) -> Result<()> {
        if self.json {
            let mut object = value.as_object().cloned().unwrap_or_default();
            object.insert("version".into(), imle_configs::VERSION.into());
            let text = serde_json::to_string(&object).map_err(|e| Failure::Run(e.to_string()))?;
            match writeln!(std::io::stdout(), "{text}") {
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(Failure::Run(format!("standard output: cannot write the result: {e}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A progress bar on a terminal, plain lines every few seconds elsewhere.
    pub fn progress(self, total: u64, what: &'static str) -> ProgressLine {
        let terminal = std::io::stderr().is_terminal() && !self.quiet;
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let template = "{prefix:>10} {bar:32} {pos}/{len} {elapsed} (left {eta}) {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(what);
        ProgressLine { bar, lines: !terminal && !self.quiet, total, what, last: Instant::now() }
    }
}

/// The progress of one long loop.
pub struct ProgressLine {
    bar: ProgressBar,
    lines: bool,
    total: u64,
    what: &'static str,
    last: Instant,
}

/// Seconds between plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl ProgressLine {
    /// `done` of the total, with a word on how it goes.
    pub fn set(&mut self, done: u64, message: &str) {
        self.bar.set_position(done);
        self.bar.set_message(message.to_string());
        if self.lines && self.last.elapsed() >= LINE_EVERY {
            self.last = Instant::now();
            let _ = writeln!(std::io::stderr(), "{} {done}/{} {message}", self.what, self.total);
        }
    }

    /// Ends the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many episodes of an evaluation are over and solved; Ctrl-C stops it.
impl Progress for ProgressLine {
    fn advanced(&mut self, done: usize, total: usize, solved: usize) -> bool {
        self.set(done as u64, &format!("of {total} over, {solved} solved"));
        !interrupt::asked()
    }
}

/// `value` as a JSON object, to be extended.
///
/// # Errors
/// [`Failure::Run`] if it does not serialise to an object.
pub fn object(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(Failure::Run(format!("expected a JSON object, found {other}"))),
        Err(e) => Err(Failure::Run(e.to_string())),
    }
}

/// Adds the entries of one JSON object to another; what is there already is replaced.
pub fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// `0.953` as `95.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `97.5 % [94.3, 98.9]`: a share with its interval.
pub fn percent_within(share: f64, [low, high]: [f64; 2]) -> String {
    format!("{} [{:.1}, {:.1}]", percent(share), 100.0 * low, 100.0 * high)
}

/// `near 3, far 2`; those without a name are `none`.
pub fn counted<S: AsRef<str>>(counts: &BTreeMap<S, usize>) -> String {
    let name = |s: &S| if s.as_ref().is_empty() { "none".to_string() } else { s.as_ref().to_string() };
    counts.iter().map(|(s, n)| format!("{} {n}", name(s))).collect::<Vec<_>>().join(", ")
}
