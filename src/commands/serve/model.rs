//! A task's compiled model as an answer: MuJoCo's binary format in base64.

use super::request::Which;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use imle_cli::failure::Result;
use imle_envs::{mujoco::mujoco_version, task::Task};
use serde_json::json;

/// The answer as a JSON object.
///
/// # Errors
/// If MuJoCo cannot write the model.
pub fn answer(task: &Task, which: Which) -> Result<String> {
    let (model, substeps, bytes) = match which {
        Which::World => (task.compiled_model(), task.substeps(), task.compiled_model_bytes()?),
        Which::Planner => (task.planning_model(), task.planning_substeps(), task.planning_model_bytes()?),
    };
    let answer = json!({
        "format": "mjb", "mujoco": mujoco_version(), "timestep": model.opt().timestep, "substeps": substeps,
        "bytes": bytes.len(), "model": STANDARD.encode(&bytes),
    });
    Ok(answer.to_string())
}
