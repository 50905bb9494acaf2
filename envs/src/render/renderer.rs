//! Offscreen pictures of a world, through EGL; software rendering is enough.

use super::path::{Lens, Path, draw};
use crate::error::{Error, Result};
use crate::mujoco::lookup::{ObjectKind, find};
use crate::world::World;
use mujoco_rs::prelude::{MjModel, MjvCamera};
use mujoco_rs::renderer::MjRenderer;

/// Takes pictures of worlds of one task.
pub struct Renderer {
    inner: MjRenderer,
    width: usize,
    height: usize,
}

impl Renderer {
    /// A renderer with the task's camera and size.
    ///
    /// # Errors
    /// [`Error::Render`] if the machine has no EGL or OpenGL; nothing else is lost by that.
    pub fn new(world: &World) -> Result<Self> {
        let settings = world.task().render();
        let model: &MjModel = world.simulation().model();
        let camera = match &settings.camera {
            Some(name) => MjvCamera::new_fixed(find(model, ObjectKind::Camera, name)?),
            None => MjvCamera::new_free(model),
        };
        Self::with_camera(world, (settings.width as usize & !1, settings.height as usize & !1), camera)
    }

    /// A renderer for pictures of `size` (width, height) from a camera of the model's.
    ///
    /// # Errors
    /// As [`new`](Self::new); a bad input with the nearest names if the model has no camera `name`.
    pub fn from_camera(world: &World, size: (usize, usize), name: &str) -> Result<Self> {
        let id = find(world.simulation().model(), ObjectKind::Camera, name)?;
        Self::with_camera(world, size, MjvCamera::new_fixed(id))
    }

    /// A renderer for pictures of `size` (width, height), seen by `camera`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_camera(world: &World, (width, height): (usize, usize), camera: MjvCamera) -> Result<Self> {
        let mut model = world.simulation().model().clone();
        (model.vis_mut().global.offwidth, model.vis_mut().global.offheight) = (width as i32, height as i32);
        let mut inner = MjRenderer::new(&model, width, height, 0).map_err(failed)?;
        inner.set_camera(camera);
        Ok(Self { inner, width, height })
    }

    /// Width and height, pixels; both even, as video wants them.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The picture of the world's present state, RGB rows from top to bottom (height, width, 3).
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn draw(&mut self, world: &mut World) -> Result<Vec<u8>> {
        self.draw_with(world, &[])
    }

    /// As [`draw`](Self::draw), with paths through the scene, the first of them above the others.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn draw_with(&mut self, world: &mut World, paths: &[Path]) -> Result<Vec<u8>> {
        // A restored state has its bodies in place, but not yet its cameras and lights.
        world.simulation_mut().data_mut().camlight();
        self.inner.sync_data(world.simulation_mut().data_mut()).map_err(failed)?;
        self.inner.render().map_err(failed)?;
        let mut picture = self.inner.rgb_flat().ok_or_else(|| Error::Render("no picture".into()))?.to_vec();
        // One for each eye: MuJoCo draws what is seen from between them.
        let [left, right] = &self.inner.scene().ffi().camera;
        draw(&mut picture, &Lens::new(&left.average_camera(right), self.size()), paths);
        Ok(picture)
    }
}

/// A failure of the renderer.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::Render(error.to_string().replace('\n', " "))
}
