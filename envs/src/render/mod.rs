//! Pictures of worlds: frames, observed cameras, strips and videos.

pub mod strip;

mod cameras;
mod renderer;
mod video;

pub use cameras::Cameras;
pub use renderer::Renderer;
pub use video::Video;
