//! `planner tasks`

use clap::Args;
use imle_cli::{args::common::Common, failure::Result, output::Output, place::Place};
use imle_configs::{Error as InputError, embedded, files};
use imle_envs::task::Task;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `planner tasks`
#[derive(Debug, Args)]
pub struct TasksArgs {
    /// Write a commented task file NAME.toml and a scene NAME.xml to start from, e.g. my/reach; neither may exist
    #[arg(long, value_name = "NAME")]
    pub template: Option<PathBuf>,
    /// Flags of every command
    #[command(flatten)]
    pub common: Common,
}

/// Lists the built-in tasks, or writes a task file to start from.
pub fn run(args: &TasksArgs) -> Result<()> {
    let output = args.common.output();
    if let Some(path) = &args.template {
        return template(output, path);
    }
    let mut list = Vec::new();
    for name in embedded::task_names() {
        let task = Task::load(name)?;
        let (observation, action) = (task.spec().observation.size(), task.spec().action.size());
        let shipped = embedded::checkpoint(name).is_some();
        let ready = if shipped { "checkpoint shipped" } else { "no checkpoint yet" };
        let rate = task.spec().control_rate;
        output.say(format!("{name:14} observation {observation:3}  action {action:2}  {rate:3} Hz  {ready}"));
        output.say(format!("{:14} {}", "", task.description()));
        list.push(json!({
            "name": name, "description": task.description(), "observation": observation, "action": action,
            "control_rate": rate, "max_steps": task.max_steps(), "checkpoint": shipped,
            "modes": task.expert().map(|e| e.modes()).unwrap_or_default(),
        }));
    }
    output.result(&json!({ "tasks": list }))
}

/// Writes a task file and its scene; the task's name is the last part of `path`.
fn template(output: Output, path: &Path) -> Result<()> {
    let place =
        if path.extension().is_some_and(|e| e == "toml") { path.with_extension("") } else { path.to_path_buf() };
    let name = place
        .file_name()
        .and_then(|n| n.to_str())
        .filter(|n| !n.contains(['"', '\\']) && !n.contains(char::is_control));
    let name = name.ok_or_else(|| InputError::unexpected("--template", "a name such as my/reach", path.display()))?;
    let expected = "a name that no built-in task has";
    InputError::ensure(embedded::task(name).is_none(), "--template", expected, format!("`{name}`"))?;
    let file = |ending: &str| place.with_file_name(format!("{name}.{ending}"));
    let (task, scene) = (file("toml"), file("xml"));
    files::ensure_absent(&task)?;
    files::ensure_absent(&scene)?;
    let place = Place::file(&task)?;
    files::write_text(&scene, embedded::TEMPLATE_SCENE)?;
    files::write_text(&task, &embedded::TEMPLATE_TASK.replace("{name}", name))?;
    drop(place);
    let shown = task.display();
    output.say(format!("{shown} and {}", scene.display()));
    output.say(format!(
        "next: planner inspect {shown}; planner run --task {shown} --optimizer cma-es --proposals noise,warm"
    ));
    output.result(&json!({ "task": task, "scene": scene }))
}
