//! Output of a command: text for people, or one JSON object on standard output and all else on standard error.

use crate::failure::{Failure, Result};
use crate::interrupt;
use imle_planner::evaluation::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
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
        if self.json {
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        } else {
            note_failure(writeln!(std::io::stdout(), "{}", line.as_ref()));
        }
    }

    /// A line on what is going on: standard error, nothing when quiet.
    pub fn note(self, line: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// A line on what to do next: standard error, nothing when quiet or beside JSON.
    pub fn hint(self, line: impl AsRef<str>) {
        if !self.json {
            self.note(line);
        }
    }

    /// The JSON object, if `--json` asks for one; `version` is added.
    ///
    /// # Errors
    /// [`Failure::Run`] if the value cannot be written as JSON.
    pub fn result(self, value: &Value) -> Result<()> {
        if self.json {
            let mut object = value.as_object().cloned().unwrap_or_default();
            object.insert("version".into(), imle_configs::VERSION.into());
            let text = serde_json::to_string(&object).map_err(|e| Failure::Run(e.to_string()))?;
            note_failure(writeln!(std::io::stdout(), "{text}"));
        }
        Ok(())
    }

    /// A progress bar on a terminal, plain lines every few seconds elsewhere; `what` is done, in which `unit`.
    pub fn progress(self, total: u64, what: &'static str, unit: &'static str) -> ProgressLine {
        let terminal = std::io::stderr().is_terminal() && !self.quiet;
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let template = format!("{{prefix:>10}} {{bar:32}} {{pos}} of {{len}} {unit}{{msg}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(what);
        let (lines, now) = (!terminal && !self.quiet, Instant::now());
        ProgressLine { bar, lines, total, what, unit, begun: now, last: now, first: None }
    }
}

/// The first refusal of standard output.
static REFUSED: OnceLock<String> = OnceLock::new();

/// Keeps what went wrong with standard output, for [`complete`]. A reader that went away (`| head`) is no failure of ours.
pub fn note_failure(written: std::io::Result<()>) {
    if let Some(e) =
        written.and_then(|()| std::io::stdout().flush()).err().filter(|e| e.kind() != ErrorKind::BrokenPipe)
    {
        let _ = REFUSED.set(e.to_string());
    }
}

/// Prints a text as it is to standard output.
pub fn print(text: &str) {
    note_failure(std::io::stdout().write_all(text.as_bytes()));
}

/// Whether standard output took all that was said, to be asked at the end.
///
/// # Errors
/// [`Failure::Run`], as with a full disk.
pub fn complete() -> Result<()> {
    match REFUSED.get() {
        Some(e) => Err(Failure::Run(format!("standard output: cannot write: {e}"))),
        None => Ok(()),
    }
}

/// The progress of one long loop.
pub struct ProgressLine {
    bar: ProgressBar,
    lines: bool,
    total: u64,
    what: &'static str,
    unit: &'static str,
    begun: Instant,
    last: Instant,
    /// Count at the first report, less one: the rate is of those since.
    first: Option<u64>,
}

/// Seconds between plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl ProgressLine {
    /// `done` of the total, with a word on how it goes.
    pub fn set(&mut self, done: u64, message: &str) {
        let first = *self.first.get_or_insert(done.saturating_sub(1));
        let comma = if message.is_empty() { "" } else { ", " };
        self.bar.set_position(done);
        self.bar.set_message(format!("{comma}{message}"));
        if self.lines && self.last.elapsed() >= LINE_EVERY {
            self.last = Instant::now();
            let (what, total, unit) = (self.what, self.total, self.unit);
            let left = total.saturating_sub(done) as f64 / done.saturating_sub(first).max(1) as f64;
            let left = if done > 0 { in_time(left * self.begun.elapsed().as_secs_f64()) } else { String::new() };
            let _ = writeln!(std::io::stderr(), "{what}: {done} of {total} {unit}{comma}{message}{left}");
        }
    }

    /// Ends the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many episodes of an evaluation are over and solved; Ctrl-C stops it.
impl Progress for ProgressLine {
    fn advanced(&mut self, done: usize, _: usize, solved: usize) -> bool {
        self.set(done as u64, &format!("{solved} solved"));
        !interrupt::asked()
    }
}

/// `, 4 s left` or `, 2 min left`.
fn in_time(seconds: f64) -> String {
    match seconds {
        short if short < 100.0 => format!(", {short:.0} s left"),
        long => format!(", {:.0} min left", long / 60.0),
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
