//! `planner tasks`

use crate::cli::TasksArgs;
use crate::failure::Result;
use imle_configs::embedded;
use imle_envs::task::Task;
use serde_json::json;

/// Lists the built-in tasks.
pub fn run(args: &TasksArgs) -> Result<()> {
    let output = args.common.output();
    let mut list = Vec::new();
    for name in embedded::task_names() {
        let task = Task::load(name)?;
        let (observation, action) = (task.spec().observation.size(), task.spec().action.size());
        let shipped = embedded::checkpoint(name).is_some();
        let ready = if shipped { "checkpoint shipped" } else { "no checkpoint yet" };
        output.say(format!(
            "{name:14} observation {observation:3}  action {action:2}  {:3} Hz  {ready}",
            task.spec().control_rate
        ));
        output.say(format!("{:14} {}", "", task.description()));
        list.push(json!({
            "name": name, "description": task.description(), "observation": observation, "action": action,
            "control_rate": task.spec().control_rate, "max_steps": task.max_steps(), "checkpoint": shipped,
            "modes": task.expert().map(|e| e.modes()).unwrap_or_default(),
        }));
    }
    output.result(&json!({ "tasks": list }))
}
