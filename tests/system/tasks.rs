//! Every built-in task, from demonstration to planned episode; its modes and its worlds.

use crate::call::Call;
use crate::fixtures::{STACK, TINY, checkpoint, easy_task, folder};
use imle_configs::embedded;
use imle_configs::seed::Purpose;
use imle_envs::experts::demonstrate::replay;
use imle_envs::task::Task;
use imle_envs::task::mismatch::Mismatch;
use imle_envs::world::World;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn state(world: &World) -> Vec<u64> {
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state).unwrap();
    state.iter().map(|x| x.to_bits()).collect()
}

/// Stored demonstrations are exactly what was executed: replayed, every observation is seen again bit for bit, and the
/// episode ends in success, in the same state each time.
fn replays(task: &Arc<Task>, dataset: &Path) {
    let dataset = imle_data::read(dataset).unwrap();
    let (seen, done) = (task.spec().observation.size(), task.spec().action.size());
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut observation = vec![0.0_f32; seen];
    for episode in &dataset.episodes {
        let place = format!("{} episode {}", task.spec().task, episode.index);
        let mut world = World::new(task.clone()).unwrap();
        world.reset(episode.seed, Purpose::Demonstration, episode.index).unwrap();
        for (stored, action) in episode.observations.chunks_exact(seen).zip(episode.actions.chunks_exact(done)) {
            world.observe(&mut observation);
            assert_eq!(bits(&observation), bits(stored), "{place}, step {}", world.steps());
            world.step(action);
        }
        assert!(world.success() && world.done() && world.steps() == episode.len, "{place}");
        assert_eq!(state(&world), state(&replay(task, episode).unwrap()), "{place}");
    }
}

#[test]
fn every_task_goes_from_demonstration_to_planned_episode() {
    for name in embedded::task_names() {
        let dir = folder();
        let (demos, generator) = (dir.path().join("demos"), dir.path().join("generator"));
        Call::new("demo --episodes 3 --seed 1 --quiet").with("--task", name).with("--out", &demos).ok();
        replays(&Arc::new(Task::load(name).unwrap()), &demos);
        let train = Call::new("train --set steps=10 --evaluation-episodes 1 --quiet").and(TINY);
        train.with("--data", &demos).with("--out", &generator).ok();
        let run = Call::new("run --episodes 1 --candidates 2").with("--task", name).with("--checkpoint", &generator);
        let result = run.json();
        assert_eq!((result["task"].as_str(), result["episodes"].as_u64()), (Some(name), Some(1)));
        for key in ["peak_velocity", "peak_torque", "boundary_jerk", "inner_jerk", "lost_episodes"] {
            assert!(result[key].as_f64().is_some_and(|x| x >= 0.0), "{name}: no `{key}` in {result}");
        }
    }
}

/// Without --checkpoint the shipped one is used; a task without one says what to do.
#[test]
fn every_task_runs_with_its_shipped_checkpoint() {
    for task in Call::new("tasks").json()["tasks"].as_array().unwrap() {
        let call = Call::new("run --episodes 1 --candidates 4").with("--task", task["name"].as_str().unwrap());
        if task["checkpoint"] == true {
            assert_eq!(call.json()["candidates"], 4);
        } else {
            call.refused(&["no checkpoint is shipped", "--checkpoint"]);
        }
    }
}

#[test]
fn a_mode_is_demonstrated_and_forced() {
    let dir = folder();
    let demos = dir.path().join("demos");
    let call = Call::new("demo --task lift --mode far-low --episodes 3").with("--out", &demos);
    assert_eq!(call.json()["modes"], serde_json::json!({ "far-low": 3 }));
    // The expert goes so far that any generator finds itself on that way.
    let run =
        Call::new("run --task stack --mode far-high --episodes 2 --optimizer none").with("--checkpoint", checkpoint());
    assert_eq!(run.json()["mode"], "far-high");
}

