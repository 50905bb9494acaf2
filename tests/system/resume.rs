//! Stopped and resumed, a training or fine-tuning gives the bits of one that was not: by Ctrl-C, and killed at any
//! moment.

use crate::call::Call;
use crate::fixtures::{TINY, TINY_FINETUNE, checkpoint, demonstrations, easy_task, files_in, folder};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A training of a second or two: long enough to be stopped in its course.
fn training(out: &Path) -> Call {
    let call = Call::new(
        "train --set steps=1200 --set checkpoint_every=100 --set log_every=1 --evaluation-episodes 0 \
         --set epsilon_start=8 --set epsilon_decay=0.9 --set chunk_frame=residual --set quality=2",
    );
    call.and(TINY).and("--quiet").with("--data", demonstrations()).with("--out", out)
}

fn finetuning(out: &Path) -> Call {
    let call =
        Call::new("finetune --quiet").and(TINY_FINETUNE).and("--set train_steps=600").with("--task", easy_task());
    call.with("--checkpoint", checkpoint()).with("--data", demonstrations()).with("--out", out)
}

/// Folders of runs in one go, to compare with.
static WHOLE: LazyLock<TempDir> = LazyLock::new(folder);
static TRAINED: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = WHOLE.path().join("trained");
    training(&out).ok();
    out
});
static FINETUNED: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = WHOLE.path().join("finetuned");
    finetuning(&out).ok();
    out
});

/// The whole lines of the log, without their times.
fn log(folder: &Path) -> Vec<Value> {
    let parse = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().retain(|key, _| !key.contains("per_second") && key != "time/fps");
        line
    };
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(parse).collect()
}

/// Everything but logs must be equal to the byte, and the figures of the logs too.
fn assert_same(stopped: &Path, whole: &Path) {
    let results = |folder: &Path| {
        let mut files = files_in(folder);
        files.retain(|(path, _)| {
            let name = path.file_name().unwrap().to_string_lossy();
            !name.starts_with("events.") && name != "metrics.jsonl"
        });
        files
    };
    let (stopped_files, whole_files) = (results(stopped), results(whole));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&stopped_files), names(&whole_files));
    for ((path, a), (_, b)) in stopped_files.iter().zip(&whole_files) {
        assert!(a == b, "{} differs", path.display());
    }
    assert!(log(stopped) == log(whole), "the logs differ");
}

/// A moment that nobody chose, up to `most` ms.
fn a_moment(most: u64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Duration::from_micros(u64::from(now.subsec_nanos()) / 7 % (most * 1000))
}

#[test]
fn training_goes_on_after_ctrl_c() {
    let dir = folder();
    let out = dir.path().join("trained");
    let running = training(&out).start();
    running.wait_for(&out.join("metrics.jsonl"));
    running.interrupt(&["interrupted at step", "--resume"]);
    let running = training(&out).and("--resume").start();
    running.wait_until("step 300", || log(&out).last().is_some_and(|line| line["step"].as_u64() >= Some(300)));
    running.interrupt(&["interrupted at step", "--resume"]);
    training(&out).and("--resume").ok();
    assert_same(&out, &TRAINED);
}

#[test]
fn training_goes_on_after_being_killed_again_and_again() {
    let dir = folder();
    let out = dir.path().join("trained");
    let running = training(&out).start();
    // The last file of a checkpoint that is written: from here on there is a whole one at any moment.
    running.wait_for(&out.join("config.json"));
    std::thread::sleep(a_moment(100));
    running.kill();
    for _ in 0..2 {
        let running = training(&out).and("--resume").start();
        std::thread::sleep(a_moment(400));
        running.kill();
        imle_policy::checkpoint::Checkpoint::load(&out).unwrap();
    }
    training(&out).and("--resume").ok();
    assert_same(&out, &TRAINED);
}

/// Some of what tests/kill_operations.py tries whole: one of the first save, others within that of step 10.
#[test]
fn a_training_stopped_within_a_save_goes_on() {
    let dir = folder();
    let call = |out: &Path| {
        let call =
            Call::new("train --quiet --steps 20 --set checkpoint_every=10 --set log_every=7 --evaluation-episodes 0");
        call.and(TINY).with("--data", demonstrations()).with("--out", out)
    };
    let whole = dir.path().join("whole");
    call(&whole).ok();
    for number in [14, 29, 32, 35, 39] {
        let out = dir.path().join(number.to_string());
        assert_eq!(call(&out).stopped_before(number).run().code, None, "operation {number}");
        call(&out).and("--resume").ok();
        assert_same(&out, &whole);
    }
}

