//! A task file of a user's own with something wrong in each of its sections: 75 of them, one line each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::embedded::{TEMPLATE_SCENE, TEMPLATE_TASK};
use imle_envs::task::Task;
use std::fs;
use std::path::Path;

/// Text of the template, its replacement, and parts of the error.
type Spoil = (&'static str, &'static str, &'static [&'static str]);

const SPOILT: [Spoil; 75] = [
    ("control_rate = 20 ", "control_rat = 20 ", &["control_rat", "`control_rate`"]),
    ("control_rate = 20 ", "control_rate = \"20\" ", &["control_rate"]),
    ("control_rate = 20 ", "control_rate = nan ", &["control_rate", "Hz"]),
    (
        "control_rate = 20 ",
        "control_rate = 30 ",
        &["control_rate", "whole number of physics steps", "or 28.5714 Hz, or 33.3333 Hz"],
    ),
    ("control_rate = 20 ", "control_rate = ", &["valid TOML"]),
    ("max_steps = 200", "max_steps = 1.5", &["max_steps"]),
    ("max_steps = 200", "max_steps = 0", &["max_steps", "at least 1"]),
    ("description = \"Push a puck to a goal\"\n", "", &["missing field `description`"]),
    ("name = \"kinds\"", "name = 3", &["name", "string"]),
    ("model = \"kinds.xml\"", "model = \"kind.xml\"", &["unknown model file `kind.xml`", "`kinds.xml`"]),
    ("model = \"kinds.xml\"", "model = \"../\"", &["MuJoCo"]),
    ("# timestep = 0.01 ", "timestep = 0.03 ", &["planning.timestep"]),
    ("# impratio = 1.0", "impratio = -1.0", &["planning.impratio"]),
    ("execute = 2  ", "execute = 0  ", &["planning.execute"]),
    ("[planning] ", "[plannin] ", &["`plannin`", "`planning`"]),
    ("name = \"goal\"\nposition", "name = \"puck\"\nposition", &["marker `puck`"]),
    ("radius = 0.02", "radius = -0.02", &["marker `goal`", "radius"]),
    ("position = [-0.2, 0.2, 0.001]", "position = [-0.2, 0.2]", &["position"]),
    ("kind = \"joint_targets\"", "kind = \"joint_target\"", &["`joint_target`", "`joint_targets`"]),
    (
        "actuators = [\"finger_x\", \"finger_y\"]   # an",
        "actuators = [\"finger_x\", \"fingr_y\"]   # an",
        &["action.actuators", "unknown actuator `fingr_y`", "`finger_y`"],
    ),
    ("actuators = [\"finger_x\", \"finger_y\"]   # an", "actuators = []   # an", &["action"]),
    ("max_joint_speed = [0.8, 0.8]  ", "max_joint_speed = [0.8]  ", &["action.max_joint_speed", "2 speeds"]),
    ("max_joint_speed = [0.8, 0.8]  ", "max_joint_speed = [0.8, 0]  ", &["action.max_joint_speed", "positive"]),
    (
        "# ranges = [[-0.3, 0.3], [-0.3, 0.3]]",
        "ranges = [[0.3, -0.3], [-0.3, 0.3]]",
        &["action.ranges of `finger_x`", "low < high"],
    ),
    (
        "# ranges = [[-0.3, 0.3], [-0.3, 0.3]]",
        "ranges = [[-3, 3], [-0.3, 0.3]]",
        &["action.ranges of `finger_x`", "-0.4"],
    ),
    ("joints = [\"finger_x\", \"finger_y\"]", "joints = [\"finger_x\", \"finger_z\"]", &["unknown joint `finger_z`"]),
    ("joints = [\"finger_x\", \"finger_y\"]", "joints = [\"puck\"]", &["puck"]),
    ("of = \"body:puck\"\nrelative_to", "of = \"bodi:puck\"\nrelative_to", &["bodi:puck"]),
    ("of = \"body:puck\"\nrelative_to", "of = [0, 1]\nrelative_to", &["observation[1]"]),
    ("of = \"body:puck\"\nrelative_to", "of = \"body:pck\"\nrelative_to", &["unknown body `pck`", "`puck`"]),
    ("relative_to = \"site:tip\"", "relative_to = \"site:tap\"", &["unknown site `tap`", "`tip`"]),
    ("axes = \"xy\"                # all", "axes = \"xq\"                # all", &["axes", "xq"]),
    ("name = \"puck_speed\"", "name = \"goal\"", &["goal"]),
    ("kind = \"linear_velocity\"", "kind = \"linear_speed\"", &["`linear_speed`"]),
    ("# keyframe = \"home\"", "keyframe = \"home\"", &["unknown keyframe `home`"]),
    ("# keyframe = \"home\"", "keyframe = 0", &["keyframe"]),
    ("# settle = 0.5", "settle = -0.5", &["reset.settle"]),
    ("min_distance = 0.12", "min_distance = -1", &["reset.min_distance"]),
    (
        "joint = \"finger_x\"\nrange = [-0.05",
        "joint = \"fingerx\"\nrange = [-0.05",
        &["unknown joint `fingerx`", "`finger_x`"],
    ),
    ("range = [-0.05, 0.05]", "range = [0.05, -0.05]", &["range"]),
    ("body = \"puck\"\nx = [0.08", "body = \"finger\"\nx = [0.08", &["reset.place `finger`", "free joint"]),
    ("x = [0.08, 0.2]", "x = [0.2, 0.08]", &["reset.place `puck`", "x"]),
    ("z = 0.02  ", "z = [1]  ", &["z"]),
    ("yaw = [-3.14159, 3.14159]", "yaw = [-180, 180]", &["yaw", "rad"]),
    ("# [randomize]\n# bodies", "[randomize]\nmass = [0, 1]\n# bodies", &["randomize: mass", "above 0"]),
    (
        "# [randomize]\n# bodies",
        "[randomize]\nbodies = [\"puk\"]\n# bodies",
        &["randomize", "unknown body `puk`", "`puck`"],
    ),
    (
        "# [randomize]\n# bodies",
        "[randomize]\nobservation = { pukc = 0.1 }\n# bodies",
        &["randomize", "`pukc`", "`puck`"],
    ),
    ("# [randomize]\n# bodies", "[randomize]\ndelay = [3, 1]\n# bodies", &["delay"]),
    ("kind = \"speed\", body", "kind = \"sped\", body", &["`sped`", "`speed`"]),
    ("kind = \"speed\", body = \"puck\"", "kind = \"speed\"", &["missing field `body`"]),
    ("offset = 0.075", "offset = \"far\"", &["quantities.reach", "a number"]),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"custom\" }",
        &["unknown custom quantity `speed`"],
    ),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"sum\", of = [\"speed\"] }",
        &["circle of speed"],
    ),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"gap\", between = [\"body:puck\"], and = [\"geom:fingr\"], most = 1.0 }",
        &["unknown geom `fingr`", "`finger`"],
    ),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"sensor\", sensor = \"force\" }",
        &["unknown sensor `force`"],
    ),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"region_distance\", of = \"body:puck\", low = [1, 0, 0], high = [0, 0, 0] }",
        &["low, high"],
    ),
    (
        "speed = { kind = \"speed\", body = \"puck\" }",
        "speed = { kind = \"axis_angle\", of = \"body:puck\", axis = \"w\" }",
        &["axis", "w"],
    ),
    ("quantity = \"left\"\n", "quantity = \"lft\"\n", &["cost.term[0]", "unknown quantity `lft`", "`left`"]),
    ("scale = 0.2\nweight = 2.0", "scale = 0\nweight = 2.0", &["cost.term[0]", "scale"]),
    ("weight = 2.0", "weight = -2.0", &["cost.term[0]", "weight"]),
    ("norm = \"smooth_abs\" ", "norm = \"smooth\" ", &["`smooth`", "`smooth_abs`"]),
    ("norm = \"smooth_abs\" ", "norm = { power = 9 } ", &["power"]),
    ("running = 1.0 ", "running = -1.0 ", &["cost.running"]),
    (
        "# [[cost.rung]]\n# name = \"reach\"\n",
        "[[cost.rung]]\nname = \"reach\"\nwhen = [\"left < 1\"]\n",
        &["cost.rung `reach`", "first rung without `when`"],
    ),
    ("when = [\"left < 0.03 and speed < 0.1\"]", "when = [\"left < 0.03 and\"]", &["success.when", "comparison"]),
    ("when = [\"left < 0.03 and speed < 0.1\"]", "when = [\"(left < 0.03\"]", &["success.when", "comparison"]),
    (
        "when = [\"left < 0.03 and speed < 0.1\"]",
        "when = [\"lft < 0.03\"]",
        &["success.when", "unknown quantity `lft`", "`left`"],
    ),
    ("when = [\"left < 0.03 and speed < 0.1\"]", "when = []", &["success.when", "at least one"]),
    ("hold = 0.2  ", "hold = 100  ", &["success.hold"]),
    ("# report = [\"left\"]", "report = [\"lft\"]", &["success.report", "`lft`", "`left`"]),
    ("# [failure] ", "[failure]\nwhen = [\"left > 0.6\"]\ncost = -1\n# ", &["failure.cost"]),
    ("kind = \"sparse\"", "kind = \"spars\"", &["`spars`", "`sparse`"]),
    ("camera = \"top\"", "camera = \"tpo\"", &["render.camera", "unknown camera `tpo`", "`top`"]),
    ("# [[camera]]\n", "[[camera]]\nname = \"top\"\nwidth = 0\nheight = 96\n", &["camera"]),
    ("# expert = \"push_t\"", "expert = \"push_x\"", &["unknown expert `push_x`", "`push_t`"]),
];

