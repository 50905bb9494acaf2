//! Scalars of a simulated state: what costs and success are made of.

use super::custom::{BoundQuantity, CustomQuantities};
use crate::kinematics::overlap::{Polygon, shared_area};
use crate::kinematics::point::{
    Point, angular_velocity, length, linear_velocity, parse_axes, parse_direction, relative, rotation_error,
};
use crate::mujoco::contacts::{Between, boxes};
use crate::mujoco::lookup::{ObjectKind, find, free_joint, scalar_joint, sensor_values};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::file::{PointFile, QuantityFile};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;

/// A scalar of the state.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// Whether geoms of two sets touch.
    Contact(Between),
    /// Normal force between two sets of geoms.
    ContactForce(Between),
    /// Least distance between two sets of geoms, up to the given one.
    Gap(Between, f64),
    /// Error of a pose: the points, the offset in the frame of the second, and metres a radian.
    PoseError([Point; 2], [f64; 3], f64),
    /// Angle of the rotation between two frames.
    RotationError(Point, Point),
    /// Angle between directions of two frames, and whether both ways count.
    AxisAngle([(Point, [f64; 3]); 2], bool),
    /// Distance from a box in a frame.
    RegionDistance(Point, [[f64; 3]; 2], Point),
    /// Angular speed of a body.
    AngularSpeed(usize),
    /// Force of an actuator, by the address of its output.
    ActuatorForce(usize),
    /// Rate of an actuator's control, by index.
    ControlRate(usize),
    /// Values of a sensor, by address and count.
    Sensor(usize, usize),
    /// A quantity that the program computes.
    Custom(BoundQuantity),
    /// Share of the outline of one list of box geoms that lies inside another's, and the area of the first, m².
    Overlap(Vec<usize>, Vec<usize>, f64),
}

