//! JSON files that carry a checksum of themselves: one changed character is told, not believed.

use super::{atomic::write_text, read::read_text};
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Beginning of the line with the checksum, the second of the file.
const LINE: &str = "  \"crc32\": \"";

/// Writes an object to `path` with a CRC-32 of the rest of the text as its first key.
///
/// # Errors
/// As [`write_text`]; [`Error::Unexpected`] for what is no object that JSON can hold.
pub fn write_checked(path: &Path, object: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(object).map_err(|e| Error::unexpected(path.display(), "an object", e))?;
    let Some(rest) = text.strip_prefix("{\n") else {
        return Err(Error::unexpected(path.display(), "an object with keys", "another value"));
    };
    write_text(path, &format!("{{\n{LINE}{:08x}\",\n{rest}\n", crc32fast::hash(rest.as_bytes())))
}

/// Reads an object, and checks it if it carries a checksum; older versions wrote none. `what` it is stands in errors.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] for what is no JSON, or not what was written.
pub fn read_checked(path: &Path, what: &str) -> Result<Value> {
    let text = read_text(path)?;
    let refused = |found: String| Error::unexpected(path.display(), format!("{what} as it was written"), found);
    if let Some((sum, rest)) = text.strip_prefix("{\n").and_then(|t| t.strip_prefix(LINE)?.split_once("\",\n")) {
        let found = format!("{:08x}", crc32fast::hash(rest.strip_suffix('\n').unwrap_or(rest).as_bytes()));
        if sum != found {
            return Err(refused(format!("a text of checksum {found}, not {sum}: it was damaged or edited")));
        }
    }
    let mut value: Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
    value.as_object_mut().map(|object| object.shift_remove("crc32"));
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_changed_character_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let state = json!({ "rounds": [1, 2.5], "folder": "learner-1" });
        write_checked(&path, &state).unwrap();
        assert_eq!(read_checked(&path, "a state").unwrap(), state);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            // Damage of the checksum's own key leaves the rest as it was.
            let read = read_checked(&path, "a state").map(|value| value["rounds"] == state["rounds"]);
            assert!(read.unwrap_or(true), "character {at}");
        }
        std::fs::write(&path, state.to_string()).unwrap();
        assert_eq!(read_checked(&path, "a state").unwrap(), state);
    }
}
