//! Files of one JSON object a line, as logs and runs have them.

use super::read::read_text;
use crate::error::Result;
use serde_json::{Map, Value};
use std::path::Path;

/// The lines of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonLines {
    /// The objects, in their order.
    pub lines: Vec<Map<String, Value>>,
    /// Lines that are no JSON object, as the last of a process that was killed.
    pub damaged: usize,
}

impl JsonLines {
    /// Reads a file; empty if there is none.
    ///
    /// # Errors
    /// Those of [`read_text`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = if path.exists() { read_text(path)? } else { String::new() };
        let mut read = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(line) => read.lines.push(line),
                Err(_) => read.damaged += 1,
            }
        }
        Ok(read)
    }

    /// The last number called `key`.
    pub fn last(&self, key: &str) -> Option<f64> {
        self.lines.iter().rev().find_map(|line| line.get(key)?.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_line_cut_short_is_counted_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        assert_eq!(JsonLines::read(&path).unwrap(), JsonLines::default());
        fs::write(&path, "{\"step\":1,\"a\":2.0}\n{\"step\":2,\"a\":null}\n{\"ste").unwrap();
        let read = JsonLines::read(&path).unwrap();
        assert_eq!((read.lines.len(), read.damaged, read.last("a"), read.last("b")), (2, 1, Some(2.0), None));
    }
}
