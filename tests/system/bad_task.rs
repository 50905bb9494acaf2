//! Task files and models with something wrong in them.

use crate::call::Call;
use crate::fixtures::{STACK, checkpoint, folder};
use std::fs;
use std::path::Path;

/// Writes the file of `stack` with one place changed, and calls every command that takes a task.
fn refused(dir: &Path, (from, to): (&str, &str), parts: &[&str]) {
    assert!(STACK.contains(from), "{from}");
    let path = dir.join("mine.toml");
    fs::write(&path, STACK.replacen(from, to, 1)).unwrap();
    let outs = dir.join("outs");
    fs::create_dir_all(&outs).unwrap();
    Call::new("demo").with("--task", &path).refused_without_trace(&outs, parts);
    Call::new("inspect").and(path.to_str().unwrap()).refused(parts);
}

fn all_refused(cases: &[((&str, &str), &[&str])]) {
    let dir = folder();
    for (change, parts) in cases {
        refused(dir.path(), *change, parts);
    }
}

#[test]
fn wrong_keys_and_types_are_named_with_file_and_line() {
    all_refused(&[
        (("control_rate = 20", "control_rat = 20"), &["mine.toml:17", "unknown key `control_rat`", "`control_rate`"]),
        (("control_rate = 20", "control_rate = \"20\""), &["mine.toml:17: control_rate", "string"]),
        (("control_rate = 20", "control_rate = "), &["mine.toml:17", "valid TOML"]),
        (("max_steps = 200", "max_steps = -1"), &["mine.toml:18: max_steps", "-1"]),
        (("max_steps = 200", "max_steps = 0"), &["mine.toml", "max_steps", "at least 1"]),
        (("low = [-0.25, -0.30, 0.005]", "low = [-0.25]"), &["mine.toml", "action"]),
        (("kind = \"yaw\"", "kind = \"yow\""), &["mine.toml:", "observation[1]", "`yow`", "`yaw`"]),
        (("kind = \"end_effector\"", "kind = \"end_efector\""), &["mine.toml:", "`end_efector`", "`end_effector`"]),
        (("kind = \"speed\"", "kind = \"sped\""), &["mine.toml:", "`sped`", "`speed`"]),
        (("hold = 0.5", "holt = 0.5"), &["mine.toml:", "`holt`", "`hold`"]),
        (("expert = \"stack\"", "expert = \"stak\""), &["mine.toml", "unknown expert `stak`", "`stack`"]),
    ]);
}

#[test]
fn missing_sections_are_named() {
    all_refused(&[
        (("[success]", "[succes]"), &["mine.toml:", "unknown key `succes`", "`success`"]),
        (("[action]", "[render2]"), &["mine.toml:", "unknown key `render2`"]),
        (("control_rate = 20", ""), &["mine.toml", "missing field `control_rate`"]),
    ]);
    let dir = folder();
    let path = dir.path().join("mine.toml");
    for (section, next) in [("[success]", "[render]"), ("[cost]", "[success]"), ("[action]", "[[observation]]")] {
        let (begin, end) = (STACK.find(section).unwrap(), STACK.find(next).unwrap());
        fs::write(&path, format!("{}{}", &STACK[..begin], &STACK[end..])).unwrap();
        let missing = format!("missing field `{}`", section.trim_matches(['[', ']']));
        Call::new("inspect").and(path.to_str().unwrap()).refused(&["mine.toml", &missing]);
    }
}

