//! Settings that Python gives as JSON, over the defaults.

use imle_configs::{Error as InputError, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// `defaults` with what `given`, a JSON object, says. `place` names it in errors.
///
/// # Errors
/// A bad input that names a key that is not there, with the nearest that are, or a value of another type.
pub fn overlaid<T: Serialize + DeserializeOwned>(defaults: &T, given: &str, place: &str) -> Result<T> {
    let json = |e: serde_json::Error| InputError::unexpected(place, "settings", e);
    let given: Value = serde_json::from_str(given).map_err(json)?;
    let mut all = serde_json::to_value(defaults).map_err(json)?;
    if let (Value::Object(all), Value::Object(given)) = (&mut all, given) {
        merge(all, given, place)?;
    }
    serde_path_to_error::deserialize(all)
        .map_err(|e| InputError::unexpected(format!("{place}: {}", e.path()), "a value that fits", e.inner()))
}

fn merge(all: &mut Map<String, Value>, given: Map<String, Value>, place: &str) -> Result<()> {
    for (key, value) in given {
        let known: Vec<String> = all.keys().cloned().collect();
        let old = all.get_mut(&key).ok_or_else(|| InputError::unknown("setting", &key, &known).in_file(place))?;
        match (old, value) {
            (Value::Object(old), Value::Object(new)) => merge(old, new, &format!("{place}: {key}"))?,
            (old, new) => *old = new,
        }
    }
    Ok(())
}
