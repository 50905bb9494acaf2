//! Same seed, same bits: at any number of threads, any lock-step, and again.

use crate::call::Call;
use crate::fixtures::{checkpoint, files_in, folder};
use serde_json::Value;

/// Keys that may differ between two runs of the same seed.
const TIMES: [&str; 3] = ["plan_ms", "wall_s", "plan_batch"];

fn figures(words: &str) -> Value {
    let call =
        Call::new("run --task stack --episodes 3 --candidates 6 --seed 11 --proposals imle,warm,noise").and(words);
    let mut result = call.with("--checkpoint", checkpoint()).json();
    TIMES.iter().for_each(|key| drop(result.as_object_mut().unwrap().remove(*key).unwrap()));
    result
}

#[test]
fn planning_is_the_same_at_any_number_of_threads_and_any_lockstep() {
    let one = figures("--threads 1");
    assert!(one["rollouts"].as_u64().unwrap() >= 3 * 6);
    for words in ["--threads 2", "--threads 2 --lockstep 1", "--threads 1 --lockstep 8", "--threads 3 --lockstep 2"] {
        assert_eq!(figures(words), one, "{words}");
    }
}

#[test]
fn the_generator_alone_is_the_same_at_any_number_of_threads_and_any_lockstep() {
    for how in ["--optimizer none", "--optimizer none --choice consistent", "--optimizer none --choice typical"] {
        let one = figures(&format!("{how} --threads 1"));
        for words in ["--threads 2", "--threads 2 --lockstep 1", "--threads 1 --lockstep 8"] {
            assert_eq!(figures(&format!("{how} {words}")), one, "{how} {words}");
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    let call = |seed: &str| {
        Call::new("run --task stack --episodes 1 --optimizer none --seed").and(seed).with("--checkpoint", checkpoint())
    };
    assert_ne!(call("1").json()["mean_cost"], call("2").json()["mean_cost"]);
}

#[test]
fn demonstrations_are_the_same_files_at_any_number_of_threads() {
    let dir = folder();
    let demo = |name: &str, words: &str| {
        let out = dir.path().join(name);
        Call::new("demo --task stack --episodes 3 --seed 8").and(words).with("--out", &out).ok();
        files_in(&out)
    };
    let first = demo("a", "--threads 1");
    assert!(first.len() >= 5);
    assert!(first == demo("b", "--threads 2") && first == demo("c", "--threads 1"));
}
