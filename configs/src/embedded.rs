//! The task files, models and small checkpoints inside the program, so that it runs from any folder.

use include_dir::{Dir, include_dir};

static TASKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tasks");
static MODELS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/models");
static CHECKPOINTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/checkpoints");

/// A commented task file to start from, in which `{name}` stands for the task's name; it needs [`TEMPLATE_SCENE`]
/// beside it.
pub static TEMPLATE_TASK: &str = include_str!("../template/task.toml");

/// The scene of [`TEMPLATE_TASK`].
pub static TEMPLATE_SCENE: &str = include_str!("../template/scene.xml");

/// The text of `mismatches.toml`.
pub static MISMATCHES: &str = include_str!("../mismatches.toml");

/// Names of the built-in tasks, sorted.
pub fn task_names() -> Vec<&'static str> {
    let mut names: Vec<_> = TASKS.files().filter_map(|f| f.path().to_str()?.strip_suffix(".toml")).collect();
    names.sort_unstable();
    names
}

/// The TOML text of a built-in task.
pub fn task(name: &str) -> Option<&'static str> {
    TASKS.get_file(format!("{name}.toml"))?.contents_utf8()
}

/// All built-in model files as (name, bytes), for MuJoCo's virtual file system.
pub fn models() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    MODELS.files().filter_map(|f| Some((f.path().to_str()?, f.contents())))
}

/// The files of the checkpoint shipped for a task, as (name, bytes).
pub fn checkpoint(task: &str) -> Option<Vec<(&'static str, &'static [u8])>> {
    let folder = CHECKPOINTS.get_dir(task)?;
    Some(folder.files().filter_map(|f| Some((f.path().file_name()?.to_str()?, f.contents()))).collect())
}
