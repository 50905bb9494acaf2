//! Additions of a task file to its model: position servos, and markers for goals.

use super::lookup::scalar_joint;
use crate::task::file::{MarkerFile, ServoFile};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::error::MjEditError;
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_editing::{MjSpec, MjtLimited, PositionConfig, SpecItem};
use mujoco_rs::wrappers::mj_model::{MjtGeomBase, MjtObjBase, MjtTrn};

/// Additions of a task file.
#[derive(Clone, Copy, Debug)]
pub struct Additions<'a> {
    /// The `[[servo]]` entries.
    pub servos: &'a [ServoFile],
    /// The `[[marker]]` entries.
    pub markers: &'a [MarkerFile],
}

impl<'a> Additions<'a> {
    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        self.servos.is_empty() && self.markers.is_empty()
    }

    /// Whether it can be added to `model`.
    pub(crate) fn check(&self, model: &MjModel) -> Result<Checked<'a>> {
        for file in self.markers {
            check_marker(file, model).map_err(|e| e.in_file(format!("marker `{}`", file.name)))?;
        }
        let targets = |file: &'a ServoFile| {
            let range = target_range(file, model).map_err(|e| e.in_file(format!("servo `{}`", file.joint)))?;
            Ok((file, range))
        };
        Ok(Checked { servos: self.servos.iter().map(targets).collect::<Result<_>>()?, markers: self.markers })
    }
}

/// Additions that fit a model; servos with the range of their targets.
pub(crate) struct Checked<'a> {
    servos: Vec<(&'a ServoFile, [f64; 2])>,
    markers: &'a [MarkerFile],
}

impl Checked<'_> {
    pub(crate) fn apply(&self, spec: &mut MjSpec) -> std::result::Result<(), MjEditError> {
        for (file, range) in &self.servos {
            let actuator = spec.add_actuator();
            actuator.set_name(&file.joint)?;
            actuator.set_trntype(MjtTrn::mjTRN_JOINT);
            actuator.set_target(&file.joint);
            let position = PositionConfig { kp: file.gain, kv: Some(file.damping), ..PositionConfig::default() };
            actuator.set_to_position(position)?;
            *actuator.ctrlrange_mut() = *range;
            actuator.set_ctrllimited(MjtLimited::mjLIMITED_TRUE);
            if let Some(force) = file.force {
                *actuator.forcerange_mut() = [-force, force];
                actuator.set_forcelimited(MjtLimited::mjLIMITED_TRUE);
            }
        }
        for file in self.markers {
            let body = spec.world_body_mut().add_body();
            body.set_name(&file.name)?;
            body.set_mocap(true);
            *body.pos_mut() = file.position;
            let geom = body.add_geom();
            geom.set_type(MjtGeomBase::mjGEOM_SPHERE);
            *geom.size_mut() = [file.radius, 0.0, 0.0];
            *geom.rgba_mut() = file.rgba;
            geom.set_contype(0);
            geom.set_conaffinity(0);
        }
        Ok(())
    }
}

fn check_marker(file: &MarkerFile, model: &MjModel) -> Result<()> {
    let named = !file.name.is_empty() && !file.name.contains('\0');
    InputError::ensure(named, "name", "a name", "none")?;
    let new = model.name_to_id(MjtObjBase::mjOBJ_BODY, &file.name).is_none();
    InputError::ensure(new, "name", "one that no body of the model has", "one that has")?;
    let finite = file.position.iter().all(|p| p.is_finite());
    InputError::ensure(finite, "position", "finite numbers", format!("{:?}", file.position))?;
    InputError::ensure(file.radius > 0.0 && file.radius <= 10.0, "radius", "above 0 and at most 10 m", file.radius)
}

/// The range of the targets of a servo that can be added.
fn target_range(file: &ServoFile, model: &MjModel) -> Result<[f64; 2]> {
    let joint = scalar_joint(model, &file.joint)?;
    let new = model.name_to_id(MjtObjBase::mjOBJ_ACTUATOR, &file.joint).is_none();
    InputError::ensure(new, "joint", "one without an actuator of its name", "one with")?;
    for (key, value) in [("gain", file.gain), ("damping", file.damping), ("force", file.force.unwrap_or(1.0))] {
        let enough = value > 0.0 || (key == "damping" && value == 0.0);
        InputError::ensure(enough && value.is_finite(), key, "a positive number", value)?;
    }
    let own = model.jnt_limited()[joint].then_some(model.jnt_range()[joint]);
    let unlimited = || InputError::unexpected("range", "one, since the joint has no limits", "none");
    let range = file.range.or(own).ok_or_else(unlimited)?;
    let good = range[0] < range[1] && range.iter().all(|r| r.is_finite());
    InputError::ensure(good, "range", "low < high", format!("{range:?}"))?;
    Ok(range)
}
