//! Loading MJCF models and finding things in them by name.

use crate::error::Result;
use crate::native;
use crate::quantity::scalar_joint;
use crate::task_file::ServoFile;
use imle_configs::{Error as InputError, embedded};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::MjVfs;
use mujoco_rs::wrappers::mj_editing::{MjSpec, MjtLimited, PositionConfig, SpecItem};
use mujoco_rs::wrappers::mj_model::{MjtObjBase, MjtTrn};
use std::path::Path;

/// Kinds of named things that task files refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A body.
    Body,
    /// A site.
    Site,
    /// A geom.
    Geom,
    /// A joint.
    Joint,
    /// An actuator.
    Actuator,
    /// A keyframe.
    Keyframe,
    /// A camera.
    Camera,
    /// A sensor.
    Sensor,
}

impl Kind {
    /// The word used in messages and in `kind:name` references.
    pub fn word(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Site => "site",
            Self::Geom => "geom",
            Self::Joint => "joint",
            Self::Actuator => "actuator",
            Self::Keyframe => "keyframe",
            Self::Camera => "camera",
            Self::Sensor => "sensor",
        }
    }

    fn object(self) -> MjtObjBase {
        match self {
            Self::Body => MjtObjBase::mjOBJ_BODY,
            Self::Site => MjtObjBase::mjOBJ_SITE,
            Self::Geom => MjtObjBase::mjOBJ_GEOM,
            Self::Joint => MjtObjBase::mjOBJ_JOINT,
            Self::Actuator => MjtObjBase::mjOBJ_ACTUATOR,
            Self::Keyframe => MjtObjBase::mjOBJ_KEY,
            Self::Camera => MjtObjBase::mjOBJ_CAMERA,
            Self::Sensor => MjtObjBase::mjOBJ_SENSOR,
        }
    }

    fn count(self, model: &MjModel) -> usize {
        let ffi = model.ffi();
        let n = match self {
            Self::Body => ffi.nbody,
            Self::Site => ffi.nsite,
            Self::Geom => ffi.ngeom,
            Self::Joint => ffi.njnt,
            Self::Actuator => ffi.nu,
            Self::Keyframe => ffi.nkey,
            Self::Camera => ffi.ncam,
            Self::Sensor => ffi.nsensor,
        };
        usize::try_from(n).unwrap_or(0)
    }
}

/// Where a task file's `model` is looked up.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Among the models inside the program.
    Embedded,
    /// Relative to a folder; names not found there may be embedded ones.
    Folder(&'a Path),
}

/// Loads the MJCF or URDF file `name` with `servos` added, and computes its default pose once: a model that makes MuJoCo give
/// up is told here.
///
/// # Errors
/// A bad input that names the file and says what MuJoCo said of it.
pub fn load(name: &str, source: Source<'_>, servos: &[ServoFile]) -> Result<MjModel> {
    native::install_handlers();
    let on_disk = match source {
        Source::Folder(folder) => Some(folder.join(name)).filter(|p| p.exists()),
        Source::Embedded => None,
    };
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
            let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
            InputError::unexpected(&place, "a model that MuJoCo loads", line)
        })
    };
    let model = compiled(&|| match &on_disk {
        Some(path) => MjModel::from_xml(path).map_err(|e| e.to_string()),
        None => MjModel::from_xml_vfs(name, &vfs).map_err(|e| e.to_string()),
    })?;
    if servos.is_empty() {
        return Ok(model);
    }
    let servos = servos.iter().map(|s| servo(s, &model)).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(compiled(&|| {
        let mut spec = match &on_disk {
            Some(path) => MjSpec::from_xml(path),
            None => MjSpec::from_xml_vfs(name, &vfs),
        }
        .map_err(|e| e.to_string())?;
        for (file, range) in &servos {
            let actuator = spec.add_actuator();
            actuator.set_name(&file.joint).map_err(|e| e.to_string())?;
            actuator.set_trntype(MjtTrn::mjTRN_JOINT);
            actuator.set_target(&file.joint);
            let position = PositionConfig { kp: file.gain, kv: Some(file.damping), ..PositionConfig::default() };
            actuator.set_to_position(position).map_err(|e| e.to_string())?;
            *actuator.ctrlrange_mut() = *range;
            actuator.set_ctrllimited(MjtLimited::mjLIMITED_TRUE);
            if let Some(force) = file.force {
                *actuator.forcerange_mut() = [-force, force];
                actuator.set_forcelimited(MjtLimited::mjLIMITED_TRUE);
            }
        }
        match &on_disk {
            Some(_) => spec.compile(),
            None => spec.compile_with_vfs(&vfs),
        }
        .map_err(|e| e.to_string())
    })?)
}

/// A servo that can be added, with the range of its targets.
fn servo<'a>(file: &'a ServoFile, model: &MjModel) -> std::result::Result<(&'a ServoFile, [f64; 2]), InputError> {
    let place = |e: InputError| e.in_file(format!("servo `{}`", file.joint));
    let joint = scalar_joint(model, &file.joint).map_err(place)?;
    if model.name_to_id(Kind::Actuator.object(), &file.joint).is_some() {
        return Err(place(InputError::unexpected("joint", "one without an actuator of its name", "one with")));
    }
    for (key, value) in [("gain", file.gain), ("damping", file.damping), ("force", file.force.unwrap_or(1.0))] {
        if !(value >= 0.0 && value.is_finite()) || (key != "damping" && value == 0.0) {
            return Err(place(InputError::unexpected(key, "a positive number", value)));
        }
    }
    let range = match (file.range, model.jnt_limited()[joint]) {
        (Some(range), _) => range,
        (None, true) => model.jnt_range()[joint],
        (None, false) => {
            return Err(place(InputError::unexpected("range", "one, since the joint has no limits", "none")));
        }
    };
    let good = range[0] < range[1] && range.iter().all(|r| r.is_finite());
    if good {
        Ok((file, range))
    } else {
        Err(place(InputError::unexpected("range", "low < high", format!("{range:?}"))))
    }
}

/// Names of the model files beside a task file.
fn models_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    names.filter(|n| [".xml", ".urdf"].iter().any(|ending| n.ends_with(ending))).collect()
}

/// The id of a named thing.
///
/// # Errors
/// A bad input with the nearest names of that kind.
pub fn find(model: &MjModel, kind: Kind, name: &str) -> std::result::Result<usize, InputError> {
    let found = if name.contains('\0') { None } else { model.name_to_id(kind.object(), name) };
    found.ok_or_else(|| {
        let names = (0..kind.count(model)).filter_map(|id| model.id_to_name(kind.object(), id));
        InputError::unknown(kind.word(), name, names)
    })
}
