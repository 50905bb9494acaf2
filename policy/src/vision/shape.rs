//! The sizes that a network with encoders is built for.

/// The sizes a network with encoders is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisionShape {
    pub(super) kind: &'static str,
    /// Pictures of a camera in a history, T_obs.
    pub steps: usize,
    /// Cameras.
    pub cameras: usize,
    /// Bytes of a history of pictures, (T_obs, cameras, H, W, 3).
    pub bytes: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) keypoints: usize,
    pub(super) linear: bool,
    /// Features of a picture.
    pub features: usize,
    /// Whether all cameras share one encoder.
    pub shared: bool,
    pub(super) half: bool,
}

impl VisionShape {
    /// The same for the pictures of `steps` steps, of what was one.
    pub(crate) fn over(self, steps: usize) -> Self {
        Self { steps, bytes: steps * self.bytes / self.steps.max(1), ..self }
    }
}
