//! `imle.h` and `libimle.so`, called from C and C++: the numbers of the Rust libraries, and errors for bad arguments.

use imle_configs::{seed::Purpose, workers::Workers};
use imle_envs::{task::Task, world::World};
use imle_planner::optimizer::{Cem, Mppi};
use imle_planner::{Controller, ControllerBuilder, Plan};
use imle_policy::{policy::Policy, sampler::LatentKey};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether there is a compiler. Where `CI` is set there must be one.
fn compiler() -> bool {
    let found = Command::new("g++").arg("--version").output().is_ok_and(|o| o.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "no g++");
    if !found {
        eprintln!("the interface in C is left out: there is no g++");
    }
    found
}

/// The folder where cargo puts the library that these tests depend on.
fn library() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    assert!(folder.join("libimle.so").is_file(), "no libimle.so in {}", folder.display());
    folder
}

/// Compiles `source` with `words` before it.
fn compile(words: &str, source: &Path, more: &[&str]) {
    let mut command = Command::new("g++");
    command.args(words.split(' ')).arg(source).args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]);
    let compiled = command.arg(root().join("src/c")).args(more).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// Compiles `source` in `folder` and returns what the program prints.
fn printed(folder: &Path, words: &str, source: &Path) -> String {
    let (program, library) = (folder.join("program"), library());
    let [from, at] = ["-L", "-Wl,-rpath,"].map(|flag| format!("{flag}{}", library.display()));
    compile(words, source, &[&from, "-limle", &at, "-pthread", "-o", program.to_str().unwrap()]);
    // Cargo's has a folder in which the library may be one of an older build.
    let done = Command::new(program).env_remove("LD_LIBRARY_PATH").output().unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && error.is_empty(), "{:?}: {error}", done.status);
    String::from_utf8(done.stdout).unwrap()
}

fn start(task: &Arc<Task>, seed: u64, episode: u64) -> Vec<f64> {
    let mut world = World::new(task.clone()).unwrap();
    world.reset(seed, Purpose::Reset, episode).unwrap();
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state).unwrap();
    state
}

/// Lines of a name and numbers, as they are expected.
#[derive(Default)]
struct Lines(Vec<(String, Vec<f64>)>);

impl Lines {
    fn add<T: Copy + Into<f64>>(&mut self, name: &str, values: impl AsRef<[T]>) {
        self.0.push((name.into(), values.as_ref().iter().map(|v| (*v).into()).collect()));
    }

    fn plan(&mut self, plan: &Plan) {
        let [n, steps, size] = plan.candidates_shape().map(|n| n as f64);
        let simulated = f64::from(u8::from(plan.source().is_some()));
        let counts = [plan.rollouts(), plan.failed_rollouts(), plan.physics_steps()].map(|n| n as f64);
        self.add("plan", [n, steps, size, simulated, counts[0], counts[1], counts[2]]);
        if let Some(cost) = plan.predicted_cost() {
            self.add("predicted", [cost]);
        }
        self.add("actions", plan.actions());
        self.add("candidates", plan.candidates());
        self.add("costs", plan.costs());
    }

    /// Compares with what a program printed: each number, to the bit.
    fn compare(&self, printed: &str) {
        assert_eq!(printed.lines().count(), self.0.len(), "{printed}");
        for (line, (name, values)) in printed.lines().zip(&self.0) {
            let mut words = line.split(' ');
            assert_eq!(words.next(), Some(name.as_str()), "{line}");
            let found: Vec<u64> = words.map(|w| w.parse::<f64>().unwrap().to_bits()).collect();
            assert_eq!(found, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), "{line}: {values:?}");
        }
    }
}

