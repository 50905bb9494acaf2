//! The log of a run: `metrics.jsonl`, the canonical record, and TensorBoard events beside it.
//!
//! One JSON object a line: `step`, then the figures by name (`train/loss`). On resume the lines past the checkpoint's
//! step are cut off, and TensorBoard gets a fresh events file. Figures that are not finite are `null` in the JSON and
//! left out of the events.

use crate::error::Result;
use imle_configs::{Error as ConfigError, files};
use protobuf::Message;
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tensorboard_proto::event::Event;
use tensorboard_rs::{record_writer::RecordWriter, summary};

/// Name of the canonical record in a run's folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// An open log. Every line is flushed when it is written.
pub struct RunLog {
    lines: BufWriter<File>,
    lines_path: PathBuf,
    events: RecordWriter<BufWriter<File>>,
    events_path: PathBuf,
}

impl RunLog {
    /// Starts a log in `folder`, which must exist; an earlier record there is emptied.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the files cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(METRICS_FILE);
        let lines = File::create(&path).map_err(|e| ConfigError::io(&path, "write", e))?;
        Self::open(folder, path, lines)
    }

    /// Goes on with the log in `folder`, after cutting the lines with a step beyond `step`, and a last line cut short.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the files cannot be read or written.
    pub fn resume(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join(METRICS_FILE);
        let old = if path.exists() { files::read_text(&path)? } else { String::new() };
        let within = |line: &&str| {
            let value: Option<Value> = serde_json::from_str(line).ok();
            value.and_then(|v| v.get("step")?.as_u64()).is_some_and(|s| s <= step)
        };
        let kept: String = old.lines().filter(within).flat_map(|l| [l, "\n"]).collect();
        files::write_text(&path, &kept)?;
        let lines = OpenOptions::new().append(true).open(&path).map_err(|e| ConfigError::io(&path, "write", e))?;
        Self::open(folder, path, lines)
    }

    fn open(folder: &Path, lines_path: PathBuf, lines: File) -> Result<Self> {
        let (events, events_path) = create_events(folder)?;
        let mut log = Self { lines: BufWriter::new(lines), lines_path, events: RecordWriter::new(events), events_path };
        let mut head = Event::new();
        head.set_wall_time(now());
        head.set_file_version("brain.Event:2".into());
        log.write_event(&head)?;
        log.flush_events()?;
        Ok(log)
    }

    /// Writes one line: `figures` by name at `step`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the disk refuses.
    pub fn log<S: AsRef<str>>(&mut self, step: u64, figures: &[(S, f64)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".into(), step.into());
        for (name, value) in figures {
            line.insert(name.as_ref().into(), Value::from(*value));
        }
        let text = Value::Object(line).to_string();
        let written = writeln!(self.lines, "{text}").and_then(|()| self.lines.flush());
        written.map_err(|e| ConfigError::io(&self.lines_path, "write", e))?;
        for (name, value) in figures.iter().filter(|(_, v)| v.is_finite()) {
            let mut event = Event::new();
            event.set_wall_time(now());
            event.set_step(i64::try_from(step).unwrap_or(i64::MAX));
            event.set_summary(summary::scalar(name.as_ref(), *value as f32));
            self.write_event(&event)?;
        }
        self.flush_events()
    }

    fn write_event(&mut self, event: &Event) -> Result<()> {
        let bytes = event.write_to_bytes().map_err(|e| std::io::Error::other(e.to_string()));
        let written = bytes.and_then(|bytes| self.events.write(&bytes));
        Ok(written.map_err(|e| ConfigError::io(&self.events_path, "write", e))?)
    }

    fn flush_events(&mut self) -> Result<()> {
        Ok(self.events.flush().map_err(|e| ConfigError::io(&self.events_path, "write", e))?)
    }
}

/// A file of its own, also for two starts within one second.
fn create_events(folder: &Path) -> Result<(BufWriter<File>, PathBuf)> {
    let seconds = now() as u64;
    for attempt in 0.. {
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.planner.{}.{attempt}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((BufWriter::new(file), path)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 10_000 => {}
            Err(e) => return Err(ConfigError::io(&path, "write", e).into()),
        }
    }
    let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    Err(ConfigError::io(folder, "write an events file in", error).into())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_resumed_log_forgets_what_came_after_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RunLog::create(dir.path()).unwrap();
        for step in [10, 20, 30] {
            log.log(step, &[("train/loss", 1.0 / step as f64), ("train/odd", f64::NAN)]).unwrap();
        }
        drop(log);
        let path = dir.path().join(METRICS_FILE);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"step\": 4");
        fs::write(&path, text).unwrap();
        let mut log = RunLog::resume(dir.path(), 20).unwrap();
        log.log(30, &[("train/loss", 0.5)]).unwrap();
        let lines: Vec<Value> =
            fs::read_to_string(&path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!((&lines[2]["train/loss"], &lines[0]["train/odd"]), (&Value::from(0.5), &Value::Null));
        let events = fs::read_dir(dir.path())
            .unwrap()
            .filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("events.out.tfevents."));
        assert_eq!(events.count(), 2);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_not_a_panic() {
        let text = RunLog::create(Path::new("/nonexistent/run")).err().unwrap().to_string();
        assert!(text.contains("metrics.jsonl: cannot write"), "{text}");
    }
}
