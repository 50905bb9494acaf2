//! A user's own task: files of all kinds that MuJoCo loads, every kind of quantity by hand, worlds that are drawn anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::score::Score;
use imle_configs::seed::Purpose;
use imle_envs::rollout::RolloutEngine;
use imle_envs::task::Task;
use imle_envs::task::file::TaskFile;
use imle_envs::world::World;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A scene that uses an include, a mesh beside it, a keyframe without a name, a tendon, equality constraints, a mocap
/// body and sensors.
fn write_scene(folder: &Path) {
    fs::create_dir_all(folder.join("assets")).unwrap();
    fs::write(
        folder.join("assets/tetra.obj"),
        "v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n",
    )
    .unwrap();
    fs::write(
        folder.join("arm.xml"),
        r#"<mujocoinclude>
  <body name="hand" pos="0 0 0.5" gravcomp="1"><freejoint name="hand"/>
    <geom name="palm" type="box" size="0.05 0.05 0.02" mass="0.5"/><site name="tip" pos="0 0 -0.02"/>
    <body name="left" gravcomp="1"><joint name="left" type="slide" axis="1 0 0" range="0 0.05" damping="1"/>
      <geom name="left" type="box" size="0.005 0.01 0.02" pos="0.01 0 -0.04" mass="0.01" contype="0" conaffinity="0"/></body>
    <body name="right" gravcomp="1"><joint name="right" type="slide" axis="-1 0 0" range="0 0.05" damping="1"/>
      <geom name="right" type="box" size="0.005 0.01 0.02" pos="-0.01 0 -0.04" mass="0.01" contype="0" conaffinity="0"/></body>
  </body>
</mujocoinclude>"#,
    )
    .unwrap();
    fs::write(
        folder.join("scene.xml"),
        r#"<mujoco model="own"><compiler meshdir="assets" autolimits="true"/><option timestep="0.002"/>
  <asset><mesh name="tetra" file="tetra.obj"/></asset>
  <worldbody>
    <geom name="floor" type="plane" size="2 2 0.1"/>
    <body name="mocap" mocap="true" pos="0 0 0.5"/>
    <include file="arm.xml"/>
    <body name="box" pos="0.3 0 0.05"><freejoint/><geom name="box" type="box" size="0.05 0.05 0.05" mass="1"/></body>
    <body name="rock" pos="0 0.6 0"><geom type="mesh" mesh="tetra"/></body>
    <body name="pole" pos="-0.5 0 0.5"><joint name="swing" axis="0 1 0" damping="0.1"/>
      <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.02" mass="0.3"/></body>
  </worldbody>
  <equality><weld body1="mocap" body2="hand" solref="0.02 1"/><joint joint1="left" joint2="right"/></equality>
  <tendon><fixed name="fingers"><joint joint="left" coef="1"/><joint joint="right" coef="1"/></fixed></tendon>
  <actuator>
    <position name="left" joint="left" kp="50" ctrlrange="0 0.05"/>
    <position name="right" joint="right" kp="50" ctrlrange="0 0.05"/>
    <motor name="swing" joint="swing"/>
  </actuator>
  <sensor><framepos name="hand_position" objtype="body" objname="hand"/><jointpos name="swing_angle" joint="swing"/></sensor>
  <keyframe><key qpos="0 0 0.5 1 0 0 0 0.02 0.02 0.3 0 0.05 1 0 0 0 0.4" ctrl="0.02 0.02 0" mpos="0 0 0.5"/></keyframe>
</mujoco>"#,
    )
    .unwrap();
}

const TASK: &str = r#"
name = "own"
description = "A hand that a mocap body drags"
model = "scene.xml"
control_rate = 20
max_steps = 50

[action]
kind = "mocap"
body = "mocap"
orientation = "yaw"
low = [-0.4, -0.4, 0.1]
high = [0.4, 0.4, 0.6]
max_speed = 1.0
aligned = true
gripper = [{ actuator = "left", closed = 0.0, open = 0.05 }, { actuator = "right", closed = 0.0, open = 0.05 }]

[[observation]]
name = "tip"
kind = "position"
of = "site:tip"

[[observation]]
name = "turn"
kind = "rotation"
of = "body:hand"

