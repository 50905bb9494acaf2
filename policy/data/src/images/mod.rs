//! Pictures of cameras: in Parquet, one column a camera, as the `datasets` library stores images, or in videos.

pub(crate) mod cameras;
#[cfg_attr(not(any(feature = "hdf5", feature = "zarr")), allow(dead_code, reason = "for arrays of encoded pictures"))]
pub(crate) mod decode;
mod read;
mod statistics;
pub(crate) mod storage;
mod video;

pub(crate) use read::read_rows;
pub use read::{Images, image_layout, read_all_images, read_images};
pub(crate) use statistics::ImageStats;
pub(crate) use video::{FFMPEG, Videos, ffmpeg_runs};