#[test]
fn a_finished_training_resumes_to_itself() {
    let dir = folder();
    let out = dir.path().join("trained");
    crate::fixtures::copy(&TRAINED, &out);
    let result = Call::new("train --resume --evaluation-episodes 0 --threads 1")
        .with("--data", demonstrations())
        .with("--out", &out)
        .json();
    assert_eq!(result["steps"], 1200);
    assert_same(&out, &TRAINED);
}

#[test]
fn resuming_with_other_settings_names_the_key() {
    let out = &*TRAINED;
    training(out).and("--resume --set learning_rate=0.1").refused(&["settings: learning_rate", "was begun"]);
    training(out).and("--resume --set steps=1100").refused(&["settings: steps", "at least the 1200"]);
    finetuning(&FINETUNED).and("--resume --seed 4").refused(&["state.json", "seed and settings"]);
}

#[test]
fn a_finished_training_goes_on_to_more_steps() {
    let dir = folder();
    let out = dir.path().join("trained");
    crate::fixtures::copy(&TRAINED, &out);
    let call = Call::new("train --resume --steps 1300 --evaluation-episodes 0 --threads 1");
    assert_eq!(call.with("--data", demonstrations()).with("--out", &out).json()["steps"], 1300);
    assert_eq!(log(&out).len(), log(&TRAINED).len() + 100);
    assert!(fs::read(out.join("model.safetensors")).unwrap() != fs::read(TRAINED.join("model.safetensors")).unwrap());
}

#[test]
fn resuming_with_other_inputs_names_the_flag() {
    training(&TRAINED).and("--resume --episodes 5").refused(&["--data", "6 episodes", "5 episodes"]);
    let resume = || finetuning(&FINETUNED).and("--resume");
    resume().and("--mismatch heavy").refused(&["--mismatch: expected none", "heavy"]);
    resume().and("--episodes 5").refused(&["--data", "6 episodes", "5 episodes"]);
    let other = Call::new("finetune --quiet --resume").and(TINY_FINETUNE).and("--set train_steps=600");
    let other = other.with("--task", easy_task()).with("--data", demonstrations()).with("--out", &*FINETUNED);
    other.with("--checkpoint", &*TRAINED).refused(&["--checkpoint", "was begun"]);
}

#[test]
fn finetuning_goes_on_after_ctrl_c() {
    let dir = folder();
    let out = dir.path().join("finetuned");
    for sign in
        ["state.json", "rounds/001/collected.json", "rounds/001/generator/metrics.jsonl", "rounds/002/collected.json"]
    {
        let call = if out.exists() { finetuning(&out).and("--resume") } else { finetuning(&out) };
        let running = call.start();
        running.wait_for(&out.join(sign));
        running.interrupt(&["interrupted", "--resume"]);
    }
    finetuning(&out).and("--resume").ok();
    assert_same(&out, &FINETUNED);
}

#[test]
fn finetuning_goes_on_after_being_killed_again_and_again() {
    let dir = folder();
    let out = dir.path().join("finetuned");
    for sign in ["state.json", "rounds/001/collected.json", "rounds/002/collected.json"] {
        let call = if out.exists() { finetuning(&out).and("--resume") } else { finetuning(&out) };
        let running = call.start();
        running.wait_for(&out.join(sign));
        std::thread::sleep(a_moment(150));
        running.kill();
    }
    finetuning(&out).and("--resume").ok();
    assert_same(&out, &FINETUNED);
}

#[test]
fn collecting_goes_on_where_it_was_killed() {
    let dir = folder();
    let call = |out: &Path| finetuning(out).and("--set lockstep=1 --set attempts=2");
    let (whole, out) = (dir.path().join("whole"), dir.path().join("killed"));
    call(&whole).ok();
    for sign in ["rounds/001/collecting/first-00000.msgpack", "rounds/001/collecting/first-00002.msgpack"] {
        let running = if out.join("state.json").exists() { call(&out).and("--resume") } else { call(&out) }.start();
        running.wait_for(&out.join(sign));
        running.kill();
    }
    call(&out).and("--resume").ok();
    assert_same(&out, &whole);
}
