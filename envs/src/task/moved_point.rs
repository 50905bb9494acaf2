//! Points that actions move: their paths show what a plan does.

use super::file::ActionFile;
use crate::kinematics::pose::mocap_index;
use crate::mujoco::lookup::{ObjectKind, driven_joint, find};
use imle_configs::Result;
use mujoco_rs::prelude::MjModel;

/// Most points of a task: the fingertips of a hand.
const MOST: usize = 6;

/// A point that actions move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedPoint {
    /// A site, by its index.
    Site(usize),
    /// The frame of a body, by its index.
    Body(usize),
}

/// The site of an end effector, a mocap body, or the ends of what the actuators move.
///
/// # Errors
/// A bad input that names a site, body or actuator that the model does not have.
pub(super) fn points(action: &ActionFile, model: &MjModel) -> Result<Vec<MovedPoint>> {
    let actuators = match action {
        ActionFile::EndEffector { site, .. } => return Ok(vec![MovedPoint::Site(find(model, ObjectKind::Site, site)?)]),
        ActionFile::Mocap { body, .. } => {
            let index = mocap_index(model, body)?;
            let body = (0..model.ffi().nbody as usize).find(|b| model.body_mocapid()[*b] == index as i32);
            return Ok(body.map(MovedPoint::Body).into_iter().collect());
        }
        ActionFile::JointTargets { actuators, .. } | ActionFile::Actuators { actuators, .. } => actuators,
    };
    let mut found = Vec::new();
    for name in actuators {
        let Some(joint) = driven_joint(model, find(model, ObjectKind::Actuator, name)?) else { continue };
        let point = end_of(model, model.jnt_bodyid()[joint] as usize);
        if !found.contains(&point) && found.len() < MOST {
            found.push(point);
        }
    }
    Ok(found)
}

/// The last site of the last body in the subtree of `body`, or that body.
fn end_of(model: &MjModel, body: usize) -> MovedPoint {
    let (parents, bodies) = (model.body_parentid(), body..model.ffi().nbody as usize);
    // Bodies are numbered depth first: a subtree ends before the next body whose parent lies outside.
    let last = bodies.skip(1).take_while(|b| parents[*b] as usize >= body).last().unwrap_or(body);
    let site = (0..model.ffi().nsite as usize).rfind(|site| model.site_bodyid()[*site] as usize == last);
    site.map_or(MovedPoint::Body(last), MovedPoint::Site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn the_end_of_what_actions_move() {
        let named = |task: &str| {
            let task = Task::load(task).unwrap();
            let model = task.compiled_model();
            let name = |point: &MovedPoint| match point {
                MovedPoint::Site(id) => model.id_to_name(mujoco_rs::mujoco_c::mjtObj_::mjOBJ_SITE, *id).unwrap(),
                MovedPoint::Body(id) => model.id_to_name(mujoco_rs::mujoco_c::mjtObj_::mjOBJ_BODY, *id).unwrap(),
            };
            task.moved_points().iter().map(|p| name(p).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(named("stack"), ["tcp"]);
        assert_eq!(named("push_t").len(), 1);
        assert_eq!(named("cartpole"), ["tip"]);
    }
}
