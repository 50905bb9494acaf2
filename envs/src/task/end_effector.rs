//! The point of the robot that actions move, whose path says what a plan does.

use super::file::ActionFile;
use crate::kinematics::point::Point;
use crate::mujoco::lookup::{ObjectKind, driven_joint, find};
use imle_configs::Result;
use mujoco_rs::prelude::MjModel;

/// The commanded site or mocap body. Of actuators the driven body that is furthest from the base, or the site that is
/// furthest out on what hangs on it.
///
/// # Errors
/// A bad input that names the site, body or actuator.
pub(super) fn resolve(file: &ActionFile, model: &MjModel) -> Result<Point> {
    let actuators = match file {
        ActionFile::EndEffector { site, .. } => return find(model, ObjectKind::Site, site).map(Point::Site),
        ActionFile::Mocap { body, .. } => return find(model, ObjectKind::Body, body).map(Point::Body),
        ActionFile::JointTargets { actuators, .. } | ActionFile::Actuators { actuators, .. } => actuators,
    };
    let driven = |name: &String| -> Result<Option<usize>> {
        let joint = driven_joint(model, find(model, ObjectKind::Actuator, name)?);
        Ok(joint.map(|j| model.jnt_bodyid()[j] as usize))
    };
    let bodies = actuators.iter().map(driven).collect::<Result<Vec<_>>>()?;
    let depth = |body: &usize| above(model, *body).count();
    // Muscles and tendons drive no joint of their own: then it is the last body of the model.
    let last = bodies.into_iter().flatten().max_by_key(depth).unwrap_or(model.body_parentid().len() - 1);
    let sites = model.site_bodyid().iter().map(|b| *b as usize).enumerate();
    let hanging = sites.filter(|(_, body)| above(model, *body).any(|b| b == last));
    Ok(hanging.max_by_key(|(_, body)| depth(body)).map_or(Point::Body(last), |(site, _)| Point::Site(site)))
}

/// A body and those that it hangs on, the world left out.
fn above(model: &MjModel, body: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(body), |b| Some(model.body_parentid()[*b] as usize)).take_while(|b| *b > 0)
}

#[cfg(test)]
mod tests {
    use crate::kinematics::point::Point;
    use crate::mujoco::lookup::{ObjectKind, find};
    use crate::task::Task;

    #[test]
    fn it_is_the_hand_the_pusher_or_the_tip_of_the_pole() {
        for (name, kind, thing) in [
            ("stack", ObjectKind::Site, "tcp"),
            ("push_t", ObjectKind::Body, "pusher"),
            ("cylinder_push", ObjectKind::Body, "pusher"),
            ("cartpole", ObjectKind::Site, "tip"),
        ] {
            let task = Task::load(name).unwrap();
            let id = find(task.compiled_model(), kind, thing).unwrap();
            let found = task.end_effector();
            assert!(
                matches!((kind, found), (ObjectKind::Site, Point::Site(i)) | (_, Point::Body(i)) if i == id),
                "{name}: {found:?}"
            );
        }
    }
}
