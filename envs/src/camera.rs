//! Observations from cameras: small pictures of worlds, drawn on demand by one renderer.
//!
//! Pictures are an observation beside the state observation, which they leave as it is. A policy may see them; the
//! planner's rollouts and a critic go on from the simulator's state, so a controller that plans knows more than its
//! pictures show. They are of the world as it is, also where a mismatch disturbs the perceived positions.

use crate::error::{Error, Result};
use crate::model::{Kind, find};
use crate::render::failed;
use crate::task_file::CameraFile;
use crate::world::World;
use imle_configs::seed::{Purpose, stream};
use imle_configs::{Error as InputError, Result as InputResult};
use mujoco_rs::prelude::{MjModel, MjvCamera};
use mujoco_rs::renderer::MjRenderer;
use nalgebra::{Matrix3, Rotation3, Vector3};
use rand::Rng;

/// A camera of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name in the model.
    pub name: String,
    id: usize,
    /// Width and height of what is drawn, pixels.
    drawn: [usize; 2],
    /// Left, top, width and height of what is kept, pixels.
    kept: [usize; 4],
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
    pub fn resolve_all(files: &[CameraFile], model: &MjModel) -> InputResult<Vec<Self>> {
        let mut cameras: Vec<Self> = Vec::new();
        for file in files {
            let place = |e: InputError| e.in_file(format!("camera `{}`", file.name));
            let camera = Self::resolve(file, model).map_err(place)?;
            if cameras.iter().any(|c| c.name == camera.name) {
                return Err(place(InputError::unexpected("name", "a camera once", "the same twice")));
            }
            if let Some(first) = cameras.first()
                && (first.drawn != camera.drawn || first.size() != camera.size())
            {
                let expected = format!("pictures of the size of `{}`", first.name);
                return Err(place(InputError::unexpected("width, height, crop", expected, "another size")));
            }
            cameras.push(camera);
        }
        Ok(cameras)
    }

    fn resolve(file: &CameraFile, model: &MjModel) -> InputResult<Self> {
        let global = &model.vis().global;
        for (key, value, most) in [("width", file.width, global.offwidth), ("height", file.height, global.offheight)] {
            if value == 0 || i64::from(value) > i64::from(most) {
                let expected = format!("1 to {most} pixels, the model's offscreen buffer");
                return Err(InputError::unexpected(key, expected, value));
            }
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
            if !(0.0..=most).contains(&value) {
                return Err(InputError::unexpected(key, format!("0 to {most} (m, degrees)"), value));
            }
        }
        Ok(Self {
            name: file.name.clone(),
            id: find(model, Kind::Camera, &file.name)?,
            drawn: [file.width as usize, file.height as usize],
            kept: [left, top, width, height].map(|v| v as usize),
            position: file.jitter.position,
            rotation: file.jitter.rotation.to_radians(),
        })
    }

    /// Width and height of its pictures, pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.kept[2], self.kept[3]]
    }

    /// Displacement (m) and rotation in the camera's frame in episode `index` of `seed`.
    fn jitter(&self, seed: u64, index: u64) -> (Vector3<f64>, Rotation3<f64>) {
        let mut rng = stream(seed, Purpose::Camera, index, self.id as u64, 0);
        let mut draw =
            |most: f64| Vector3::from_fn(|_, _| if most > 0.0 { rng.random_range(-most..=most) } else { 0.0 });
        (draw(self.position), Rotation3::new(draw(self.rotation)))
    }
}

/// Takes the pictures of a task's cameras. It holds one OpenGL context and stays in the thread that made it.
pub struct Cameras {
    inner: MjRenderer,
    cameras: Vec<Camera>,
}

impl Cameras {
    /// The cameras of the world's task.
    ///
    /// # Errors
    /// A bad input if the task has none; [`Error::Render`] if the machine has no EGL or OpenGL.
    pub fn new(world: &World) -> Result<Self> {
        let cameras = world.task().cameras().to_vec();
        let Some(first) = cameras.first() else {
            let place = format!("task `{}`", world.task().spec().task);
            return Err(InputError::unexpected(place, "a task with a [[camera]]", "none in its file").into());
        };
        let [width, height] = first.drawn;
        let mut model = world.simulation().model().clone();
        // Without shadows: rendered on a processor they take three quarters of the time, and blur in small pictures.
        model.vis_mut().quality.shadowsize = 0;
        (model.vis_mut().global.offwidth, model.vis_mut().global.offheight) = (width as i32, height as i32);
        let inner = MjRenderer::new(&model, width, height, 0).map_err(failed)?;
        Ok(Self { inner, cameras })
    }

    /// The cameras, in the order of their pictures.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }

    /// Bytes of the pictures of one world: cameras · height · width · 3.
    pub fn bytes(&self) -> usize {
        self.cameras.iter().map(|c| c.size()[0] * c.size()[1] * 3).sum()
    }