[[observation]]
name = "felt"
kind = "sensor"
sensors = ["hand_position", "swing_angle"]

[[observation]]
name = "speed"
kind = "linear_velocity"
body = "box"
axes = "xy"

[[observation]]
name = "spin"
kind = "angular_velocity"
body = "pole"

[[observation]]
name = "commands"
kind = "control"
actuators = ["left", "swing"]

[reset]
keyframe = 0

[quantities]
pose = { kind = "pose_error", of = "body:hand", to = "body:box", metres_per_radian = 0.1, offset = [0.0, 0.0, 0.45] }
turned = { kind = "rotation_error", of = "body:pole", to = "body:hand" }
lean = { kind = "axis_angle", of = "body:pole", axis = "-z", to_axis = "z", either_way = true }
hang = { kind = "axis_angle", of = "body:pole", axis = "-z", to_axis = "-z" }
outside = { kind = "region_distance", of = "body:box", low = [-0.1, -0.1, 0.0], high = [0.1, 0.1, 0.5] }
inside = { kind = "region_distance", of = "body:box", low = [-0.1, -0.1, -1.0], high = [0.1, 0.1, 0.0], relative_to = [0.3, 0.0, 0.1] }
gap = { kind = "gap", between = ["body:box"], and = ["geom:palm"], most = 1.0 }
near = { kind = "gap", between = ["body:box"], and = ["geom:palm"], most = 0.1 }
weight = { kind = "contact_force", between = ["body:box"], and = ["geom:floor"] }
touches = { kind = "contact", between = ["body:box"], and = ["geom:floor"] }
effort = { kind = "actuator_force", actuator = "left" }
rate = { kind = "control_rate", actuator = "left" }
angle = { kind = "sensor", sensor = "swing_angle" }
height = { kind = "sensor", sensor = "hand_position", component = 2 }
far = { kind = "sensor", sensor = "hand_position" }
spin = { kind = "angular_speed", body = "pole" }
below = { kind = "sum", of = ["angle"], weights = [-1.0] }
size = { kind = "magnitude", of = "below" }

[cost]
running = 1.0
terminal = 0.0
term = [{ quantity = ["pose", "gap"], scale = 0.5, norm = "l2", limit = 3.0 }, { quantity = "rate", scale = 1.0, norm = { power = 1.5 } }]

[success]
when = ["(touches > 0 or weight > 100) and not height > 0.4"]
"#;

fn task(folder: &Path, changes: &[(&str, &str)]) -> Task {
    write_scene(folder);
    let text = changes.iter().fold(TASK.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    fs::write(folder.join("task.toml"), text).unwrap();
    Task::load(folder.join("task.toml").to_str().unwrap()).unwrap()
}

fn value(world: &World, name: &str) -> f64 {
    world.values()[world.task().quantities().index(name).unwrap()]
}

fn close(world: &World, expected: &[(&str, f64)], within: f64) {
    for (name, expected) in expected {
        let found = value(world, name);
        assert!((found - expected).abs() < within, "{name}: {found}, not {expected}");
    }
}

/// The message of a task that is refused.
fn refused(folder: &Path, changes: &[(&str, &str)]) -> String {
    let text = changes.iter().fold(TASK.to_string(), |text, (from, to)| text.replacen(from, to, 1));
    write_scene(folder);
    fs::write(folder.join("task.toml"), text).unwrap();
    Task::load(folder.join("task.toml").to_str().unwrap()).err().unwrap().to_string()
}

#[test]
fn a_keyframe_without_a_name_goes_by_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(folder.path(), &[("keyframe = 0", "keyframe = \"0\"")]);
    assert!(message.contains("keyframe: index: expected 0 without quotes, found \"0\""), "{message}");
    let message = refused(folder.path(), &[("keyframe = 0", "keyframe = \"1\"")]);
    assert!(message.contains("unknown keyframe `1`"), "{message}");
}

