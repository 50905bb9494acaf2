//! MuJoCo's engine plugins: actuators, sensors and shapes in libraries beside its own.

use super::native::{guarded, install_handlers, mj_loadPluginLibrary, mjp_getPluginAtSlot};
use imle_configs::files;
use mujoco_rs::prelude::MjModel;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{env, fs};

/// Environment variable that names the folder of the plugin libraries.
const FOLDER: &str = "MUJOCO_PLUGIN_DIR";

/// Loads the plugin libraries there are, once a process. One that MuJoCo refuses is passed over: a model that needs it
/// says so.
pub(crate) fn load() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        install_handlers();
        let entries = folder().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let mut libraries: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        libraries.retain(|path| path.extension().is_some_and(|e| e == "so"));
        libraries.sort();
        for path in libraries.iter().filter_map(|p| CString::new(p.as_os_str().as_bytes()).ok()) {
            // SAFETY: the path is a NUL-terminated string that lives for the call.
            let _ = guarded(|| unsafe { mj_loadPluginLibrary(path.as_ptr()) });
        }
    });
}

/// Where plugins are looked for: the folder that is named, else the one that MuJoCo's wheel (`plugin`) or archive
/// (`bin/mujoco_plugin`) has beside the library.
fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os(FOLDER) {
        return Some(named.into());
    }
    let maps = files::read_text("/proc/self/maps".as_ref()).ok()?;
    let library = maps.lines().find(|l| l.contains("/libmujoco.so")).and_then(|l| l.find('/').map(|at| &l[at..]))?;
    let beside = Path::new(library).parent()?;
    ["plugin", "mujoco_plugin", "../bin/mujoco_plugin"].iter().map(|name| beside.join(name)).find(|p| p.is_dir())
}

/// End of the message about a model that names a plugin.
pub(crate) fn hint() -> String {
    let looked = folder().map_or("there are none beside MuJoCo".into(), |f| format!("looked in {}", f.display()));
    format!("{looked}; `make setup` brings MuJoCo's plugins, {FOLDER} names a folder of others")
}

/// Name of an actuator's plugin, if it is of one.
pub(crate) fn of_actuator(model: &MjModel, actuator: usize) -> Option<String> {
    let instance = usize::try_from(model.actuator_plugin()[actuator]).ok()?;
    // SAFETY: the instance is one of the model's, whose slot MuJoCo looked up; the name lives as long as the process.
    unsafe {
        let plugin = mjp_getPluginAtSlot(*model.ffi().plugin.add(instance));
        (!plugin.is_null()).then(|| CStr::from_ptr((*plugin).name).to_string_lossy().into_owned())
    }
}
