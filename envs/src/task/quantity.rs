//! Scalars of a simulated state: what costs and success are made of.

use super::custom::CustomQuantities;
use crate::kinematics::overlap::{Polygon, shared_area};
use crate::kinematics::point::{
    Point, angular_velocity, length, linear_velocity, parse_axes, parse_direction, relative, rotation_error,
};
use crate::mujoco::contacts::{Between, boxes};
use crate::mujoco::lookup::{ObjectKind, find, free_joint, scalar_control, scalar_joint, sensor_values};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::file::{PointFile, QuantityFile};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use std::ops::Range;
use std::sync::Arc;

/// A scalar of the state.
#[derive(Clone)]
pub struct Quantity {
    needs: Needs,
    read: Arc<dyn Fn(&Simulation) -> f64 + Send + Sync>,
}

impl Quantity {
    /// Resolves the quantity `name` of a task file; `custom` are those of the program.
    ///
    /// # Errors
    /// A bad input.
    pub fn resolve(name: &str, file: &QuantityFile, model: &MjModel, custom: &CustomQuantities) -> Result<Self> {
        let point = |p: &PointFile| Point::resolve(p, model);
        let origin = |p: &Option<PointFile>| p.as_ref().map(point).transpose();
        let body = |n: &String| find(model, ObjectKind::Body, n);
        let (velocities, contacts) =
            (Needs { velocities: true, ..Needs::default() }, Needs { contacts: true, ..Needs::default() });
        Ok(match file {
            QuantityFile::Distance { from, to, axes } => {
                Self::of((point(from)?, point(to)?, parse_axes(axes.as_deref())?), |sim, (from, to, axes)| {
                    let d = relative(sim, *from, Some(*to));
                    (0..3).filter(|i| axes[*i]).map(|i| d[i] * d[i]).sum::<f64>().sqrt()
                })
            }
            QuantityFile::Coordinate { of, axis, relative_to } => {
                let index = ["x", "y", "z"].iter().position(|a| a == axis);
                let index =
                    index.ok_or_else(|| InputError::unexpected("axis", "`x`, `y` or `z`", format!("`{axis}`")))?;
                Self::of((point(of)?, index, origin(relative_to)?), |sim, (of, axis, origin)| {
                    relative(sim, *of, *origin)[*axis]
                })
            }
            QuantityFile::JointPosition { joint } => {
                let address = model.jnt_qposadr()[scalar_joint(model, joint)?] as usize;
                Self::of(address, |sim, address| sim.data().qpos()[*address])
            }
            QuantityFile::JointVelocity { joint } => {
                let address = model.jnt_dofadr()[scalar_joint(model, joint)?] as usize;
                Self::of(address, |sim, address| sim.data().qvel()[*address])
            }
            QuantityFile::Speed { body: name } => {
                let body = body(name)?;
                match free_joint(model, body) {
                    // The first three velocities of a free joint are those of the body's origin in the world frame.
                    Some(joint) => Self::of(model.jnt_dofadr()[joint] as usize, |sim, address| {
                        length(&sim.data().qvel()[*address..*address + 3])
                    }),
                    None => Self::of(body, |sim, body| length(&linear_velocity(sim, *body))).needing(velocities),
                }
            }
            QuantityFile::Tilt { body: name } => Self::of(body(name)?, |sim, body| {
                // The world's vertical in the body's frame is the third row of its matrix.
                let m = sim.data().xmat()[*body];
                let most = m[6].abs().max(m[7].abs()).max(m[8].abs());
                most.min(1.0).acos()
            }),
            QuantityFile::YawDifference { of, to, symmetry } => {
                let period = std::f64::consts::TAU / f64::from((*symmetry).max(1));
                Self::of((point(of)?, point(to)?, period), |sim, (of, to, period)| {
                    let d = (of.yaw(sim) - to.yaw(sim)).rem_euclid(*period);
                    d.min(period - d)
                })
            }
            QuantityFile::Angle { at, from, to, axes } => {
                let (points, axes) = ([point(at)?, point(from)?, point(to)?], parse_axes(axes.as_deref())?);
                Self::of((points, axes), |sim, ([at, from, to], axes)| {
                    let (a, b) = (relative(sim, *from, Some(*at)), relative(sim, *to, Some(*at)));
                    let dot =
                        |a: &[f64; 3], b: &[f64; 3]| (0..3).filter(|i| axes[*i]).map(|i| a[i] * b[i]).sum::<f64>();
                    let lengths = (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12);
                    (dot(&a, &b) / lengths).clamp(-1.0, 1.0).acos()
                })
            }
            QuantityFile::Control { actuator: name } => {
                Self::of(scalar_control(model, name)?, |sim, address| sim.data().ctrl()[*address])
            }
            QuantityFile::DistanceBehind { of, object, goal, offset } => {
                let offset = finite("offset", &[*offset; 3])?[0];
                Self::of(([point(of)?, point(object)?, point(goal)?], offset), |sim, ([of, object, goal], offset)| {
                    let (way, d) = (relative(sim, *object, Some(*goal)), relative(sim, *of, Some(*object)));
                    // At the goal there is no behind: then it is the object itself.
                    let scale = offset / way[0].hypot(way[1]).max(1e-9);
                    (d[0] - scale * way[0]).hypot(d[1] - scale * way[1])
                })
            }
            QuantityFile::Contact { between, and } => {
                let between = Between::resolve(between, and, model)?;
                Self::of(between, |sim, between| f64::from(u8::from(between.touch(sim)))).needing(contacts)
            }
            QuantityFile::ContactForce { between, and } => {
                let between = Between::resolve(between, and, model)?;
                Self::of(between, |sim, between| between.force(sim)).needing(Needs::ALL)
            }
            QuantityFile::Gap { between, and, most } => {
                let parts = (Between::resolve(between, and, model)?, positive("most", *most, "m")?);
                Self::of(parts, |sim, (between, most)| between.gap(sim, *most))
            }
            QuantityFile::PoseError { of, to, metres_per_radian, offset } => {
                let (of, to, offset) = (point(of)?, point(to)?, finite("offset", offset)?);
                let scale = positive("metres_per_radian", *metres_per_radian, "m/rad")?;
                Self::of((of, to, offset, scale), |sim, (of, to, offset, scale)| {
                    let (d, offset) = (relative(sim, *of, Some(*to)), to.turned(sim, *offset));
                    let error = length(&[d[0] - offset[0], d[1] - offset[1], d[2] - offset[2]]);
                    error.hypot(scale * rotation_error(sim, *of, *to))
                })
            }
            QuantityFile::RotationError { of, to } => {
                Self::of((point(of)?, point(to)?), |sim, (of, to)| rotation_error(sim, *of, *to))
            }
            QuantityFile::AxisAngle { of, axis, to, to_axis, either_way } => {
                let to = origin(to)?.unwrap_or(Point::WORLD);
                let to_axis = parse_direction(to_axis.as_deref().unwrap_or("z"))?;
                let parts = (point(of)?, parse_direction(axis)?, to, to_axis, *either_way);
                Self::of(parts, |sim, (of, axis, to, to_axis, either_way)| {
                    let (u, v) = (of.turned(sim, *axis), to.turned(sim, *to_axis));
                    let dot = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
                    let cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
                    length(&cross).atan2(if *either_way { dot.abs() } else { dot })
                })
            }
            QuantityFile::RegionDistance { of, low, high, relative_to } => {
                let (low, high) = (finite("low", low)?, finite("high", high)?);
                if let Some(i) = (0..3).find(|i| low[*i] > high[*i]) {
                    let expected = format!("corners with low <= high, axis {i}");
                    return Err(InputError::unexpected("low, high", expected, format!("{} and {}", low[i], high[i])));
                }
                let (of, frame) = (point(of)?, origin(relative_to)?.unwrap_or(Point::WORLD));
                Self::of((of, low, high, frame), |sim, (of, low, high, frame)| {
                    let p = frame.unturned(sim, relative(sim, *of, Some(*frame)));
                    length(&std::array::from_fn::<f64, 3, _>(|i| (low[i] - p[i]).max(p[i] - high[i]).max(0.0)))
                })
            }
            QuantityFile::AngularSpeed { body: name } => {
                Self::of(body(name)?, |sim, body| length(&angular_velocity(sim, *body))).needing(velocities)
            }
            QuantityFile::ActuatorForce { actuator: name } => {
                let address = model.actuator_outadr()[find(model, ObjectKind::Actuator, name)?] as usize;
                Self::of(address, |sim, address| sim.data().actuator_force()[*address]).needing(Needs::ALL)
            }
            QuantityFile::ControlRate { actuator: name } => {
                Self::of(scalar_control(model, name)?, |sim, address| sim.control_rates()[*address])
            }
            QuantityFile::Sensor { sensor, component } => {
                let (address, count) = sensor_values(model, sensor)?;
                let values = match component {
                    None => address..address + count,
                    Some(i) if *i < count => address + i..address + i + 1,
                    Some(i) => {
                        let expected = format!("less than {count}, the values of sensor `{sensor}`");
                        return Err(InputError::unexpected("component", expected, i));
                    }
                };
                let read = |sim: &Simulation, values: &Range<usize>| match &sim.data().sensordata()[values.clone()] {
                    [value] => *value,
                    all => length(all),
                };
                Self::of(values, read).needing(Needs::ALL)
            }
            QuantityFile::Custom {} => {
                let custom = custom.find(name)?;
                Self::of(custom.prepare(model)?, |sim, prepared| prepared.value(sim)).needing(custom.needs())
            }
            QuantityFile::Overlap { of, with } => {
                let (a, b) = (boxes(model, of)?, boxes(model, with)?);
                let area: f64 = a.iter().map(|g| model.geom_size()[*g]).map(|s| 4.0 * s[0] * s[1]).sum();
                Self::of((a, b, area), |sim, (a, b, area)| shared_area(a.iter(), b.iter(), |g| outline(sim, *g)) / area)
            }
            QuantityFile::Count { .. }
            | QuantityFile::Least { .. }
            | QuantityFile::Greatest { .. }
            | QuantityFile::Magnitude { .. }
            | QuantityFile::Sum { .. } => {
                let expected = "a quantity read from the state";
                return Err(InputError::unexpected("kind", expected, "one of other quantities"));
            }
        })
    }

    /// The scalar that `read` finds in a state and `parts`, where positions, joints and controls are up to date.
    fn of<T: Send + Sync + 'static>(parts: T, read: fn(&Simulation, &T) -> f64) -> Self {
        Self { needs: Needs::default(), read: Arc::new(move |sim| read(sim, &parts)) }
    }

    /// The same, where more has to be up to date.
    fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// Parts of the state it needs besides positions: velocities of bodies and contacts cost more.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The value in the present state of `sim`, in which what it needs is up to date.
    pub fn value(&self, sim: &Simulation) -> f64 {
        (self.read)(sim)
    }
}

impl std::fmt::Debug for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quantity").field("needs", &self.needs).finish_non_exhaustive()
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
    let expected = format!("a positive number of {unit}");
    InputError::ensure(value > 0.0 && value.is_finite(), key, expected, value)?;
    Ok(value)
}

fn finite(key: &str, values: &[f64; 3]) -> Result<[f64; 3]> {
    InputError::ensure(values.iter().all(|v| v.is_finite()), key, "finite numbers", format!("{values:?}"))?;
    Ok(*values)
}

#[cfg(test)]
mod tests {
    use super::*;

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
