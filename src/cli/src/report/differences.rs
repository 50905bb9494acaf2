//! Settings in which inputs of one kind differ.

use super::reported::Reported;
use serde::Serialize;

/// A table: inputs across, settings down.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Differences {
    pub(super) kind: &'static str,
    pub(super) inputs: Vec<String>,
    /// The setting's key, and its value in each input.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// A table for every kind of which there are several inputs with settings.
pub(super) fn all(inputs: &[Reported]) -> Vec<Differences> {
    let mut kinds: Vec<&'static str> = inputs.iter().map(|one| one.kind).collect();
    kinds.dedup();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().filter_map(|kind| of(kind, inputs)).collect()
}

fn of(kind: &'static str, inputs: &[Reported]) -> Option<Differences> {
    let own: Vec<&Reported> = inputs.iter().filter(|one| one.kind == kind && !one.settings.is_empty()).collect();
    if own.len() < 2 {
        return None;
    }
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in own.iter().flat_map(|one| &one.settings) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let value = |one: &Reported, key: &str| {
        one.settings.iter().find(|(k, _)| k == key).map_or("–".to_string(), |(_, value)| value.clone())
    };
    let row = |key: &str| (key.to_string(), own.iter().map(|one| value(one, key)).collect::<Vec<_>>());
    let rows = keys.into_iter().map(row).filter(|(_, values)| values.iter().any(|v| *v != values[0])).collect();
    Some(Differences { kind, inputs: own.iter().map(|one| one.name.clone()).collect(), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_listed_for_each_kind() {
        let of = |kind, seed: &str, more: &[(&str, &str)]| Reported {
            kind,
            settings: [&[("seed", seed)], more].concat().iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            ..Reported::default()
        };
        let all =
            all(&[of("run", "0", &[("x", "1")]), of("training", "9", &[]), of("run", "1", &[("x", "1"), ("y", "2")])]);
        assert_eq!(all.len(), 1);
        let rows: Vec<_> = all[0].rows.iter().map(|(k, v)| (k.as_str(), v.join(" "))).collect();
        assert_eq!(rows, [("seed", "0 1".to_string()), ("y", "– 2".to_string())]);
    }
}
