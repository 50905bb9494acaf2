//! The text of a task file: parsing it, and telling the line that an error is about.

use crate::error::Result;
use crate::task::file::TaskFile;
use imle_configs::{Error as InputError, error::nearest};
use serde::Deserializer;
use std::ops::Range;
use toml::Table;
use toml::de::{DeArray, DeTable, DeValue};

/// Parses a task file; errors name file, line, key and the nearest valid names.
pub(crate) fn parse(text: &str, place: &str) -> Result<TaskFile> {
    let line = |span: Option<Range<usize>>| {
        span.map_or(String::new(), |s| format!(":{}", text[..s.start.min(text.len())].matches('\n').count() + 1))
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|e: toml::de::Error| {
        InputError::unexpected(format!("{place}{}", line(e.span())), "valid TOML", e.message().replace('\n', " "))
    })?;
    read(deserializer, |span, key| format!("{place}{}{key}", line(span)))
}

/// The task file that `table` is: `text`, in the file `place`, joined with its base. Errors name the line of `text`
/// that they are about, if there is one.
pub(crate) fn from_table(table: Table, text: &str, place: &str) -> Result<TaskFile> {
    read(table, |_, key| match line_of(text, key, None) {
        Some(line) => format!("{place}:{line}{key}"),
        None => format!("{place}{key}"),
    })
}

/// Reads a task file from `deserializer`; `place` gives the place of an error from its span and `: KEY`.
fn read<'de>(
    deserializer: impl Deserializer<'de, Error = toml::de::Error>,
    place: impl Fn(Option<Range<usize>>, &str) -> String,
) -> Result<TaskFile> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = match error.path().to_string() {
            whole if whole == "." => String::new(),
            key => format!(": {key}"),
        };
        let inner = error.into_inner();
        let message = inner.message().replace('\n', " ");
        describe(&place(inner.span(), &key), &message).into()
    })
}

/// Serde's message as an error of ours: an unknown key or variant gets the nearest names.
fn describe(place: &str, message: &str) -> InputError {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    for (start, what) in [("unknown field", "key"), ("unknown variant", "kind")] {
        if let (true, Some((name, known))) = (message.starts_with(start), quoted.split_first()) {
            let near = nearest(name, known);
            return InputError::Unknown { place: format!("{place}: "), what, name: (*name).to_string(), near };
        }
    }
    if let Some((found, expected)) = message.strip_prefix("invalid ").and_then(|m| m.split_once(", expected ")) {
        let found = found.split_once(": ").map_or(found, |(_, found)| found);
        let expected = match expected {
            "f64" | "f32" => "a number",
            "usize" | "u32" | "u64" => "a whole number of at least 0",
            other => other,
        };
        return InputError::unexpected(place, expected, found);
    }
    // What takes several forms says which, and not what was found.
    if !["missing", "duplicate", "invalid", "data did"].iter().any(|s| message.starts_with(s)) {
        return InputError::unexpected(place, message, "something else");
    }
    InputError::unexpected(place, "a task file as docs/reference/task-file.md describes", message)
}

/// Locates `error` in the file `place`, with its line where that can be found.
pub(crate) fn located(error: InputError, text: &str, place: &str) -> InputError {
    let reported = match &error {
        InputError::Unknown { place, what, name, .. } => Some((format!("{place}{what}"), Some(name.clone()))),
        InputError::Unexpected { place, found, .. } => Some((place.clone(), Some(found.trim_matches('`').to_string()))),
        _ => None,
    };
    let line = reported.and_then(|(path, name)| line_of(text, &path, name.as_deref()));
    error.in_file(line.map_or_else(|| place.to_string(), |line| format!("{place}:{line}")))
}

/// The line of the value that `path` leads to: keys, `[INDEX]`, and in backticks the name that an entry of a list goes
/// by. `path` is followed as far as it goes; within what it leads to, the line where `name` stands is preferred.
fn line_of(text: &str, path: &str, name: Option<&str>) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut here = Here { table: Some(root.get_ref()), list: None, span: None };
    for word in path.split(['.', ':', '[', ']', ' ', ',']).filter(|w| !w.is_empty()) {
        here = here.towards(word, path).unwrap_or(here);
    }
    let span = here.span?;
    let inside = text.get(span.clone())?;
    let named = name.filter(|n| !n.is_empty()).and_then(|n| inside.find(n)).map_or(0, |at| at);
    Some(text[..span.start + named].matches('\n').count() + 1)
}

/// A value of the file.
struct Here<'a, 't> {
    table: Option<&'a DeTable<'t>>,
    list: Option<&'a DeArray<'t>>,
    span: Option<Range<usize>>,
}

impl<'a, 't> Here<'a, 't> {
    fn of(value: &'a toml::Spanned<DeValue<'t>>, begin: usize) -> Self {
        let end = value.span().end.max(begin);
        let (table, list) = match value.get_ref() {
            DeValue::Table(table) => (Some(table), None),
            DeValue::Array(list) => (None, Some(list)),
            _ => (None, None),
        };
        // A table in brackets ends at its heading: what it holds ends later.
        let end = table.map_or(end, |t| t.values().map(|v| v.span().end).max().unwrap_or(end).max(end));
        Self { table, list, span: Some(begin..end) }
    }

    fn towards(&self, word: &str, path: &str) -> Option<Self> {
        if let Some(table) = self.table {
            let key = word.trim_matches('`');
            let (found, value) = table.iter().find(|(k, _)| k.get_ref().as_ref() == key)?;
            return Some(Self::of(value, found.span().start));
        }
        let list = self.list?;
        if let Ok(index) = word.parse::<usize>() {
            return list.get(index).map(|v| Self::of(v, v.span().start));
        }
        // The names that stand in backticks may have spaces in them.
        let mut names = path.split('`').skip(1).step_by(2);
        names.find_map(|name| {
            let has = |v: &&toml::Spanned<DeValue<'t>>| match v.get_ref() {
                DeValue::Table(t) => t.values().any(|v| matches!(v.get_ref(), DeValue::String(s) if s == name)),
                _ => false,
            };
            list.iter().find(has).map(|v| Self::of(v, v.span().start))
        })
    }
}
