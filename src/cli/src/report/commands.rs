//! The commands that repeat what is shown, from the settings that were kept of it.

use crate::args::controller::ControllerArgs;
use imle_policy::metrics::flattened;
use serde_json::{Value, json};

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A value as a flag takes it; nothing for one that is not set.
fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null | Value::Bool(false) => return None,
        Value::Array(values) if values.is_empty() => return None,
        Value::Array(values) => values.iter().filter_map(word).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(quoted(&text))
}

/// Keys of a run's `config.json` that are flags of `planner run` beside those of the controller, with their defaults.
fn own_flags() -> [(&'static str, Value); 9] {
    [
        ("task", Value::Null),
        ("checkpoint", json!("shipped")),
        ("episodes", Value::Null),
        ("first", json!(0)),
        ("seed", Value::Null),
        ("mode", Value::Null),
        ("mismatch", Value::Null),
        ("lockstep", json!(64)),
        ("realtime", json!(false)),
    ]
}

/// The command of the run whose `config.json` is `config`.
pub(super) fn run(config: &Value) -> String {
    let defaults = json!(ControllerArgs::default());
    let mut words = String::from("planner run");
    let mut flag = |key: &str, default: &Value| {
        let value = &config[key];
        if let Some(text) = word(value).filter(|_| value != default) {
            words += &format!(" --{}", key.replace('_', "-"));
            // A switch has no value.
            words += &if value.is_boolean() { String::new() } else { format!(" {text}") };
        }
    };
    for (key, default) in own_flags() {
        let none = key == "checkpoint" && config[key] == "none";
        flag(key, if none { &config[key] } else { &default });
    }
    if config["realtime"] == true {
        flag("deadline", &json!(60));
    }
    // What the optimizer would take by itself is written in place of no word.
    let resolved = ["parameterization"];
    for (key, default) in defaults.as_object().into_iter().flatten().filter(|(k, _)| !resolved.contains(&k.as_str())) {
        flag(key, default);
    }
    let searches = !["none", "predictive-sampling", "ilqg"].contains(&config["optimizer"].as_str().unwrap_or("none"));
    if searches {
        flag("parameterization", &json!("linear"));
    }
    words
}

/// `command`, of one of its episodes alone, with a video.
pub(super) fn one_episode(command: &str, episode: u64) -> String {
    let mut words: Vec<&str> = command.split(' ').collect();
    for name in ["--episodes", "--first"] {
        if let Some(at) = words.iter().position(|w| *w == name) {
            words.drain(at..(at + 2).min(words.len()));
        }
    }
    format!("{} --first {episode} --episodes 1 --video episode-{episode}.mp4", words.join(" "))
}

/// The words of `--set` for the settings that differ from their defaults.
pub(super) fn set(settings: &Value, defaults: &Value, left_out: &[&str]) -> String {
    let known = flattened(defaults);
    let differs = |(key, value): &(String, String)| {
        !left_out.contains(&key.as_str()) && value != "null" && !known.iter().any(|(k, v)| (k, v) == (key, value))
    };
    let words = flattened(settings).into_iter().filter(differs);
    words.map(|(key, value)| format!(" --set {}", quoted(&format!("{key}={value}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_by_the_flags_that_differ_from_their_defaults() {
        let mut config = json!(ControllerArgs { candidates: 8, optimizer: "cem".into(), ..ControllerArgs::default() });
        let own = json!({
            "task": "my tasks/it's.toml", "checkpoint": "shipped", "episodes": 5, "first": 0, "seed": 3, "lockstep": 64,
            "realtime": false, "deadline": 60, "mode": null, "mismatch": "heavy", "parameterization": "cubic",
        });
        crate::output::extend(&mut config, own);
        let expected = "planner run --task 'my tasks/it'\\''s.toml' --episodes 5 --seed 3 --mismatch heavy --optimizer \
            cem --candidates 8 --parameterization cubic";
        assert_eq!(run(&config), expected);
        assert_eq!(
            one_episode("planner run --task stack --episodes 5 --first 2 --seed 3", 4),
            "planner run --task stack --seed 3 --first 4 --episodes 1 --video episode-4.mp4"
        );
    }

    #[test]
    fn settings_that_differ_are_set() {
        let defaults = json!({ "steps": 1, "network": { "width": 256, "kind": "mlp" }, "x": null });
        let settings = json!({ "steps": 2, "network": { "width": 32, "kind": "mlp" }, "x": null, "list": ["a", 1] });
        let words = set(&settings, &defaults, &["steps"]);
        assert_eq!(words, " --set network.width=32 --set 'list=[\"a\",1]'");
    }
}
