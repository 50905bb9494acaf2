//! Worlds that differ from episode to episode (domain randomisation), as a task file's `[randomize]` says.
//!
//! The planner's model stays as the file says. A draw depends on the episode's seed and index only, so an episode that
//! is replayed is played in the same world.

use crate::mujoco::contacts::geoms_of_body;
use crate::mujoco::lookup::{ObjectKind, find};
use crate::mujoco::native;
use crate::task::file::RandomizeFile;
use crate::task::mismatch::{Mismatch, scale_actuators};
use imle_configs::seed::{Purpose, stream};
use imle_configs::spec::Layout;
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use mujoco_rs::wrappers::mj_model::MjtGeomBase;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Step of the stream of an episode's draws: none of the control steps, whose noise has streams of its own.
const DRAW: u64 = u64::MAX;
/// Candidate of the stream of a control step's observation noise: that of perceived poses is 0.
const OBSERVED: u64 = 1;

/// A thing that is drawn on its own, or the whole model.
#[derive(Clone, Debug)]
struct Part {
    bodies: Vec<usize>,
    geoms: Vec<usize>,
    dofs: Vec<usize>,
}

/// Differences between the worlds of episodes.
#[derive(Clone, Debug)]
pub struct Randomize {
    file: RandomizeFile,
    parts: Vec<Part>,
    /// Deviation of the noise on each value of the observation; empty without.
    noise: Vec<f64>,
}

impl Randomize {
    /// Resolves the `[randomize]` of a task file.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn resolve(file: &RandomizeFile, model: &MjModel, observation: &Layout) -> Result<Self> {
        let factors = [
            ("mass", file.mass),
            ("friction", file.friction),
            ("damping", file.damping),
            ("size", file.size),
            ("actuator", file.actuator),
        ];
        for (key, [low, high]) in factors {
            let found = format!("{low} and {high}");
            let expected = "factors low <= high, above 0 and at most 100";
            InputError::ensure(low > 0.0 && low <= high && high <= 100.0, key, expected, found)?;
        }
        for (key, [low, high], most, unit) in
            [("noise_position", file.noise_position, 10.0, "m"), ("noise_angle", file.noise_angle, 180.0, "degrees")]
        {
            let expected = format!("deviations low <= high of 0 to {most} {unit}");
            InputError::ensure(low >= 0.0 && low <= high && high <= most, key, expected, format!("{low} and {high}"))?;
        }
        let [first, last] = file.delay;
        let found = format!("{first} and {last}");
        let expected = "control steps low <= high, at most 1000";
        InputError::ensure(first <= last && last <= 1000, "delay", expected, found)?;
        let parts = parts(&file.bodies, model)?;
        if file.size != [1.0; 2] {
            check_sizes(&file.bodies, &parts, model)?;
        }
        Ok(Self { file: file.clone(), parts, noise: noise(file, observation)? })
    }

    /// The world's model of an episode, and what of its sensors and delays differs.
    ///
    /// # Errors
    /// MuJoCo's message, if it cannot compute the model's constants anew.
    pub fn draw(&self, base: &MjModel, seed: u64, episode: u64) -> std::result::Result<(MjModel, Mismatch), String> {
        let mut rng = stream(seed, Purpose::Mismatch, episode, DRAW, 0);
        let mut model = base.clone();
        for part in &self.parts {
            let [mass, friction, damping, size] =
                [self.file.mass, self.file.friction, self.file.damping, self.file.size].map(|r| uniform(&mut rng, r));
            part.bodies.iter().for_each(|b| model.body_mass_mut()[*b] *= mass);
            part.bodies.iter().for_each(|b| model.body_inertia_mut()[*b].iter_mut().for_each(|i| *i *= mass));
            part.geoms.iter().for_each(|g| model.geom_friction_mut()[*g].iter_mut().for_each(|f| *f *= friction));
            part.dofs.iter().for_each(|d| model.dof_damping_mut()[*d] *= damping);
            if size != 1.0 {
                part.grow(&mut model, size);
            }
        }
        scale_actuators(&mut model, uniform(&mut rng, self.file.actuator));
        let mismatch = Mismatch {
            noise_position: uniform(&mut rng, self.file.noise_position),
            noise_angle: uniform(&mut rng, self.file.noise_angle),
            delay: rng.random_range(self.file.delay[0]..=self.file.delay[1]),
            ..Mismatch::default()
        };
        native::recompute_constants(&mut model)?;
        Ok((model, mismatch))
    }

    /// Whether what is perceived may differ from what is.
    pub fn is_noisy(&self) -> bool {
        self.file.noise_position[1] > 0.0 || self.file.noise_angle[1] > 0.0
    }

    /// Adds the noise of a control step to an observation.
    pub fn disturb(&self, seed: u64, episode: u64, step: usize, observation: &mut [f32]) {
        if self.noise.is_empty() {
            return;
        }
        let mut rng = stream(seed, Purpose::Mismatch, episode, step as u64, OBSERVED);
        for (value, deviation) in observation.iter_mut().zip(&self.noise) {
            let draw: f64 = StandardNormal.sample(&mut rng);
            *value += (deviation * draw) as f32;
        }
    }
}

