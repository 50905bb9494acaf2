//! What a client of `planner serve` gets to execute a plan itself: all candidates, controls, the model; and a generator
//! without a task.

use crate::call::Call;
use crate::fixtures::{checkpoint, copy, edit_json, folder};
use crate::serve::{Server, bits, numbers};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use imle_configs::seed::Purpose;
use imle_envs::mujoco::{MjModel, mujoco_version};
use imle_envs::{task::Task, world::World};
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

/// `propose` is a decision with the candidates that it was chosen from.
#[test]
fn all_candidates_are_told() {
    let server = Server::start("");
    let (mut client, mut other) = (server.connect(), server.connect());
    assert!(client.hello["requests"].as_array().unwrap().contains(&json!("propose")));
    let start = client.example();
    let decided = bits(&client.first(&start));
    let request = json!({"type": "propose", "id": "first", "reset": true, "episode": 0,
        "observations": start["observations"], "state": start["state"]});
    let mut proposed = bits(&other.ask(&request));
    let fields = proposed.as_object_mut().unwrap();
    let [chunks, costs, sources, chosen] =
        ["chunks", "costs", "sources", "chosen"].map(|key| fields.shift_remove(key).unwrap());
    assert_eq!(proposed, decided);
    let (chunks, costs) = (chunks.as_array().unwrap(), costs.as_array().unwrap());
    assert_eq!((chunks.len(), costs.len(), sources.as_array().unwrap().len()), (6, 6, 6));
    let chosen = chosen.as_u64().unwrap() as usize;
    assert_eq!((&chunks[chosen], &sources[chosen]), (&decided["chunk"], &decided["source"]));
    let best = costs.iter().filter_map(Value::as_f64).fold(f64::INFINITY, f64::min);
    assert_eq!(costs[chosen].as_f64(), Some(best));
    // Nothing is left of a last plan: it is no candidate yet.
    let warm = sources.as_array().unwrap().iter().position(|s| s == "warm").unwrap();
    assert!(costs[warm].is_null());
    // Both go on in the same way.
    let next = json!({"type": "decide", "state": start["state"]});
    assert_eq!(bits(&client.ask(&next)), bits(&other.ask(&next)));
    server.stop();
}

