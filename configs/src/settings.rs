//! Typed settings: defaults in Rust, overlaid by a TOML file (`--config`) and by `key=value` words (`--set`), or by JSON
//! that a program in another language gives.
//!
//! Keys are dotted paths (`network.width`). A key that the defaults do not have, or a value of another type, is
//! an error that names file, key, what was expected and the nearest keys.

use crate::error::{Error, Result, nearest};
use crate::{files, renames};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};
use std::path::Path;
use toml::{Table, Value};

/// Settings of type `T`: `defaults`, then the file, then the `sets` in order. `defaults` has the keys that may be
/// given: all of `T`'s, or those that matter, the others being `T`'s own defaults.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Unexpected`] and [`Error::Unknown`] for what is in it.
pub fn load<T: DeserializeOwned>(defaults: &impl Serialize, file: Option<&Path>, sets: &[String]) -> Result<T> {
    let mut table = Table::try_from(defaults).map_err(|e| Error::unexpected("defaults", "a table", e))?;
    if let Some(path) = file {
        let place = path.display().to_string();
        let mut overlay: Table =
            files::read_text(path)?.parse().map_err(|e: toml::de::Error| toml_error(&place, &e))?;
        renames::update(&mut overlay, &table, &place)?;
        merge(&mut table, overlay, "", &place)?;
    }
    for word in sets {
        let (key, text) =
            word.split_once('=').ok_or_else(|| Error::unexpected("--set", "key=value", format!("`{word}`")))?;
        let mut overlay = nested(key.trim(), parse_value(text.trim()));
        renames::update(&mut overlay, &table, "--set")?;
        merge(&mut table, overlay, "", "--set")?;
    }
    table.try_into().map_err(|e: toml::de::Error| toml_error("settings", &e))
}

/// `defaults` with what `given`, a JSON object, says of them: as with [`load`] the keys that they have may be given.
/// `place` names it in errors.
///
/// # Errors
/// [`Error::Unknown`] for a key that is not there; [`Error::Unexpected`] for a value of another type, and for text that
/// is not a JSON object.
pub fn overlaid<T: DeserializeOwned>(defaults: &impl Serialize, given: &str, place: &str) -> Result<T> {
    let bad = |e: serde_json::Error| Error::unexpected(place, "settings in JSON", e);
    let mut all = serde_json::to_value(defaults).map_err(bad)?;
    let mut given: Json = serde_json::from_str(given).map_err(bad)?;
    renames::update_json(&mut given, defaults, place)?;
    match (&mut all, given) {
        (Json::Object(all), Json::Object(given)) => merge_json(all, given, place)?,
        (_, other) => return Err(Error::unexpected(place, "a JSON object", other)),
    }
    serde_path_to_error::deserialize(all)
        .map_err(|e| Error::unexpected(format!("{place}: {}", e.path()), "a value that fits", e.inner()))
}

fn merge_json(all: &mut Map<String, Json>, given: Map<String, Json>, place: &str) -> Result<()> {
    for (key, value) in given {
        let known: Vec<String> = all.keys().cloned().collect();
        let old = all.get_mut(&key).ok_or_else(|| Error::unknown("setting", &key, &known).in_file(place))?;
        match (old, value) {
            (Json::Object(old), Json::Object(new)) => merge_json(old, new, &format!("{place}: {key}"))?,
            (old, new) => *old = new,
        }
    }
    Ok(())
}

/// `settings` as TOML text that [`load`] takes as a file.
///
/// # Errors
/// [`Error::Unexpected`] if they have no TOML form.
pub fn to_toml(settings: &impl Serialize) -> Result<String> {
    toml::to_string_pretty(settings).map_err(|e| Error::unexpected("settings", "values that TOML can hold", e))
}

/// A TOML error as one line with file and line number.
pub fn toml_error(place: &str, error: &toml::de::Error) -> Error {
    Error::unexpected(
        place,
        "valid settings",
        error.to_string().lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" "),
    )
}

