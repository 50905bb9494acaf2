//! Videos: they change nothing of a run, and say what is wrong with their flags.

use crate::call::Call;
use crate::fixtures::{checkpoint, demonstrations, easy_task, files_in, folder};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Short episodes with candidates to draw.
fn run(episodes: u32) -> Call {
    Call::new("run --candidates 6 --seed 5 --threads 1")
        .with("--episodes", episodes.to_string())
        .with("--task", easy_task())
        .with("--checkpoint", checkpoint())
}

/// Files of a run's folder, and its summary without times.
fn results(out: &Path) -> (Vec<(PathBuf, Vec<u8>)>, Value) {
    let mut summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    ["plan_ms", "wall_s"].iter().for_each(|key| drop(summary.as_object_mut().unwrap().remove(*key).unwrap()));
    let mut files = files_in(out);
    files.retain(|(name, _)| !name.ends_with("summary.json"));
    (files, summary)
}

#[test]
fn a_video_changes_nothing_of_a_run() {
    let dir = folder();
    let out = |name: &str| dir.path().join(name);
    run(2).with("--out", out("without")).ok();
    let without = results(&out("without"));
    assert!(without.0.iter().any(|(name, _)| name.ends_with("decisions.jsonl")));
    for (name, flags) in [("drawn", ""), ("plain", "--plain")] {
        let call = run(2).and(flags).with("--out", out(name));
        call.with("--video", out(&format!("{name}.png"))).and("--size 320x240").ok();
        assert!(results(&out(name)) == without, "{name}");
    }
    if let (Ok(drawn), Ok(plain)) = (fs::read(out("drawn.png")), fs::read(out("plain.png"))) {
        assert!(drawn != plain, "paths and captions are seen");
    }
}

#[test]
fn frames_a_second_and_size_are_those_asked_for() {
    let dir = folder();
    let place = dir.path().join("fast.mp4");
    let done = run(1).and("--fps 40 --size 128x96 --camera front").with("--video", &place).ok();
    if place.exists() {
        // Ten control steps of 50 ms, and half a second at the end.
        assert!(done.out.contains("(41 pictures)"), "{done:?}");
        let bytes = fs::read(&place).unwrap();
        // The track's header ends in width and height, 16.16 fixed point.
        let sides = [0, 128, 0, 0, 0, 96, 0, 0];
        assert!(bytes.windows(8).any(|w| w == sides), "128x96");
    } else {
        assert!(done.err.contains("no video: cannot render"), "{done:?}");
    }
}

#[test]
fn a_replayed_episode_is_filmed_or_said_not_to_be() {
    let dir = folder();
    let replay = |name: &str| {
        let call = Call::new("data replay --size 128x96").and(demonstrations().to_str().unwrap());
        call.with("--video", dir.path().join(name))
    };
    let done = replay("a.mp4").ok();
    assert_eq!(done.out.contains("video: "), dir.path().join("a.mp4").exists(), "{done:?}");
    let done = replay("b.mp4").without_opengl().ok();
    assert!(done.err.contains("no video: cannot render") && done.out.contains("drift of"), "{done:?}");
    assert!(!dir.path().join("b.mp4").exists());
}

#[test]
fn what_is_wrong_with_a_flag_is_said_before_anything_is_run() {
    let film = |flags: &str| Call::new("run --task stack --video a.mp4").and(flags);
    for size in ["641x480", "640x481", "10000x10000", "0x0", "640", "640x"] {
        film("--size").and(size).refused(&["--size", "WIDTHxHEIGHT, both even, 64x64 to 3840x2160"]);
    }
    film("--camera frnt").refused(&["unknown camera `frnt`", "`front`"]);
    for fps in ["0", "241", "ten"] {
        film("--fps").and(fps).refused(&["--fps", fps]);
    }
    Call::new("run --task stack --plain").refused(&["--video"]);
    let replay = Call::new("data replay --video a.mp4 --camera frnt").and(demonstrations().to_str().unwrap());
    replay.refused(&["unknown camera `frnt`", "`front`"]);
}
