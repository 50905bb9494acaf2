//! Points and named scalars of a simulated state: what observations, costs and success are made of.

use crate::model::{Kind, find};
use crate::native::{Needs, Simulation};
use crate::overlap::{Polygon, shared_area};
use crate::task_file::{PointFile, QuantityFile};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::mujoco_c::mjtJoint;
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_model::MjtGeomBase;

/// A point in the world, fixed or moving.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// Origin of a body.
    Body(usize),
    /// Origin of a site.
    Site(usize),
    /// Centre of a geom.
    Geom(usize),
    /// A fixed point, m.
    Fixed([f64; 3]),
}

impl Point {
    /// Resolves a reference of a task file.
    ///
    /// # Errors
    /// A bad input, if the reference is malformed or names nothing in the model.
    pub fn resolve(file: &PointFile, model: &MjModel) -> Result<Self> {
        let text = match file {
            PointFile::Fixed(p) => return Ok(Self::Fixed(*p)),
            PointFile::Named(text) => text,
        };
        let expected = "body:NAME, site:NAME, geom:NAME or [x, y, z]";
        let (kind, name) =
            text.split_once(':').ok_or_else(|| InputError::unexpected("point", expected, format!("`{text}`")))?;
        match kind {
            "body" => find(model, Kind::Body, name).map(Self::Body),
            "site" => find(model, Kind::Site, name).map(Self::Site),
            "geom" => find(model, Kind::Geom, name).map(Self::Geom),
            _ => Err(InputError::unexpected("point", expected, format!("`{text}`"))),
        }
    }

    /// Position, world frame, m.
    pub fn position(self, sim: &Simulation) -> [f64; 3] {
        match self {
            Self::Body(id) => sim.data().xpos()[id],
            Self::Site(id) => sim.data().site_xpos()[id],
            Self::Geom(id) => sim.data().geom_xpos()[id],
            Self::Fixed(p) => p,
        }
    }

