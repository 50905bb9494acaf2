//! Pictures of a task's cameras, drawn on demand by one renderer.

use super::renderer::failed;
use crate::error::{Error, Result};
use crate::task::Camera;
use crate::world::World;
use imle_configs::Error as InputError;
use mujoco_rs::prelude::MjvCamera;
use mujoco_rs::renderer::MjRenderer;
use nalgebra::{Matrix3, Vector3};

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
    use crate::mujoco::model::Source;
    use crate::task::Task;
    use imle_configs::embedded;
    use imle_configs::seed::Purpose;
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
        let message = |text: &str| task(text).unwrap_err().to_string();
        assert!(message("[[camera]]\nname = \"frnt\"\nwidth = 8\nheight = 8").contains("`front`"));
        assert!(message("[[camera]]\nname = \"front\"\nwidth = 0\nheight = 8").contains("width"));
        assert!(message("[[camera]]\nname = \"front\"\nwidth = 8\nheight = 8\ncrop = [1, 0, 8, 8]").contains("crop"));
        let one = "[[camera]]\nname = \"front\"\nwidth = 8\nheight = 8\n";
        assert!(message(&format!("{one}{one}")).contains("once"));
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