impl Part {
    /// Multiplies the sizes of the geoms; boxes and spheres that bound them grow along.
    fn grow(&self, model: &mut MjModel, factor: f64) {
        let mut most: f64 = 0.0;
        for geom in &self.geoms {
            model.geom_size_mut()[*geom].iter_mut().for_each(|s| *s *= factor);
            let radius = &mut model.geom_rbound_mut()[*geom];
            most = most.max((factor - 1.0) * *radius);
            *radius *= factor;
            model.geom_aabb_mut()[*geom][3..].iter_mut().for_each(|s| *s *= factor);
        }
        for body in &self.bodies {
            let first = usize::try_from(model.body_bvhadr()[*body]).unwrap_or(0);
            let count = usize::try_from(model.body_bvhnum()[*body]).unwrap_or(0);
            // Geoms keep their centres, so no box has to grow by more than the largest geom's radius did.
            let boxes = &mut model.bvh_aabb_mut()[first..first + count];
            boxes.iter_mut().for_each(|b| b[3..].iter_mut().for_each(|s| *s += most));
            model.body_inertia_mut()[*body].iter_mut().for_each(|i| *i *= factor * factor);
        }
    }
}

fn uniform(rng: &mut ChaCha8Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Parts that are drawn together: each of `bodies`, or all there is.
fn parts(bodies: &[String], model: &MjModel) -> Result<Vec<Part>> {
    let of = |bodies: Vec<usize>| Part {
        geoms: bodies.iter().flat_map(|b| geoms_of_body(model, *b)).collect(),
        dofs: bodies
            .iter()
            .flat_map(|b| {
                let first = usize::try_from(model.body_dofadr()[*b]).unwrap_or(0);
                first..first + usize::try_from(model.body_dofnum()[*b]).unwrap_or(0)
            })
            .collect(),
        bodies,
    };
    if bodies.is_empty() {
        return Ok(vec![of((0..model.body_mass().len()).collect())]);
    }
    let each =
        bodies.iter().map(|name| Ok(of(vec![find(model, ObjectKind::Body, name).map_err(|e| e.in_file("bodies"))?])));
    each.collect()
}

fn check_sizes(names: &[String], parts: &[Part], model: &MjModel) -> Result<()> {
    InputError::ensure(!names.is_empty(), "size", "`bodies` beside it, whose geoms it is of", "none")?;
    for (name, part) in names.iter().zip(parts) {
        let fixed = |g: &usize| {
            let kind = model.geom_type()[*g];
            let grows = [
                MjtGeomBase::mjGEOM_BOX,
                MjtGeomBase::mjGEOM_CAPSULE,
                MjtGeomBase::mjGEOM_CYLINDER,
                MjtGeomBase::mjGEOM_ELLIPSOID,
                MjtGeomBase::mjGEOM_SPHERE,
            ];
            !grows.contains(&kind)
        };
        let expected = "a body of boxes, spheres, capsules, cylinders and ellipsoids";
        let found = format!("`{name}` with others or without geoms");
        InputError::ensure(!part.geoms.is_empty() && !part.geoms.iter().any(fixed), "size", expected, found)?;
    }
    Ok(())
}

fn noise(file: &RandomizeFile, observation: &Layout) -> Result<Vec<f64>> {
    if file.observation.is_empty() {
        return Ok(Vec::new());
    }
    for (name, deviation) in &file.observation {
        if !observation.terms.iter().any(|t| t.name == *name) {
            let known = observation.terms.iter().map(|t| &t.name);
            return Err(InputError::unknown("observation term", name, known).in_file("observation"));
        }
        if !(*deviation >= 0.0 && deviation.is_finite()) {
            return Err(InputError::unexpected(format!("observation.{name}"), "a deviation of at least 0", deviation));
        }
    }
    let of = |name: &String| file.observation.get(name).copied().unwrap_or(0.0);
    Ok(observation.terms.iter().flat_map(|t| std::iter::repeat_n(of(&t.name), t.size)).collect())
}