/// In another world the same actions do something else; its demonstrations are replayed in it and nowhere else.
#[test]
fn every_mismatch_changes_the_world_and_is_kept_with_its_demonstrations() {
    let run = |words: &str| {
        let call = Call::new("run --episodes 2 --optimizer none").with("--task", easy_task()).and(words);
        call.with("--checkpoint", checkpoint()).json()
    };
    let exact = run("");
    assert!(exact["mismatch"].is_null());
    for mismatch in Mismatch::all().unwrap() {
        let words = format!("--mismatch {}", mismatch.name);
        let result = run(&words);
        assert_eq!(result["mismatch"], mismatch.name.as_str());
        // Friction alone does not show where nothing is touched.
        if mismatch.friction == 1.0 {
            assert_ne!(result["mean_cost"], exact["mean_cost"], "{}", mismatch.name);
        }
        assert_eq!(result["mean_cost"], run(&words)["mean_cost"], "{}", mismatch.name);
    }
    let dir = folder();
    let demos = dir.path().join("demos");
    Call::new("demo --task lift --mismatch delayed --episodes 1 --quiet").with("--out", &demos).ok();
    let delayed = Task::load("lift").unwrap().with_mismatch(Mismatch::find("delayed").unwrap()).unwrap();
    replays(&Arc::new(delayed), &demos);
    let episode = &imle_data::read(&demos).unwrap().episodes[0];
    let refused = replay(&Arc::new(Task::load("lift").unwrap()), episode).unwrap_err().to_string();
    assert!(refused.contains("delayed"), "{refused}");
}

#[test]
fn an_expert_that_fails_its_task_is_counted_not_stored() {
    let dir = folder();
    let path = dir.path().join("hurried.toml");
    let line = STACK.lines().find(|l| l.starts_with("max_steps")).unwrap();
    let demo = |most_steps: u32, out: &str| {
        fs::write(&path, STACK.replace(line, &format!("max_steps = {most_steps}"))).unwrap();
        Call::new("demo --episodes 4 --quiet").with("--task", &path).with("--out", dir.path().join(out))
    };
    let done = demo(20, "none").run();
    assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{done:?}");
    assert!(done.err.contains("failed 64 of 64 episodes; nothing was written"), "{done:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // The expert takes 80 steps at the median.
    let result = demo(80, "some").json();
    let failed = result["failed_episodes"].as_array().unwrap();
    assert!(!failed.is_empty() && result["tried"].as_u64() == Some(4 + failed.len() as u64), "{result}");
    let stored = imle_data::read(&dir.path().join("some")).unwrap().episodes;
    assert!(stored.len() == 4 && stored.iter().all(|e| e.success && !failed.contains(&Value::from(e.index))));
}

#[test]
fn a_sweep_over_tasks_goes_on_where_it_was_and_reports() {
    let dir = folder();
    let results = dir.path().join("new/tasks.jsonl");
    let call = |words: &str| {
        let call =
            Call::new("bench tasks --tasks stack --episodes 2 --candidates 4 --mismatches none,heavy").and(words);
        call.with("--results", &results)
    };
    assert_eq!(call("--shard 1/2").json()["open"], 2);
    let kept = fs::read_to_string(&results).unwrap();
    let all = call("").json();
    assert_eq!((all["open"].as_u64(), all["cells"].as_array().unwrap().len()), (Some(0), 4));
    assert!(fs::read_to_string(&results).unwrap().starts_with(&kept));
    let cells: Vec<&Value> = all["cells"].as_array().unwrap().iter().map(|c| &c["cell"]).collect();
    assert!(cells.iter().all(|c| c["checkpoint"] == cells[0]["checkpoint"] && c["episodes"] == 2));
    let table = Call::new("bench tasks --report").with("--results", &results).ok().out;
    assert_eq!(table.lines().filter(|l| l.starts_with("| stack |")).count(), 2, "{table}");
    call("").with("--checkpoints", dir.path()).refused(&["stack/config.json"]);
    call("--shard 2/2").refused(&["--shard", "I from 0 to N - 1"]);
    call("--mismatches heavi").refused(&["unknown mismatch `heavi`", "`heavy`"]);
}
