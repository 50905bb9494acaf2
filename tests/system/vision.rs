//! Policies from pictures: trained, evaluated, run and inspected; and what is refused.

use crate::call::Call;
use crate::fixtures::{STACK, TINY, checkpoint, copy, demonstrations, easy_task, edit_json, files_in, folder};
use imle_data::{ImageLayout, write_with_images};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// An encoder of seconds.
const TINY_EYES: &str = "--set vision.width=4 --set vision.keypoints=4 --set vision.features=8";

/// The demonstrations with made-up pictures of `cameras`, square of `side` pixels: no renderer is needed.
fn pictured(out: &Path, cameras: &[&str], side: usize) {
    let dataset = imle_data::read(demonstrations()).unwrap();
    let cameras = cameras.iter().map(ToString::to_string).collect();
    let layout = ImageLayout { cameras, height: side, width: side };
    let draw = |n: usize| {
        let bytes = dataset.episodes[n].len * layout.bytes();
        Ok::<_, imle_data::Error>((0..bytes).map(|i| ((i * 7 + n) % 251) as u8).collect())
    };
    write_with_images(out, &dataset.spec, &dataset.episodes, &layout, draw).unwrap();
}

fn train(data: &Path, words: &str) -> Call {
    Call::new("train --set steps=3 --quiet").and(TINY).and(TINY_EYES).and(words).with("--data", data)
}

