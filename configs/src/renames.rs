//! Old names of settings, records and cells, still read: the one table of what was renamed or removed, and since when.
//!
//! A name counts as old only where today's defaults lack it, so one name may be old in one file and current in another.
//! Overlays are updated before they are merged: where a file has the old key and `--set` the new one, `--set` wins.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value as Json;
use toml::{Table, Value as Toml};

/// Dotted paths of keys: the old one and today's.
pub const RENAMED: &[(&str, &str)] = &[
    // The controller of `run`, `serve` and sweeps.
    ("planner", "optimizer"),
    ("space", "parameterization"),
    ("stay", "proximal_cost"),
    ("slack", "near_optimal"),
    // Expert iteration.
    ("pace", "action_rate_limit"),
    ("retry", "retry_optimizer"),
    ("balance", "reweight_modes"),
    ("ladder", "candidate_sweep"),
    ("ladder_episodes", "candidate_sweep_episodes"),
    // Algorithms that learn online.
    ("best_of_n.alone_share", "best_of_n.generator_share"),
    // Rounds of fine-tuning.
    ("lessons", "training_decisions"),
    // Training.
    ("residual", "chunk_frame"),
];

/// Values of renamed keys: today's key, the old value, and today's.
const VALUES: &[(&str, bool, &str)] = &[("chunk_frame", true, "residual"), ("chunk_frame", false, "absolute")];

/// Flags of a controller, which cells of sweeps keep as text: the old one and today's.
const FLAGS: &[(&str, &str)] = &[
    ("--planner", "--optimizer"),
    ("--space", "--parameterization"),
    ("--stay", "--proximal-cost"),
    ("--slack", "--near-optimal"),
];

/// Names of parts and contenders of sweeps: the old one and today's.
const NAMES: &[(&str, &str)] = &[
    ("planners", "optimizers"),
    ("planners-16", "optimizers-16"),
    ("planners-256", "optimizers-256"),
    ("mode-preserving, stay 1", "mode-preserving, proximal cost 1"),
];

/// A key that nothing reads any more.
struct Removed {
    /// Dotted path.
    key: &'static str,
    /// The value that changed nothing, with which the key is accepted; none for any value.
    inert: Option<f64>,
    /// The last version that had it.
    last: &'static str,
}

const REMOVED: &[Removed] = &[
    // Expert iteration.
    Removed { key: "stay", inert: Some(0.0), last: "0.1.0" },
    Removed { key: "slack", inert: Some(0.0), last: "0.1.0" },
    Removed { key: "disturbance", inert: Some(0.0), last: "0.1.0" },
    Removed { key: "quality", inert: Some(0.0), last: "0.1.0" },
    Removed { key: "mended_weight", inert: Some(1.0), last: "0.1.0" },
    Removed { key: "elite_share", inert: Some(0.0), last: "0.1.0" },
    Removed { key: "elites", inert: None, last: "0.1.0" },
    // Sections of algorithms that are gone: a run of another algorithm carries them along.
    Removed { key: "cycle", inert: None, last: "0.1.0" },
    Removed { key: "imagination", inert: None, last: "0.1.0" },
    Removed { key: "branches", inert: None, last: "0.1.0" },
    Removed { key: "gradient", inert: None, last: "0.1.0" },
    Removed { key: "latent", inert: None, last: "0.1.0" },
];

/// Brings the keys of `overlay` to today's names. `known` has all keys of today.
///
/// # Errors
/// [`Error::Unexpected`] for a removed key whose value did something, or an old key beside its new name. `place` names
/// the file.
pub fn update(overlay: &mut Table, known: &Table, place: &str) -> Result<()> {
    let mut tree = Toml::Table(std::mem::take(overlay));
    let updated = update_tree(&mut tree, &Toml::Table(known.clone()), place);
    if let Toml::Table(table) = tree {
        *overlay = table;
    }
    updated
}

/// As [`update`], of settings in JSON. `known` are settings of today.
///
/// # Errors
/// As [`update`]; `known` has no form in JSON.
pub fn update_json(settings: &mut Json, known: &impl Serialize, place: &str) -> Result<()> {
    let known = serde_json::to_value(known).map_err(|e| Error::unexpected(place, "settings in JSON", e))?;
    update_tree(settings, &known, place)
}

