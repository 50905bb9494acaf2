//! The log of a run: `metrics.jsonl`, the canonical record, and TensorBoard events beside it.
//!
//! One JSON object a line: `step`, then the figures by name (`train/loss`). On resume the lines after those of the saved
//! state are cut off, and TensorBoard gets a fresh events file. Figures that are not finite are `null` in the JSON and
//! left out of the events. The events alone hold the settings, as text.

use crate::error::Result;
use imle_configs::{Error as ConfigError, files};
use protobuf::{Message, RepeatedField};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tensorboard_proto::event::Event;
use tensorboard_proto::summary::{Summary, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::{TensorShapeProto, TensorShapeProto_Dim};
use tensorboard_proto::types::DataType;
use tensorboard_rs::{record_writer::RecordWriter, summary};

/// Name of the canonical record in a run's folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// An open log. Every line is flushed when it is written.
pub struct RunLog {
    file: files::Appended,
    lines: u64,
    events: RecordWriter<BufWriter<File>>,
    events_path: PathBuf,
}

impl RunLog {
    /// Starts a log in `folder`, which must exist; an earlier record there is emptied.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the files cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        Self::open(folder, files::Appended::create(&folder.join(METRICS_FILE))?, 0)
    }

    /// Goes on with the log in `folder` after its first `lines` lines, or, where that is not known, after those up to
    /// `step`. A last line cut short is removed.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the files cannot be read or written.
    pub fn resume(folder: &Path, lines: Option<u64>, step: u64) -> Result<Self> {
        let path = folder.join(METRICS_FILE);
        let old = if path.exists() { files::read_text(&path)? } else { String::new() };
        let within = |line: &str| {
            let value: Option<Value> = serde_json::from_str(line).ok();
            value.and_then(|v| v.get("step")?.as_u64()).is_some_and(|s| s <= step)
        };
        let whole = old.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let kept: Vec<&str> = match lines {
            Some(lines) => whole.take(lines as usize).collect(),
            None => whole.take_while(|line| within(line)).collect(),
        };
        let length = kept.iter().map(|line| line.len() as u64).sum();
        Self::open(folder, files::Appended::keep(&path, length)?, kept.len() as u64)
    }

    fn open(folder: &Path, file: files::Appended, lines: u64) -> Result<Self> {
        let (events, events_path) = create_events(folder)?;
        let mut log = Self { file, lines, events: RecordWriter::new(events), events_path };
        let mut head = Event::new();
        head.set_wall_time(now());
        head.set_file_version("brain.Event:2".into());
        log.write_event(&head)?;
        log.flush_events()?;
        Ok(log)
    }

    /// Lines so far.
    pub fn lines(&self) -> u64 {
        self.lines
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
        self.file.append(format!("{}\n", Value::Object(line)).as_bytes())?;
        self.lines += 1;
        for (name, value) in figures.iter().filter(|(_, v)| v.is_finite()) {
            self.write_summary(step, summary::scalar(name.as_ref(), *value as f32))?;
        }
        self.flush_events()
    }

    /// Writes `value` into the events as the text `name`: a table with a row a setting, by its dotted key.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the disk refuses.
    pub fn describe(&mut self, name: &str, value: &Value) -> Result<()> {
        let mut table = String::from("| setting | value |\n|---|---|\n");
        for (key, value) in flattened(value) {
            table += &format!("| `{key}` | {} |\n", value.replace('|', "\\|").replace('\n', " "));
        }
        self.write_summary(0, text(name, &table))?;
        self.flush_events()
    }

    fn write_summary(&mut self, step: u64, summary: Summary) -> Result<()> {
        let mut event = Event::new();
        event.set_wall_time(now());
        event.set_step(i64::try_from(step).unwrap_or(i64::MAX));
        event.set_summary(summary);
        self.write_event(&event)
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

/// The leaves of a JSON value by their dotted keys, in their order; lists stay whole.
pub fn flattened(value: &Value) -> Vec<(String, String)> {
    fn walk(key: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                walk(&key, value, found);
            }),
            Value::String(text) => found.push((key.into(), text.clone())),
            other => found.push((key.into(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    walk("", value, &mut found);
    found
}

/// A summary of TensorBoard's text plugin: Markdown under `name`.
fn text(name: &str, markdown: &str) -> Summary {
    let mut plugin = SummaryMetadata_PluginData::new();
    plugin.set_plugin_name("text".into());
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(plugin);
    let mut one = TensorShapeProto_Dim::new();
    one.set_size(1);
    let mut shape = TensorShapeProto::new();
    shape.set_dim(RepeatedField::from_vec(vec![one]));
    let mut tensor = TensorProto::new();
    tensor.set_dtype(DataType::DT_STRING);
    tensor.set_tensor_shape(shape);
    tensor.set_string_val(RepeatedField::from_vec(vec![markdown.as_bytes().to_vec()]));
    let mut value = Summary_Value::new();
    value.set_tag(name.into());
    value.set_metadata(metadata);
    value.set_tensor(tensor);
    let mut summary = Summary::new();
    summary.set_value(RepeatedField::from_vec(vec![value]));
    summary
}

/// A file of its own, also for two starts within one second. Its name has TensorBoard's form, with time, host and
/// process: those who look for their own process' events need them.
fn create_events(folder: &Path) -> Result<(BufWriter<File>, PathBuf)> {
    let (seconds, process) = (now() as u64, std::process::id());
    let host = files::read_text(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    let host = if host.trim().is_empty() { "planner" } else { host.trim() };
    let name = |attempt: u32| format!("events.out.tfevents.{seconds:010}.{host}.{process}.{attempt}");
    let mut places = (0..).map(|attempt| folder.join(name(attempt)));
    let path = places.find(|path| !path.exists()).unwrap_or_default();
    Ok((BufWriter::new(files::create_file(&path)?), path))
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
        fs::write(&path, &text).unwrap();
        assert_eq!(RunLog::resume(dir.path(), None, 20).unwrap().lines(), 2);
        fs::write(&path, &text).unwrap();
        let mut log = RunLog::resume(dir.path(), Some(2), 99).unwrap();
        log.log(30, &[("train/loss", 0.5)]).unwrap();
        let lines: Vec<Value> =
            fs::read_to_string(&path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!((&lines[2]["train/loss"], &lines[0]["train/odd"]), (&Value::from(0.5), &Value::Null));
        let events = fs::read_dir(dir.path())
            .unwrap()
            .filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("events.out.tfevents."));
        assert_eq!(events.count(), 3);
    }

    #[test]
    fn settings_are_a_text_of_the_events() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RunLog::create(dir.path()).unwrap();
        log.describe("settings", &serde_json::json!({ "a": { "b": 1, "c": "x|y" }, "d": [1, 2] })).unwrap();
        let bytes = fs::read(&log.events_path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for part in ["settings", "text", "| `a.b` | 1 |", "| `a.c` | x\\|y |", "| `d` | [1,2] |"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_not_a_panic() {
        let text = RunLog::create(Path::new("/nonexistent/run")).err().unwrap().to_string();
        assert!(text.contains("metrics.jsonl: cannot write"), "{text}");
    }
}
