//! Checkpoints that are damaged, of another task, or from the future.

use crate::call::Call;
use crate::fixtures::{STACK, checkpoint, copy, demonstrations, edit_json, folder};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Every command that takes a checkpoint.
fn refused(checkpoint: &Path, parts: &[&str]) {
    let outs = folder();
    for words in ["run --task stack --optimizer none", "finetune --task stack"] {
        let call = Call::new(words).with("--checkpoint", checkpoint);
        call.refused_without_trace(outs.path(), parts);
    }
    Call::new("bench sample --task stack").with("--checkpoint", checkpoint).refused(parts);
}

type Edit = fn(&mut Value);

#[test]
fn configurations_are_checked() {
    let dir = folder();
    let cases: [(Edit, &[&str]); 8] = [
        (|c| c["spec"]["task"] = json!("push"), &["task `stack`", "task `push`"]),
        (|c| c["spec"]["control_rate"] = json!(10), &["control_rate", "20 Hz", "10 Hz"]),
        (|c| c["spec"]["observation"]["terms"][0]["size"] = json!(4), &["normalizers.observation"]),
        (|c| c["spec"]["observation"]["terms"][0]["name"] = json!("elbow"), &["observation", "elbow[3]"]),
        (|c| c["network"]["width"] = json!(64), &["model.safetensors", "64", "32"]),
        (|c| c["format"] = json!(99), &["config.json: format", "99", "newer version"]),
        (|c| c["method"] = json!("imel"), &["config.json", "`imel`", "`imle`"]),
        (|c| drop(c.as_object_mut().unwrap().remove("horizons")), &["config.json", "missing field `horizons`"]),
    ];
    for (number, (edit, parts)) in cases.into_iter().enumerate() {
        let mine = dir.path().join(format!("mine{number}"));
        copy(checkpoint(), &mine);
        edit_json(&mine.join("config.json"), edit);
        refused(&mine, &[&[mine.to_str().unwrap()], parts].concat());
    }
}

#[test]
fn truncated_missing_and_foreign_files_are_named() {
    let dir = folder();
    let mine = dir.path().join("mine");
    copy(checkpoint(), &mine);
    let (model, config) = (mine.join("model.safetensors"), mine.join("config.json"));
    let bytes = fs::read(&model).unwrap();
    for kept in [bytes.len() - 1, bytes.len() / 2, 5, 0] {
        fs::write(&model, &bytes[..kept]).unwrap();
        refused(&mine, &["mine/model.safetensors", "a whole safetensors file", &format!("{kept} bytes")]);
    }
    fs::remove_file(&model).unwrap();
    refused(&mine, &["mine/model.safetensors", "cannot read"]);
    fs::write(&config, "{").unwrap();
    fs::write(&model, &bytes).unwrap();
    refused(&mine, &["mine/config.json", "a checkpoint's configuration"]);
    refused(&dir.path().join("nowhere"), &["nowhere/config.json", "cannot read"]);
    refused(demonstrations(), &["demos: expected the folder of a checkpoint, found that of a dataset"]);
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let dir = folder();
    let mine = dir.path().join("mine");
    copy(checkpoint(), &mine);
    let model = mine.join("model.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    // The last weight of the file; safetensors are little-endian f32.
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&model, bytes).unwrap();
    refused(&mine, &["mine/model.safetensors", "finite weights", "NaN"]);
}

/// The other way round: the task has changed since the checkpoint was made.
#[test]
fn a_task_of_other_sizes_is_refused() {
    let dir = folder();
    let task = dir.path().join("mine.toml");
    let without = STACK.replacen("[[observation]]\nname = \"tcp_yaw\"\nkind = \"yaw\"\nof = \"site:tcp\"\n", "", 1);
    let without = without.replacen("\"tcp_yaw\", ", "", 1);
    assert!(without.len() < STACK.len());
    fs::write(&task, without).unwrap();
    let outs = folder();
    for verb in ["run", "finetune"] {
        let call = Call::new(verb).with("--task", &task).with("--checkpoint", checkpoint());
        call.refused_without_trace(outs.path(), &[checkpoint().to_str().unwrap(), "observation", "tcp_yaw[2]"]);
    }
    let train = Call::new("train").with("--data", demonstrations()).with("--task", &task);
    train.refused_without_trace(outs.path(), &[demonstrations().to_str().unwrap(), "observation", "tcp_yaw[2]"]);
}
