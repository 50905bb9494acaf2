//! Offscreen pictures of a world, through EGL; software rendering is enough.

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
        let (width, height) = (settings.width as usize & !1, settings.height as usize & !1);
        let model: &MjModel = world.simulation().model();
        let mut inner = MjRenderer::new(model, width, height, 0).map_err(failed)?;
        inner.set_camera(match &settings.camera {
            Some(name) => MjvCamera::new_fixed(find(model, ObjectKind::Camera, name)?),
            None => MjvCamera::new_free(model),
        });
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
        // A restored state has its bodies in place, but not yet its cameras and lights.
        world.simulation_mut().data_mut().camlight();
        self.inner.sync_data(world.simulation_mut().data_mut()).map_err(failed)?;
        self.inner.render().map_err(failed)?;
        self.inner.rgb_flat().map(<[u8]>::to_vec).ok_or_else(|| Error::Render("no picture".into()))
    }
}

/// A failure of the renderer.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::Render(error.to_string().replace('\n', " "))
}