/// A model that MuJoCo saved in its binary format is the same task.
#[test]
fn a_binary_model_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Arc::new(task(folder.path(), &[]));
    let model = folder.path().join("saved.mjb");
    fs::write(&model, plain.compiled_model_bytes().unwrap()).unwrap();
    let binary = Arc::new(task(folder.path(), &[("model = \"scene.xml\"", "model = \"saved.mjb\"")]));
    let steps = |task: Arc<Task>| {
        let mut world = World::new(task).unwrap();
        world.reset(0, Purpose::Reset, 0).unwrap();
        (0..5).for_each(|_| world.step(&[0.3, 0.2, 0.3, 0.0, 1.0, 0.0]));
        world.values().to_vec()
    };
    assert_eq!(steps(binary), steps(plain));
    fs::write(&model, b"no model").unwrap();
    assert!(refused(folder.path(), &[("model = \"scene.xml\"", "model = \"saved.mjb\"")]).contains("saved.mjb"));
}

#[test]
fn every_kind_of_quantity_is_what_it_is_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(Arc::new(task(folder.path(), &[]))).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    close(
        &world,
        &[
            ("pose", 0.3),
            ("turned", 0.4),
            ("lean", 0.4),
            ("hang", 0.4),
            ("outside", 0.2),
            ("inside", 0.0),
            // The palm's and the box's nearest edges: 0.2 m apart along x, 0.38 along z.
            ("gap", 0.2f64.hypot(0.38)),
            ("near", 0.1),
            ("touches", 1.0),
            ("rate", 0.0),
            ("angle", 0.4),
            ("height", 0.5),
            ("far", 0.5),
            ("spin", 0.0),
            ("below", -0.4),
            ("size", 0.4),
        ],
        2e-3,
    );
    // The box rests: after a moment the floor carries its weight.
    let mut hold = vec![0.0; world.task().spec().action.size()];
    world.hold(&mut hold);
    assert!((hold[0..5].iter().zip([0.0, 0.0, 0.5, 1.0, 0.0])).all(|(a, b)| (a - b).abs() < 1e-6), "{hold:?}");
    assert!((hold[5] - 0.4).abs() < 1e-6, "the gripper is open by two fifths: {hold:?}");
    (0..10).for_each(|_| world.step(&hold));
    close(&world, &[("weight", 9.81)], 0.2);
    // Opening the gripper by a half in a control step of 0.05 s.
    hold[5] = 0.9;
    world.step(&hold);
    close(&world, &[("rate", 0.5)], 1e-6);
    assert!(value(&world, "effort") > 0.01);
    assert!(!world.task().solved(world.values()));
    // The hand follows the mocap body, no faster than 1 m/s, and turns.
    let go = [0.3, 0.2, 0.3, 0.0, 1.0, 0.0];
    world.step(&go);
    let moved = world.simulation().data().mocap_pos()[0];
    assert!((moved[0].hypot(moved[1]).hypot(moved[2] - 0.5) - 0.05).abs() < 1e-9, "{moved:?}");
    (0..25).for_each(|_| world.step(&go));
    let mut observation = vec![0.0; world.task().spec().observation.size()];
    world.observe(&mut observation);
    let expected = [0.3, 0.2, 0.28, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.3, 0.2, 0.3];
    assert!(observation.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{observation:?}");
    assert_eq!(observation.len(), 3 + 6 + 4 + 2 + 3 + 2);
    assert!(world.task().solved(world.values()));
}

#[test]
fn what_forces_need_does_not_change_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let with = task(folder.path(), &[]);
    let of = |name: &str| {
        let line = TASK.lines().find(|l| l.starts_with(name)).unwrap();
        (line.to_string(), format!("{} = {{ kind = \"coordinate\", of = \"body:box\", axis = \"x\" }}", name.trim()))
    };
    let names = ["weight ", "effort ", "angle ", "height ", "far "].map(of);
    let mut changes: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    changes.push((
        "kind = \"sensor\"\nsensors = [\"hand_position\", \"swing_angle\"]",
        "kind = \"joint_position\"\njoints = [\"swing\"]",
    ));
    let without = task(folder.path(), &changes);
    assert!(with.needs().forces && !without.needs().forces);
    let run = |task: Task| {
        let mut world = World::new(Arc::new(task)).unwrap();
        world.reset(0, Purpose::Reset, 0).unwrap();
        (0..20).for_each(|_| world.step(&[0.3, 0.0, 0.1, 1.0, 0.0, 0.5]));
        let data = world.simulation().data();
        (data.qpos().to_vec(), data.qvel().to_vec())
    };
    assert_eq!(run(with), run(without));
}