    /// Rotation matrix, row-major; the identity for a fixed point.
    pub fn rotation(self, sim: &Simulation) -> [f64; 9] {
        match self {
            Self::Body(id) => sim.data().xmat()[id],
            Self::Site(id) => sim.data().site_xmat()[id],
            Self::Geom(id) => sim.data().geom_xmat()[id],
            Self::Fixed(_) => [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        }
    }

    /// Rotation about the vertical, rad in (−π, π]: the heading of the x axis, projected to the ground.
    pub fn yaw(self, sim: &Simulation) -> f64 {
        let m = self.rotation(sim);
        m[3].atan2(m[0])
    }
}

/// The vector from `origin` to `point`, or the point's world position, m.
pub fn relative(sim: &Simulation, point: Point, origin: Option<Point>) -> [f64; 3] {
    let p = point.position(sim);
    let o = origin.map_or([0.0; 3], |o| o.position(sim));
    [p[0] - o[0], p[1] - o[1], p[2] - o[2]]
}

/// Address in qpos of a hinge or slide joint.
///
/// # Errors
/// A bad input, if there is no such joint or it has several values.
pub fn scalar_joint(model: &MjModel, name: &str) -> Result<usize> {
    let id = find(model, Kind::Joint, name)?;
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

/// A scalar of the state.
#[derive(Clone, Debug)]
pub enum Quantity {
    /// Distance along the axes that count.
    Distance(Point, Point, [bool; 3]),
    /// Signed coordinate along an axis.
    Coordinate(Point, usize, Option<Point>),
    /// Joint position, by address in qpos.
    JointPosition(usize),
    /// Linear speed of a body with a free joint, by address in qvel.
    FreeSpeed(usize),
    /// Linear speed of any other body.
    Speed(usize),
    /// Tilt of a body against its nearest axis.
    Tilt(usize),
    /// Difference of headings modulo a symmetry.
    YawDifference(Point, Point, f64),
    /// Angle at the first point between the directions to the others, along the axes that count.
    Angle(Point, [Point; 2], [bool; 3]),
    /// Joint velocity, by address in qvel.
    JointVelocity(usize),
    /// Control of an actuator, by index.
    Control(usize),
    /// Distance in the plane to the point so far behind an object (second) as seen from its goal (third).
    DistanceBehind([Point; 3], f64),
    /// Whether geoms of two sets touch; for each geom of the model, in which of them it is.
    Contact(Vec<[bool; 2]>),
    /// Share of the outline of one list of box geoms that lies inside another's, and the area of the first, m².
    Overlap(Vec<usize>, Vec<usize>, f64),
}

impl Quantity {
    /// Resolves a quantity of a task file.
    ///
    /// # Errors
    /// A bad input.
    pub fn resolve(file: &QuantityFile, model: &MjModel) -> Result<Self> {
        let point = |p: &PointFile| Point::resolve(p, model);
        let origin = |p: &Option<PointFile>| p.as_ref().map(point).transpose();
        Ok(match file {
            QuantityFile::Distance { from, to, axes } => {
                Self::Distance(point(from)?, point(to)?, parse_axes(axes.as_deref())?)
            }
            QuantityFile::Coordinate { of, axis, relative_to } => {
                let index = ["x", "y", "z"].iter().position(|a| a == axis);
                let index =
                    index.ok_or_else(|| InputError::unexpected("axis", "`x`, `y` or `z`", format!("`{axis}`")))?;
                Self::Coordinate(point(of)?, index, origin(relative_to)?)
            }
            QuantityFile::JointPosition { joint } => {
                Self::JointPosition(model.jnt_qposadr()[scalar_joint(model, joint)?] as usize)
            }
            QuantityFile::Speed { body } => {
                let body = find(model, Kind::Body, body)?;
                free_joint(model, body).map_or(Self::Speed(body), |j| Self::FreeSpeed(model.jnt_dofadr()[j] as usize))
            }
            QuantityFile::Tilt { body } => Self::Tilt(find(model, Kind::Body, body)?),
            QuantityFile::YawDifference { of, to, symmetry } => {
                Self::YawDifference(point(of)?, point(to)?, f64::from((*symmetry).max(1)))
            }
            QuantityFile::Angle { at, from, to, axes } => {
                Self::Angle(point(at)?, [point(from)?, point(to)?], parse_axes(axes.as_deref())?)
            }
            QuantityFile::JointVelocity { joint } => {
                Self::JointVelocity(model.jnt_dofadr()[scalar_joint(model, joint)?] as usize)
            }
            QuantityFile::Control { actuator } => Self::Control(find(model, Kind::Actuator, actuator)?),
            QuantityFile::DistanceBehind { of, object, goal, offset } => {
                Self::DistanceBehind([point(of)?, point(object)?, point(goal)?], *offset)
            }
            QuantityFile::Contact { between, and } => {
                let (a, b) = (geoms(model, between)?, geoms(model, and)?);
                Self::Contact((0..model.geom_bodyid().len()).map(|g| [a.contains(&g), b.contains(&g)]).collect())
            }
            QuantityFile::Overlap { of, with } => {
                let (a, b) = (boxes(model, of)?, boxes(model, with)?);
                let area = a.iter().map(|g| model.geom_size()[*g]).map(|s| 4.0 * s[0] * s[1]).sum();
                Self::Overlap(a, b, area)
            }
            QuantityFile::Count { .. }
            | QuantityFile::Least { .. }
            | QuantityFile::Greatest { .. }
            | QuantityFile::Sum { .. } => {
                return Err(InputError::unexpected(
                    "kind",
                    "a quantity read from the state",
                    "one of other quantities",
                ));
            }
        })
    }

    /// What it needs up to date besides positions: velocities of bodies and contacts cost more.
    pub fn needs(&self) -> Needs {
        Needs { velocities: matches!(self, Self::Speed(_)), contacts: matches!(self, Self::Contact(_)) }
    }

    /// The value in the present state of `sim`, in which what it needs is up to date.
    pub fn value(&self, sim: &Simulation) -> f64 {
        match self {
            Self::Distance(a, b, axes) => {
                let d = relative(sim, *a, Some(*b));
                (0..3).filter(|i| axes[*i]).map(|i| d[i] * d[i]).sum::<f64>().sqrt()
            }
            Self::Coordinate(p, axis, origin) => relative(sim, *p, *origin)[*axis],
            Self::JointPosition(address) => sim.data().qpos()[*address],
            // The first three velocities of a free joint are those of the body's origin in the world frame.
            Self::FreeSpeed(address) => {
                sim.data().qvel()[*address..*address + 3].iter().map(|v| v * v).sum::<f64>().sqrt()
            }
            Self::Speed(body) => linear_speed(sim, *body),
            Self::Tilt(body) => {
                // The world's vertical in the body's frame is the third row of its matrix.
                let m = sim.data().xmat()[*body];
                let most = m[6].abs().max(m[7].abs()).max(m[8].abs());
                most.min(1.0).acos()
            }
            Self::YawDifference(a, b, symmetry) => {
                let period = std::f64::consts::TAU / symmetry;
                let d = (a.yaw(sim) - b.yaw(sim)).rem_euclid(period);
                d.min(period - d)
            }
            Self::Angle(at, [from, to], axes) => {
                let (a, b) = (relative(sim, *from, Some(*at)), relative(sim, *to, Some(*at)));
                let dot = |a: &[f64; 3], b: &[f64; 3]| (0..3).filter(|i| axes[*i]).map(|i| a[i] * b[i]).sum::<f64>();
                let lengths = (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12);
                (dot(&a, &b) / lengths).clamp(-1.0, 1.0).acos()
            }
            Self::JointVelocity(address) => sim.data().qvel()[*address],
            Self::Control(actuator) => sim.data().ctrl()[*actuator],
            Self::DistanceBehind([of, object, goal], offset) => {
                let (way, d) = (relative(sim, *object, Some(*goal)), relative(sim, *of, Some(*object)));
                // At the goal there is no behind: then it is the object itself.
                let scale = offset / way[0].hypot(way[1]).max(1e-9);
                (d[0] - scale * way[0]).hypot(d[1] - scale * way[1])
            }
            Self::Contact(sets) => {
                let set = |geom: i32| usize::try_from(geom).ok().and_then(|g| sets.get(g)).copied().unwrap_or_default();
                let touches = sim.data().contact().iter().any(|c| {
                    let (a, b) = (set(c.geom[0]), set(c.geom[1]));
                    c.dist <= 0.0 && ((a[0] && b[1]) || (a[1] && b[0]))
                });
                f64::from(u8::from(touches))
            }
            Self::Overlap(of, with, area) => shared_area(of.iter(), with.iter(), |g| outline(sim, *g)) / area,
        }
    }
}

/// A box geom seen from above.
fn outline(sim: &Simulation, geom: usize) -> Polygon {
    let (p, m) = (sim.data().geom_xpos()[geom], sim.data().geom_xmat()[geom]);
    let size = sim.model().geom_size()[geom];
    let length = m[0].hypot(m[3]).max(1e-9);
    Polygon::rectangle([p[0], p[1]], [m[0] / length, m[3] / length], [size[0], size[1]])
}

/// The geoms of a list of `body:NAME` and `geom:NAME`.
fn geoms(model: &MjModel, list: &[String]) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for text in list {
        match text.split_once(':') {
            Some(("geom", name)) => all.push(find(model, Kind::Geom, name)?),
            Some(("body", name)) => all.extend(geoms_of_body(model, find(model, Kind::Body, name)?)),
            _ => return Err(InputError::unexpected("contact", "body:NAME or geom:NAME", format!("`{text}`"))),
        }
    }
    if all.is_empty() { Err(InputError::unexpected("contact", "at least one geom", "none")) } else { Ok(all) }
}

fn geoms_of_body(model: &MjModel, body: usize) -> impl Iterator<Item = usize> {
    let owners = model.geom_bodyid().iter().enumerate();
    owners.filter(move |(_, b)| usize::try_from(**b) == Ok(body)).map(|(g, _)| g)
}

fn boxes(model: &MjModel, body: &str) -> Result<Vec<usize>> {
    let all = geoms_of_body(model, find(model, Kind::Body, body)?);
    let boxes: Vec<usize> = all.filter(|g| model.geom_type()[*g] == MjtGeomBase::mjGEOM_BOX).collect();
    if boxes.is_empty() {
        return Err(InputError::unexpected(format!("body `{body}`"), "a body with box geoms", "none"));
    }
    Ok(boxes)
}

/// Linear speed of the body's origin, m/s, from MuJoCo's centre-of-mass based spatial velocity.
fn linear_speed(sim: &Simulation, body: usize) -> f64 {
    let data = sim.data();
    let v = data.cvel()[body];
    let root = sim.model().body_rootid()[body] as usize;
    let (p, c) = (data.xpos()[body], data.subtree_com()[root]);
    let r = [p[0] - c[0], p[1] - c[1], p[2] - c[2]];
    let lin = [v[3] + v[1] * r[2] - v[2] * r[1], v[4] + v[2] * r[0] - v[0] * r[2], v[5] + v[0] * r[1] - v[1] * r[0]];
    lin.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Which axes a string of letters of `xyz` names; all if absent.
///
/// # Errors
/// A bad input.
pub(crate) fn parse_axes(axes: Option<&str>) -> Result<[bool; 3]> {
    let Some(text) = axes else { return Ok([true; 3]) };
    let mut chosen = [false; 3];
    for c in text.chars() {
        let index =
            "xyz".find(c).ok_or_else(|| InputError::unexpected("axes", "letters of `xyz`", format!("`{text}`")))?;
        chosen[index] = true;
    }
    if text.is_empty() { Err(InputError::unexpected("axes", "letters of `xyz`", "nothing")) } else { Ok(chosen) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn behind_is_the_far_side_seen_from_the_goal_and_control_is_what_was_commanded() {
        let xml = r#"<mujoco><worldbody><body pos="3 4 0"><joint name="j" type="slide"/><geom size="0.1"/></body>
            </worldbody><actuator><motor name="m" joint="j"/></actuator></mujoco>"#;
        let model = Arc::new(MjModel::from_xml_string(xml).unwrap());
        let mut sim = Simulation::new(model.clone()).unwrap();
        let value = |sim: &Simulation, text: &str| {
            Quantity::resolve(&toml::from_str(text).unwrap(), &model).unwrap().value(sim)
        };
        let behind = "kind = \"distance_behind\"\nof = [3, 4, 7]\nobject = [0, 2, 0]\ngoal = [0, 0, 0]\noffset = 2.0";
        assert!((value(&sim, behind) - 3.0).abs() < 1e-12);
        sim.data_mut().ctrl_mut()[0] = 0.7;
        assert_eq!(value(&sim, "kind = \"control\"\nactuator = \"m\""), 0.7);
    }
}
