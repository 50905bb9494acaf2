//! Fine-tuning online: every algorithm through the command line, the same bits after kills, and what is refused.

use crate::call::Call;
use crate::fixtures::{checkpoint, demonstrations, easy_task, files_in, folder};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ALGORITHMS: [&str; 3] = ["edit", "best-of-n", "ppo"];

/// A fine-tuning of a second: some six iterations of the easy task, two episodes each.
const TINY: &str = "--quiet --threads 1 --env-steps 120 --set episodes=2 --set evaluation_episodes=2 \
    --set evaluate_every=50 --set warmup_steps=20 --set critic.width=16 --set critic.batch_size=8 \
    --set actor.batch_size=8 --set actor.samples=4 --set actor.steps_per_decision=2 --set critic.least_rank_correlation=0";

/// Settings that make an algorithm's own part tiny.
fn tiny_part(algorithm: &str) -> &'static str {
    match algorithm {
        "ppo" => "--set ppo.epochs=2",
        "edit" => "--set edit.critic_updates=4 --set edit.distill_states=64 --set edit.distill_steps=3",
        _ => "",
    }
}

fn finetuning(algorithm: &str, out: &Path) -> Call {
    let call = Call::new("finetune").and(TINY).and(tiny_part(algorithm)).and(&format!("--algorithm {algorithm}"));
    call.with("--task", easy_task())
        .with("--checkpoint", checkpoint())
        .with("--data", demonstrations())
        .with("--out", out)
}

