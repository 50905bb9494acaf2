//! Options in a policy's JSON configuration, each error naming the key.

use imle_configs::{Error, Result};
use serde_json::{Map, Value};

/// Largest size and number of steps that is believed.
const LARGEST: u64 = 1 << 16;

/// A JSON object at a place in a file.
pub(super) struct Options<'a> {
    place: String,
    map: &'a Map<String, Value>,
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".into(), Value::to_string)
}

impl<'a> Options<'a> {
    /// `value` must be an object.
    pub(super) fn new(place: &str, value: &'a Value) -> Result<Self> {
        let map = value.as_object().ok_or_else(|| Error::unexpected(place, "an object", value))?;
        Ok(Self { place: place.into(), map })
    }

    /// File and key.
    pub(super) fn place(&self, key: &str) -> String {
        format!("{}: {key}", self.place)
    }

    /// The value of `key`; null is none.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    fn take<T>(&self, key: &str, expected: &str, take: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let found = self.get(key);
        let bad = || Error::unexpected(self.place(key), expected, shown(found));
        found.map(|value| take(value).ok_or_else(bad)).transpose()
    }

    fn required<T>(&self, key: &str, expected: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| Error::unexpected(self.place(key), expected, "none"))
    }

    /// An object inside.
    pub(super) fn object(&self, key: &str) -> Result<Options<'a>> {
        let value = self.required(key, "an object", self.get(key))?;
        Options::new(&self.place(key), value)
    }

    /// A whole number from 1.
    pub(super) fn size(&self, key: &str) -> Result<usize> {
        let found = self.size_if_any(key)?;
        self.required(key, "a whole number from 1", found)
    }

    pub(super) fn size_if_any(&self, key: &str) -> Result<Option<usize>> {
        let size = |v: &Value| v.as_u64().filter(|n| (1..=LARGEST).contains(n)).map(|n| n as usize);
        self.take(key, "a whole number from 1 to 65536", size)
    }

    /// Whole numbers from 1.
    pub(super) fn sizes(&self, key: &str) -> Result<Option<Vec<usize>>> {
        let size = |v: &Value| v.as_u64().filter(|n| (1..=LARGEST).contains(n)).map(|n| n as usize);
        self.take(key, "a list of whole numbers from 1 to 65536", |v| v.as_array()?.iter().map(size).collect())
    }

    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64> {
        Ok(self.take(key, "a number", Value::as_f64)?.unwrap_or(default))
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        Ok(self.take(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    pub(super) fn text(&self, key: &str) -> Result<String> {
        let found = self.text_if_any(key)?;
        self.required(key, "a string", found)
    }

    pub(super) fn text_if_any(&self, key: &str) -> Result<Option<String>> {
        self.take(key, "a string", |v| v.as_str().map(str::to_string))
    }

    /// An option of which only one value is supported, which is also what it is when it is not given.
    pub(super) fn only(&self, key: &str, supported: &Value) -> Result<()> {
        match self.map.get(key) {
            Some(found) if found != supported => {
                Err(Error::unexpected(self.place(key), format!("{supported}, all that is supported"), found))
            }
            _ => Ok(()),
        }
    }

    /// No options but `known`, of which it is known what they do.
    pub(super) fn only_known(&self, known: &[&str]) -> Result<()> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                Err(Error::unexpected(self.place(key), "no such option: it is not supported", shown(self.map.get(key))))
            }
        }
    }
}