#[test]
fn wrong_units_are_told_with_the_right_ones() {
    all_refused(&[
        (("yaw = [-3.14159, 3.14159]", "yaw = [-180, 180]"), &["mine.toml", "cube_a", "yaw", "rad", "-180"]),
        (("joint_noise = 0.02", "joint_noise = 20"), &["mine.toml", "reset.joint_noise", "rad", "20"]),
        (
            ("timestep = 0.005", "timestep = 5"),
            &["mine.toml", "planning.timestep", "of 5 s", "planning.timestep = 0.05)"],
        ),
        (("hold = 0.5", "hold = 500"), &["mine.toml", "success.hold", "0 to 60 s", "500"]),
        (("min_distance = 0.06", "min_distance = 60"), &["mine.toml", "reset.min_distance", " m", "60"]),
        (("x = [-0.1, 0.1]", "x = [-100, 100]"), &["mine.toml", "cube_a", "x", " m", "-100"]),
        (("control_rate = 20", "control_rate = 0.05"), &["mine.toml", "control_rate", "Hz", "0.05"]),
    ]);
}

#[test]
fn what_is_not_in_the_model_comes_with_the_nearest() {
    all_refused(&[
        (("body = \"cube_a\"", "body = \"cube_aa\""), &["reset.place", "unknown body `cube_aa`", "`cube_a`"]),
        (("of = \"body:cube_a\"", "of = \"body:cub_a\""), &["cube_a_position", "unknown body `cub_a`", "`cube_a`"]),
        (("of = \"site:tcp\"", "of = \"site:tpc\""), &["tcp_position", "unknown site `tpc`", "`tcp`"]),
        (
            ("joint = \"finger_joint1\"", "joint = \"finger_jiont1\""),
            &["unknown joint `finger_jiont1`", "`finger_joint1`"],
        ),
        (("gripper = \"gripper\"", "gripper = \"griper\""), &["unknown actuator `griper`", "`gripper`"]),
        (("keyframe = \"home\"", "keyframe = \"hom\""), &["reset.keyframe", "unknown keyframe `hom`", "`home`"]),
        (("camera = \"front\"", "camera = \"frnt\""), &["render.camera", "unknown camera `frnt`", "`front`"]),
        (("body = \"cube_a\"", "body = \"hand\""), &["reset.place", "free joint"]),
    ]);
}

#[test]
fn what_is_not_in_the_model_is_named_with_the_file() {
    all_refused(&[
        (("body = \"cube_a\"", "body = \"cube_aa\""), &["mine.toml", "reset.place", "`cube_aa`"]),
        (("reach < 0.012", "raech < 0.012"), &["mine.toml", "at cube A", "`raech`"]),
        (("camera = \"front\"", "camera = \"frnt\""), &["mine.toml", "render.camera", "`frnt`"]),
    ]);
}

#[test]
fn comparisons_and_quantities_are_checked() {
    all_refused(&[
        (("reach < 0.012", "raech < 0.012"), &["at cube A", "unknown quantity `raech`", "`reach`"]),
        (("quantity = \"apart\"", "quantity = \"aprt\""), &["lifted", "unknown quantity `aprt`", "`apart`"]),
        (("reach < 0.012", "reach <= 0.012"), &["mine.toml", "at cube A", "comparison", "`reach <= 0.012`"]),
        (("reach < 0.012", "reach 0.012"), &["mine.toml", "comparison", "`reach 0.012`"]),
        (("reach < 0.012", "reach < near"), &["mine.toml", "comparison", "`reach < near`"]),
        (("axis = \"z\"", "axis = \"w\""), &["mine.toml", "height", "`w`"]),
        (("scale = 0.4", "scale = 0"), &["mine.toml", "scale", "positive"]),
        (("running = 1.0", "running = -1.0"), &["mine.toml", "cost.running", "-1"]),
    ]);
}

