//! Servos of a user's own task: where a reset puts them they hold, whatever stands between control and joint.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::seed::Purpose;
use imle_envs::task::Task;
use imle_envs::world::World;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// An arm of one joint with this actuator `a`, and the task in which it is commanded as `action` says.
fn servo(folder: &Path, actuator: &str, action: &str, reset: &str) -> Result<Task, String> {
    let model = format!(
        r#"<mujoco><compiler angle="radian" autolimits="true"/><option timestep="0.002" gravity="0 0 0"/>
  <worldbody><body pos="0 0 1"><joint name="j" axis="0 1 0" damping="1" range="-2 2"/>
    <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="0.5"/><site name="tip" pos="0.3 0 0"/>
    <body pos="0.3 0 0"><joint name="k" axis="1 0 0" damping="1" range="-2 2"/><geom size="0.02" mass="0.1"/></body>
  </body></worldbody>
  <tendon><fixed name="both"><joint joint="j" coef="2"/><joint joint="k" coef="1"/></fixed></tendon>
  <actuator>{actuator}</actuator>
  <keyframe><key name="up" qpos="0.5 0.2"/></keyframe></mujoco>"#
    );
    fs::write(folder.join("servo.xml"), model).unwrap();
    let text = format!(
        r#"
name = "servo"
description = "A servo holds its joint where the reset put it"
model = "servo.xml"
control_rate = 50
max_steps = 50
observation = [{{ name = "u", kind = "control", actuators = ["a"] }}]
[action]
{action}
actuators = ["a"]
[reset]
{reset}
[quantities]
q = {{ kind = "joint_position", joint = "j" }}
[cost]
running = 1.0
terminal = 1.0
term = [{{ quantity = "q", scale = 1.0 }}]
[success]
when = ["q > 100"]
"#
    );
    fs::write(folder.join("servo.toml"), text).unwrap();
    Task::load(folder.join("servo.toml").to_str().unwrap()).map_err(|e| e.to_string())
}

/// The angle of the joint.
fn angle(world: &World) -> f64 {
    world.values()[world.task().quantities().index("q").unwrap()]
}

const RAW: &str = "kind = \"actuators\"\nranges = [[-100, 100]]";
const DRAWN: &str = "joint = [{ joint = \"j\", range = [0.5, 0.5] }]";
const HELD: &str = "keyframe = \"up\"\nhold = true";

