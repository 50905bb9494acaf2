//! Observations from cameras: small pictures of worlds, drawn on demand by one renderer.
//!
//! Pictures are an observation beside the state observation, which they leave as it is. A policy may see them; the
//! planner's rollouts and a critic go on from the simulator's state, so a controller that plans knows more than its
//! pictures show. They are of the world as it is, also where a mismatch disturbs the perceived positions.

use super::file::CameraFile;
use crate::mujoco::lookup::{ObjectKind, find};
use imle_configs::seed::{Purpose, stream};
use imle_configs::{Error as InputError, Result};
use mujoco_rs::prelude::MjModel;
use nalgebra::{Rotation3, Vector3};
use rand::Rng;

/// A camera of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Name in the model.
    pub name: String,
    pub(crate) id: usize,
    /// Width and height of what is drawn, pixels.
    pub(crate) drawn: [usize; 2],
    /// Left, top, width and height of what is kept, pixels.
    pub(crate) kept: [usize; 4],
    /// Half-width of the uniform displacement an episode, along each of the camera's axes, m.
    position: f64,
    /// Half-width of the uniform rotation an episode, about each of the camera's axes, rad.
    rotation: f64,
}

impl Camera {
    /// Resolves the cameras of a task file.
    ///
    /// # Errors
    /// A bad input that names the camera.
    pub fn resolve_all(files: &[CameraFile], model: &MjModel) -> Result<Vec<Self>> {
        let mut cameras: Vec<Self> = Vec::new();
        for file in files {
            let camera = Self::resolve(file, &cameras, model);
            cameras.push(camera.map_err(|e| e.in_file(format!("camera `{}`", file.name)))?);
        }
        Ok(cameras)
    }

    fn resolve(file: &CameraFile, others: &[Self], model: &MjModel) -> Result<Self> {
        let global = &model.vis().global;
        for (key, value, most) in [("width", file.width, global.offwidth), ("height", file.height, global.offheight)] {
            let expected = format!("1 to {most} pixels, the model's offscreen buffer");
            InputError::ensure(value > 0 && i64::from(value) <= i64::from(most), key, expected, value)?;
        }
        let [left, top, width, height] = file.crop.unwrap_or([0, 0, file.width, file.height]);
        let within =
            |start: u32, size: u32, whole: u32| size > 0 && start.checked_add(size).is_some_and(|e| e <= whole);
        if !(within(left, width, file.width) && within(top, height, file.height)) {
            let expected = format!("[left, top, width, height] within {}x{} pixels", file.width, file.height);
            return Err(InputError::unexpected("crop", expected, format!("{:?}", [left, top, width, height])));
        }
        for (key, value, most) in
            [("jitter.position", file.jitter.position, 1.0), ("jitter.rotation", file.jitter.rotation, 45.0)]
        {
            InputError::ensure((0.0..=most).contains(&value), key, format!("0 to {most} (m, degrees)"), value)?;
        }
        let camera = Self {
            name: file.name.clone(),
            id: find(model, ObjectKind::Camera, &file.name)?,
            drawn: [file.width as usize, file.height as usize],
            kept: [left, top, width, height].map(|v| v as usize),
            position: file.jitter.position,
            rotation: file.jitter.rotation.to_radians(),
        };
        let new = others.iter().all(|c| c.name != camera.name);
        InputError::ensure(new, "name", "a camera once", "the same twice")?;
        if let Some(first) = others.first() {
            let expected = format!("pictures of the size of `{}`", first.name);
            let same = first.drawn == camera.drawn && first.size() == camera.size();
            InputError::ensure(same, "width, height, crop", expected, "another size")?;
        }
        Ok(camera)
    }

    /// Width and height of its pictures, pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.kept[2], self.kept[3]]
    }

    /// Displacement (m) and rotation in the camera's frame in episode `index` of `seed`.
    pub(crate) fn jitter(&self, seed: u64, index: u64) -> (Vector3<f64>, Rotation3<f64>) {
        let mut rng = stream(seed, Purpose::Camera, index, self.id as u64, 0);
        let mut draw =
            |most: f64| Vector3::from_fn(|_, _| if most > 0.0 { rng.random_range(-most..=most) } else { 0.0 });
        (draw(self.position), Rotation3::new(draw(self.rotation)))
    }
}
