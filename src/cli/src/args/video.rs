//! Flags of commands that film.

use clap::Args;
use imle_configs::Error as InputError;
use imle_envs::mujoco::lookup::{ObjectKind, find};
use imle_envs::task::Task;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Sides that a video may have, pixels; H.264 ends at 4K.
const WIDTHS: RangeInclusive<usize> = 64..=3840;
const HEIGHTS: RangeInclusive<usize> = 64..=2160;

/// Flags of commands that film.
#[derive(Clone, Debug, Args)]
pub struct VideoArgs {
    /// MP4 file for a video: the candidates' paths in the colours of their modes, the plan bold, captions. A .png file
    /// gets six pictures of the first episode
    #[arg(long, value_name = "FILE", help_heading = "Video")]
    pub video: Option<PathBuf>,
    /// Size of the video, pixels, both even: 64x64 to 3840x2160
    #[arg(long, value_name = "WxH", default_value = "960x720", value_parser = size)]
    #[arg(requires = "video", help_heading = "Video")]
    pub size: (usize, usize),
    /// Camera of the model [default: one that frames all that moves, seen as the model's free camera is turned]
    #[arg(long, value_name = "NAME", requires = "video", help_heading = "Video")]
    pub camera: Option<String>,
    /// Pictures a second [default: one a control step]. It always plays at the speed of the world
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=240))]
    #[arg(requires = "video", help_heading = "Video")]
    pub fps: Option<u32>,
    /// Draw the scene alone: no paths and no captions
    #[arg(long, requires = "video", help_heading = "Video")]
    pub plain: bool,
}

impl VideoArgs {
    /// Checks what can be known before anything is run.
    ///
    /// # Errors
    /// A bad input: a file of another kind, a camera that the model of `task` does not have.
    pub fn check(&self, task: &Task) -> imle_configs::Result<()> {
        let Some(path) = &self.video else { return Ok(()) };
        if !has_ending(path, "mp4") && !has_ending(path, "png") {
            return Err(InputError::unexpected("--video", "a name that ends in .mp4 or .png", path.display()));
        }
        match &self.camera {
            Some(name) => find(task.compiled_model(), ObjectKind::Camera, name).map(drop),
            None => Ok(()),
        }
    }
}

/// Whether the name of a file has this ending, in either case.
pub(crate) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
}

/// Reads `640x480`.
fn size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', '×']).map(|(w, h)| (w.parse(), h.parse()));
    match sides {
        Some((Ok(w), Ok(h))) if WIDTHS.contains(&w) && HEIGHTS.contains(&h) && w % 2 == 0 && h % 2 == 0 => Ok((w, h)),
        _ => Err("expected WIDTHxHEIGHT, both even, 64x64 to 3840x2160".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_even_and_bounded() {
        assert_eq!(size("640x480"), Ok((640, 480)));
        assert_eq!(size("3840×2160"), Ok((3840, 2160)));
        for bad in ["641x480", "640x481", "62x64", "3842x2160", "640", "x", "640x-2", "640x480x2", "9e9x2", ""] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