/// A rollout takes what it looks at from the next physics step where it can: not forces, nor where a mocap body is
/// moved.
#[test]
fn costs_of_a_rollout_are_those_of_states_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let forces = ("quantity = \"rate\"", "quantity = [\"rate\", \"weight\", \"effort\", \"far\"]");
    for changes in [&[][..], &[forces]] {
        let task = Arc::new(task(folder.path(), changes));
        let mut world = World::new(task.clone()).unwrap();
        world.reset(1, Purpose::Reset, 0).unwrap();
        let mut state = vec![0.0; world.state_size()];
        world.get_state(&mut state).unwrap();
        let chunk: Vec<f32> = (0..10).flat_map(|t| [0.03 * t as f32, 0.1, 0.4, 1.0, 0.0, 0.1 * t as f32]).collect();
        let mut score = [Score::default()];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        RolloutEngine::new(task.clone(), 1).unwrap().run(&pool, &state, &chunk, 10, 8, &mut score).unwrap();
        let mut sum = 0.0;
        for action in chunk.chunks_exact(6) {
            world.step(action);
            sum += task.cost().value(world.values());
        }
        assert_eq!(score[0].running_cost, sum / 10.0);
    }
}

#[test]
fn drawn_worlds_differ_and_are_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let randomize = r#"
[randomize]
bodies = ["box", "pole"]
mass = [0.5, 2.0]
friction = [0.5, 1.5]
damping = [0.5, 2.0]
actuator = [0.8, 1.2]
noise_position = [0.0, 0.01]
delay = [0, 3]
observation = { tip = 0.01 }

[quantities]"#;
    let plain = task(folder.path(), &[]);
    let task = Arc::new(task(folder.path(), &[("\n[quantities]", randomize)]));
    let body = plain.compiled_model().name_to_id(mujoco_rs::wrappers::mj_model::MjtObjBase::mjOBJ_BODY, "box").unwrap();
    let mut world = World::new(task.clone()).unwrap();
    let mut masses = Vec::new();
    for index in 0..20 {
        world.reset(0, Purpose::Reset, index).unwrap();
        let model = world.simulation().model();
        masses.push(model.body_mass()[body]);
        assert_eq!(model.body_mass()[1], plain.compiled_model().body_mass()[1], "the hand is not among the bodies");
    }
    assert!(masses.iter().all(|m| (0.5..=2.0).contains(m)));
    assert!(masses.windows(2).all(|m| m[0] != m[1]), "{masses:?}");
    assert_eq!(task.planning_model().body_mass()[body], 1.0);
    let play = |world: &mut World| {
        world.reset(3, Purpose::Reset, 7).unwrap();
        (0..5).for_each(|_| world.step(&[0.3, 0.0, 0.1, 1.0, 0.0, 0.5]));
        let mut seen = vec![0.0; task.spec().observation.size()];
        world.observe(&mut seen);
        (seen, world.simulation().data().qpos().to_vec())
    };
    let first = play(&mut world);
    assert_eq!(first, play(&mut world));
    assert_eq!(first, play(&mut World::new(task.clone()).unwrap()));
    let tip = world.simulation().data().site_xpos()[0];
    let off = (0..3).map(|i| (f64::from(first.0[i]) - tip[i]).abs()).fold(0.0, f64::max);
    assert!(off > 1e-5 && off < 0.06, "{off}");
}

#[test]
fn geoms_that_grow_still_touch() {
    let folder = tempfile::tempdir().unwrap();
    let randomize = "\n[randomize]\nbodies = [\"box\"]\nsize = [1.5, 1.5]\n\n[quantities]";
    let mut world = World::new(Arc::new(task(folder.path(), &[("\n[quantities]", randomize)]))).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    let mut hold = vec![0.0; world.task().spec().action.size()];
    world.hold(&mut hold);
    (0..20).for_each(|_| world.step(&hold));
    // 7.5 cm above the floor in place of 5.
    assert!((world.simulation().data().qpos()[11] - 0.075).abs() < 2e-3, "{:?}", world.simulation().data().qpos());
}

