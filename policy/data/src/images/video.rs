//! Videos of cameras, decoded by the program `ffmpeg`: LeRobot's are of several codecs, most of them AV1.

use crate::layout::episodes::Clip;
use crate::table::one_line;
use imle_configs::spec::ImageLayout;
use imle_configs::{Error, Result, files};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

/// The program.
pub(crate) const FFMPEG: &str = "ffmpeg";

/// Checks that `program` can be run, for the videos at `place`.
///
/// # Errors
/// [`Error::Unexpected`], which says how to get it.
pub(crate) fn ffmpeg_runs(program: &str, place: &Path) -> Result<()> {
    let mut command = Command::new(program);
    let run = command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let expected = "the program ffmpeg, which decodes its videos: apt-get install ffmpeg, or https://ffmpeg.org";
    Error::ensure(run.is_ok_and(|status| status.success()), place.display(), expected, "none that runs")
}

/// The videos of a camera.
pub(crate) struct Videos {
    /// By the number of the episode.
    clips: BTreeMap<u64, Clip>,
    /// Frames a second.
    fps: f64,
    /// The one that is read; episodes of one file follow each other in it.
    open: Option<Video>,
}

impl Videos {
    pub(crate) fn new(clips: BTreeMap<u64, Clip>, fps: f64) -> Self {
        Self { clips, fps, open: None }
    }

    /// Goes to the first frame of an episode, which has pictures of the layout's size.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for pictures of another size, a video that ends before, or one that cannot be decoded.
    pub(crate) fn start(&mut self, episode: u64, layout: &ImageLayout) -> Result<&mut Video> {
        let clip = self.clips.get(&episode);
        let Clip { file, start } =
            clip.ok_or_else(|| Error::unexpected("videos", "one an episode", format!("none of episode {episode}")))?;
        let goes_on = self.open.take().filter(|video| video.file == *file && video.next <= *start);
        let video = self.open.insert(match goes_on {
            Some(video) => video,
            None => Video::open(file, self.fps)?,
        });
        let mut skipped = vec![0; if video.next < *start { layout.picture_bytes() } else { 0 }];
        while video.next < *start {
            video.read(layout, &mut skipped)?;
        }
        video.check_size(layout)?;
        Ok(video)
    }
}

/// A video as it is decoded.
pub(crate) struct Video {
    file: PathBuf,
    fps: f64,
    child: Child,
    pictures: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
    /// Number of the next frame, and whether its header has been read.
    next: usize,
    begun: bool,
}

impl Video {
    fn open(file: &Path, fps: f64) -> Result<Self> {
        let failed = |e| Error::io(file, "read", e);
        files::open(file)?;
        // A frame every 1/fps s, whatever the video's own rate; each with a header that says its size.
        let mut command = Command::new(FFMPEG);
        command.args(["-v", "error", "-nostdin", "-xerror", "-i"]).arg(file).args(["-map", "0:v:0", "-vf"]);
        command.arg(format!("fps={fps}")).args(["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let errors = child.stderr.take().map(|mut errors| {
            thread::spawn(move || {
                let mut text = Vec::new();
                // What could be read says enough.
                let _ = errors.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        let none = || failed(std::io::Error::other("no output of ffmpeg"));
        let pictures = BufReader::new(child.stdout.take().ok_or_else(none)?);
        Ok(Self { file: file.to_path_buf(), fps, child, pictures, errors, next: 0, begun: false })
    }

    /// Checks that the next frame is there and of the layout's size.
    fn check_size(&mut self, layout: &ImageLayout) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        let mut header = Vec::new();
        for _ in 0..3 {
            // `P6`, width and height, and the largest value, a line each.
            let line = self.pictures.by_ref().take(64).read_until(b'\n', &mut header);
            if line.is_err() || !header.ends_with(b"\n") {
                return Err(self.ended());
            }
        }
        let header = one_line(String::from_utf8_lossy(&header));
        let size = format!("{} {}", layout.width, layout.height);
        let expected = format!("pictures of {size} pixels, as in meta/info.json");
        let found = header.trim_start_matches("P6 ").trim_end_matches(" 255");
        Error::ensure(found == size, self.file.display(), expected, found)?;
        self.begun = true;
        Ok(())
    }

    /// Writes the next frame to `out` (`picture_bytes`).
    ///
    /// # Errors
    /// As [`Videos::start`].
    pub(crate) fn read(&mut self, layout: &ImageLayout, out: &mut [u8]) -> Result<()> {
        self.check_size(layout)?;
        if self.pictures.read_exact(out).is_err() {
            return Err(self.ended());
        }
        (self.next, self.begun) = (self.next + 1, false);
        Ok(())
    }

    /// Checks that hardly a frame is left of those that belong to an episode of `len` frames.
    ///
    /// # Errors
    /// As [`Videos::start`].
    pub(crate) fn finish(&mut self, layout: &ImageLayout, len: usize) -> Result<()> {
        let mut skipped = vec![0; layout.picture_bytes()];
        // Rates like 29.97 for 30 Hz make some more.
        for _ in 0..2 + len / 100 {
            if self.pictures.fill_buf().map_or(true, <[u8]>::is_empty) {
                let ended = self.child.wait().is_ok_and(|status| status.success());
                return if ended { Ok(()) } else { Err(self.ended()) };
            }
            self.read(layout, &mut skipped)?;
        }
        Err(Error::unexpected(
            self.file.display(),
            format!("{len} frames at {} Hz, as the episode has", self.fps),
            "more",
        ))
    }

    /// The error of a video that ends too early, with what ffmpeg says.
    fn ended(&mut self) -> Error {
        let status = self.child.wait();
        let said = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        // `[mov,mp4 @ 0x55] what is wrong`.
        let said = said.lines().next().map(|line| line.rsplit_once("] ").map_or(line, |(_, text)| text)).map(one_line);
        let place = self.file.display();
        match (status, said) {
            (Ok(status), None) if status.success() => {
                let expected = format!("frame {} at {} Hz, which the episode needs", self.next, self.fps);
                Error::unexpected(place, expected, format!("{} frames", self.next))
            }
            (_, said) => {
                let found = said.unwrap_or_else(|| "an end without a reason".to_string());
                let expected = format!("a video that ffmpeg decodes beyond {} frames", self.next);
                Error::unexpected(place, expected, found)
            }
        }
    }
}

/// Ends the program, which may have more frames than are needed.
impl Drop for Video {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
