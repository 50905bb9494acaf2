//! A crate outside the workspace that uses the library as `make env` and the guide say.

use imle_configs::seed::Purpose;
use imle_envs::task::Task;
use imle_envs::world::World;
use imle_planner::{Controller, optimizer::Cem};
use imle_policy::policy::Policy;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Most lines of a controller of one's own, beside imports.
const MOST_LINES: usize = 15;
const CONTROLLER: &str = include_str!("outside/controller.rs");
const PRELUDE: &str = include_str!("outside/prelude.rs");
/// Parameters of a code block: names that its reader has.
const PARAMETERS: &str = "mut robot: Robot, mut mpc: Controller, task: Arc<Task>, state: Vec<f64>, \
    observations: Vec<f32>, episode: u64";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The code blocks in Rust of a document, each as a function.
fn functions_of(document: &str) -> String {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let blocks: Vec<&str> = text.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "{document} has no block");
    let mut module = String::from("use crate::prelude::*;\n");
    for (i, block) in blocks.iter().enumerate() {
        write!(module, "\nfn block_{i}({PARAMETERS}) -> planner::Result<()> {{\n{block}\nOk(())\n}}\n").unwrap();
    }
    module
}

/// The target folder of this build, whose dependencies are used again, and its profile.
fn target() -> (PathBuf, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_planner")).parent().unwrap();
    let profile = folder.file_name().unwrap().to_string_lossy().replace("debug", "dev");
    (folder.parent().unwrap().to_path_buf(), profile)
}

/// Writes the crate into `folder`: settings as `make env` prints them, a controller, and the documents' code.
fn write_crate(folder: &Path) {
    let printed = Command::new("python3").arg("-B").arg(root().join("configs/native/fetch.py")).arg("env").output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    let (package, cargo) = printed.split_once("# .cargo/config.toml\n").unwrap();
    // The features of the workspace's build, or else dependencies are compiled again.
    let package = package
        .replace("default-features = false", "default-features = false, features = [\"hdf5\", \"zarr\"]")
        + "libc = { version = \"0.2\", features = [\"extra_traits\"] }\n";
    // The profiles of the workspace, with which its dependencies are compiled.
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let profiles = &workspace[workspace.find("[profile.dev]").unwrap()..workspace.find("[package]").unwrap()];
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    // Those of this workspace's crates alone are compiled here: fast, rather than for speed.
    let own = ["configs", "envs", "policy", "planner", "rl"];
    let own: String = own.map(|name| format!("[profile.dev.package.imle-{name}]\nopt-level = 0\n")).concat();
    fs::write(folder.join("Cargo.toml"), format!("{package}\n[workspace]\n\n{profiles}{own}")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), cargo).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    // The blocks show names that they do not go on to use.
    let modules = "#![allow(unused)]\nmod guide;\nmod prelude;\nmod readme;\n";
    fs::write(folder.join("src/main.rs"), format!("{modules}{CONTROLLER}")).unwrap();
    fs::write(folder.join("src/prelude.rs"), PRELUDE).unwrap();
    fs::write(folder.join("src/guide.rs"), functions_of("docs/guide/embed-in-rust.md")).unwrap();
    fs::write(folder.join("src/readme.rs"), functions_of("README.md")).unwrap();
}

/// States of an episode, a line each, and the controls that the same controller gives inside the workspace.
fn expected(steps: usize) -> (String, String) {
    let task = Arc::new(Task::load("cylinder_push").unwrap());
    let policy = Policy::pretrained(&*task).unwrap();
    let mut mpc = Controller::builder(task.clone()).policy(policy).optimizer(Cem::default()).build().unwrap();
    let mut world = World::new(task.clone()).unwrap();
    world.reset(4, Purpose::Reset, 0).unwrap();
    let (mut states, mut controls) = (String::new(), String::new());
    let mut state = vec![0.0; mpc.state_size()];
    for step in 0..steps {
        world.get_state(&mut state).unwrap();
        mpc.observe(&task.observe(&state).unwrap()).unwrap();
        if step % 3 == 0 {
            mpc.plan(&state).unwrap();
        }
        let words: Vec<String> = state.iter().map(f64::to_string).collect();
        writeln!(states, "{}", words.join(" ")).unwrap();
        writeln!(controls, "{:?}", task.controls(mpc.next_action(), &state).unwrap()).unwrap();
        world.step(mpc.next_action());
    }
    (states, controls)
}

/// MuJoCo states in, controls out, at an own rate, in few lines; and all code of the documents compiles beside it.
#[test]
fn a_controller_outside_the_workspace() {
    let lines = CONTROLLER.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("use ")).count();
    assert!(lines <= MOST_LINES, "{lines} lines");
    let dir = tempfile::tempdir().unwrap();
    write_crate(dir.path());
    let (target, profile) = target();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--offline", "--profile", &profile])
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = Path::new(env!("CARGO_BIN_EXE_planner")).with_file_name("my_controller");
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (states, controls) = expected(7);
    child.stdin.take().unwrap().write_all(states.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), controls);
}