/// A word of `--set` as TOML; what does not parse is a plain string.
fn parse_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_string()))
}

fn nested(key: &str, value: Value) -> Table {
    let (head, rest) = key.split_once('.').map_or((key, None), |(h, r)| (h, Some(r)));
    let value = rest.map_or(value.clone(), |rest| Value::Table(nested(rest, value)));
    Table::from_iter([(head.to_string(), value)])
}

fn merge(base: &mut Table, overlay: Table, prefix: &str, place: &str) -> Result<()> {
    for (key, value) in overlay {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let Some(old) = base.get_mut(&key) else {
            // The nearest of the keys beside it; the whole path is what the user wrote.
            let near = nearest(&key, base.keys());
            return Err(Error::Unknown { place: format!("{place}: "), what: "key", name: path, near });
        };
        match (&mut *old, value) {
            (Value::Table(old), Value::Table(new)) => merge(old, new, &path, place)?,
            (Value::Float(old), Value::Integer(new)) => *old = new as f64,
            (old, new) if old.same_type(&new) => *old = new,
            // Some settings are one number or a list of them: their type says which.
            (old @ Value::Float(_), new @ Value::Array(_)) | (old @ Value::Array(_), new @ Value::Float(_)) => {
                *old = new
            }
            (old, new) => {
                return Err(Error::unexpected(
                    format!("{place}: {path}"),
                    old.type_str(),
                    format!("{} `{new}`", new.type_str()),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        width: usize,
        rate: f64,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        steps: usize,
        name: String,
        network: Inner,
    }

    fn defaults() -> Outer {
        Outer { steps: 1, name: "a".into(), network: Inner { width: 2, rate: 0.5 } }
    }

    #[test]
    fn sets_override_the_file_which_overrides_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "steps = 7\n[network]\nwidth = 9\n").unwrap();
        let sets = ["network.width=11".into(), "name=b".into(), "network.rate=1".into()];
        let got: Outer = load(&defaults(), Some(&file), &sets).unwrap();
        assert_eq!(got, Outer { steps: 7, name: "b".into(), network: Inner { width: 11, rate: 1.0 } });
    }

    #[test]
    fn json_overrides_the_defaults() {
        let given = |text: &str| overlaid::<Outer>(&defaults(), text, "mine");
        let wanted = Outer { steps: 7, name: "a".into(), network: Inner { width: 9, rate: 0.5 } };
        assert_eq!(given(r#"{"steps": 7, "network": {"width": 9}}"#).unwrap(), wanted);
        assert_eq!(given("{}").unwrap(), defaults());
        let refused = |text: &str| given(text).unwrap_err().to_string();
        assert_eq!(
            refused(r#"{"network": {"widht": 9}}"#),
            "mine: network: unknown setting `widht`; did you mean `width`?"
        );
        assert!(
            refused(r#"{"network": {"width": "x"}}"#).starts_with("mine: network.width: expected a value that fits")
        );
        assert!(refused("{").starts_with("mine: expected settings in JSON, found EOF"));
        assert_eq!(refused("[7]"), "mine: expected a JSON object, found [7]");
        assert_eq!(refused("null"), "mine: expected a JSON object, found null");
    }

    #[test]
    fn errors_name_key_and_place() {
        let load = |set: &str| load::<Outer>(&defaults(), None, &[set.into()]);
        let unknown = load("network.widht=3").unwrap_err().to_string();
        assert!(
            unknown.contains("--set") && unknown.contains("network.widht") && unknown.contains("`width`"),
            "{unknown}"
        );
        let kind = load("steps=\"x\"").unwrap_err().to_string();
        assert!(kind.contains("steps") && kind.contains("integer"), "{kind}");
        assert!(load("steps").unwrap_err().to_string().contains("key=value"));
        let negative = load("steps=-3").unwrap_err().to_string();
        assert_eq!(negative.lines().count(), 1, "{negative}");
    }
}
