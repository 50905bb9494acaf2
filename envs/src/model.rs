//! Loading MJCF models and finding things in them by name.

use crate::error::Result;
use crate::native;
use imle_configs::{Error as InputError, embedded};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::MjVfs;
use mujoco_rs::wrappers::mj_model::MjtObjBase;
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

/// Loads the MJCF or URDF file `name`, and computes its default pose once: a model that makes MuJoCo give up is told here.
///
/// # Errors
/// A bad input that names the file and says what MuJoCo said of it.
pub fn load(name: &str, source: Source<'_>) -> Result<MjModel> {
    native::install_handlers();
    let on_disk = match source {
        Source::Folder(folder) => Some(folder.join(name)).filter(|p| p.exists()),
        Source::Embedded => None,
    };
    let loaded = match &on_disk {
        Some(path) => native::guarded(|| MjModel::from_xml(path).map_err(|e| e.to_string())),
        None => {
            if !embedded::models().any(|(known, _)| known == name) {
                let known: Vec<_> = embedded::models().map(|(n, _)| n).collect();
                return Err(InputError::unknown("model file", name, known).into());
            }
            let mut vfs = MjVfs::new();
            for (file, bytes) in embedded::models() {
                vfs.add_from_buffer(file, bytes).map_err(|e| InputError::unexpected(file, "an embedded model", e))?;
            }
            native::guarded(|| MjModel::from_xml_vfs(name, &vfs).map_err(|e| e.to_string()))
        }
    };
    let place = on_disk.map_or_else(|| name.to_string(), |p| p.display().to_string());
    let loaded = loaded.unwrap_or_else(Err).and_then(|model| native::probe(&model).map(|()| model));
    loaded.map_err(|message| {
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        InputError::unexpected(place, "a model that MuJoCo loads", line).into()
    })
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
