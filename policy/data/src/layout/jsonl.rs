//! Files of JSON lines, as version 2 of the layout has them: the episodes and the tasks.

use crate::layout::info::Info;
use crate::layout::row::{LENGTH, Row};
use crate::table::one_line;
use imle_configs::{Error, Result, files};
use serde_json::Value;
use std::path::Path;

/// The objects of a file, with the places of their lines.
fn lines(path: &Path) -> Result<Vec<(String, Value)>> {
    let text = files::read_text(path)?;
    let parse = |(i, line): (usize, &str)| {
        let place = format!("{}:{}", path.display(), i + 1);
        match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => Ok((place, value)),
            Ok(other) => Err(Error::unexpected(place, "a JSON object", other)),
            Err(error) => Err(Error::unexpected(place, "a JSON object", one_line(error))),
        }
    };
    text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).map(parse).collect()
}

/// The rows of `meta/episodes.jsonl`, in its order.
pub(crate) fn episodes(root: &Path, info: &Info) -> Result<Vec<Row>> {
    let source = root.join("meta/episodes.jsonl");
    let row = |(place, line): (String, Value)| {
        let get = |key: &str| {
            let bad = || Error::unexpected(format!("{place}: {key}"), "a whole number", &line[key]);
            line[key].as_u64().ok_or_else(bad)
        };
        let (number, len) = (get("episode_index")?, get(LENGTH)?);
        let file = root.join(info.data_file_of(number)?);
        Ok(Row { alone: true, ..Row::new(number, len, file, &source) })
    };
    lines(&source)?.into_iter().map(row).collect()
}

/// The names in `meta/tasks.jsonl` by their indices; none if there is no such file.
pub(crate) fn tasks(root: &Path) -> Result<Vec<(i64, String)>> {
    let path = root.join("meta/tasks.jsonl");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let task = |(_, line): (String, Value)| Some((line["task_index"].as_i64()?, line["task"].as_str()?.to_string()));
    Ok(lines(&path)?.into_iter().filter_map(task).collect())
}
