//! Files that version 0.1.0 wrote are read and gone on with; `tests/fixtures/v0.1.0/make.sh` made them.

use crate::call::Call;
use crate::fixtures::folder;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v0.1.0");
/// What the fixtures of fine-tuning were begun with.
const BEGUN: &str = "--quiet --threads 1 --seed 1 --resume";

/// A copy of the fixtures, which is written to.
struct Copied(TempDir);

impl Copied {
    fn new() -> Self {
        let dir = folder();
        copy(Path::new(FIXTURES), dir.path());
        Self(dir)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.at(name)).unwrap()).unwrap()
    }

    /// A call with the easy task, the demonstrations and the generator.
    fn finetune(&self, words: &str) -> Call {
        let call = Call::new("finetune").and(words).with("--task", self.at("easy.toml"));
        call.with("--checkpoint", self.at("generator")).with("--data", self.at("demonstrations"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        match here.is_dir() {
            true => copy(&here, &there),
            false => drop(fs::copy(&here, &there).unwrap()),
        }
    }
}

/// The setting `key` as `finetune --settings` prints it.
fn setting(call: &Call, key: &str) -> String {
    let printed = call.clone().and("--settings").ok().out;
    let line = printed.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
    line.unwrap_or_else(|| panic!("{key} in {printed}")).to_string()
}

#[test]
fn a_training_is_resumed_and_its_checkpoint_runs() {
    let old = Copied::new();
    let call = Call::new("train --resume --quiet --threads 1 --evaluation-episodes 0");
    let call = call.with("--task", old.at("easy.toml")).with("--data", old.at("demonstrations"));
    let result = call.with("--out", old.at("training")).json();
    assert_eq!(result["steps"], 4000);
    for checkpoint in ["generator", "training", "expert-iteration", "best-of-n"] {
        let run = Call::new("run --episodes 1 --optimizer none --threads 1").with("--task", old.at("easy.toml"));
        assert_eq!(run.with("--checkpoint", old.at(checkpoint)).json()["success_rate"], 1.0, "{checkpoint}");
    }
}

#[test]
fn expert_iteration_is_resumed_with_its_settings_under_new_names() {
    let old = Copied::new();
    let before = old.json("expert-iteration/state.json");
    let result = old.finetune(BEGUN).and("--env-steps 12").with("--out", old.at("expert-iteration")).json();
    let rounds = result["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 3);
    assert_eq!(rounds[1]["training_decisions"], before["rounds"][1]["lessons"]);
    assert!(rounds[2]["training_decisions"].as_u64() > Some(0));
    let after = old.json("expert-iteration/state.json");
    let (was, is) = (&before["settings"], &after["settings"]);
    for (old, new) in [
        ("space", "parameterization"),
        ("pace", "action_rate_limit"),
        ("retry", "retry_optimizer"),
        ("balance", "reweight_modes"),
        ("ladder", "candidate_sweep"),
        ("ladder_episodes", "candidate_sweep_episodes"),
    ] {
        assert!(!was[old].is_null() && is.get(old).is_none(), "{old}");
        assert_eq!(was[old], is[new], "{old}");
    }
    for gone in ["stay", "slack", "disturbance", "quality", "mended_weight"] {
        assert!(is.get(gone).is_none(), "{gone}");
    }
}

#[test]
fn a_round_that_was_collected_is_learned_from_after_a_kill() {
    let old = Copied::new();
    // As it was before the round's generator was saved.
    fs::remove_dir_all(old.at("expert-iteration/rounds/001/generator")).unwrap();
    crate::fixtures::edit_json(&old.at("expert-iteration/state.json"), |state| {
        state["rounds"].as_array_mut().unwrap().pop();
    });
    let result = old.finetune(BEGUN).and("--env-steps 8").with("--out", old.at("expert-iteration")).json();
    assert_eq!(result["rounds"][1]["training_decisions"], 2);
    assert_eq!(result["rounds"][1]["env_steps"], 10);
}

#[test]
fn best_of_n_is_resumed_from_its_log() {
    let old = Copied::new();
    let out = old.at("best-of-n");
    let begun = fs::read(out.join("journal.bin")).unwrap();
    let result = old.finetune(BEGUN).and("--env-steps 18").with("--out", &out).json();
    assert_eq!(result["algorithm"], "best-of-n");
    assert!(result["env_steps"].as_u64() >= Some(18));
    let log = fs::read(out.join("episode_log.bin")).unwrap();
    assert!(log.starts_with(&begun) && log.len() > begun.len() && !out.join("journal.bin").exists());
    let settings = old.json("best-of-n/state.json")["settings"].clone();
    assert_eq!(settings["best_of_n"]["generator_share"], 0.5);
    for gone in ["cycle", "imagination", "branches", "gradient", "latent"] {
        assert!(settings.get(gone).is_none(), "{gone}");
    }
}

#[test]
fn a_run_s_folder_is_summarised_under_new_names() {
    let run = Call::new("inspect").and(&format!("{FIXTURES}/run"));
    assert!(run.ok().out.contains("optimizer cem, 16 candidates"));
    let told = run.json();
    assert_eq!((&told["optimizer"], told.get("planner")), (&Value::from("cem"), None));
    let config = &told["config"];
    for (key, value) in [("optimizer", "cem"), ("parameterization", "cubic")] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!((&config["proximal_cost"], &config["near_optimal"]), (&Value::from(0.1), &Value::from(0.05)));
    assert!(["planner", "space", "stay", "slack"].iter().all(|key| config.get(key).is_none()), "{config}");
}

#[test]
fn settings_under_old_names_give_way_to_set_under_new_ones() {
    let dir = folder();
    let file = dir.path().join("old.toml");
    fs::write(&file, "pace = 2.5\nladder = [4]\nretry = \"mppi\"\nbalance = false\nspace = \"zero\"\n").unwrap();
    let call = Call::new("finetune").with("--config", &file);
    for (key, value) in [
        ("action_rate_limit", "2.5"),
        ("candidate_sweep", "[4]"),
        ("retry_optimizer", "\"mppi\""),
        ("reweight_modes", "false"),
        ("parameterization", "\"zero\""),
    ] {
        assert_eq!(setting(&call, key), value, "{key}");
    }
    assert_eq!(setting(&call.clone().and("--set action_rate_limit=3.5"), "action_rate_limit"), "3.5");
    assert_eq!(setting(&call.clone().and("--set pace=4.5"), "action_rate_limit"), "4.5");
    let online = Call::new("finetune --algorithm best-of-n --set best_of_n.alone_share=0.75");
    assert_eq!(setting(&online, "generator_share"), "0.75");
    fs::write(&file, "pace = 2.5\naction_rate_limit = 1.5\n").unwrap();
    call.and("--settings").refused(&["old.toml: action_rate_limit: expected one of the two, found `pace`"]);
}

#[test]
fn what_is_gone_is_accepted_where_it_did_nothing_and_refused_where_it_did_something() {
    let call = |words: &str| Call::new("finetune --settings").and(words);
    call("--set stay=0 --set slack=0.0 --set disturbance=0 --set quality=0 --set mended_weight=1").ok();
    let refused = |words: &str, line: &str| {
        let done = call(words).run();
        assert_eq!((done.code, done.err.trim_end()), (Some(2), line), "{words}");
    };
    refused(
        "--set mended_weight=4",
        "error: --set: mended_weight: expected 1: removed, 0.1.0 was the last version that had it, found 4",
    );
    refused(
        "--set slack=0.1",
        "error: --set: slack: expected 0: removed, 0.1.0 was the last version that had it, found 0.1",
    );
    refused(
        "--algorithm cycle",
        "error: unknown algorithm `cycle`: expected expert-iteration or edit or best-of-n or ppo, found one removed after version \
         0.1.0; docs/experiments says why",
    );
}
