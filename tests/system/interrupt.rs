//! Ctrl-C in the course of a long command: one line, exit code 1, nothing half-written. What `train` and `finetune`
//! keep is in `resume`.

use crate::call::Call;
use crate::fixtures::{TINY, checkpoint, demonstrations, folder};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for the work to have begun.
fn a_while() {
    std::thread::sleep(Duration::from_millis(400));
}

fn assert_empty(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn demo_leaves_nothing() {
    let dir = folder();
    let running = Call::new("demo --task stack --episodes 5000").with("--out", dir.path().join("new/demos")).start();
    a_while();
    running.interrupt(&["interrupted; nothing was written"]);
    assert_empty(dir.path());
}

#[test]
fn run_leaves_nothing() {
    let dir = folder();
    let call =
        Call::new("run --task stack --episodes 5000 --lockstep 4 --candidates 4").with("--checkpoint", checkpoint());
    let call = call.with("--out", dir.path().join("new/run")).with("--video", dir.path().join("video/stack.mp4"));
    let running = call.start();
    a_while();
    running.interrupt(&["interrupted"]);
    assert_empty(dir.path());
}

#[test]
fn train_keeps_a_checkpoint_that_runs() {
    let dir = folder();
    let out = dir.path().join("generator");
    let call = Call::new("train --set steps=1000000 --set log_every=1 --evaluation-episodes 0").and(TINY);
    let running = call.with("--data", demonstrations()).with("--out", &out).start();
    running.wait_for(&out.join("metrics.jsonl"));
    running.interrupt(&["interrupted at step", "--resume"]);
    Call::new("run --task stack --episodes 1 --optimizer none").with("--checkpoint", &out).ok();
}

#[test]
fn train_stops_in_an_evaluation() {
    let dir = folder();
    let out = dir.path().join("generator");
    let call = Call::new("train --set steps=1000000 --set evaluate_every=5 --evaluation-episodes 2").and(TINY);
    let running = call.with("--data", demonstrations()).with("--out", &out).start();
    a_while();
    running.interrupt(&["interrupted at step", "--resume"]);
    assert!(out.join("training_state/state.json").is_file());
    // One of many episodes, in which the next Ctrl-C finds it.
    let dir = folder();
    let out = dir.path().join("generator");
    let call = Call::new("train --set steps=5 --set evaluate_every=5 --evaluation-episodes 3000").and(TINY);
    let call = call.with("--data", demonstrations()).with("--out", &out);
    let running = call.start();
    a_while();
    let asked = Instant::now();
    running.interrupt(&["interrupted at step 5", "--resume"]);
    assert!(asked.elapsed() < Duration::from_secs(30), "heard only at the end of the evaluation");
    // It is still due.
    let resumed =
        Call::new("train --resume --evaluation-episodes 2").with("--data", demonstrations()).with("--out", &out);
    assert_eq!(resumed.json()["episodes"], 2);
}
