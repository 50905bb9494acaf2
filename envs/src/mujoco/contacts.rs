//! Contacts of the geoms that a task file names: touches, forces and gaps.

use super::lookup::{ObjectKind, find};
use super::simulation::Simulation;
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_model::MjtGeomBase;

/// Two sets of geoms.
#[derive(Clone, Debug)]
pub struct Between {
    /// For each geom of the model, in which of the sets it is.
    sets: Vec<[bool; 2]>,
    /// One geom of each set, for all pairs.
    pairs: Vec<[usize; 2]>,
}

impl Between {
    /// Resolves two lists of `body:NAME` and `geom:NAME`.
    ///
    /// # Errors
    /// A bad input.
    pub fn resolve(between: &[String], and: &[String], model: &MjModel) -> Result<Self> {
        let (a, b) = (geoms(model, between)?, geoms(model, and)?);
        let sets = (0..model.geom_bodyid().len()).map(|g| [a.contains(&g), b.contains(&g)]).collect();
        let pairs = a.iter().flat_map(|a| b.iter().map(|b| [*a, *b])).filter(|[a, b]| a != b).collect();
        Ok(Self { sets, pairs })
    }

    fn set(&self, geom: i32) -> [bool; 2] {
        usize::try_from(geom).ok().and_then(|g| self.sets.get(g)).copied().unwrap_or_default()
    }

    /// Indices of the contacts between the sets.
    fn contacts<'a>(&'a self, sim: &'a Simulation) -> impl Iterator<Item = usize> + 'a {
        sim.data().contact().iter().enumerate().filter_map(|(i, c)| {
            let (a, b) = (self.set(c.geom[0]), self.set(c.geom[1]));
            (c.dist <= 0.0 && ((a[0] && b[1]) || (a[1] && b[0]))).then_some(i)
        })
    }

    /// Whether the sets touch.
    pub fn touch(&self, sim: &Simulation) -> bool {
        self.contacts(sim).next().is_some()
    }

    /// Sum of the normal forces between the sets, N.
    pub fn force(&self, sim: &Simulation) -> f64 {
        self.contacts(sim).map(|i| sim.data().contact_force(i)[0]).sum()
    }

    /// Least distance between the sets, at most `most`, m; not a number if MuJoCo gives up on it.
    pub fn gap(&self, sim: &Simulation, most: f64) -> f64 {
        self.pairs
            .iter()
            .map(|[a, b]| sim.distance(*a, *b, most).unwrap_or(f64::NAN))
            .fold(most, |least, d| if d < least || d.is_nan() { d } else { least })
    }
}

/// The geoms of a list of `body:NAME` and `geom:NAME`.
pub(crate) fn geoms(model: &MjModel, list: &[String]) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for text in list {
        match text.split_once(':') {
            Some(("geom", name)) => all.push(find(model, ObjectKind::Geom, name)?),
            Some(("body", name)) => all.extend(geoms_of_body(model, find(model, ObjectKind::Body, name)?)),
            _ => return Err(InputError::unexpected("contact", "body:NAME or geom:NAME", format!("`{text}`"))),
        }
    }
    if all.is_empty() { Err(InputError::unexpected("contact", "at least one geom", "none")) } else { Ok(all) }
}

pub(crate) fn geoms_of_body(model: &MjModel, body: usize) -> impl Iterator<Item = usize> {
    let owners = model.geom_bodyid().iter().enumerate();
    owners.filter(move |(_, b)| usize::try_from(**b) == Ok(body)).map(|(g, _)| g)
}

pub(crate) fn boxes(model: &MjModel, body: &str) -> Result<Vec<usize>> {
    let all = geoms_of_body(model, find(model, ObjectKind::Body, body)?);
    let boxes: Vec<usize> = all.filter(|g| model.geom_type()[*g] == MjtGeomBase::mjGEOM_BOX).collect();
    InputError::ensure(!boxes.is_empty(), format!("body `{body}`"), "a body with box geoms", "none")?;
    Ok(boxes)
}
