//! Pictures of cameras: PNG in Parquet, one column a camera, as the `datasets` library stores images.

mod read;
mod statistics;
pub(crate) mod storage;

pub(crate) use read::read_file;
pub use read::{Images, image_layout, read_all_images, read_images};
pub(crate) use statistics::ImageStats;