/// From rendered demonstrations to planned episodes: one set of bits at any number of threads.
#[test]
fn a_policy_from_pictures_is_trained_evaluated_and_run() {
    let dir = folder();
    let (demos, out) = (dir.path().join("demos"), dir.path().join("seeing"));
    let done = Call::new("demo --episodes 4 --images --quiet").with("--task", easy_task()).with("--out", &demos).run();
    if done.err.contains("cannot render") {
        eprintln!("skipped, there is no OpenGL: {}", done.err.trim());
        return;
    }
    assert_eq!(done.code, Some(0), "{done:?}");
    let call =
        train(&demos, "--cameras wrist --evaluation-episodes 2 --set evaluate_every=2").with("--task", easy_task());
    let result = call.clone().with("--out", &out).json();
    assert_eq!((result["success_rate"].as_f64(), result["episodes"].as_u64()), (Some(1.0), Some(2)));
    let again = dir.path().join("again");
    call.with("--out", &again).ok();
    let weights = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    let config: Value = serde_json::from_str(&fs::read_to_string(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["spec"]["pictures"], json!({"cameras": ["wrist"], "height": 96, "width": 96}));
    let terms: Vec<_> = config["spec"]["observation"]["terms"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(terms, ["tcp_position", "tcp_yaw", "finger"]);
    assert_eq!(weights(&out), weights(&again));
    let shown = Call::new("inspect").and(out.to_str().unwrap()).ok().out;
    assert!(shown.contains("pictures of wrist of 96×96 pixels") && shown.contains("resnet18 of width 4"), "{shown}");

    let run = |words: &str| {
        let call = Call::new("run --episodes 2 --candidates 4").and(words).with("--task", easy_task());
        let mut result = call.with("--checkpoint", &out).json();
        ["plan_ms", "wall_s", "plan_batch"].iter().for_each(|key| drop(result.as_object_mut().unwrap().remove(*key)));
        result
    };
    let alone = run("--optimizer none --threads 1");
    assert_eq!(alone["success_rate"], 1.0);
    assert_eq!(run("--optimizer none --threads 2 --lockstep 1"), alone);
    assert_eq!(run("--threads 2"), run("--threads 1 --lockstep 1"));
    // The planner, which knows the state, makes it better.
    let finetune = |words: &str| {
        let call =
            Call::new("finetune --env-steps 20 --quiet --threads 1 --set episodes_per_round=2 --set candidates=8");
        let call =
            call.and("--set train_steps=3 --set batch_size=8 --set samples=2 --set evaluation_episodes=1").and(words);
        call.with("--task", easy_task()).with("--checkpoint", &out).with("--data", &demos)
    };
    let tuned = dir.path().join("tuned");
    assert_eq!(finetune("").with("--out", &tuned).json()["rounds"].as_array().unwrap().len(), 2);
    let (episodes, layout) = (tuned.join("rounds/001/episodes"), imle_data::image_layout(&demos).unwrap().unwrap());
    let seen = imle_data::read(&episodes).unwrap();
    let images = imle_data::read_all_images(&episodes, &["wrist".into()], 2).unwrap();
    let frames: usize = seen.episodes.iter().map(|e| e.len).sum();
    assert_eq!(images.rgb.len(), frames * layout.picture_bytes());
    assert_ne!(images.rgb[..layout.picture_bytes()], images.rgb[images.rgb.len() - layout.picture_bytes()..]);

    let sampled = Call::new("bench sample --repeats 1 --candidates 2").with("--task", easy_task());
    assert!(sampled.with("--checkpoint", &out).json()["cases"][0]["ours"].as_f64() > Some(0.0));
}

/// An estimator of what the robot does not know, and a generator that acts on its estimates, from cameras alone.
#[test]
fn an_estimator_is_trained_and_a_generator_acts_behind_it() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let demos = at("demos");
    let done = Call::new("demo --episodes 4 --images --quiet").with("--task", easy_task()).with("--out", &demos).run();
    if done.err.contains("cannot render") {
        eprintln!("skipped, there is no OpenGL: {}", done.err.trim());
        return;
    }
    let eyes = "train --cameras front,wrist --estimate all --steps 4 --threads 1 --set vision.width=4 --set vision.keypoints=4";
    let eyes = Call::new(eyes).and("--set network.width=16 --set vision.held_out=0.25").with("--task", easy_task());
    let found = eyes.with("--data", &demos).with("--out", at("eyes")).json();
    let terms: Vec<_> = found["errors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(found["held_out_episodes"], 1);
    assert!(!terms.is_empty() && !terms.contains(&"finger".to_string()), "{terms:?}");
    assert!(found["errors_of_range"][&terms[0]].as_f64() > Some(0.0), "{found}");

    let behind = |out: &Path| {
        let call =
            Call::new("train --quiet --evaluation-episodes 2 --set vision.copies=2 --set checkpoint_every=2").and(TINY);
        call.with("--task", easy_task()).with("--estimator", at("eyes")).with("--data", &demos).with("--out", out)
    };
    let result = behind(&at("seeing")).and("--set steps=4").json();
    assert_eq!(result["success_rate"], 1.0);
    // Stopped and gone on with, without naming the estimator.
    behind(&at("stopped")).and("--set steps=4 --set evaluate_every=0").ok();
    let resumed = Call::new("train --resume --quiet --steps 6 --evaluation-episodes 2").with("--task", easy_task());
    resumed.with("--data", &demos).with("--out", at("stopped")).ok();
    let config: Value = serde_json::from_str(&fs::read_to_string(at("stopped").join("config.json")).unwrap()).unwrap();
    let estimator = format!("estimator-{}", config["estimator"].as_str().unwrap());
    let weights = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(weights(&at("stopped").join(estimator)), weights(&at("eyes")));
    let of = config["provenance"]["data"].as_str().unwrap();
    assert!(of.contains("as estimator ") && of.contains("in 2 copies"), "{of}");

    let run = |words: &str| {
        let call = Call::new("run --episodes 2 --candidates 4").and(words).with("--task", easy_task());
        let mut result = call.with("--checkpoint", at("seeing")).json();
        ["plan_ms", "wall_s", "plan_batch"].iter().for_each(|key| drop(result.as_object_mut().unwrap().remove(*key)));
        result
    };
    assert_eq!(run("--optimizer none --threads 2 --lockstep 1"), run("--optimizer none --threads 1"));
    assert_eq!(run("--threads 2"), run("--threads 1"));
    let shown = Call::new("inspect").and(at("seeing").to_str().unwrap()).ok().out;
    assert!(shown.contains("estimates: ") && shown.contains("conv of width 4"), "{shown}");

    // What does not fit is named before anything is written.
    let none = folder();
    let refused = |words: &str, parts: &[&str]| {
        Call::new("train --quiet").and(words).with("--data", &demos).refused_without_trace(none.path(), parts);
    };
    refused("--estimate cube", &["--cameras"]);
    refused("--cameras front --estimate tcp_yaw", &["vision.estimate", "terms beside tcp_position", "tcp_yaw"]);
    refused("--cameras front --estimate cub", &["vision.estimate: unknown observation term `cub`"]);
    let path = |name: &str| at(name).display().to_string();
    refused(&format!("--estimator {}", path("seeing")), &["--estimator"]);
    refused(&format!("--estimator {} --cameras front", path("eyes")), &["--estimator", "--cameras"]);
    Call::new("finetune --env-steps 20 --quiet")
        .with("--task", easy_task())
        .with("--checkpoint", at("seeing"))
        .refused_without_trace(none.path(), &["checkpoint", "a generator that sees the state itself"]);
}

/// A teacher that knows the state teaches a student that sees pictures; what the student learns from is in its
/// provenance.
#[test]
fn a_teacher_of_the_state_teaches_from_pictures() {
    let dir = folder();
    let (demos, out) = (dir.path().join("demos"), dir.path().join("student"));
    pictured(&demos, &["front", "wrist"], 96);
    let call = Call::new("distill --samples 2 --episodes 2 --set steps=2 --evaluation-episodes 0 --quiet");
    let call = call.and(TINY).and(TINY_EYES).and("--cameras front,wrist --set vision.shared=true");
    call.with("--teacher", checkpoint()).with("--data", &demos).with("--out", &out).ok();
    let config: Value = serde_json::from_str(&fs::read_to_string(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["spec"]["pictures"]["cameras"], json!(["front", "wrist"]));
    assert_eq!(config["vision"]["shared"], true);
    let of = config["provenance"]["data"].as_str().unwrap();
    assert!(of.contains("in 2 episodes (") && of.contains("and pictures of front, wrist ("), "{of}");
    let serve = Call::new("serve --task stack").with("--socket", dir.path().join("s")).with("--checkpoint", &out);
    serve.refused(&["--checkpoint: expected a generator that sees the state", "front, wrist of 96×96 pixels"]);
}

#[test]
fn a_training_from_pictures_resumes_with_the_same_pictures_only() {
    let dir = folder();
    let (demos, others) = (dir.path().join("demos"), dir.path().join("others"));
    pictured(&demos, &["front", "wrist"], 96);
    pictured(&others, &["wrist", "front"], 96);
    let out = dir.path().join("seeing");
    train(&demos, "--cameras front --evaluation-episodes 0").with("--out", &out).ok();
    let before = files_in(&out);
    let resume = |data: &Path| Call::new("train --resume --evaluation-episodes 0 --quiet").with("--data", data);
    resume(&demos).with("--out", &out).ok();
    resume(&others).with("--out", &out).refused(&["--data", "was begun with", "pictures of front ("]);
    let kept = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files.into_iter().filter(|(path, _)| path.ends_with("model.safetensors")).collect::<Vec<_>>()
    };
    assert_eq!(kept(before), kept(files_in(&out)));
}

/// The error comes before anything is begun: nothing is left behind.
#[test]
fn without_opengl_an_evaluation_from_pictures_says_what_is_missing() {
    let dir = folder();
    let demos = dir.path().join("demos");
    pictured(&demos, &["front"], 96);
    let none = folder();
    let call = train(&demos, "--cameras front --evaluation-episodes 1").with("--out", none.path().join("new/out"));
    let done = call.without_opengl().run();
    assert_eq!(done.code, Some(1), "{done:?}");
    let errors: Vec<_> = done.err.lines().filter(|l| l.starts_with("error: cannot render: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("apt install libegl1"), "{done:?}");
    assert_eq!(fs::read_dir(none.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_in_the_dataset_or_the_task_is_named() {
    let dir = folder();
    let data = |name: &str, cameras: &[&str], side: usize| {
        let path = dir.path().join(name);
        pictured(&path, cameras, side);
        path
    };
    let (both, small, tiny) =
        (data("both", &["front", "side"], 96), data("small", &["front"], 48), data("tiny", &["front"], 32));
    let none = folder();
    let refused =
        |data: &Path, words: &str, parts: &[&str]| train(data, words).refused_without_trace(none.path(), parts);
    refused(demonstrations(), "--cameras front", &["demos/meta/info.json: features", "planner demo --images"]);
    refused(&both, "--cameras frnt", &["both: unknown camera `frnt`", "`front`"]);
    refused(&both, "--cameras front,front", &["cameras", "distinct"]);
    refused(&both, "--cameras side", &["both: pictures: unknown camera `side`", "`front`, `wrist`"]);
    refused(&small, "--cameras front", &["small: pictures", "front of 96×96 pixels", "front of 48×48 pixels"]);
    refused(&tiny, "--cameras front --evaluation-episodes 0", &["settings: vision.crop", "28×28 pixels kept"]);
    let words = "--cameras front --set vision.state=[\"tcp_yav\"]";
    refused(&both, words, &["both: vision.state: unknown observation term `tcp_yav`", "`tcp_yaw`"]);
    let task = dir.path().join("silent.toml");
    let at = STACK.find("proprioception").unwrap();
    let silent = format!("{}{}", &STACK[..at], &STACK[at..][STACK[at..].find('\n').unwrap() + 1..]);
    fs::write(&task, silent).unwrap();
    let call = train(&both, "--cameras front").with("--task", &task);
    call.refused_without_trace(none.path(), &["settings: vision.state", "`proprioception`"]);
    let bad = STACK.replacen("proprioception = [\"tcp_position\"", "proprioception = [\"tip\"", 1);
    fs::write(&task, bad).unwrap();
    Call::new("inspect")
        .and(task.to_str().unwrap())
        .refused(&["silent.toml:20: proprioception: unknown observation term `tip`"]);
}

#[test]
fn a_checkpoint_that_sees_other_pictures_is_refused() {
    let dir = folder();
    let (demos, out) = (dir.path().join("demos"), dir.path().join("seeing"));
    pictured(&demos, &["front"], 48);
    train(&demos, "--cameras front --evaluation-episodes 0").with("--out", &out).ok();
    let none = folder();
    let run = |checkpoint: &Path, task: &Path| {
        Call::new("run --optimizer none --episodes 1").with("--task", task).with("--checkpoint", checkpoint)
    };
    let stack = Path::new("stack");
    let parts = ["seeing: pictures", "front of 96×96 pixels", "front of 48×48 pixels"];
    run(&out, stack).refused_without_trace(none.path(), &parts);
    let blind = dir.path().join("blind.toml");
    fs::write(&blind, &STACK[..STACK.find("[[camera]]").unwrap()]).unwrap();
    run(&out, &blind).refused_without_trace(none.path(), &["seeing: pictures: unknown camera `front`; there is none"]);
    type Edit = fn(&mut Value);
    let cases: [(Edit, &[&str]); 4] = [
        (
            |c| drop(c.as_object_mut().unwrap().remove("vision")),
            &["config.json: spec.pictures", "there is no `vision`"],
        ),
        (|c| c["spec"]["pictures"]["height"] = json!(0), &["config.json: spec.pictures", "pixels of a side"]),
        (|c| c["vision"]["width"] = json!(8), &["model.safetensors: vision.0.conv1.weight", "[8, 3, 7, 7]"]),
        (|c| c["vision"]["kind"] = json!("resnet81"), &["config.json", "vision encoder `resnet81`"]),
    ];
    for (number, (edit, parts)) in cases.into_iter().enumerate() {
        let mine = dir.path().join(format!("mine{number}"));
        copy(&out, &mine);
        edit_json(&mine.join("config.json"), edit);
        run(&mine, stack).refused_without_trace(none.path(), parts);
    }
}
