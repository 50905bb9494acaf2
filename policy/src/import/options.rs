//! Options in a policy's JSON configuration, each error naming the key.

use crate::network::NetworkConfig;
use imle_configs::{Error, Result, by_name};
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

fn size(value: &Value) -> Option<usize> {
    value.as_u64().filter(|n| (1..=LARGEST).contains(n)).map(|n| n as usize)
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
        self.take(key, "a whole number from 1 to 65536", size)
    }

    /// Whole numbers from 1.
    pub(super) fn sizes(&self, key: &str) -> Result<Option<Vec<usize>>> {
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

    /// The one of `known` that the text of `key` names; `what` are its values.
    pub(super) fn choice<T: Copy>(&self, key: &str, what: &'static str, known: &[(&str, T)]) -> Result<T> {
        by_name(what, &self.text(key)?, known).map_err(|e| e.in_file(self.place(key)))
    }

    /// A U-Net of the sizes that are given, and those of `default` else.
    pub(super) fn unet(&self, default: NetworkConfig) -> Result<NetworkConfig> {
        Ok(NetworkConfig {
            kind: "unet".into(),
            down_dims: self.sizes("down_dims")?.unwrap_or(default.down_dims),
            kernel_size: self.size_if_any("kernel_size")?.unwrap_or(default.kernel_size),
            n_groups: self.size_if_any("n_groups")?.unwrap_or(default.n_groups),
            time_embedding: self.size_if_any("diffusion_step_embed_dim")?.unwrap_or(default.time_embedding),
            ..default
        })
    }

    /// An option of which only one value is supported, which is also what it is when it is not given.
    pub(super) fn only(&self, key: &str, supported: &Value) -> Result<()> {
        let found = self.map.get(key).unwrap_or(supported);
        Error::ensure(found == supported, self.place(key), format_args!("{supported}, all that is supported"), found)
    }

    /// No options but `known`, of which it is known what they do.
    pub(super) fn only_known(&self, known: &[&str]) -> Result<()> {
        match self.map.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, found)) => Err(Error::unexpected(self.place(key), "no such option: it is not supported", found)),
        }
    }
}