/// Brings the keys of a record other than settings to today's names: nothing of it counts as removed. `known` is a record of
/// today.
///
/// # Errors
/// [`Error::Unexpected`] for an old key beside its new name, or a `known` that has no form in JSON.
pub fn update_record(record: &mut Json, known: &impl Serialize, place: &str) -> Result<()> {
    let known = serde_json::to_value(known).map_err(|e| Error::unexpected(place, "a record in JSON", e))?;
    rename(record, &known, place)
}

/// Today's dotted path of the setting `key`. `known` has all settings of today.
///
/// # Errors
/// [`Error::Unexpected`], if `known` has no form in JSON.
pub fn setting<'k>(key: &'k str, known: &impl Serialize) -> Result<&'k str> {
    let known = serde_json::to_value(known).map_err(|e| Error::unexpected("settings", "a form in JSON", e))?;
    Ok(current(&known).find(|(old, _)| *old == key).map_or(key, |(_, new)| new))
}

/// The flags in `words`, which are separated by spaces, under today's names.
pub fn flags(words: &str) -> String {
    let today = |word: &str| {
        let (flag, value) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
        let flag = of(FLAGS, flag);
        value.map_or(flag.to_string(), |value| format!("{flag}={value}"))
    };
    words.split_whitespace().map(today).collect::<Vec<_>>().join(" ")
}

/// Today's name of a sweep's part or contender.
pub fn name(old: &str) -> &str {
    of(NAMES, old)
}

fn of<'n>(table: &[(&'n str, &'n str)], name: &'n str) -> &'n str {
    table.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
}

/// The renamed keys of which `known` has the new name and lacks the old one.
fn current<T: Tree>(known: &T) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    RENAMED.iter().filter(|(old, new)| known.at(old).is_none() && known.at(new).is_some())
}

/// Part of a tree of tables.
trait Tree: Sized + std::fmt::Display {
    fn child(&self, key: &str) -> Option<&Self>;
    fn child_mut(&mut self, key: &str) -> Option<&mut Self>;
    fn take(&mut self, key: &str) -> Option<Self>;
    fn put(&mut self, key: &str, value: Self);
    fn is(&self, number: f64) -> bool;
    fn is_bool(&self, value: bool) -> bool;
    fn text(text: &str) -> Self;

    fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |at, key| at.child(key))
    }

    /// The table that holds the last key of `path`, and that key.
    fn parent<'p>(&mut self, path: &'p str) -> Option<(&mut Self, &'p str)> {
        let (parents, key) = path.rsplit_once('.').map_or((None, path), |(parents, key)| (Some(parents), key));
        let parents = parents.into_iter().flat_map(|parents| parents.split('.'));
        Some((parents.into_iter().try_fold(self, |at, key| at.child_mut(key))?, key))
    }
}

fn update_tree<T: Tree>(tree: &mut T, known: &T, place: &str) -> Result<()> {
    rename(tree, known, place)?;
    remove(tree, known, place)
}

fn rename<T: Tree>(tree: &mut T, known: &T, place: &str) -> Result<()> {
    for (old, new) in current(known) {
        if tree.at(old).is_none() {
            continue;
        }
        let found = format!("`{old}`, the old name, too");
        Error::ensure(tree.at(new).is_none(), format!("{place}: {new}"), "one of the two", found)?;
        let value = tree.parent(old).and_then(|(parent, key)| parent.take(key));
        let value = value.map(|value| {
            let today = VALUES.iter().find(|(key, old, _)| key == new && value.is_bool(*old));
            today.map_or(value, |(_, _, today)| T::text(today))
        });
        // Both names lie in the same table.
        if let (Some(value), Some((parent, key))) = (value, tree.parent(new)) {
            parent.put(key, value);
        }
    }
    Ok(())
}

fn remove<T: Tree>(tree: &mut T, known: &T, place: &str) -> Result<()> {
    for removed in REMOVED.iter().filter(|removed| known.at(removed.key).is_none()) {
        let Some(value) = tree.at(removed.key) else { continue };
        if let Some(inert) = removed.inert.filter(|inert| !value.is(*inert)) {
            let expected = format!("{inert}: removed, {} was the last version that had it", removed.last);
            return Err(Error::unexpected(format!("{place}: {}", removed.key), expected, value));
        }
        tree.parent(removed.key).and_then(|(parent, key)| parent.take(key));
    }
    Ok(())
}

