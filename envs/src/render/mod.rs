//! Pictures of worlds: frames, observed cameras, strips and videos, with paths and words on them.

pub mod strip;

mod cameras;
mod caption;
mod framing;
mod path;
mod renderer;
mod video;

pub use cameras::Cameras;
pub use caption::Caption;
pub use framing::Framing;
pub use path::Path;
pub use renderer::Renderer;
pub use video::Video;