/// The controls of `act`, set in the model of `model`, bring it where a world of the task comes to.
#[test]
fn actions_are_executed_in_the_servers_model() {
    let server = Server::start("");
    let mut client = server.connect();
    let hello = client.hello.clone();
    let size = |key: &str| hello[key].as_u64().unwrap() as usize;
    let task = Arc::new(Task::load("stack").unwrap());
    let mut world = World::new(task.clone()).unwrap();
    world.reset(5, Purpose::Reset, 0).unwrap();
    let start = client.example();
    let chunk = client.first(&start)["chunk"].clone();
    let action = numbers(&chunk[0]);
    let state: Vec<f64> = start["state"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let commands = client.ask(&json!({"type": "act", "action": chunk[0], "state": state}));
    let rows = commands["controls"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0].as_array().unwrap().len()), (size("substeps"), size("ctrl_size")));
    let flat: Vec<f64> = rows.iter().flat_map(|r| r.as_array().unwrap()).map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(flat, task.control_steps(&action, &state).unwrap().controls);
    world.step(&action);
    assert_eq!(flat[flat.len() - size("ctrl_size")..], *world.simulation().data().ctrl());
    assert_eq!((size("mocap_size"), &commands["mocap_pos"]), (0, &Value::Null));
    // The episode is as before: its second decision.
    assert_eq!(client.ask(&json!({"type": "decide", "state": state}))["decision"], 1);
    for (which, model) in [("world", task.compiled_model()), ("planner", task.planning_model())] {
        let answer = client.ask(&json!({"type": "model", "which": which}));
        assert_eq!((&answer["format"], answer["mujoco"].as_str()), (&json!("mjb"), Some(mujoco_version())));
        let bytes = STANDARD.decode(answer["model"].as_str().unwrap()).unwrap();
        assert_eq!(answer["bytes"].as_u64().unwrap() as usize, bytes.len());
        let copy = MjModel::from_buffer(&bytes).unwrap();
        assert_eq!((copy.ffi().nq, copy.opt().timestep), (model.ffi().nq, model.opt().timestep));
        assert_eq!(copy.mesh_vert(), model.mesh_vert());
    }
    let none = Value::Null;
    client.refused(r#"{"type":"act"}"#, &none, &["action: expected", "found none"]);
    client.refused(&json!({"type": "act", "action": chunk[0]}).to_string(), &none, &["state: expected 180 values"]);
    let long = json!({"type": "act", "action": [0, 1], "state": state}).to_string();
    client.refused(&long, &none, &["action: expected", "values, found 2"]);
    let huge = json!({"type": "act", "action": vec![1e300; action.len()], "state": state}).to_string();
    client.refused(&huge, &none, &["action[0]: expected a number that fits 32 bits"]);
    client.refused(r#"{"type":"model","which":"mine"}"#, &none, &["which: expected `world` or `planner`"]);
    server.stop();
}

/// A robot's own data have no simulator: the checkpoint says what it observes and does.
#[test]
fn a_generator_is_served_without_a_task() {
    let dir = folder();
    let own = dir.path().join("own");
    copy(checkpoint(), &own);
    edit_json(&own.join("config.json"), |config| config["spec"]["task"] = json!("my_robot"));
    let config: Value = serde_json::from_str(&fs::read_to_string(own.join("config.json")).unwrap()).unwrap();
    let call = |words: &str| Call::new(words).with("--checkpoint", &own);
    let server = Server::at(tempfile::tempdir().unwrap(), |path| {
        call("serve --candidates 5 --seed 5 --json").with("--socket", path)
    });
    let mut client = server.connect();
    let hello = client.hello.clone();
    assert_eq!(
        (&hello["task"], &hello["planner"], &hello["state_needed"]),
        (&json!("my_robot"), &json!("none"), &json!(false))
    );
    assert_eq!((&hello["state_size"], &hello["timestep"]), (&json!(0), &Value::Null));
    assert_eq!(hello["action_high"], config["normalizers"]["action"]["max"]);
    let seen = vec![vec![0.1; hello["observation_size"].as_u64().unwrap() as usize]];
    let answer = client.ask(&json!({"type": "decide", "observations": seen}));
    assert_eq!((answer["source"].as_str(), &answer["predicted"]), (Some("imle"), &Value::Null));
    assert_eq!(answer["chunk"].as_array().unwrap().len() as u64, hello["t_pred"].as_u64().unwrap());
    let answer = client.ask(&json!({"type": "propose", "observations": seen, "reset": true, "episode": 0}));
    assert_eq!(
        (answer["costs"].clone(), answer["sources"].clone()),
        (json!(vec![Value::Null; 5]), json!(vec!["imle"; 5]))
    );
    let chunks = answer["chunks"].as_array().unwrap();
    assert!(chunks.len() == 5 && chunks[0] != chunks[1], "{answer}");
    let none = Value::Null;
    let refused = |client: &mut crate::serve::Client, request: Value, field: &str| {
        let expected = format!("{field}: expected a server with a simulator (--task)");
        client.refused(&request.to_string(), &none, &[&expected]);
    };
    refused(&mut client, json!({"type": "decide", "state": [0]}), "state");
    refused(&mut client, json!({"type": "decide", "qpos": [0], "qvel": [0]}), "qpos");
    refused(&mut client, json!({"type": "act", "action": [0], "state": [0]}), "act");
    refused(&mut client, json!({"type": "example"}), "example");
    refused(&mut client, json!({"type": "model"}), "model");
    client.refused(r#"{"type":"decide"}"#, &none, &["observations: expected 1 to 2 rows, found neither"]);
    let result: Value = serde_json::from_str(&server.stop().out).unwrap();
    assert_eq!((&result["decisions"], &result["optimizer"]), (&json!(2), &json!("none")));
    // Without a simulator nothing else can be done with it.
    call("run").refused(&["--task: expected a task to simulate (planner serve --checkpoint", "found none"]);
    call("serve --optimizer cem").refused(&["--optimizer: expected none, as without --task there is no simulator"]);
    Call::new("serve").refused(&["--task"]);
}

/// What needs a generator says so, and advises what does not.
#[test]
fn advice_is_not_what_was_done() {
    let dir = folder();
    Call::new("tasks").with("--template", dir.path().join("push")).ok();
    for command in ["serve", "run"] {
        let call = |words: &str| Call::new(command).and(words).with("--task", dir.path().join("push.toml"));
        call("").refused(&["--proposals imle: no checkpoint is shipped", "--optimizer cma-es --proposals noise,warm"]);
        let planned = "--optimizer cem --proposals noise,warm";
        let latent = call(planned).and("--parameterization latent");
        latent.refused(&["--parameterization latent: no checkpoint", "without: --parameterization linear"]);
        let depth = call("--proposals noise,warm --depth 2");
        depth.refused(&["--depth: no checkpoint is shipped", "without: --depth 1"]);
        call("--optimizer none").refused(&["--optimizer none: no checkpoint is shipped"]);
    }
}