#[test]
fn a_model_that_does_not_load_is_named() {
    let dir = folder();
    let model = dir.path().join("mine.xml");
    let body = |inner: &str| format!("<mujoco><worldbody>{inner}</worldbody></mujoco>");
    let cases = [
        ("garbage".to_string(), "XML"),
        (String::new(), "XML"),
        (body("<geom typ=\"box\"/>"), "'typ'"),
        (body("<geom type=\"box\" size=\"-1 0 0\"/>"), "positive"),
        (body("<body><joint/></body>"), "mass"),
    ];
    for (text, part) in cases {
        fs::write(&model, text).unwrap();
        refused(
            dir.path(),
            ("model = \"stack.xml\"", "model = \"mine.xml\""),
            &["mine.toml", "mine.xml", "MuJoCo", part],
        );
    }
    // One that loads, but has nothing of what the task speaks of.
    fs::write(&model, body("<geom size=\"1\"/>")).unwrap();
    refused(dir.path(), ("model = \"stack.xml\"", "model = \"mine.xml\""), &["unknown keyframe `home`"]);
}

/// Sizes that MuJoCo believes end a process of their own, not the program.
#[test]
fn a_model_on_which_mujoco_ends_is_told_in_one_line() {
    let dir = folder();
    let cases = [
        "<size nuser_geom=\"2000000000\"/><worldbody><geom size=\"1\"/></worldbody>",
        "<asset><hfield name=\"h\" nrow=\"65536\" ncol=\"65536\" size=\"1 1 1 1\"/></asset>\
         <worldbody><geom type=\"hfield\" hfield=\"h\"/></worldbody>",
    ];
    for model in cases {
        fs::write(dir.path().join("mine.xml"), format!("<mujoco>{model}</mujoco>")).unwrap();
        let parts = ["mine.toml", "MuJoCo loads"];
        refused(dir.path(), ("model = \"stack.xml\"", "model = \"mine.xml\""), &parts);
    }
}

/// A start state that is no number is refused by `inspect`; episodes and rollouts that fail in it are counted aloud.
#[test]
fn a_failed_simulation_is_told() {
    let dir = folder();
    let (path, model) = (dir.path().join("mine.toml"), dir.path().join("mine.xml"));
    let scene = include_str!("../../configs/template/scene.xml");
    let key = "<keyframe><key name=\"lost\" qpos=\"nan 0 0.15 0 0.02 1 0 0 0\"/></keyframe></mujoco>";
    fs::write(&model, scene.replace("</mujoco>", key)).unwrap();
    let task = include_str!("../../configs/template/task.toml").replace("{name}", "mine");
    let joint = task.find("[[reset.joint]]").unwrap()..task.find("[[reset.place]] ").unwrap();
    let task = task.replace(&task[joint], "").replace("# keyframe = \"home\"", "keyframe = \"lost\"");
    fs::write(&path, task).unwrap();
    Call::new("inspect").and(path.to_str().unwrap()).refused(&["mine.toml", "start state of finite numbers", "NaN"]);
    let run =
        Call::new("run --optimizer cma-es --proposals noise,warm --candidates 8 --episodes 2").with("--task", &path);
    let told = run.ok().out;
    assert!(told.contains("2 of 2 episodes failed in simulation (positions diverged); all "), "{told}");
    assert!(told.contains("no mean cost"), "{told}");
    let json = run.json();
    assert_eq!((json["failed_episodes"].as_u64(), json["mean_cost"].is_null()), (Some(2), true));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let dir = folder();
    refused(
        dir.path(),
        ("model = \"stack.xml\"", "model = \"stakc.xml\""),
        &["unknown model file `stakc.xml`", "`stack.xml`"],
    );
    for verb in ["run", "demo", "finetune"] {
        Call::new(verb)
            .and("--task nowhere/mine.toml")
            .refused_without_trace(folder().path(), &["nowhere/mine.toml", "cannot read"]);
    }
}

#[test]
fn a_task_without_an_expert_has_no_demonstrations() {
    let dir = folder();
    let path = dir.path().join("mine.toml");
    fs::write(&path, STACK.replacen("expert = \"stack\"", "", 1)).unwrap();
    let outs = folder();
    Call::new("demo").with("--task", &path).refused_without_trace(outs.path(), &["mine.toml", "`expert`", "--record"]);
    Call::new("run --episodes 1 --optimizer none").with("--task", &path).with("--checkpoint", checkpoint()).ok();
}