#[test]
fn a_start_may_settle_and_hold() {
    let folder = tempfile::tempdir().unwrap();
    let place = "keyframe = 0\nhold = true\nsettle = 0.5\n\n[[reset.place]]\nbody = \"mocap\"\nx = [0.1, 0.1]\ny = [0, 0]\nz = 0.3\nyaw = \
                 [0, 0]\nquaternion = [1, 1, 0, 0]\n\n[[reset.joint]]\njoint = \"left\"\nrange = [0.01, 0.01]\n";
    let mut world = World::new(Arc::new(task(folder.path(), &[("keyframe = 0", place)]))).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    let q = world.simulation().data().qpos();
    assert!((q[0] - 0.1).abs() < 0.01 && (q[2] - 0.3).abs() < 0.01 && (q[4].abs() - 0.707).abs() < 0.02, "{q:?}");
}

#[test]
fn urdf_loads_and_needs_its_own_servos() {
    let folder = tempfile::tempdir().unwrap();
    write_scene(folder.path());
    let urdf = r#"<robot name="r"><link name="base"/><link name="arm"><inertial><mass value="1"/>
      <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
      <collision><geometry><box size="0.1 0.1 0.4"/></geometry></collision></link>
      <joint name="hinge" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 1 0"/>
      <limit lower="-1" upper="1" effort="10" velocity="1"/></joint></robot>"#;
    fs::write(folder.path().join("robot.urdf"), urdf).unwrap();
    let text = r#"
name = "urdf"
description = "A robot described in URDF"
model = "robot.urdf"
control_rate = 20
max_steps = 20
observation = [{ name = "q", kind = "joint_position", joints = ["hinge"] }]
servo = [{ joint = "hinge", gain = 50.0, damping = 5.0 }]
[action]
kind = "joint_targets"
actuators = ["hinge"]
max_joint_speed = [2.0]
[quantities]
q = { kind = "joint_position", joint = "hinge" }
[cost]
running = 1.0
terminal = 0.0
term = [{ quantity = "q", target = 0.5, scale = 1.0 }]
[success]
when = ["q > 0.4"]
"#;
    let path = folder.path().join("urdf.toml");
    fs::write(&path, text).unwrap();
    let task = Arc::new(Task::load(path.to_str().unwrap()).unwrap());
    assert_eq!(task.action_bounds().range().1, [1.0]);
    let mut world = World::new(task).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    (0..20).for_each(|_| world.step(&[0.5]));
    assert!(world.success(), "{:?}", world.values());
}

/// The template names every kind there is, so that nobody has to read the source. The parser lists what it knows where
/// a kind is unknown.
#[test]
fn the_template_names_everything() {
    let text = imle_configs::embedded::TEMPLATE_TASK;
    for known in
        ["kind = \"joint_targets\"", "kind = \"linear_velocity\"", "kind = \"distance\"", "norm = \"smooth_abs\""]
    {
        let unknown = known.split_once('"').unwrap().0.to_string() + "\"nothing\"";
        let message = toml::from_str::<TaskFile>(&text.replacen(known, &unknown, 1)).unwrap_err().to_string();
        let names: Vec<&str> = message.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(names.len() > 3, "{message}");
        let missing: Vec<&&str> = names.iter().filter(|n| !text.contains(**n)).collect();
        assert!(missing.is_empty(), "the template does not name {missing:?}");
    }
}