impl Tree for Toml {
    fn child(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }
    fn child_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.get_mut(key)
    }
    fn take(&mut self, key: &str) -> Option<Self> {
        self.as_table_mut()?.remove(key)
    }
    fn put(&mut self, key: &str, value: Self) {
        if let Self::Table(table) = self {
            table.insert(key.into(), value);
        }
    }
    fn is(&self, number: f64) -> bool {
        self.as_float().or_else(|| self.as_integer().map(|i| i as f64)) == Some(number)
    }
    fn is_bool(&self, value: bool) -> bool {
        self.as_bool() == Some(value)
    }
    fn text(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl Tree for Json {
    fn child(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }
    fn child_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.get_mut(key)
    }
    fn take(&mut self, key: &str) -> Option<Self> {
        self.as_object_mut()?.shift_remove(key)
    }
    fn put(&mut self, key: &str, value: Self) {
        if let Self::Object(object) = self {
            object.insert(key.into(), value);
        }
    }
    fn is(&self, number: f64) -> bool {
        self.as_f64() == Some(number)
    }
    fn is_bool(&self, value: bool) -> bool {
        self.as_bool() == Some(value)
    }
    fn text(text: &str) -> Self {
        Self::String(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn old_keys_get_their_new_names_where_the_defaults_have_those() {
        let known = table("candidate_sweep = [2]\nquality = 0.0\n[best_of_n]\ngenerator_share = 0.25");
        let mut overlay = table("ladder = [4, 8]\nquality = 0.5\n[best_of_n]\nalone_share = 0.5");
        update(&mut overlay, &known, "c.toml").unwrap();
        assert_eq!(overlay, table("candidate_sweep = [4, 8]\nquality = 0.5\n[best_of_n]\ngenerator_share = 0.5"));
    }

    #[test]
    fn a_switch_that_became_a_choice_gets_its_name() {
        let known = table("chunk_frame = \"absolute\"");
        for (old, new) in [("true", "residual"), ("false", "absolute")] {
            let mut overlay = table(&format!("residual = {old}"));
            update(&mut overlay, &known, "c.toml").unwrap();
            assert_eq!(overlay, table(&format!("chunk_frame = \"{new}\"")));
        }
        let mut json = json!({ "residual": true });
        update_json(&mut json, &known, "here").unwrap();
        assert_eq!(json, json!({ "chunk_frame": "residual" }));
    }

    #[test]
    fn a_name_that_is_current_is_left_alone() {
        let known = table("ladder = [2]");
        let mut overlay = table("ladder = [4]");
        update(&mut overlay, &known, "c.toml").unwrap();
        assert_eq!(overlay, table("ladder = [4]"));
    }

    #[test]
    fn flags_names_and_words_of_cells_are_read_under_today_s_names() {
        let words = "--planner cma-es  --space=latent --stay 1 --slack 0.1 --noise 0.3";
        let today = "--optimizer cma-es --parameterization=latent --proximal-cost 1 --near-optimal 0.1 --noise 0.3";
        assert_eq!((flags(words), flags(today)), (today.into(), today.into()));
        assert_eq!((name("planners-16"), name("sources")), ("optimizers-16", "sources"));
        let known = json!({ "candidate_sweep": [2], "stay": 0.0 });
        let setting = |key| setting(key, &known).unwrap();
        assert_eq!((setting("ladder"), setting("stay"), setting("space")), ("candidate_sweep", "stay", "space"));
    }

    #[test]
    fn nothing_of_a_record_counts_as_removed() {
        let mut record = json!({ "planner": "cem", "quality": { "modes": 1.0 } });
        update_record(&mut record, &json!({ "optimizer": "" }), "summary.json").unwrap();
        assert_eq!(record, json!({ "optimizer": "cem", "quality": { "modes": 1.0 } }));
    }

    #[test]
    fn both_names_at_once_are_refused() {
        let known = table("candidate_sweep = [2]");
        let error = update(&mut table("ladder = [4]\ncandidate_sweep = [8]"), &known, "c.toml").unwrap_err();
        assert!(error.to_string().starts_with("c.toml: candidate_sweep: expected one of the two"), "{error}");
    }

    #[test]
    fn removed_keys_are_accepted_where_they_changed_nothing() {
        let mut state = json!({ "slack": 0.0, "mended_weight": 1, "cycle": { "candidates": 3 }, "candidates": 32 });
        update_json(&mut state, &json!({ "candidates": 32 }), "state.json").unwrap();
        assert_eq!(state, json!({ "candidates": 32 }));
        let mut state = json!({ "slack": 0.5 });
        let error = update_json(&mut state, &json!({}), "state.json").unwrap_err().to_string();
        assert_eq!(error, "state.json: slack: expected 0: removed, 0.1.0 was the last version that had it, found 0.5");
    }
}