/// What `c/check.c` prints, by the Rust libraries.
fn expected() -> Lines {
    let mut lines = Lines::default();
    let (task, policy) = (Arc::new(Task::load("stack").unwrap()), Policy::pretrained("stack").unwrap());
    let (spec, h) = (task.spec(), policy.horizons());
    let state = start(&task, 4, 1);
    let observation = task.observe(&state).unwrap();
    let model = task.compiled_model().ffi();
    let sizes = [spec.observation.size(), spec.action.size(), state.len()].map(|n| n as f64);
    let joints = [model.nq, model.nv, model.nu].map(|n| n as f64);
    let steps = [task.substeps() as f64, task.max_steps() as f64, spec.control_rate];
    lines.add("task", [sizes, joints, steps].concat());
    lines.add("state", &state);
    lines.add("observation", &observation);
    let lengths =
        [h.observation, h.prediction, h.action, observation.len(), spec.action.size(), policy.latent_size(), 0];
    lines.add("policy", lengths.map(|n| n as f64));
    let key = LatentKey { seed: 9, episode: 2, step: 3 };
    let chunks = policy.sample_with(&Workers::shared().unwrap(), &observation, 32, key).unwrap();
    lines.add("chunks", chunks.values());
    lines.add("controls", task.controls(&chunks.values()[..spec.action.size()], &state).unwrap());

    let cem = Controller::builder(task.clone()).policy(policy.clone()).optimizer(Cem::default()).candidates(32);
    let mut mpc = cem.seed(5).threads(1).build().unwrap();
    mpc.reset(2);
    lines.add("action", mpc.act(&observation, &state).unwrap());
    lines.plan(&mpc.last_plan());
    mpc.observe(&observation).unwrap();
    mpc.skip(1);
    lines.add("next", mpc.next_action());
    lines.plan(&mpc.plan(&state).unwrap());

    let mut alone = ControllerBuilder::default().policy(policy).policy_only().seed(5).threads(1).build().unwrap();
    alone.act(&observation, &[]).unwrap();
    lines.plan(&alone.last_plan());

    let pole = Arc::new(Task::load("cartpole").unwrap());
    let place = |control| pole.state_at(&[0.1, 3.0], &[0.0, -0.5], control).unwrap();
    lines.add("state", place(Some(&[0.2])));
    let state = place(None);
    let without = Controller::builder(pole.clone()).optimizer(Mppi::default()).candidates(16).seed(1);
    let mut without = without.threads(1).build().unwrap();
    without.observe(&pole.observe(&state).unwrap()).unwrap();
    lines.plan(&without.plan(&state).unwrap());
    lines
}

#[test]
fn c_gets_the_numbers_of_rust_and_errors_for_bad_arguments() {
    if !compiler() {
        return;
    }
    let (dir, expected) = (tempfile::tempdir().unwrap(), expected());
    let size = |name: &str| expected.0.iter().find(|(own, _)| own == name).unwrap().1.len().to_string();
    let text = std::fs::read_to_string(root().join("tests/system/c/check.c")).unwrap();
    let text = ["STATE", "OBSERVATION", "CHUNKS"].iter().fold(text, |text, name| {
        text.replace(&format!("{name} values"), &format!("{} values", size(&name.to_lowercase())))
    });
    let source = dir.path().join("check.c");
    std::fs::write(&source, text).unwrap();
    expected.compare(&printed(dir.path(), "-x c -std=c99 -D_POSIX_C_SOURCE=200809L", &source));
}

#[test]
fn the_example_in_cpp_prints_the_plan_of_rust() {
    if !compiler() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let task = Arc::new(Task::load("stack").unwrap());
    let policy = Policy::pretrained("stack").unwrap();
    let state = start(&task, 0, 0);
    let observation = task.observe(&state).unwrap();
    let first = policy.sample(&observation, 32).unwrap().values()[0];
    let builder = Controller::builder(task).policy(policy).optimizer(Cem::default()).candidates(32);
    let mut mpc = builder.build().unwrap();
    let action = mpc.act(&observation, &state).unwrap().to_vec();
    let cost = mpc.last_plan().predicted_cost().unwrap();
    let found = printed(dir.path(), "-std=c++17", &root().join("examples/c/plan.cpp"));
    let numbers: Vec<f64> = found.split([' ', '\n', ';', ':']).filter_map(|w| w.parse().ok()).collect();
    let [n, steps, x, candidates, predicted, given @ ..] = numbers.as_slice() else { panic!("{found}") };
    assert_eq!((*n, *steps, *candidates), (32.0, 16.0, 32.0), "{found}");
    assert_eq!((*x as f32, *predicted), (first, cost), "{found}");
    assert_eq!(given.iter().map(|v| *v as f32).collect::<Vec<_>>(), action, "{found}");
}

/// Names that the reader of the guide has.
const PARAMETERS: &str = "imle_task *task, imle_policy *policy, imle_controller *mpc, float *observation, size_t o, \
    double *state, size_t s, float *action, size_t a, double *controls, size_t nu, float *chunks, size_t steps, \
    uint64_t seed, uint64_t episode, uint64_t step, int running";

#[test]
fn the_code_of_the_guide_compiles() {
    if !compiler() {
        return;
    }
    let guide = std::fs::read_to_string(root().join("docs/guide/embed-in-c.md")).unwrap();
    let blocks: Vec<&str> = guide.split("```c\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    let mut code = String::from("#include <imle.h>\nint fail(const char *);\n");
    for (i, block) in blocks.iter().enumerate() {
        write!(code, "int block_{i}({PARAMETERS}) {{\n{{\n{block}\n}}\nreturn 0;\n}}\n").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("guide.c");
    std::fs::write(&source, code).unwrap();
    compile("-x c -std=c99 -fsyntax-only -Wno-unused-parameter", &source, &[]);
}
