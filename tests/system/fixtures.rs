//! Fixtures, made once: demonstrations, a tiny generator, and a task that any generator solves.

use crate::call::Call;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Built-in task files, to be varied.
pub const STACK: &str = include_str!("../../configs/tasks/stack.toml");

/// A training of seconds; `steps` is left to the caller.
pub const TINY: &str = "--set network.width=32 --set network.blocks=1 --set batch_size=16 --set samples=4 \
    --set warmup_steps=5 --threads 1";

/// A fine-tuning of seconds: two rounds of the easy task.
pub const TINY_FINETUNE: &str = "--env-steps 50 --set episodes_per_round=4 --set candidates=8 --set train_steps=200 \
    --set batch_size=16 --set samples=4 --set evaluation_episodes=3 --set attempts=1 --threads 1";

/// The folder of this process' shared fixtures; those of processes that are gone are removed.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(base).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let gone = |id: &str| !Path::new("/proc").join(id).exists();
        if name.strip_prefix("system-").is_some_and(gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let root = base.join(format!("system-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    root
});

static DEMONSTRATIONS: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = ROOT.join("demos");
    Call::new("demo --task stack --episodes 6 --seed 3").with("--out", &out).ok();
    out
});

static CHECKPOINT: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = ROOT.join("generator");
    let call = Call::new("train --set steps=40 --evaluation-episodes 0").and(TINY);
    call.with("--data", demonstrations()).with("--out", &out).ok();
    out
});

static EASY: LazyLock<PathBuf> = LazyLock::new(|| {
    let success = &STACK[STACK.find("[success]").unwrap()..STACK.find("[render]").unwrap()];
    let easy = STACK.replace(success, "[success]\nwhen = [\"height < 1.0\"]\nhold = 0.5\n\n");
    let path = ROOT.join("easy.toml");
    fs::write(&path, easy).unwrap();
    path
});

/// Six demonstrations of `stack`.
pub fn demonstrations() -> &'static Path {
    &DEMONSTRATIONS
}

/// A generator for `stack` that has hardly learned anything.
pub fn checkpoint() -> &'static Path {
    &CHECKPOINT
}

/// The task file of `stack`, but solved when cube A has not been thrown off for half a second: any generator succeeds
/// in ten control steps.
pub fn easy_task() -> &'static Path {
    &EASY
}

/// A fresh temporary folder.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The files under `folder` by their paths in it, sorted.
pub fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(at: &Path, top: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, top, found);
            } else {
                found.push((path.strip_prefix(top).unwrap().to_path_buf(), fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// Changes one place in a JSON file, which then has no checksum, as those of older versions.
pub fn edit_json(path: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    json.as_object_mut().unwrap().shift_remove("crc32");
    edit(&mut json);
    fs::write(path, json.to_string()).unwrap();
}