    /// Writes the pictures of the worlds' present states, (B, cameras, H, W, 3) in RGB, rows from top to bottom. The
    /// worlds go on as if nobody had looked.
    ///
    /// # Errors
    /// [`Error::Render`], also if `out` has another size.
    pub fn draw<'a>(&mut self, worlds: impl IntoIterator<Item = &'a mut World>, out: &mut [u8]) -> Result<()> {
        let size = self.bytes();
        let (mut places, mut worlds) = (out.chunks_exact_mut(size), worlds.into_iter());
        for place in places.by_ref() {
            let world =
                worlds.next().ok_or_else(|| Error::Render("fewer worlds than room for their pictures".into()))?;
            self.draw_one(world, place)?;
        }
        if worlds.next().is_some() || !places.into_remainder().is_empty() {
            return Err(Error::Render(format!("the pictures of a world take {size} bytes; there is room for others")));
        }
        Ok(())
    }

    fn draw_one(&mut self, world: &mut World, out: &mut [u8]) -> Result<()> {
        let (seed, index) = world.episode();
        let data = world.simulation_mut().data_mut();
        // A restored state has its bodies in place, but not yet its cameras and lights.
        data.camlight();
        for camera in &self.cameras {
            let (shift, turn) = camera.jitter(seed, index);
            let pose = Matrix3::from_row_slice(&data.cam_xmat()[camera.id]);
            let moved = Vector3::from(data.cam_xpos()[camera.id]) + pose * shift;
            data.cam_xpos_mut()[camera.id] = moved.into();
            data.cam_xmat_mut()[camera.id].copy_from_slice((pose * turn).transpose().as_slice());
        }
        let mut rest = out;
        for camera in &self.cameras {
            self.inner.set_camera(MjvCamera::new_fixed(camera.id));
            self.inner.sync_data(data).map_err(failed)?;
            self.inner.render().map_err(failed)?;
            let picture = self.inner.rgb_flat().ok_or_else(|| Error::Render("no picture".into()))?;
            let [left, top, width, height] = camera.kept;
            let (place, after) = rest.split_at_mut(width * height * 3);
            let rows = picture.chunks_exact(camera.drawn[0] * 3).skip(top);
            for (from, to) in rows.zip(place.chunks_exact_mut(width * 3)) {
                to.copy_from_slice(&from[left * 3..(left + width) * 3]);
            }
            rest = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use crate::task::Task;
    use imle_configs::embedded;
    use std::sync::Arc;

    fn task(cameras: &str) -> Result<Task> {
        let text = embedded::task("cylinder_push").unwrap();
        let text = &text[..text.find("[[camera]]").unwrap()];
        Task::from_text(&format!("{text}\n{cameras}"), "test.toml", Source::Embedded)
    }

    fn world(task: Task, seed: u64) -> World {
        let mut world = World::new(Arc::new(task)).unwrap();
        world.reset(seed, Purpose::Reset, 1).unwrap();
        world
    }

    /// The renderer, or nothing on a machine that cannot draw.
    fn cameras(world: &World) -> Option<Cameras> {
        match Cameras::new(world) {
            Err(Error::Render(reason)) => {
                eprintln!("skipped: {reason}");
                None
            }
            other => Some(other.unwrap()),
        }
    }

    fn pictures(cameras: &mut Cameras, world: &mut World) -> Vec<u8> {
        let mut out = vec![0; cameras.bytes()];
        cameras.draw([world], &mut out).unwrap();
        out
    }

    #[test]
    fn bad_cameras_are_named() {
        let told = |text: &str| task(text).unwrap_err().to_string();
        assert!(told("[[camera]]\nname = \"frnt\"\nwidth = 8\nheight = 8").contains("`front`"));
        assert!(told("[[camera]]\nname = \"front\"\nwidth = 0\nheight = 8").contains("width"));
        assert!(told("[[camera]]\nname = \"front\"\nwidth = 8\nheight = 8\ncrop = [1, 0, 8, 8]").contains("crop"));
        let one = "[[camera]]\nname = \"front\"\nwidth = 8\nheight = 8\n";
        assert!(told(&format!("{one}{one}")).contains("once"));
        let none = world(task("").unwrap(), 0);
        assert!(Cameras::new(&none).err().unwrap().is_input());
    }

    #[test]
    fn a_crop_is_a_part_of_the_picture_and_looking_changes_nothing() {
        let whole = "[[camera]]\nname = \"front\"\nwidth = 48\nheight = 32\n";
        let mut seen = world(task(whole).unwrap(), 0);
        let Some(mut all) = cameras(&seen) else { return };
        let mut before = vec![0.0; seen.state_size()];
        seen.get_state(&mut before).unwrap();
        let picture = pictures(&mut all, &mut seen);
        let mut after = before.clone();
        seen.get_state(&mut after).unwrap();
        assert_eq!(before, after);
        assert_eq!(picture.len(), 48 * 32 * 3);
        assert!(picture.iter().any(|v| *v != picture[0]));
        let mut cropped = world(task(&format!("{whole}crop = [4, 6, 24, 16]")).unwrap(), 0);
        let Some(mut part) = cameras(&cropped) else { return };
        let small = pictures(&mut part, &mut cropped);
        for row in 0..16 {
            let from = ((row + 6) * 48 + 4) * 3;
            assert_eq!(small[row * 72..(row + 1) * 72], picture[from..from + 72]);
        }
        let too_large = vec![0; all.bytes() + 1];
        assert!(all.draw([&mut seen], &mut { too_large }).is_err());
    }

    #[test]
    fn a_jitter_is_that_of_its_episode() {
        let jittered =
            "[[camera]]\nname = \"front\"\nwidth = 32\nheight = 32\njitter = { position = 0.2, rotation = 5.0 }";
        let mut first = world(task(jittered).unwrap(), 0);
        let Some(mut cameras) = cameras(&first) else { return };
        let once = pictures(&mut cameras, &mut first);
        assert_eq!(once, pictures(&mut cameras, &mut first));
        let mut state = vec![0.0; first.state_size()];
        first.get_state(&mut state).unwrap();
        first.start_in(&state, 0, 2).unwrap();
        assert_ne!(once, pictures(&mut cameras, &mut first));
        first.start_in(&state, 0, 1).unwrap();
        assert_eq!(once, pictures(&mut cameras, &mut first));
        let camera = &cameras.cameras()[0];
        let (shift, turn) = camera.jitter(0, 1);
        assert!(shift.amax() <= 0.2 && turn.angle() <= 3f64.sqrt() * 5f64.to_radians());
    }
}
