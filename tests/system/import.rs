//! Policies trained elsewhere: brought in, they are checkpoints like any other.

#[path = "../../policy/src/import/tests/complete.rs"]
mod complete;

use crate::call::Call;
use crate::fixtures::{files_in, folder};
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use imle_data::{ImageLayout, write_with_images};
use std::fs;
use std::path::{Path, PathBuf};

fn policy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policy/fixtures").join(name)
}

fn import(name: &str) -> Call {
    Call::new("import").and(policy(name).to_str().unwrap())
}

/// The fixtures see five values and command two: these of `push_t`.
const PUSH_T: &str = "--task push_t --observation pusher,left_to_goal";

#[test]
fn an_imported_policy_is_inspected_run_and_timed() {
    let dir = folder();
    let (imle, diffusion) = (dir.path().join("imle"), dir.path().join("diffusion"));
    let report = import("imle_policy").and(PUSH_T).with("--out", &imle).json();
    assert_eq!((report["method"].as_str(), report["kind"].as_str()), (Some("imle"), Some("IMLE Policy")));
    import("lerobot").and(PUSH_T).with("--out", &diffusion).ok();
    let inspected = Call::new("inspect").and(diffusion.to_str().unwrap()).json();
    assert_eq!((&inspected["spec"]["task"], &inspected["lead"]), (&"push_t".into(), &1.into()));
    for (checkpoint, more) in [(&imle, ""), (&diffusion, "--solver ddim --passes 2")] {
        let run =
            Call::new("run --task push_t --optimizer none --episodes 1").and(more).with("--checkpoint", checkpoint);
        assert_eq!(run.json()["episodes"], 1);
    }
    let planned = Call::new("run --task push_t --episodes 1 --candidates 4").with("--checkpoint", &imle);
    assert!(planned.json()["rollouts"].as_u64().unwrap() > 0);
}

#[test]
fn without_a_task_it_is_sampled_and_distilled() {
    let dir = folder();
    let (teacher, demos) = (dir.path().join("teacher"), dir.path().join("demos"));
    import("lerobot_old").with("--out", &teacher).ok();
    let timed = Call::new("bench sample --repeats 1 --candidates 2").with("--checkpoint", &teacher).json();
    assert_eq!(timed["cases"][0]["network"], "unet");

    Call::new("demo --task push_t --episodes 1 --seed 2").with("--out", &demos).ok();
    let named = dir.path().join("named");
    let call = import("lerobot_old").and("--observation pusher,left_to_goal");
    call.with("--data", &demos).with("--out", &named).ok();
    let distill = Call::new("distill --evaluation-episodes 0 --episodes 1 --passes 2 --samples 3")
        .and("--set steps=3 --set batch_size=4 --set network.width=16 --set network.blocks=1 --set warmup_steps=1")
        .with("--data", &demos);
    let student = distill.clone().with("--teacher", &named).with("--out", dir.path().join("student")).json();
    assert_eq!((&student["teacher"]["method"], &student["student"]["method"]), (&"diffusion".into(), &"imle".into()));
    let outs = folder();
    distill.with("--teacher", &teacher).refused_without_trace(outs.path(), &["task `push_t`", "task `lerobot_old`"]);
}

