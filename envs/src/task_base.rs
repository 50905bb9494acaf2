//! A task file that builds on another: `base = "stack"`.
//!
//! It says only what differs. Tables of both are joined key by key, one level deep: `[cost] running` keeps the base's rungs, a
//! quantity of a name replaces the base's. Everything else is taken whole: a list, and a table that says its `kind`. A base has
//! none itself.

use crate::error::Result;
use crate::model::Source;
use crate::task_file::TaskFile;
use crate::task_text;
use imle_configs::{Error as InputError, embedded, files};
use toml::{Table, Value};

/// Parses the task file `text` with what it takes from its base, if it names one.
///
/// # Errors
/// As [`task_text::parse`]; a base that is unknown, cannot be read or has one itself.
pub(crate) fn parse(text: &str, place: &str, source: Source<'_>) -> Result<TaskFile> {
    // What is no TOML is told with its line by the parser below.
    let Some((own, base)) = text.parse::<Table>().ok().and_then(|mut own| {
        let base = own.remove("base")?;
        Some((own, base))
    }) else {
        return task_text::parse(text, place);
    };
    let told = |e: InputError| task_text::located(e, text, place);
    let Value::String(name) = &base else {
        let expected = "the name of a built-in task, or of a task file in the same folder";
        return Err(told(InputError::unexpected("base", expected, format!("`{base}`"))).into());
    };
    let mut whole = read(name, source).map_err(told)?;
    if whole.contains_key("base") {
        return Err(told(InputError::unexpected("base", "a task without a base of its own", name)).into());
    }
    for (key, value) in own {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(theirs)), Value::Table(ours)) if !ours.contains_key("kind") => theirs.extend(ours),
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
    task_text::from_table(whole, text, place)
}

/// The base `name`, as it stands in its file.
fn read(name: &str, source: Source<'_>) -> imle_configs::Result<Table> {
    let parsed = |text: &str| text.parse().map_err(|e| imle_configs::settings::toml_error(name, &e));
    match (embedded::task(name), source) {
        (Some(text), _) => parsed(text),
        (None, Source::Folder(folder)) if name.ends_with(".toml") => parsed(&files::read_text(&folder.join(name))?),
        _ => Err(InputError::Unknown {
            place: "base: ".into(),
            what: "task",
            name: name.into(),
            near: imle_configs::error::nearest(name, embedded::task_names()),
        }),
    }
}