/// The error of loading the changed template with this scene beside it.
fn refused(folder: &Path, text: &str, scene: &str) -> String {
    let path = folder.join("kinds.toml");
    fs::write(folder.join("kinds.xml"), scene).unwrap();
    fs::write(&path, text).unwrap();
    let error = Task::load(path.to_str().unwrap()).unwrap_err();
    assert!(error.is_input(), "{error}");
    let message = error.to_string();
    assert!(!message.contains('\n') && message.contains("kinds.toml"), "{message}");
    message
}

#[test]
fn whatever_is_wrong_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = TEMPLATE_TASK.replace("{name}", "kinds");
    for (from, to, parts) in SPOILT {
        assert!(text.contains(from), "{from}");
        let message = refused(folder.path(), &text.replacen(from, to, 1), TEMPLATE_SCENE);
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}

/// MuJoCo gives up on models that it has loaded: on this one in its start state. It would end the process.
#[test]
fn a_model_on_which_mujoco_gives_up_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let scene = TEMPLATE_SCENE.replacen("<worldbody>", "<size memory=\"1K\"/><worldbody>", 1);
    let message = refused(folder.path(), &TEMPLATE_TASK.replace("{name}", "kinds"), &scene);
    assert!(message.contains("kinds.xml") && message.contains("MuJoCo") && message.contains("memory"), "{message}");
}
