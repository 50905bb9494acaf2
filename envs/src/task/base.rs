//! A task file that builds on another: `base = "stack"`.
//!
//! It says only what differs. Tables of both are joined key by key, one level deep: `[cost] running` keeps the base's
//! rungs, a quantity of a name replaces the base's. Everything else is taken whole: a list, and a table that says its
//! `kind`. A base has none itself.

use super::text;
use crate::error::Result;
use crate::mujoco::model::Source;
use crate::task::file::TaskFile;
use imle_configs::{Error as InputError, embedded, files};
use toml::{Table, Value};

/// Parses the task file `text` with what it takes from its base, if it names one.
///
/// # Errors
/// As [`text::parse`]; a base that is unknown, cannot be read or has one itself.
pub(crate) fn parse(text: &str, place: &str, source: Source<'_>) -> Result<TaskFile> {
    // The parser below reports text that is no TOML, with its line.
    let Some((own, base)) = text.parse::<Table>().ok().and_then(|mut own| {
        let base = own.remove("base")?;
        Some((own, base))
    }) else {
        return text::parse(text, place);
    };
    let message = |e: InputError| text::located(e, text, place);
    let Value::String(name) = &base else {
        let expected = "the name of a built-in task, or of a task file in the same folder";
        return Err(message(InputError::unexpected("base", expected, format!("`{base}`"))).into());
    };
    let theirs = read(name, source).map_err(message)?;
    let mut whole: Table = theirs.parse().map_err(|e| imle_configs::settings::toml_error(name, &e))?;
    InputError::ensure(!whole.contains_key("base"), "base", "a task without a base of its own", name)
        .map_err(message)?;
    // Errors in the base name the base.
    text::parse(&theirs, name)?;
    for (key, value) in own {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(theirs)), Value::Table(ours)) if !ours.contains_key("kind") => theirs.extend(ours),
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
    text::from_table(whole, text, place)
}

/// The text of the base `name`.
fn read(name: &str, source: Source<'_>) -> imle_configs::Result<String> {
    match (embedded::task(name), source) {
        (Some(text), _) => Ok(text.to_string()),
        (None, Source::Folder(folder)) if name.ends_with(".toml") => files::read_text(&folder.join(name)),
        _ => Err(InputError::unknown("task", name, embedded::task_names()).in_file("base")),
    }
}