/// Of LeRobot's `diffusion_pusht` kind, but untrained: it sees the board of `push_t`, is run, and teaches.
#[test]
fn a_policy_that_sees_pictures_is_run_and_distilled() {
    let dir = folder();
    let [policy, out, demos] = ["policy", "seeing", "demos"].map(|name| dir.path().join(name));
    complete::complete(&self::policy("lerobot_old_seeing"), &policy, false);
    let import = Call::new("import").and(policy.to_str().unwrap());
    let outs = folder();
    for (words, parts) in [
        ("--task push_t --cameras tip", ["policy: unknown camera `tip`", "`top`"]),
        (
            "--task push_t --observation pusher,left_to_goal",
            ["observation: expected 5 values", "2: observation.state[2]"],
        ),
    ] {
        import.clone().and(words).refused_without_trace(outs.path(), &parts);
    }
    let report = import.clone().with("--out", dir.path().join("bare")).json();
    assert_eq!(report["spec"]["pictures"]["cameras"][0], "image");
    import.clone().and("--task push_t --cameras top").with("--out", &out).ok();
    let inspected = Call::new("inspect").and(out.to_str().unwrap()).ok().out;
    assert!(inspected.contains("[0..2] pusher") && inspected.contains("pictures of top of 96×96"), "{inspected}");

    let run = Call::new("run --task push_t --optimizer none --solver ddim --passes 2 --episodes 1");
    let done = run.with("--checkpoint", &out).and("--json").run();
    if done.err.contains("cannot render") {
        eprintln!("skipped, there is no OpenGL: {}", done.err.trim());
        return;
    }
    assert_eq!(done.code, Some(0), "{done:?}");
    let spec: Spec = serde_json::from_value(Call::new("inspect push_t").json()["spec"].clone()).unwrap();
    let len = 6;
    let values = |size: usize| (0..len * size).map(|i| 0.01 * (i % 7) as f32).collect();
    let (observations, actions) = (values(spec.observation.size()), values(spec.action.size()));
    let episode = Episode { observations, actions, len, ..Episode::default() };
    let layout = ImageLayout { cameras: vec!["top".into()], height: 96, width: 96 };
    let draw = |_| Ok::<_, imle_data::Error>((0..len * layout.bytes()).map(|i| (i % 251) as u8).collect());
    write_with_images(&demos, &spec, &[episode], &layout, draw).unwrap();
    import.and("--observation pusher").with("--data", &demos).with("--out", dir.path().join("of_data")).ok();
    let distill = Call::new("distill --evaluation-episodes 0 --episodes 1 --passes 2 --samples 2 --quiet")
        .and("--set steps=2 --set batch_size=2 --set network.width=16 --set network.blocks=1 --set warmup_steps=1")
        .and("--cameras top --set vision.width=4 --set vision.keypoints=4 --set vision.features=8");
    let call = distill.with("--data", &demos).with("--teacher", dir.path().join("of_data"));
    let student = call.with("--out", dir.path().join("student")).json();
    assert_eq!((&student["teacher"]["method"], &student["student"]["method"]), (&"diffusion".into(), &"imle".into()));
}

#[test]
fn what_cannot_be_brought_in_leaves_nothing() {
    let (dir, outs) = (folder(), folder());
    let pickle = dir.path().join("latest.ckpt");
    fs::write(&pickle, b"PK\x03\x04").unwrap();
    let call = Call::new("import").and(pickle.to_str().unwrap());
    call.refused_without_trace(outs.path(), &["latest.ckpt", "a pickle", "planner import --converter | python3 -"]);
    import("lerobot").and("--task push_t").refused_without_trace(outs.path(), &["expected 36 values", "found 5"]);
    import("lerobot").and("--task stack").refused_without_trace(outs.path(), &["action: expected ", "found 2"]);
    let unknown = import("lerobot").and("--task push_t --observation pushr,left_to_goal");
    unknown.refused_without_trace(outs.path(), &["`pushr`", "did you mean `pusher`"]);
    import("lerobot").and("--task pusht").refused_without_trace(outs.path(), &["`pusht`", "`push_t`"]);
    Call::new("import")
        .and(dir.path().to_str().unwrap())
        .refused_without_trace(outs.path(), &["latest.ckpt", "pickle"]);
    import("lerobot").and("--control-rate 0").refused_without_trace(outs.path(), &["--control-rate"]);
    Call::new("import").refused(&["--out", "FROM"]);
    let used = import("lerobot").with("--out", dir.path());
    used.refused(&["exists already"]);
    assert_eq!(files_in(dir.path()).len(), 1);
}

#[test]
fn the_converter_is_printed() {
    let printed = Call::new("import --converter").ok().out;
    assert!(printed.contains("--converter | python3 -") && printed.contains("save_file"), "{printed}");
}