#[test]
fn an_orientation_is_seen_as_a_quaternion() {
    let folder = tempfile::tempdir().unwrap();
    for (order, places) in [("", [0, 1, 2, 3]), ("order = \"xyzw\"", [3, 0, 1, 2])] {
        let term = format!("kind = \"quaternion\"\nof = \"body:box\"\n{order}");
        let changes = [("kind = \"rotation\"\nof = \"body:hand\"", term.as_str())];
        let mut world = World::new(Arc::new(task(folder.path(), &changes))).unwrap();
        world.reset(0, Purpose::Reset, 0).unwrap();
        let mut qpos = world.simulation().data().qpos().to_vec();
        // The same turn by 240 degrees about an axis, in either sign: w is negative in the first.
        let turn = [-0.5, 0.5, 0.5, 0.5];
        for sign in [1.0, -1.0] {
            qpos[12..16].copy_from_slice(&turn.map(|v: f64| v * sign));
            let qvel = vec![0.0; world.simulation().data().qvel().len()];
            world.start_at(&qpos, &qvel, None, 0, 0).unwrap();
            let mut seen = vec![0.0; world.task().spec().observation.size()];
            world.observe(&mut seen);
            let found = places.map(|i| seen[3 + i]);
            assert!(found.iter().zip([0.5, -0.5, -0.5, -0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
            // And back: a dataset that stores no states is played from it.
            world.reset(0, Purpose::Reset, 0).unwrap();
            world.reconstruct(&seen).unwrap();
            let q = &world.simulation().data().qpos()[12..16];
            assert!(q.iter().zip([0.5, -0.5, -0.5, -0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{q:?}");
        }
    }
    let unknown = "kind = \"quaternion\"\nof = \"body:box\"\norder = \"xyz\"";
    let message = refused(folder.path(), &[("kind = \"rotation\"\nof = \"body:hand\"", unknown)]);
    assert!(message.contains("`xyz`") && message.contains("`xyzw`"), "{message}");
}

#[test]
fn the_timestep_of_the_world_may_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(folder.path(), &[("control_rate = 20", "control_rate = 30")]);
    assert!(message.contains("world.timestep of 0.002 s"), "{message}");
    let (_, fits) = message.split_once("world.timestep = ").unwrap();
    let (step, rates) = fits.split_once(", or ").unwrap();
    assert_eq!(rates, "29.4118 Hz, or 31.25 Hz)");
    let world = format!("[world]\ntimestep = {step}\n\n[action]");
    let task = task(folder.path(), &[("control_rate = 20", "control_rate = 30"), ("[action]", &world)]);
    assert_eq!((task.substeps(), task.planning_substeps()), (17, 17));
    assert_eq!(task.planning_model().opt().timestep, task.compiled_model().opt().timestep);
    let message = refused(folder.path(), &[("[action]", "[world]\ntimestep = nan\n\n[action]")]);
    assert!(message.contains("world.timestep of NaN s"), "{message}");
}

/// MuJoCo's own plugins are loaded where they are; else the message says how to bring them.
#[test]
fn markers_and_heights_are_drawn_and_unnamed_actuators_go_by_their_joints() {
    let folder = tempfile::tempdir().unwrap();
    let marker = "\n[[marker]]\nname = \"goal\"\nposition = [1.0, 2.0, 3.0]\n\n[quantities]\ngoal = { kind = \"coordinate\", of = \"body:goal\", axis = \"z\" }\nat = { kind = \"coordinate\", of = \"body:goal\", axis = \"y\" }";
    let plain = task(folder.path(), &[("\n[quantities]", marker)]);
    let mut world = World::new(Arc::new(plain)).unwrap();
    world.reset(0, Purpose::Reset, 0).unwrap();
    close(&world, &[("goal", 3.0), ("at", 2.0)], 1e-12);
    let place =
        "keyframe = 0\n\n[[reset.place]]\nbody = \"goal\"\nx = [0, 0]\ny = [0.5, 0.5]\nz = [0.1, 0.3]\nyaw = [0, 0]\n";
    let placed = task(folder.path(), &[("\n[quantities]", marker), ("keyframe = 0", place)]);
    let scene = fs::read_to_string(folder.path().join("scene.xml")).unwrap();
    fs::write(folder.path().join("scene.xml"), scene.replace("<position name=\"left\"", "<position")).unwrap();
    let unnamed = Task::load(folder.path().join("task.toml").to_str().unwrap()).unwrap();
    for task in [placed, unnamed] {
        let mut world = World::new(Arc::new(task)).unwrap();
        let heights: Vec<f64> = (0..10)
            .map(|i| {
                world.reset(0, Purpose::Reset, i).unwrap();
                close(&world, &[("at", 0.5)], 1e-12);
                value(&world, "goal")
            })
            .collect();
        assert!(heights.iter().all(|h| (0.1..0.3).contains(h)), "{heights:?}");
        assert!(heights.windows(2).all(|h| h[0] != h[1]), "{heights:?}");
    }
}