/// Learned and collected: all files but logs and events.
fn results(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files_in(folder);
    files.retain(|(path, _)| {
        let name = path.file_name().unwrap().to_string_lossy();
        !name.starts_with("events.") && name != "metrics.jsonl"
    });
    files
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (results(a), results(b));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for ((path, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{} differs", path.display());
    }
}

#[test]
fn every_algorithm_learns_and_becomes_a_checkpoint() {
    let dir = folder();
    for algorithm in ALGORITHMS {
        let out = dir.path().join(algorithm);
        let result = finetuning(algorithm, &out).json();
        assert_eq!((result["algorithm"].as_str(), result["success_rate"].as_f64()), (Some(algorithm), Some(1.0)));
        assert!(result["env_steps"].as_u64() >= Some(120) && result["gradient_steps"].as_u64() > Some(0), "{result}");
        assert_eq!(result["physics_steps"].as_u64(), Some(0), "{result}");
        let rounds = result["rounds"].as_array().unwrap();
        assert!(rounds.len() >= 3, "{result}");
        for key in ["modes/recall", "modes/energy_distance", "modes/entropy"] {
            assert!(rounds[1]["figures"][key].is_number(), "{algorithm}: {result}");
        }
        let alone =
            Call::new("run --optimizer none --episodes 1").with("--task", easy_task()).with("--checkpoint", &out);
        assert_eq!(alone.json()["success_rate"], 1.0);
        let before = imle_policy::checkpoint::Checkpoint::load(checkpoint()).unwrap();
        let after = imle_policy::checkpoint::Checkpoint::load(&out).unwrap();
        assert_ne!(before.weights(), after.weights(), "{algorithm}");
    }
}

#[test]
fn edits_act_from_the_folder_of_their_run() {
    let dir = folder();
    let out = dir.path().join("run");
    let found = finetuning("edit", &out).json();
    let edited = found["rounds"].as_array().unwrap().iter().rev().find(|round| round["edited"] == true).unwrap();
    let run = |words: &str| Call::new("run --episodes 2").and(words).with("--task", easy_task());
    let acted = run("--threads 1").with("--edits", &out).json();
    assert_eq!(acted["success_rate"], edited["success_rate"]);
    assert_eq!((acted["execute"].as_u64(), &acted["winners"]["edit"]), (Some(1), &serde_json::json!(1.0)), "{acted}");
    // The same draws however many episodes share them.
    let one = run("--lockstep 1 --threads 2").with("--edits", &out).json();
    assert_eq!(one["mean_cost"], acted["mean_cost"]);
    run("").with("--edits", checkpoint()).refused(&["a run of planner finetune --algorithm edit that has learned"]);
    std::fs::write(out.join("edits/edits.json"), "{}").unwrap();
    run("").with("--edits", &out).refused(&["edits/edits.json"]);
    run("--optimizer none").with("--edits", &out).refused(&["cannot be used with"]);
}

#[test]
fn a_run_that_is_killed_again_and_again_gives_the_bits_of_one_that_was_not() {
    let dir = folder();
    for algorithm in ALGORITHMS {
        let (whole, killed) = (dir.path().join(format!("{algorithm}-whole")), dir.path().join(algorithm));
        finetuning(algorithm, &whole).ok();
        for (i, sign) in ["state.json", "episode_log.bin", "learner-000001-1", "learner-000003-1"].iter().enumerate() {
            let call = finetuning(algorithm, &killed);
            let running = if killed.exists() { call.and("--resume") } else { call }.start();
            let there = || killed.join(sign).exists() || whole_run_is_over(&killed);
            running.wait_until(sign, there);
            std::thread::sleep(Duration::from_millis(7 * i as u64));
            running.kill();
        }
        finetuning(algorithm, &killed).and("--resume").ok();
        assert_same(&killed, &whole);
    }
}

/// Whether the run has gone further than its first iterations, whose folders are then gone.
fn whole_run_is_over(folder: &Path) -> bool {
    let state = std::fs::read_to_string(folder.join("state.json")).unwrap_or_default();
    let state: Value = serde_json::from_str(&state).unwrap_or_default();
    state["course"]["iterations"].as_u64() > Some(3)
}

#[test]
fn two_halves_are_a_whole() {
    let dir = folder();
    let seldom = "--set evaluate_every=100000";
    for algorithm in ALGORITHMS {
        let (whole, halves) = (dir.path().join(format!("{algorithm}-whole")), dir.path().join(algorithm));
        finetuning(algorithm, &whole).and(seldom).ok();
        // The last value of a flag given twice would be refused, so that the first half has its own words.
        let half = |words: &str| {
            let call = Call::new("finetune").and(&TINY.replace("--env-steps 120", words)).and(seldom);
            let call = call.and(tiny_part(algorithm)).and(&format!("--algorithm {algorithm}"));
            let call = call.with("--task", easy_task());
            call.with("--checkpoint", checkpoint()).with("--data", demonstrations()).with("--out", &halves)
        };
        half("--env-steps 60").ok();
        half("--env-steps 120").and("--resume").ok();
        let learned = |folder: &Path| {
            let mut files = results(folder);
            // The first half has a student of its own.
            files.retain(|(path, _)| {
                ["episode_log.bin", "model.safetensors"].iter().any(|name| path == Path::new(name))
            });
            files.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
        };
        assert!(learned(&halves) == learned(&whole), "{algorithm}");
    }
}

#[test]
fn a_critic_that_diverged_goes_back_to_before_it_learned() {
    let dir = folder();
    let out = dir.path().join("run");
    // Nothing is solved, so that values above 0 are above the returns; the first iteration has nothing to be judged by.
    let words = TINY.replace("--env-steps 120", "--env-steps 1000").replace("warmup_steps=20", "warmup_steps=100000");
    let words =
        words.replace("evaluate_every=50", "evaluate_every=100000").replace("--set episodes=2", "--set episodes=4");
    let call = Call::new("finetune --task stack --algorithm best-of-n --set critic.most_above=1e-9").and(&words);
    call.with("--checkpoint", checkpoint()).with("--data", demonstrations()).with("--out", &out).ok();
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let diverged = |line: &str| serde_json::from_str::<Value>(line).unwrap()["critic/diverged"].as_f64();
    assert_eq!(metrics.lines().filter_map(diverged).collect::<Vec<_>>(), [0.0, 1.0], "{metrics}");
    let critic = |folder: &str| std::fs::read(out.join(folder).join("critic.safetensors")).unwrap();
    assert!(critic("learner-000000-1") == critic("learner-000002-2"));
}

#[test]
fn what_cannot_be_finetuned_so_is_refused() {
    let dir = folder();
    let out = dir.path().join("out");
    let call = |words: &str| Call::new("finetune --task stack --quiet --algorithm best-of-n").and(words);
    call("--reward sparce").refused_without_trace(dir.path(), &["unknown reward `sparce`", "`sparse`"]);
    call("--set critic.members=1").refused_without_trace(dir.path(), &["settings: critic.members"]);
    let removed = |words: &str| Call::new("finetune --task stack --quiet").and(words);
    removed("--algorithm cycle").refused_without_trace(dir.path(), &["unknown algorithm `cycle`", "0.1.0"]);
    removed("--set disturbance=0.1").refused_without_trace(dir.path(), &["--set: disturbance", "0.1.0"]);
    let regression = dir.path().join("regression");
    let train = Call::new("train --method regression --set steps=2 --evaluation-episodes 0");
    train.and(crate::fixtures::TINY).with("--data", demonstrations()).with("--out", &regression).ok();
    let refused = call("").with("--checkpoint", &regression).with("--out", &out);
    refused.refused(&["--checkpoint", "method imle", "regression"]);
    assert!(!out.exists());
}

#[test]
fn a_damaged_or_older_run_is_not_resumed() {
    let dir = folder();
    let out = dir.path().join("run");
    finetuning("best-of-n", &out).ok();
    let log = out.join("episode_log.bin");
    let whole = std::fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    std::fs::write(&log, damaged).unwrap();
    let resume = || finetuning("best-of-n", &out).and("--resume");
    resume().refused(&["episode_log.bin: record 1", "the bytes that were written"]);
    std::fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    resume().refused(&["episode_log.bin: record", "the bytes that were written"]);
    assert_eq!(std::fs::read(&log).unwrap().len(), whole.len() / 2, "a damaged log is left as it is");
    std::fs::write(&log, &whole).unwrap();
    resume().ok();
    finetuning("ppo", &out).and("--resume").refused(&["--algorithm", "best-of-n", "ppo"]);
    resume().and("--reward progress").refused(&["--reward", "sparse", "progress"]);
    crate::fixtures::edit_json(&out.join("state.json"), |state| state["format"] = 1.into());
    resume().refused(&["state.json: format: expected 2 or 3, found 1"]);
}
