//! Output places that are taken or cannot be written: found out before any work is done.

use crate::call::Call;
use crate::fixtures::{checkpoint, demonstrations, files_in, folder};
use std::fs;

/// Every command with an output folder.
fn verbs() -> [Call; 4] {
    [
        Call::new("demo --task stack --episodes 1"),
        Call::new("train").with("--data", demonstrations()),
        Call::new("run --task stack").with("--checkpoint", checkpoint()),
        Call::new("finetune --task stack").with("--checkpoint", checkpoint()),
    ]
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let dir = folder();
    let out = dir.path().join("mine");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("kept.txt"), "mine").unwrap();
    let before = files_in(dir.path());
    for call in verbs() {
        call.with("--out", &out).refused(&["mine", "exists already"]);
        assert_eq!(files_in(dir.path()), before);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = folder();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    for call in verbs() {
        call.clone().with("--out", &file).refused(&["/file"]);
        call.clone().with("--out", file.join("below/it")).refused(&["/file"]);
        call.clone().with("--out", "/proc/planner/out").refused(&["/proc/planner"]);
        assert_eq!(files_in(dir.path()), [("file".into(), b"mine".to_vec())]);
    }
    for place in [file.join("stack.mp4"), "/proc/stack.mp4".into(), dir.path().to_path_buf()] {
        let run = Call::new("run --task stack").with("--checkpoint", checkpoint()).with("--video", &place);
        run.refused_without_trace(folder().path(), &[place.to_str().unwrap()]);
    }
}

#[test]
fn a_resume_without_a_state_names_the_file() {
    let dir = folder();
    let [_, train, _, finetune] = verbs();
    train
        .and("--resume")
        .refused_without_trace(dir.path(), &["a training to go on with, found no training_state/state.json"]);
    finetune.and("--resume").refused_without_trace(dir.path(), &["a run to go on with, found no state.json"]);
}

#[test]
fn a_damaged_state_names_the_file() {
    let dir = folder();
    let out = dir.path().join("generator");
    crate::fixtures::copy(checkpoint(), &out);
    let state = out.join("training_state/state.json");
    let train = Call::new("train --quiet --resume --evaluation-episodes 0")
        .with("--data", demonstrations())
        .with("--out", &out);
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, &text[..text.len() / 2]).unwrap();
    train.refused(&["state.json", "the state of a training"]);
    fs::write(&state, text.replacen("\"format\": 1", "\"format\": 7", 1)).unwrap();
    train.refused(&["state.json: expected the state of a training as it was written", "damaged or edited"]);
    fs::write(&state, text).unwrap();
    let tensors = out.join("training_state/state-0000000040.safetensors");
    let bytes = fs::read(&tensors).unwrap();
    fs::write(&tensors, &bytes[..bytes.len() - 9]).unwrap();
    train.refused(&["state-0000000040.safetensors", "whole safetensors file"]);
}
