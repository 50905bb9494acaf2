//! Loading of MJCF and URDF models.

use super::additions::Additions;
use super::{native, plugins};
use crate::error::Result;
use imle_configs::{Error as InputError, embedded};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::MjVfs;
use mujoco_rs::wrappers::mj_editing::MjSpec;
use std::path::Path;

/// Where a task file's `model` is looked up.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Among the models inside the program.
    Embedded,
    /// Relative to a folder; names not found there may be embedded ones.
    Folder(&'a Path),
}

/// Loads the MJCF, URDF or binary (.mjb) file `name` with a task file's additions, and computes its default pose once, so that a
/// model on which MuJoCo fails is reported here.
///
/// # Errors
/// A bad input that names the file and says what MuJoCo said of it.
pub fn load(name: &str, source: Source<'_>, additions: &Additions<'_>) -> Result<MjModel> {
    native::install_handlers();
    let on_disk = match source {
        Source::Folder(folder) => Some(folder.join(name)).filter(|p| p.exists()),
        Source::Embedded => None,
    };
    if on_disk.is_some() {
        plugins::load();
    }
    let mut vfs = MjVfs::new();
    if on_disk.is_none() {
        if !embedded::models().any(|(known, _)| known == name) {
            let mut known: Vec<String> = embedded::models().map(|(n, _)| n.to_string()).collect();
            if let Source::Folder(folder) = source {
                known.extend(models_in(folder));
            }
            return Err(InputError::unknown("model file", name, known).into());
        }
        for (file, bytes) in embedded::models() {
            vfs.add_from_buffer(file, bytes).map_err(|e| InputError::unexpected(file, "an embedded model", e))?;
        }
    }
    let place = on_disk.as_ref().map_or_else(|| name.to_string(), |p| p.display().to_string());
    let compiled = |make: &dyn Fn() -> std::result::Result<MjModel, String>| {
        let loaded = native::guarded(make).unwrap_or_else(Err);
        let loaded = loaded.and_then(|model| native::probe(&model).map(|()| model));
        loaded.map_err(|message| {
            let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
            if line.contains("plugin") {
                line = format!("{line} ({})", plugins::hint());
            }
            InputError::unexpected(&place, "a model that MuJoCo loads", line)
        })
    };
    let binary = has_ending(name, "mjb");
    let addable = "an MJCF or URDF file, to add servos and markers to";
    InputError::ensure(!binary || additions.is_empty(), &place, addable, "a binary model")?;
    let model = compiled(&|| match &on_disk {
        Some(path) if binary => MjModel::from_mjb(path).map_err(|e| e.to_string()),
        Some(path) => MjModel::from_xml(path).map_err(|e| e.to_string()),
        None => MjModel::from_xml_vfs(name, &vfs).map_err(|e| e.to_string()),
    })?;
    if additions.is_empty() {
        return Ok(model);
    }
    let additions = additions.check(&model)?;
    Ok(compiled(&|| {
        let mut spec = match &on_disk {
            Some(path) => MjSpec::from_xml(path),
            None => MjSpec::from_xml_vfs(name, &vfs),
        }
        .map_err(|e| e.to_string())?;
        additions.apply(&mut spec).map_err(|e| e.to_string())?;
        match &on_disk {
            Some(_) => spec.compile(),
            None => spec.compile_with_vfs(&vfs),
        }
        .map_err(|e| e.to_string())
    })?)
}

/// Names of the model files beside a task file.
fn models_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    names.filter(|n| ["xml", "urdf", "mjb"].iter().any(|ending| has_ending(n, ending))).collect()
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
}
