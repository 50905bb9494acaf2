//! The observation vector: the task file's terms, evaluated in order.

use crate::kinematics::point::{Point, angular_velocity, linear_velocity, parse_axes, quaternion, relative};
use crate::mujoco::lookup::{ObjectKind, find, scalar_joint, sensor_values};
use crate::mujoco::simulation::{Needs, Simulation};
use crate::task::file::{ObservationFile, PointFile, QuaternionOrder};
use imle_configs::spec::{Layout, Term};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;

/// Where the values of a term come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Position(Point, Option<Point>, [bool; 3]),
    Yaw(Point, f64),
    JointPosition(Vec<usize>),
    JointVelocity(Vec<usize>),
    Rotation(Point, Point),
    Quaternion(Point, Point, QuaternionOrder),
    LinearVelocity(usize, [bool; 3]),
    AngularVelocity(usize, [bool; 3]),
    /// Addresses of values in the sensors' data.
    Sensor(Vec<usize>),
    /// Addresses of controls.
    Control(Vec<usize>),
}

/// Map from a state to an observation.
#[derive(Clone, Debug)]
pub struct Observation {
    layout: Layout,
    sources: Vec<Source>,
}

impl Observation {
    /// Resolves the observation terms of a task file.
    ///
    /// # Errors
    /// A bad input that names the term.
    pub fn resolve(files: &[ObservationFile], model: &MjModel) -> Result<Self> {
        let mut layout = Layout::default();
        let mut sources = Vec::new();
        for file in files {
            let (name, place) = (file.name().to_string(), format!("observation `{}`", file.name()));
            let source = Self::source(file, model).map_err(|e| e.in_file(&place))?;
            let unique = layout.terms.iter().all(|t| t.name != name);
            InputError::ensure(unique, place, "a unique name", "the same name twice")?;
            let size = match &source {
                Source::Position(_, _, axes) | Source::LinearVelocity(_, axes) | Source::AngularVelocity(_, axes) => {
                    axes.iter().filter(|a| **a).count()
                }
                Source::Rotation(..) => 6,
                Source::Quaternion(..) => 4,
                Source::Yaw(..) => 2,
                Source::Sensor(of) | Source::Control(of) | Source::JointPosition(of) | Source::JointVelocity(of) => {
                    of.len()
                }
            };
            layout.terms.push(Term { name, size });
            sources.push(source);
        }
        InputError::ensure(layout.size() != 0, "observation", "at least one term", "none")?;
        Ok(Self { layout, sources })
    }

    fn source(file: &ObservationFile, model: &MjModel) -> Result<Source> {
        let point = |p: &PointFile| Point::resolve(p, model);
        let frame = |p: &Option<PointFile>| Ok(p.as_ref().map(point).transpose()?.unwrap_or(Point::WORLD));
        let addresses = |joints: &[String], table: &[i32]| -> Result<Vec<usize>> {
            joints.iter().map(|j| Ok(table[scalar_joint(model, j)?] as usize)).collect()
        };
        let body = |name: &String| find(model, ObjectKind::Body, name);
        Ok(match file {
            ObservationFile::Position { of, relative_to, axes, .. } => {
                let (of, origin) = (point(of)?, relative_to.as_ref().map(point).transpose()?);
                Source::Position(of, origin, parse_axes(axes.as_deref())?)
            }
            ObservationFile::Yaw { of, symmetry, .. } => Source::Yaw(point(of)?, f64::from((*symmetry).max(1))),
            ObservationFile::JointPosition { joints, .. } => {
                Source::JointPosition(addresses(joints, model.jnt_qposadr())?)
            }
            ObservationFile::JointVelocity { joints, .. } => {
                Source::JointVelocity(addresses(joints, model.jnt_dofadr())?)
            }
            ObservationFile::Rotation { of, relative_to, .. } => Source::Rotation(point(of)?, frame(relative_to)?),
            ObservationFile::Quaternion { of, relative_to, order, .. } => {
                Source::Quaternion(point(of)?, frame(relative_to)?, *order)
            }
            ObservationFile::LinearVelocity { body: name, axes, .. } => {
                Source::LinearVelocity(body(name)?, parse_axes(axes.as_deref())?)
            }
            ObservationFile::AngularVelocity { body: name, axes, .. } => {
                Source::AngularVelocity(body(name)?, parse_axes(axes.as_deref())?)
            }
            ObservationFile::Sensor { sensors, .. } => {
                let mut all = Vec::new();
                for sensor in sensors {
                    let (address, count) = sensor_values(model, sensor)?;
                    all.extend(address..address + count);
                }
                Source::Sensor(all)
            }
            ObservationFile::Control { actuators, .. } => {
                let mut all = Vec::new();
                for name in actuators {
                    let id = find(model, ObjectKind::Actuator, name)?;
                    let first = model.actuator_ctrladr()[id] as usize;
                    all.extend(first..first + model.actuator_ctrlnum()[id] as usize);
                }
                Source::Control(all)
            }
        })
    }

