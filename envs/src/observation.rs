//! The observation vector: the task file's terms, evaluated in order.

use crate::native::Simulation;
use crate::quantity::{Point, parse_axes, relative, scalar_joint};
use crate::task_file::{ObservationFile, PointFile};
use imle_configs::spec::{Layout, Term};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;

#[derive(Clone, Debug)]
enum Source {
    Position(Point, Option<Point>, [bool; 3]),
    Yaw(Point, f64),
    JointPosition(Vec<usize>),
    JointVelocity(Vec<usize>),
}

/// How a state becomes an observation.
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
            let (name, source) = Self::term(file, model)?;
            if layout.terms.iter().any(|t| t.name == name) {
                return Err(InputError::unexpected(
                    format!("observation `{name}`"),
                    "a unique name",
                    "the same name twice",
                ));
            }
            let size = match &source {
                Source::Position(_, _, axes) => axes.iter().filter(|a| **a).count(),
                Source::Yaw(..) => 2,
                Source::JointPosition(addresses) | Source::JointVelocity(addresses) => addresses.len(),
            };
            layout.terms.push(Term { name, size });
            sources.push(source);
        }
        if layout.size() == 0 {
            return Err(InputError::unexpected("observation", "at least one term", "none"));
        }
        Ok(Self { layout, sources })
    }

    fn term(file: &ObservationFile, model: &MjModel) -> Result<(String, Source)> {
        let name = match file {
            ObservationFile::Position { name, .. }
            | ObservationFile::Yaw { name, .. }
            | ObservationFile::JointPosition { name, .. }
            | ObservationFile::JointVelocity { name, .. } => name.clone(),
        };
        let place = |e: InputError| e.in_file(format!("observation `{name}`"));
        let point = |p: &PointFile| Point::resolve(p, model).map_err(place);
        let addresses = |joints: &[String], table: &[i32]| {
            joints
                .iter()
                .map(|j| Ok(table[scalar_joint(model, j).map_err(place)?] as usize))
                .collect::<Result<Vec<_>>>()
        };
        let source = match file {
            ObservationFile::Position { of, relative_to, axes, .. } => Source::Position(
                point(of)?,
                relative_to.as_ref().map(point).transpose()?,
                parse_axes(axes.as_deref()).map_err(place)?,
            ),
            ObservationFile::Yaw { of, symmetry, .. } => Source::Yaw(point(of)?, f64::from((*symmetry).max(1))),
            ObservationFile::JointPosition { joints, .. } => {
                Source::JointPosition(addresses(joints, model.jnt_qposadr())?)
            }
            ObservationFile::JointVelocity { joints, .. } => {
                Source::JointVelocity(addresses(joints, model.jnt_dofadr())?)
            }
        };
        Ok((name, source))
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

    /// Names and sizes of the terms.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Writes the observation of `sim`, whose positions are up to date, to `out` (length `layout().size()`).
    pub fn write(&self, sim: &Simulation, out: &mut [f32]) {
        let mut at = 0;
        let mut push = |value: f64| {
            out[at] = value as f32;
            at += 1;
        };
        for source in &self.sources {
            match source {
                Source::Position(point, origin, axes) => {
                    let p = relative(sim, *point, *origin);
                    (0..3).filter(|i| axes[*i]).for_each(|i| push(p[i]));
                }
                Source::Yaw(point, symmetry) => {
                    let angle = symmetry * point.yaw(sim);
                    push(angle.cos());
                    push(angle.sin());
                }
                Source::JointPosition(addresses) => addresses.iter().for_each(|a| push(sim.data().qpos()[*a])),
                Source::JointVelocity(addresses) => addresses.iter().for_each(|a| push(sim.data().qvel()[*a])),
            }
        }
    }
}
