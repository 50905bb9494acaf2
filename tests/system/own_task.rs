//! A user's own task, outside of the repository: the same as a built-in one, and from nothing to a trained generator.

use crate::call::Call;
use crate::fixtures::{STACK, TINY, files_in, folder};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Result of a run, without what the clock and the file's place say.
fn found(mut result: Value) -> Value {
    for key in ["plan_ms", "wall_s", "task"] {
        result.as_object_mut().unwrap().remove(key);
    }
    result
}

/// The task file and models of `stack`, copied to where a user might have them, give the same demonstrations to the
/// byte, the same episodes and the same look.
#[test]
fn a_built_in_task_is_the_same_as_a_users_file() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("my/stack.toml");
    fs::create_dir_all(mine.parent().unwrap()).unwrap();
    fs::write(&mine, STACK).unwrap();
    for model in ["stack.xml", "panda.xml"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/models").join(model);
        fs::copy(from, mine.with_file_name(model)).unwrap();
    }
    let both = |words: &str, more: &[(&str, &Path)]| {
        let call = |task: &Path| more.iter().fold(Call::new(words).with("--task", task), |c, (f, v)| c.with(f, v));
        (call(Path::new("stack")), call(&mine))
    };
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let (a, b) = both("demo --episodes 2 --seed 4 --quiet", &[]);
    a.with("--out", &ours).ok();
    b.with("--out", &theirs).ok();
    assert_eq!(files_in(&ours), files_in(&theirs));
    for words in
        ["run --episodes 2 --candidates 8 --seed 2", "run --episodes 1 --optimizer cma-es --proposals noise,warm"]
    {
        let (a, b) = both(words, &[]);
        // The shipped checkpoint is found by the task's name.
        assert_eq!(found(a.json()), found(b.json()), "{words}");
    }
    let inspect = |task: &str| Call::new("inspect").and(task).json();
    assert_eq!(inspect("stack"), inspect(mine.to_str().unwrap()));
}

#[test]
fn from_a_template_to_a_generator() {
    let dir = folder();
    let (task, scene) = (dir.path().join("my/push.toml"), dir.path().join("my/push.xml"));
    let name = dir.path().join("my/push");
    Call::new("tasks").with("--template", &name).ok();
    assert!(task.exists() && scene.exists());
    let before = files_in(dir.path());
    Call::new("tasks").with("--template", &name).refused(&["push.toml", "exists already"]);
    Call::new("tasks").with("--template", dir.path().join("stack")).refused(&["`stack`", "built-in"]);
    assert_eq!(files_in(dir.path()), before);
    let picture = dir.path().join("push.png");
    let report = Call::new("inspect").and(task.to_str().unwrap()).with("--picture", &picture).json();
    assert_eq!((report["spec"]["task"].as_str(), report["cost_terms"].as_array().unwrap().len()), (Some("push"), 3));
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    let terms = report["cost_terms"].as_array().unwrap();
    let sum: f64 = terms.iter().map(|t| t["weight"].as_f64().unwrap() * t["norm"].as_f64().unwrap()).sum();
    assert!((sum - report["start_cost"].as_f64().unwrap()).abs() < 1e-12, "{report}");
    // Nobody has a generator for it: the planner searches alone, and what it solves is learned from.
    Call::new("run").with("--task", &task).refused(&["no checkpoint is shipped", "--checkpoint", "noise,warm"]);
    Call::new("run --optimizer none").with("--task", &task).refused(&["no checkpoint"]);
    Call::new("run").with("--task", &name).refused(&["unknown task", "did you mean `", "my/push.toml`"]);
    // A name that a built-in task has too is in nobody's way.
    let namesake = dir.path().join("my/cartpole.toml");
    fs::write(&namesake, fs::read_to_string(&task).unwrap().replacen("\"push\"", "\"cartpole\"", 1)).unwrap();
    let planned = "run --optimizer cma-es --proposals noise,warm --episodes 1 --candidates 8";
    assert_eq!(Call::new(planned).with("--task", &namesake).json()["task"], "cartpole");
    Call::new("run").with("--task", &namesake).refused(&["no checkpoint is shipped for task `cartpole`"]);
    let (data, out) = (dir.path().join("data"), dir.path().join("generator"));
    let run = || {
        Call::new("run --optimizer cma-es --proposals noise,warm --episodes 3 --candidates 16").with("--task", &task)
    };
    let recorded = run().with("--record", &data).json();
    let solved = (3.0 * recorded["success_rate"].as_f64().unwrap()).round();
    assert!(solved > 0.0, "{recorded}");
    assert_eq!(imle_data::read(&data).unwrap().episodes.len() as f64, solved);
    run().with("--record", &data).refused(&["data", "exists already"]);
    let played = Call::new("data replay --episode 0").with("--task", &task).and(data.to_str().unwrap()).json();
    for (term, drift) in played["drift"].as_object().unwrap() {
        assert_eq!(drift["greatest"].as_f64(), Some(0.0), "{term}");
    }
    let train = Call::new("train --set steps=10 --evaluation-episodes 1").and(TINY).with("--task", &task);
    train.with("--data", &data).with("--out", &out).ok();
    let planned = Call::new("run --episodes 1 --candidates 4").with("--task", &task).with("--checkpoint", &out);
    assert_eq!(planned.json()["episodes"], 1);
    let horizon = run().with("--checkpoint", &out).and("--horizon 8");
    horizon.refused(&["--horizon", "generator"]);
    let short = Call::new("run --optimizer cma-es --proposals noise,warm --episodes 1 --candidates 8 --horizon 8");
    short.with("--task", &task).ok();
    // MuJoCo gives up on this model in its start state, and would end the process.
    let text = fs::read_to_string(&scene).unwrap();
    fs::write(&scene, text.replacen("<worldbody>", "<size memory=\"1K\"/><worldbody>", 1)).unwrap();
    Call::new("run").with("--task", &task).refused(&["push.xml", "MuJoCo", "memory"]);
}