    /// These terms only, in their order; names of others are passed over.
    pub(crate) fn part(&self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut part = Self { layout: Layout::default(), sources: Vec::new() };
        for name in names {
            if let Some(at) = self.layout.terms.iter().position(|t| t.name == name.as_ref()) {
                part.layout.terms.push(self.layout.terms[at].clone());
                part.sources.push(self.sources[at].clone());
            }
        }
        part
    }

    /// Where the values come from, by term.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Names and sizes of the terms.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Quantities to bring up to date before it is written.
    pub fn needs(&self) -> Needs {
        let of = |source: &Source| match source {
            Source::Sensor(_) => Needs::ALL,
            Source::LinearVelocity(..) | Source::AngularVelocity(..) => Needs { velocities: true, ..Needs::default() },
            _ => Needs::default(),
        };
        self.sources.iter().fold(Needs::default(), |all, s| all.and(of(s)))
    }

    /// Writes the observation of `sim`, in which what it needs is up to date, to `out` (length `layout().size()`).
    pub fn write(&self, sim: &Simulation, out: &mut [f32]) {
        let mut at = 0;
        let mut push = |value: f64| {
            out[at] = value as f32;
            at += 1;
        };
        let data = sim.data();
        for source in &self.sources {
            let mut push_axes = |v: [f64; 3], axes: &[bool; 3]| (0..3).filter(|i| axes[*i]).for_each(|i| push(v[i]));
            match source {
                Source::Position(point, origin, axes) => push_axes(relative(sim, *point, *origin), axes),
                Source::LinearVelocity(body, axes) => push_axes(linear_velocity(sim, *body), axes),
                Source::AngularVelocity(body, axes) => push_axes(angular_velocity(sim, *body), axes),
                Source::Yaw(point, symmetry) => {
                    let angle = symmetry * point.yaw(sim);
                    push(angle.cos());
                    push(angle.sin());
                }
                Source::JointPosition(addresses) => addresses.iter().for_each(|a| push(data.qpos()[*a])),
                Source::JointVelocity(addresses) => addresses.iter().for_each(|a| push(data.qvel()[*a])),
                Source::Rotation(of, frame) => {
                    let m = of.rotation(sim);
                    for column in 0..2 {
                        let axis = [m[column], m[3 + column], m[6 + column]];
                        frame.unturned(sim, axis).into_iter().for_each(&mut push);
                    }
                }
                Source::Quaternion(of, frame, order) => {
                    let mut values = quaternion(sim, *of, *frame);
                    if *order == QuaternionOrder::Xyzw {
                        values.rotate_left(1);
                    }
                    values.into_iter().for_each(&mut push);
                }
                Source::Sensor(addresses) => addresses.iter().for_each(|a| push(data.sensordata()[*a])),
                Source::Control(actuators) => actuators.iter().for_each(|a| push(data.ctrl()[*a])),
            }
        }
    }
}
