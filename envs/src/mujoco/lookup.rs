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
    /// The word of messages, MuJoCo's own, and how many of them a model has.
    fn described(self, model: &MjModel) -> (&'static str, MjtObjBase, usize) {
        let m = model.ffi();
        let (word, object, count) = match self {
            Self::Body => ("body", MjtObjBase::mjOBJ_BODY, m.nbody),
            Self::Site => ("site", MjtObjBase::mjOBJ_SITE, m.nsite),
            Self::Geom => ("geom", MjtObjBase::mjOBJ_GEOM, m.ngeom),
            Self::Joint => ("joint", MjtObjBase::mjOBJ_JOINT, m.njnt),
            Self::Actuator => ("actuator", MjtObjBase::mjOBJ_ACTUATOR, m.nactuator),
            Self::Keyframe => ("keyframe", MjtObjBase::mjOBJ_KEY, m.nkey),
            Self::Camera => ("camera", MjtObjBase::mjOBJ_CAMERA, m.ncam),
            Self::Sensor => ("sensor", MjtObjBase::mjOBJ_SENSOR, m.nsensor),
        };
        (word, object, usize::try_from(count).unwrap_or(0))
    }
}

/// The id of a named thing. An actuator without a name goes by that of the joint it drives.
///
/// # Errors
/// A bad input with the nearest names of that kind.
pub fn find(model: &MjModel, kind: ObjectKind, name: &str) -> Result<usize> {
    let (word, object, count) = kind.described(model);
    let found = if name.contains('\0') { None } else { model.name_to_id(object, name) };
    // The name that a thing goes by, if it has one.
    let driven = |id: usize| model.id_to_name(MjtObjBase::mjOBJ_JOINT, driven_joint(model, id)?);
    let goes_by = |id: usize| {
        let own = model.id_to_name(object, id).filter(|n| !n.is_empty());
        own.or_else(|| if kind == ObjectKind::Actuator { driven(id) } else { None })
    };
    let called = || (0..count).filter_map(|id| Some((id, goes_by(id)?)));
    let found = found.or_else(|| called().find(|(_, n)| *n == name).map(|(id, _)| id));
    found.ok_or_else(|| InputError::unknown(word, name, called().map(|(_, n)| n)))
}

/// The joint that an actuator drives, if it drives one.
pub fn driven_joint(model: &MjModel, actuator: usize) -> Option<usize> {
    match model.actuator_trntype()[actuator] {
        mjtTrn::mjTRN_JOINT | mjtTrn::mjTRN_JOINTINPARENT => usize::try_from(model.actuator_trnid()[actuator][0]).ok(),
        _ => None,
    }
}

/// The hinge or slide that an actuator drives, if it drives one.
pub fn hinge_or_slide(model: &MjModel, actuator: usize) -> Option<usize> {
    let scalar = |joint: &usize| matches!(model.jnt_type()[*joint], mjtJoint::mjJNT_HINGE | mjtJoint::mjJNT_SLIDE);
    driven_joint(model, actuator).filter(scalar)
}

/// Address of the one control of an actuator.
///
/// # Errors
/// A bad input, if there is no such actuator or it has several controls.
pub fn scalar_control(model: &MjModel, name: &str) -> Result<usize> {
    let id = find(model, ObjectKind::Actuator, name)?;
    let count = model.actuator_ctrlnum()[id];
    InputError::ensure(count == 1, format!("actuator `{name}`"), "an actuator of one control", count)?;
    Ok(model.actuator_ctrladr()[id] as usize)
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
