//! A task file that builds on another says only what differs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on panics, and the names of tests say what they are for"
)]

use imle_configs::embedded::{TEMPLATE_SCENE, TEMPLATE_TASK};
use imle_configs::seed::Purpose;
use imle_envs::task::Task;
use imle_envs::world::World;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const OWN: &str = "base = \"push.toml\"

max_steps = 70

[cost]
running = 0.5

[quantities]
left = { kind = \"distance\", from = \"body:goal\", to = \"body:puck\" }
";

/// `push.toml`, the template, and `own.toml`, `text`, both in `folder`.
fn write(folder: &Path, text: &str) -> String {
    fs::write(folder.join("push.xml"), TEMPLATE_SCENE).unwrap();
    fs::write(folder.join("push.toml"), TEMPLATE_TASK.replace("{name}", "push")).unwrap();
    fs::write(folder.join("own.toml"), text).unwrap();
    folder.join("own.toml").to_str().unwrap().to_string()
}

/// All quantities and the cost after some steps of an episode.
fn felt(task: Task) -> (Vec<f64>, f64, usize) {
    let task = Arc::new(task);
    let mut world = World::new(task.clone()).unwrap();
    world.reset(3, Purpose::Reset, 1).unwrap();
    let action = vec![0.1; task.spec().action.size()];
    (0..10).for_each(|_| world.step(&action));
    (world.values().to_vec(), task.cost().value(world.values()), task.max_steps())
}

#[test]
fn it_is_the_task_that_says_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), OWN);
    let whole =
        [("max_steps = 200", "max_steps = 70"), ("to = \"body:goal\", axes = \"xy\" }", "to = \"body:goal\" }")]
            .iter()
            .fold(fs::read_to_string(folder.path().join("push.toml")).unwrap(), |text, (from, to)| {
                assert!(text.contains(from), "{from}");
                text.replacen(from, to, 1)
            });
    fs::write(folder.path().join("whole.toml"), whole).unwrap();
    let built = Task::load(&path).unwrap();
    assert_eq!(built.spec(), Task::load(folder.path().join("push.toml").to_str().unwrap()).unwrap().spec());
    assert!((built.cost().running - 0.5).abs() < 1e-12);
    let (base, whole) = (felt(built), felt(Task::load(folder.path().join("whole.toml").to_str().unwrap()).unwrap()));
    assert_eq!(base, whole);
}

#[test]
fn a_built_in_task_can_be_a_base() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "base = \"cartpole\"\nmax_steps = 9\n");
    let (own, built_in) = (felt(Task::load(&path).unwrap()), felt(Task::load("cartpole").unwrap()));
    assert_eq!((own.0, own.1, own.2), (built_in.0, built_in.1, 9));
}

/// Spaces, rungs and start states are the task's; cost, planning and success may differ.
#[test]
fn generators_of_the_task_fit_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tasks");
    let examples = [
        ("stack_exact", "stack", 0),
        ("stack_placed", "stack", 0),
        ("pick_place_exact", "pick_place", 0),
        ("pick_place_above", "pick_place", 1),
    ];
    for (file, name, more) in examples {
        let own = Task::load(folder.join(format!("{file}.toml")).to_str().unwrap()).unwrap();
        let built_in = Task::load(name).unwrap();
        assert_eq!(own.spec(), built_in.spec());
        let (rungs, theirs) = (own.cost().rung_names(), built_in.cost().rung_names());
        assert_eq!(rungs.len(), theirs.len() + more, "{file}");
        let kept: Vec<_> = rungs.into_iter().filter(|rung| theirs.contains(rung)).collect();
        assert_eq!(kept, theirs, "{file}");
        let start = |task: Task| {
            let mut world = World::new(Arc::new(task)).unwrap();
            world.reset(0, Purpose::Reset, 0).unwrap();
            let mut state = vec![0.0; world.state_size()];
            world.get_state(&mut state).unwrap();
            (state, world.success())
        };
        assert_eq!(start(own), start(built_in));
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, parts) in [
        ("base = 3\n", &["own.toml:1: base", "built-in task"] as &[&str]),
        ("base = \"stak\"\n", &["own.toml:1: base: unknown task `stak`", "`stack`"]),
        ("base = \"gone.toml\"\n", &["gone.toml", "cannot read"]),
        ("base = \"own.toml\"\n", &["own.toml:1: base", "without a base"]),
        ("base = \"stack\"\nmax_step = 9\n", &["own.toml:2", "unknown key `max_step`", "`max_steps`"]),
        ("base = \"stack\"\nmax_steps = 0\n", &["own.toml:2: max_steps", "at least 1"]),
        ("base = \"stack\"\n\n[cost]\nrunning = \"1\"\n", &["own.toml:4: cost.running", "number"]),
        ("base = \"stack\"\n[success]\nwhen = [\"reech < 1\"]\n", &["own.toml:3", "`reech`", "`reach`"]),
        ("base = \"stack\"\nmax_steps = \n", &["own.toml:2", "valid TOML"]),
    ] {
        let message = Task::load(&write(folder.path(), text)).map(|_| ()).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
    let path = write(folder.path(), OWN);
    let spoilt = TEMPLATE_TASK.replace("{name}", "push").replacen("max_steps", "max_step", 1);
    fs::write(folder.path().join("push.toml"), spoilt).unwrap();
    let message = Task::load(&path).map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("push.toml:") && message.contains("`max_step`"), "{message}");
}