/// Whatever stands between control and joint, the servo's control after a reset is the one at which it pulls nowhere.
#[test]
fn servos_hold_where_a_reset_puts_them() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (r#"<position name="a" joint="j" kp="50"/>"#, 0.5),
        (r#"<position name="a" joint="j" kp="50" gear="10"/>"#, 5.0),
        (r#"<position name="a" joint="j" kp="50" gear="-2" timeconst="0.1"/>"#, -1.0),
        (
            r#"<general name="a" joint="j" dyntype="filter" dynprm="0.1" gainprm="50" biastype="affine" biasprm="0 -50"/>"#,
            0.5,
        ),
        (r#"<general name="a" joint="j" gainprm="20" biastype="affine" biasprm="5 -50 -1"/>"#, 1.0),
        (r#"<general name="a" joint="j" gaintype="affine" gainprm="20 10" biastype="affine" biasprm="0 -50"/>"#, 1.0),
        (r#"<intvelocity name="a" joint="j" kp="50" actrange="-2 2"/>"#, 0.0),
        (r#"<pid name="a" joint="j" kp="50" ki="5" imax="1" slewmax="3" input="pos"/>"#, 0.5),
        (r#"<position name="a" tendon="both" kp="50" gear="3"/>"#, 3.0),
        (r#"<position name="a" joint="j" kp="50" gear="10" delay="0.05" nsample="40"/>"#, 5.0),
    ];
    for (actuator, control) in cases {
        for reset in [DRAWN, HELD] {
            let tendon = actuator.contains("tendon") && reset == HELD;
            let control = if tendon { 3.0 * 1.2 } else { control };
            let mut world = World::new(Arc::new(servo(folder.path(), actuator, RAW, reset).unwrap())).unwrap();
            world.reset(0, Purpose::Reset, 0).unwrap();
            let found = world.simulation().data().ctrl()[0];
            assert!((found - control).abs() < 1e-12, "{actuator} {reset}: {found}");
            let mut hold = [0.0];
            world.hold(&mut hold);
            (0..25).for_each(|_| world.step(&hold));
            assert!((angle(&world) - 0.5).abs() < 1e-3, "{actuator} {reset}: {}", angle(&world));
        }
    }
}

/// A start from positions alone holds, and one with controls has the activations that follow from them.
#[test]
fn a_start_from_positions_sets_activations() {
    let folder = tempfile::tempdir().unwrap();
    let filtered = r#"<position name="a" joint="j" kp="50" gear="10" timeconst="0.1"/>"#;
    let mut world = World::new(Arc::new(servo(folder.path(), filtered, RAW, "").unwrap())).unwrap();
    for ctrl in [None, Some(&[5.0][..])] {
        world.start_at(&[0.5, 0.0], &[0.0, 0.0], ctrl, 0, 0).unwrap();
        let data = world.simulation().data();
        assert_eq!((data.ctrl(), data.act()), (&[5.0][..], &[5.0][..]));
    }
    // And so has one that is seen alone.
    world.reset(0, Purpose::Reset, 0).unwrap();
    world.reconstruct(&[2.0]).unwrap();
    assert_eq!(world.simulation().data().act(), [2.0]);
}

/// With a gear of 10 the joint, not the control, keeps the speed; and inverse kinematics finds the joint.
#[test]
fn targets_of_a_geared_servo_are_told_from_its_joint() {
    let folder = tempfile::tempdir().unwrap();
    let geared = r#"<position name="a" joint="j" kp="5" gear="10" ctrlrange="-20 20"/>"#;
    let targets = "kind = \"joint_targets\"\nmax_joint_speed = [1.0]";
    let mut world = World::new(Arc::new(servo(folder.path(), geared, targets, DRAWN).unwrap())).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    world.step(&[20.0]);
    let moved = world.simulation().data().ctrl()[0] - 5.0;
    assert!((moved - 10.0 * 1.0 / 50.0).abs() < 1e-9, "{moved}");
    let pose = "kind = \"end_effector\"\nsite = \"tip\"\norientation = \"fixed\"\nlow = [-1, -1, 0]\nhigh = [1, 1, 2]\n\
                max_joint_speed = [10.0]";
    let mut world = World::new(Arc::new(servo(folder.path(), geared, pose, HELD).unwrap())).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    let mut hold = vec![0.0; 3];
    world.hold(&mut hold);
    let tip = world.simulation().data().site_xpos()[0];
    assert!(hold.iter().zip(tip).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{hold:?} {tip:?}");
    (0..25).for_each(|_| world.step(&hold));
    assert!((angle(&world) - 0.5).abs() < 0.01, "{}", angle(&world));
}

#[test]
fn what_is_no_position_servo_takes_no_targets() {
    let folder = tempfile::tempdir().unwrap();
    let targets = "kind = \"joint_targets\"\nmax_joint_speed = [1.0]\nranges = [[-1, 1]]";
    let cases = [
        (r#"<motor name="a" joint="j"/>"#, "a motor"),
        (r#"<velocity name="a" joint="j" kv="5"/>"#, "a velocity servo"),
        (r#"<intvelocity name="a" joint="j" kp="50" actrange="-2 2"/>"#, "an integrator"),
        (r#"<muscle name="a" joint="j" lengthrange="0 1"/>"#, "a muscle"),
    ];
    for (actuator, told) in cases {
        let message = servo(folder.path(), actuator, targets, "").unwrap_err();
        assert!(
            message.contains("servo.toml") && message.contains("action.actuators `a`: expected a position servo"),
            "{message}"
        );
        assert!(message.contains("kind = \"actuators\"") && message.contains(told), "{message}");
    }
    let message = servo(folder.path(), cases[0].0, RAW, "hold = true").unwrap_err();
    assert!(message.contains("reset.hold: expected an action with a position servo"), "{message}");
    // A motor stays as it is where its joint is drawn.
    let mut world = World::new(Arc::new(servo(folder.path(), cases[0].0, RAW, "joint_noise = 0.3").unwrap())).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    assert_eq!(world.simulation().data().ctrl(), [0.0]);
    assert_ne!(world.simulation().data().qpos()[0], 0.0);
    let several = servo(folder.path(), r#"<pid name="a" joint="j" kp="50"/>"#, RAW, "").unwrap_err();
    assert!(several.contains("actuator `a`: expected an actuator of one control, found 2"), "{several}");
}

/// Controls of an actuator stand where MuJoCo has them, behind those of one that has several.
#[test]
fn an_actuator_behind_one_of_several_controls_gets_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let both = r#"<pid name="p" joint="k" kp="5"/><position name="a" joint="j" kp="500" ctrlrange="-2 2"/>"#;
    let mut world =
        World::new(Arc::new(servo(folder.path(), both, RAW.split('\n').next().unwrap(), DRAWN).unwrap())).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    assert_eq!(world.simulation().data().ctrl(), [0.0, 0.0, 0.5]);
    world.step(&[1.5]);
    assert_eq!(world.simulation().data().ctrl(), [0.0, 0.0, 1.5]);
}

#[test]
fn plugins_are_loaded_or_told() {
    let folder = tempfile::tempdir().unwrap();
    let scene = |name: &str| {
        format!(
            r#"<mujoco><extension><plugin plugin="{name}"><instance name="p"><config key="kp" value="40"/></instance></plugin></extension>
  <worldbody><body><joint name="j" axis="0 1 0"/><geom size="0.1"/></body></worldbody>
  <actuator><plugin name="a" joint="j" plugin="{name}" instance="p"/></actuator></mujoco>"#
        )
    };
    servo(folder.path(), r#"<motor name="a" joint="j"/>"#, RAW, DRAWN).unwrap();
    let load = |name: &str| {
        fs::write(folder.path().join("servo.xml"), scene(name)).unwrap();
        Task::load(folder.path().join("servo.toml").to_str().unwrap())
    };
    let message = load("my.own").unwrap_err().to_string();
    assert!(message.contains("MUJOCO_PLUGIN_DIR") && message.contains("make setup"), "{message}");
    match load("mujoco.pid") {
        Err(e) => assert!(e.to_string().contains("there are none beside MuJoCo"), "{e}"),
        Ok(task) => {
            let mut world = World::new(Arc::new(task)).unwrap();
            world.reset(0, Purpose::Reset, 0).unwrap();
            assert_eq!(world.simulation().data().ctrl(), [0.5]);
        }
    }
}