impl Quantity {
    /// Resolves the quantity `name` of a task file; `custom` are those of the program.
    ///
    /// # Errors
    /// A bad input.
    pub fn resolve(name: &str, file: &QuantityFile, model: &MjModel, custom: &CustomQuantities) -> Result<Self> {
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
                let body = find(model, ObjectKind::Body, body)?;
                free_joint(model, body).map_or(Self::Speed(body), |j| Self::FreeSpeed(model.jnt_dofadr()[j] as usize))
            }
            QuantityFile::Tilt { body } => Self::Tilt(find(model, ObjectKind::Body, body)?),
            QuantityFile::YawDifference { of, to, symmetry } => {
                Self::YawDifference(point(of)?, point(to)?, f64::from((*symmetry).max(1)))
            }
            QuantityFile::Angle { at, from, to, axes } => {
                Self::Angle(point(at)?, [point(from)?, point(to)?], parse_axes(axes.as_deref())?)
            }
            QuantityFile::JointVelocity { joint } => {
                Self::JointVelocity(model.jnt_dofadr()[scalar_joint(model, joint)?] as usize)
            }
            QuantityFile::Control { actuator } => Self::Control(find(model, ObjectKind::Actuator, actuator)?),
            QuantityFile::DistanceBehind { of, object, goal, offset } => {
                let offset = finite("offset", &[*offset; 3])?[0];
                Self::DistanceBehind([point(of)?, point(object)?, point(goal)?], offset)
            }
            QuantityFile::Contact { between, and } => Self::Contact(Between::resolve(between, and, model)?),
            QuantityFile::ContactForce { between, and } => Self::ContactForce(Between::resolve(between, and, model)?),
            QuantityFile::Gap { between, and, most } => {
                Self::Gap(Between::resolve(between, and, model)?, positive("most", *most, "m")?)
            }
            QuantityFile::PoseError { of, to, metres_per_radian, offset } => Self::PoseError(
                [point(of)?, point(to)?],
                finite("offset", offset)?,
                positive("metres_per_radian", *metres_per_radian, "m/rad")?,
            ),
            QuantityFile::RotationError { of, to } => Self::RotationError(point(of)?, point(to)?),
            QuantityFile::AxisAngle { of, axis, to, to_axis, either_way } => {
                let to = origin(to)?.unwrap_or(Point::WORLD);
                let to_axis = parse_direction(to_axis.as_deref().unwrap_or("z"))?;
                Self::AxisAngle([(point(of)?, parse_direction(axis)?), (to, to_axis)], *either_way)
            }
            QuantityFile::RegionDistance { of, low, high, relative_to } => {
                let (low, high) = (finite("low", low)?, finite("high", high)?);
                if let Some(i) = (0..3).find(|i| low[*i] > high[*i]) {
                    let expected = format!("corners with low <= high, axis {i}");
                    return Err(InputError::unexpected("low, high", expected, format!("{} and {}", low[i], high[i])));
                }
                Self::RegionDistance(point(of)?, [low, high], origin(relative_to)?.unwrap_or(Point::WORLD))
            }
            QuantityFile::AngularSpeed { body } => Self::AngularSpeed(find(model, ObjectKind::Body, body)?),
            QuantityFile::ActuatorForce { actuator } => {
                Self::ActuatorForce(model.actuator_outadr()[find(model, ObjectKind::Actuator, actuator)?] as usize)
            }
            QuantityFile::ControlRate { actuator } => Self::ControlRate(find(model, ObjectKind::Actuator, actuator)?),
            QuantityFile::Sensor { sensor, component } => {
                let (address, count) = sensor_values(model, sensor)?;
                match component {
                    None => Self::Sensor(address, count),
                    Some(i) if *i < count => Self::Sensor(address + i, 1),
                    Some(i) => {
                        let expected = format!("less than {count}, the values of sensor `{sensor}`");
                        return Err(InputError::unexpected("component", expected, i));
                    }
                }
            }
            QuantityFile::Custom {} => Self::Custom(custom.bind(name, model)?),
            QuantityFile::Overlap { of, with } => {
                let (a, b) = (boxes(model, of)?, boxes(model, with)?);
                let area = a.iter().map(|g| model.geom_size()[*g]).map(|s| 4.0 * s[0] * s[1]).sum();
                Self::Overlap(a, b, area)
            }
            QuantityFile::Count { .. }
            | QuantityFile::Least { .. }
            | QuantityFile::Greatest { .. }
            | QuantityFile::Magnitude { .. }
            | QuantityFile::Sum { .. } => {
                return Err(InputError::unexpected(
                    "kind",
                    "a quantity read from the state",
                    "one of other quantities",
                ));
            }
        })
    }

    /// Parts of the state it needs besides positions: velocities of bodies and contacts cost more.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Speed(_) | Self::AngularSpeed(_) => Needs { velocities: true, ..Needs::default() },
            Self::Contact(_) => Needs { contacts: true, ..Needs::default() },
            Self::ContactForce(_) | Self::ActuatorForce(_) | Self::Sensor(..) => Needs::ALL,
            Self::Custom(custom) => custom.needs(),
            _ => Needs::default(),
        }
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
            Self::Speed(body) => length(&linear_velocity(sim, *body)),
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
            Self::Contact(between) => f64::from(u8::from(between.touch(sim))),
            Self::ContactForce(between) => between.force(sim),
            Self::Gap(between, most) => between.gap(sim, *most),
            Self::PoseError([of, to], offset, metres_per_radian) => {
                let (d, offset) = (relative(sim, *of, Some(*to)), to.turned(sim, *offset));
                let error = length(&[d[0] - offset[0], d[1] - offset[1], d[2] - offset[2]]);
                error.hypot(metres_per_radian * rotation_error(sim, *of, *to))
            }
            Self::RotationError(a, b) => rotation_error(sim, *a, *b),
            Self::AxisAngle([(a, u), (b, v)], either_way) => {
                let (u, v) = (a.turned(sim, *u), b.turned(sim, *v));
                let dot = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
                let cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
                length(&cross).atan2(if *either_way { dot.abs() } else { dot })
            }
            Self::RegionDistance(of, [low, high], frame) => {
                let p = frame.unturned(sim, relative(sim, *of, Some(*frame)));
                length(&std::array::from_fn::<f64, 3, _>(|i| (low[i] - p[i]).max(p[i] - high[i]).max(0.0)))
            }
            Self::AngularSpeed(body) => length(&angular_velocity(sim, *body)),
            Self::ActuatorForce(address) => sim.data().actuator_force()[*address],
            Self::ControlRate(actuator) => sim.control_rates()[*actuator],
            Self::Sensor(address, 1) => sim.data().sensordata()[*address],
            Self::Sensor(address, count) => length(&sim.data().sensordata()[*address..address + count]),
            Self::Custom(custom) => custom.value(sim),
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

fn positive(key: &str, value: f64, unit: &str) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(InputError::unexpected(key, format!("a positive number of {unit}"), value))
}

fn finite(key: &str, values: &[f64; 3]) -> Result<[f64; 3]> {
    if values.iter().all(|v| v.is_finite()) {
        return Ok(*values);
    }
    Err(InputError::unexpected(key, "finite numbers", format!("{values:?}")))
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
            Quantity::resolve("q", &toml::from_str(text).unwrap(), &model, &CustomQuantities::default())
                .unwrap()
                .value(sim)
        };
        let behind = "kind = \"distance_behind\"\nof = [3, 4, 7]\nobject = [0, 2, 0]\ngoal = [0, 0, 0]\noffset = 2.0";
        assert!((value(&sim, behind) - 3.0).abs() < 1e-12);
        sim.data_mut().ctrl_mut()[0] = 0.7;
        assert_eq!(value(&sim, "kind = \"control\"\nactuator = \"m\""), 0.7);
    }
}
