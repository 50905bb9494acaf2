//! Ids of named things in a model.

use imle_configs::{Error as InputError, Result};
use mujoco_rs::mujoco_c::{mjtJoint, mjtTrn};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_model::MjtObjBase;

/// Kinds of named things that task files refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectKind {
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

impl ObjectKind {
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

/// The id of a named thing. An actuator without a name goes by that of the joint it drives.
///
/// # Errors
/// A bad input with the nearest names of that kind.
pub fn find(model: &MjModel, kind: ObjectKind, name: &str) -> Result<usize> {
    let found = if name.contains('\0') { None } else { model.name_to_id(kind.object(), name) };
    let called = || (0..kind.count(model)).filter_map(|id| Some((id, goes_by(model, kind, id)?)));
    found.or_else(|| called().find(|(_, n)| *n == name).map(|(id, _)| id)).ok_or_else(|| {
        let names = called().map(|(_, n)| n);
        InputError::unknown(kind.word(), name, names)
    })
}

/// The name that a thing goes by, if it has one.
fn goes_by(model: &MjModel, kind: ObjectKind, id: usize) -> Option<&str> {
    let own = model.id_to_name(kind.object(), id).filter(|n| !n.is_empty());
    let driven = || model.id_to_name(MjtObjBase::mjOBJ_JOINT, driven_joint(model, id)?);
    own.or_else(|| if kind == ObjectKind::Actuator { driven() } else { None })
}

/// The joint that an actuator drives, if it drives one.
pub fn driven_joint(model: &MjModel, actuator: usize) -> Option<usize> {
    match model.actuator_trntype()[actuator] {
        mjtTrn::mjTRN_JOINT | mjtTrn::mjTRN_JOINTINPARENT => usize::try_from(model.actuator_trnid()[actuator][0]).ok(),
        _ => None,
    }
}

/// Address in qpos of a hinge or slide joint.
///
/// # Errors
/// A bad input, if there is no such joint or it has several values.
pub fn scalar_joint(model: &MjModel, name: &str) -> Result<usize> {
    let id = find(model, ObjectKind::Joint, name)?;
    match model.jnt_type()[id] {
        mjtJoint::mjJNT_HINGE | mjtJoint::mjJNT_SLIDE => Ok(id),
        _ => Err(InputError::unexpected(format!("joint `{name}`"), "a hinge or slide joint", "a ball or free joint")),
    }
}

/// The free joint of a body, if it has one.
pub fn free_joint(model: &MjModel, body: usize) -> Option<usize> {
    let joint = usize::try_from(model.body_jntadr()[body]).ok()?;
    (model.jnt_type()[joint] == mjtJoint::mjJNT_FREE).then_some(joint)
}

/// Address and count of a sensor's values.
///
/// # Errors
/// A bad input with the nearest names.
pub fn sensor_values(model: &MjModel, name: &str) -> Result<(usize, usize)> {
    let id = find(model, ObjectKind::Sensor, name)?;
    Ok((model.sensor_adr()[id] as usize, model.sensor_dim()[id] as usize))
}
