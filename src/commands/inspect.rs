//! `planner inspect`

use super::data::info;
use clap::Args;
use imle_cli::failure::{Failure, Result};
use imle_cli::output::{Output, percent};
use imle_cli::{args::common::Common, args::controller::ControllerArgs, load, place::Place};
use imle_configs::{Error as InputError, embedded, files, renames, spec::Layout};
use imle_envs::{render::Renderer, task::Task, world::World};
use imle_policy::checkpoint::Checkpoint;
use imle_rl::run::Round;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `planner inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Name or TOML file of a task, or folder of a dataset, checkpoint or run
    pub path: String,
    /// PNG file for a picture of a task's start state
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Summarises whatever `path` is.
pub fn run(args: &InspectArgs) -> Result<()> {
    let output = args.common.output();
    let path = Path::new(&args.path);
    if embedded::task(&args.path).is_some() || path.extension().is_some_and(|e| e == "toml") {
        return task(output, &args.path, args.picture.as_deref());
    }
    InputError::ensure(args.picture.is_none(), "--picture", "a task", format!("`{}`", args.path))?;
    if path.join("meta/info.json").exists() {
        return dataset(output, path);
    }
    if path.join("summary.json").exists() || path.join("state.json").exists() {
        return run_folder(output, path);
    }
    if path.join("model.safetensors").exists() || path.join("config.json").exists() {
        return checkpoint(output, path);
    }
    let expected = "a task file, or the folder of a dataset, checkpoint or run";
    InputError::ensure(!path.exists(), path.display(), expected, "none of them")?;
    Err(InputError::unknown("task or folder", &args.path, embedded::task_names()).into())
}

fn layout(output: Output, what: &str, layout: &Layout, meanings: &[String]) {
    output.say(format!("{what}: {} values", layout.size()));
    let mut at = 0;
    for (i, term) in layout.terms.iter().enumerate() {
        let meaning = meanings.get(i).map_or(String::new(), |meaning| format!(": {meaning}"));
        output.say(format!("  [{at}..{}] {}{meaning}", at + term.size, term.name));
        at += term.size;
    }
}

fn task(output: Output, name: &str, picture: Option<&Path>) -> Result<()> {
    let task: std::sync::Arc<Task> = load::task(name)?;
    let place = picture.map(Place::file).transpose()?;
    let mut world = World::new(task.clone())?;
    world.reset(0, imle_configs::seed::Purpose::Reset, 0)?;
    check_start(name, &world)?;
    let spec = task.spec();
    let (m, timestep) = (task.compiled_model().ffi(), task.compiled_model().opt().timestep);
    output.say(format!("task {}: {}", spec.task, task.description()));
    output.say(format!(
        "model: {} bodies, {} joints, {} degrees of freedom, {} actuators, {} geoms, {} sites, {} sensors, {} constraints, \
         {} mocap bodies, {} keyframes; physics steps of {timestep} s",
        m.nbody, m.njnt, m.nv, m.nu, m.ngeom, m.nsite, m.nsensor, m.neq, m.nmocap, m.nkey
    ));
    let (rate, steps, planned) = (spec.control_rate, task.substeps(), task.planning_substeps());
    output.say(format!(
        "control at {rate} Hz; a control step is {steps} physics steps in the world, {planned} in the planner's model"
    ));
    layout(output, "observation", &spec.observation, &[]);
    layout(output, "action", &spec.action, task.control().meanings());
    let (low, high) = task.action_bounds().range();
    output.say(format!("action range: {low:?} to {high:?}"));
    let terms = cost(output, &task, &world);
    for camera in task.cameras() {
        let [width, height] = camera.size();
        output.say(format!("camera {}: {width}×{height} pixels (planner demo --images)", camera.name));
    }
    if !task.cameras().is_empty() {
        output.say(format!("seen beside pictures (planner train --cameras): {}", task.proprioception().join(", ")));
    }
    if let Some(expert) = task.expert() {
        output.say(match expert.modes().join(", ") {
            names if names.is_empty() => "expert without modes".to_string(),
            names => format!("expert with modes {names}"),
        });
    }
    if let Some(path) = picture {
        let mut renderer = Renderer::new(&world)?;
        let drawn = renderer.draw(&mut world)?;
        imle_envs::render::strip::write_one(path, renderer.size(), &drawn)?;
        output.say(format!("picture of the start state: {}", path.display()));
    }
    drop(place);
    let names = task.quantities().names();
    let quantities: serde_json::Map<String, Value> =
        names.iter().zip(world.values()).map(|(n, v)| (n.clone(), json!(v))).collect();
    output.result(&json!({
        "kind": "task", "spec": spec, "quantities": quantities, "cost_terms": terms, "bodies": m.nbody, "degrees_of_freedom": m.nv, "actuators": m.nu,
        "substeps": task.substeps(), "planning_substeps": task.planning_substeps(), "max_steps": task.max_steps(),
        "action_low": low, "action_high": high, "action_meanings": task.control().meanings(), "start_cost": world.cost(), "rungs": task.cost().rung_names(),
        "proprioception": task.proprioception(), "cameras": task.cameras().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        "modes": task.expert().map(|e| e.modes()),
    }))
}

/// Whether the start state and what is computed of it are finite.
fn check_start(name: &str, world: &World) -> imle_configs::Result<()> {
    let data = world.simulation().data();
    let parts = [("qpos", data.qpos()), ("qvel", data.qvel()), ("act", data.act()), ("ctrl", data.ctrl())];
    let parts = parts.into_iter().flat_map(|(of, values)| values.iter().map(move |v| (of.to_string(), *v)));
    let quantities = world.task().quantities().names().iter().map(|n| format!("quantity `{n}`"));
    let all = parts.chain(quantities.zip(world.values().iter().copied())).chain([("the cost".into(), world.cost())]);
    let bad = all.into_iter().find(|(_, value)| !value.is_finite());
    bad.map_or(Ok(()), |(of, value)| {
        Err(InputError::unexpected(name, "a start state of finite numbers", format!("{value} in {of}")))
    })
}

/// Says what the cost of the world's state is made of; returns the terms.
fn cost(output: Output, task: &Task, world: &World) -> Vec<Value> {
    let (values, names) = (world.values(), task.quantities().names());
    output.say("quantities at a start state:");
    names.iter().zip(values).for_each(|(name, value)| output.say(format!("  {name:24} {value:12.5}")));
    let rung = match task.cost().rung(values) {
        None => "no ladder".to_string(),
        Some((index, name)) => {
            let all = task.cost().rung_names();
            format!("on rung {} of {}, `{name}`, of {}", index + 1, all.len(), all.join(", "))
        }
    };
    output.say(format!("cost at a start state: {:.5}; {rung}", world.cost()));
    let mut terms = Vec::new();
    for part in task.cost().parts(values) {
        let of: Vec<&str> = part.quantities.iter().map(|q| names[*q].as_str()).collect();
        let kind = part.rung.map_or_else(|| "term".to_string(), |name| format!("residual of `{name}`"));
        output.say(format!("  {kind} {}: weight {} × {:.5}", of.join(" "), part.weight, part.norm));
        terms.push(json!({ "rung": part.rung, "quantities": of, "weight": part.weight, "norm": part.norm }));
    }
    let solved = if task.solved(values) { "solved" } else { "not solved" };
    output.say(format!("a start state is {solved}"));
    terms
}

fn dataset(output: Output, path: &Path) -> Result<()> {
    let summary = imle_data::summarize(&imle_data::read(path)?);
    output.say(format!(
        "dataset of task {}: {} episodes, {} frames at {} Hz",
        summary.task, summary.episodes, summary.frames, summary.fps
    ));
    info::lengths_and_modes(output, &summary);
    let pictures = imle_data::image_layout(path)?;
    if let Some(p) = &pictures {
        output.say(format!("pictures of {}: {}×{} pixels", p.cameras.join(", "), p.width, p.height));
    }
    info::mismatches(output, &summary);
    for (what, ranges) in [("observation", &summary.observation), ("action", &summary.action)] {
        output.say(format!("{what}:"));
        for range in ranges {
            let (min, max) = (range.min.unwrap_or(f32::NAN), range.max.unwrap_or(f32::NAN));
            output.say(format!("  {:24} {min:9.4} to {max:9.4}", range.name));
        }
    }
    let mut result = json!(summary);
    result["kind"] = "dataset".into();
    result["pictures"] = json!(pictures);
    output.result(&result)
}

fn checkpoint(output: Output, path: &Path) -> Result<()> {
    let checkpoint = Checkpoint::load(path)?;
    let config = checkpoint.config();
    let h = config.horizons;
    output.say(format!(
        "checkpoint of task {}, method {}, made by version {}",
        config.spec.task, config.method, config.version
    ));
    let parameters = checkpoint.table().count();
    output.say(format!(
        "network {}: {parameters} parameters; horizons: {} observations, {} actions predicted, {} executed",
        config.network.kind, h.observation, h.prediction, h.action
    ));
    output.say(format!(
        "learned from {} in {} steps, seed {}",
        config.provenance.data, config.provenance.steps, config.provenance.seed
    ));
    let (spec, estimator) = (checkpoint.spec(), checkpoint.estimator());
    layout(output, "observation", &spec.observation, &[]);
    let seeing = estimator.map_or(config, |e| e.config());
    if let (Some(pictures), Some(vision)) = (&spec.pictures, &seeing.vision) {
        output.say(format!("pictures of {pictures}; {vision}"));
    }
    if let Some(estimator) = estimator {
        layout(output, "estimates", &estimator.spec().action, &[]);
        let theirs = &estimator.config().provenance;
        output.say(format!("  an estimator that learned from {} in {} steps", theirs.data, theirs.steps));
    }
    layout(output, "action", &spec.action, &[]);
    let mut result = json!(config);
    result["spec"] = json!(spec);
    if let Some(estimator) = estimator {
        result["estimator"] = json!(estimator.config());
    }
    result["kind"] = "checkpoint".into();
    result["parameters"] = parameters.into();
    output.result(&result)
}

fn run_folder(output: Output, path: &Path) -> Result<()> {
    let name = if path.join("summary.json").exists() { "summary.json" } else { "state.json" };
    let place = path.join(name);
    let mut value: Value = serde_json::from_str(&files::read_text(&place)?)
        .map_err(|e| InputError::unexpected(place.display(), "JSON", e))?;
    let told = |path: &Path| path.display().to_string();
    renames::update_record(&mut value, &json!({ "optimizer": "" }), &told(&place))?;
    for round in value.get_mut("rounds").and_then(Value::as_array_mut).into_iter().flatten() {
        renames::update_record(round, &Round::default(), &told(&place))?;
    }
    if !value.is_object() {
        return Err(Failure::Input(format!("{}: expected a JSON object", place.display())));
    }
    let mut result = value.clone();
    result["kind"] = "run".into();
    let mut config: Value = match files::read_text(&path.join("config.json")) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| InputError::unexpected(path.display(), "JSON", e))?,
        Err(_) => Value::Null,
    };
    renames::update_record(&mut config, &ControllerArgs::default(), &told(&path.join("config.json")))?;
    if let Some(rate) = value.get("success_rate").and_then(Value::as_f64) {
        let (task, share) = (value["task"].as_str().unwrap_or("?"), percent(rate));
        output.say(format!("run of task {task}: {share} solved in {} episodes", value["episodes"]));
        let word = |key: &str| config[key].as_str().unwrap_or("none").to_string();
        let [checkpoint, optimizer, mode, mismatch] = ["checkpoint", "optimizer", "mode", "mismatch"].map(word);
        let (candidates, seed) = (&config["candidates"], &config["seed"]);
        output.say(format!(
            "checkpoint {checkpoint}, optimizer {optimizer}, {candidates} candidates, mode {mode}, mismatch {mismatch}, \
             seed {seed}"
        ));
        result["config"] = config;
    }
    if path.join("model.safetensors").exists() {
        output.say(format!("also a checkpoint: planner run --checkpoint {}", path.display()));
    }
    for round in value.get("rounds").and_then(Value::as_array).into_iter().flatten() {
        let rate = percent(round["success_rate"].as_f64().unwrap_or(0.0));
        output.say(format!(
            "round {}: generator alone {rate}, {} control steps, {} physics steps of the planner",
            round["round"], round["env_steps"], round["simulation_steps"]
        ));
    }
    output.result(&result)
}
