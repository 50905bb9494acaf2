//! Videos of LeRobot's datasets, decoded by ffmpeg.

use super::bad_import::refused;
use super::import::make_two;
use super::pictures::{pictures, with_images};
use super::*;
use crate::images::ffmpeg_runs;
use crate::import::{ImportOptions, convert};
use arrow_array::Int64Array;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const WIDTH: usize = 32;
const HEIGHT: usize = 16;
const LENGTHS: [usize; 4] = [4, 1, 7, 3];

/// Whether ffmpeg is here; where CI runs it must be.
fn ffmpeg() -> bool {
    let here = ffmpeg_runs("ffmpeg", Path::new("videos")).is_ok();
    assert!(here || std::env::var_os("CI").is_none(), "apt-get install ffmpeg");
    here
}

fn rgb(t: usize) -> Vec<u8> {
    let pixel = |i: usize| [(t * 16) as u8, (i % WIDTH * 8) as u8, (i / WIDTH * 16) as u8];
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

/// Writes a video without loss, of these frames at `rate` Hz.
fn encode(path: &Path, rate: &str, frames: impl Iterator<Item = usize>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let size = format!("{WIDTH}x{HEIGHT}");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", rate, "-i", "-"]);
    command.args(["-c:v", "libx264rgb", "-qp", "0"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    frames.for_each(|t| child.stdin.as_mut().unwrap().write_all(&rgb(t)).unwrap());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// A foreign dataset with videos, of version 3, all episodes in one file, or of version 2.
fn filmed(old: bool) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = written();
    make_foreign(&path);
    let column = "observation.images.top";
    let template = match old {
        false => "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        true => "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    };
    edit_json(&path.join("meta/info.json"), |j| {
        j["features"][column] = json!({"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": null});
        j["video_path"] = json!(template);
    });
    if old {
        let path = make_two(&path);
        let mut at = 0;
        for (e, len) in LENGTHS.into_iter().enumerate() {
            encode(&path.join(format!("videos/chunk-000/{column}/episode_{e:06}.mp4")), "10", at..at + len);
            at += len;
        }
        return (dir, path);
    }
    encode(&path.join(format!("videos/{column}/chunk-000/file-000.mp4")), "10", 0..15);
    let ends: Vec<f64> = [0, 4, 5, 12, 15].map(|t| f64::from(t) / 10.0).into();
    for (name, times) in [("from_timestamp", &ends[..4]), ("to_timestamp", &ends[1..])] {
        add_column(
            &path.join(EPISODES),
            &format!("videos/{column}/{name}"),
            Arc::new(Float64Array::from(times.to_vec())),
        );
    }
    for name in ["chunk_index", "file_index"] {
        add_column(&path.join(EPISODES), &format!("videos/{column}/{name}"), Arc::new(Int64Array::from(vec![0; 4])));
    }
    (dir, path)
}

#[test]
fn frames_of_videos_are_those_of_the_episodes() {
    if !ffmpeg() {
        return;
    }
    let all: Vec<u8> = (0..15).flat_map(rgb).collect();
    for old in [false, true] {
        let (_dir, path) = filmed(old);
        let (message, found) = pictures(&path);
        assert_eq!((message.cameras.as_slice(), found == all), (["top".to_string()].as_slice(), true), "{old}");
        // Without pictures the videos are not looked at.
        fs::remove_dir_all(path.join("videos")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let message = convert(&path, &dir.path().join("out"), &ImportOptions::default()).unwrap();
        let note = "left out: pictures of top of 32×16 pixels: --images takes them".to_string();
        assert!(message.notes.contains(&note), "{:?}", message.notes);
        refused(&path, &with_images(), &["videos/", ".mp4: cannot read"]);
    }
    // Pictures in the data beside the videos, and an episode that is left out before.
    let (_dir, path) = filmed(false);
    let small = crate::ImageLayout { cameras: vec!["wrist".into()], height: HEIGHT, width: WIDTH };
    let column = crate::images::storage::columns(&small, 0..15, &all).unwrap().remove(0);
    add_column(&path.join(DATA), "observation.images.wrist", column);
    edit_json(&path.join("meta/info.json"), |j| {
        j["features"]["observation.images.wrist"] = json!({"dtype": "image", "shape": [HEIGHT, WIDTH, 3]});
    });
    let twice: Vec<u8> = (0..15).flat_map(|t| [rgb(t), rgb(t)].concat()).collect();
    assert!(pictures(&path).1 == twice);
}

#[test]
fn a_video_at_another_rate_is_taken_at_the_times_of_the_frames() {
    if !ffmpeg() {
        return;
    }
    let (_dir, path) = filmed(false);
    let video = path.join("videos/observation.images.top/chunk-000/file-000.mp4");
    fs::remove_file(&video).unwrap();
    encode(&video, "20", (0..30).map(|t| t / 2));
    assert!(pictures(&path).1 == (0..15).flat_map(rgb).collect::<Vec<_>>());
}

#[test]
fn videos_that_do_not_fit_are_told() {
    let none = ffmpeg_runs("no-such-ffmpeg", Path::new("d")).unwrap_err().to_string();
    assert!(none.contains("d: expected the program ffmpeg") && none.contains("apt-get install ffmpeg"), "{none}");
    if !ffmpeg() {
        return;
    }
    let (_dir, path) = filmed(true);
    let video = path.join("videos/chunk-000/observation.images.top/episode_000002.mp4");
    let whole = fs::read(&video).unwrap();
    fs::remove_file(&video).unwrap();
    encode(&video, "10", 5..9);
    refused(
        &path,
        &with_images(),
        &["episode_000002.mp4: expected frame 4 at 10 Hz, which the episode needs, found 4 frames"],
    );
    fs::remove_file(&video).unwrap();
    encode(&video, "10", 5..15);
    refused(&path, &with_images(), &["episode_000002.mp4: expected 7 frames at 10 Hz, as the episode has, found more"]);
    fs::write(&video, &whole[..whole.len() / 2]).unwrap();
    refused(&path, &with_images(), &["episode_000002.mp4: expected a video that ffmpeg decodes"]);
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("out");
    let message = convert(&path, &out, &ImportOptions { skip_broken: true, ..with_images() }).unwrap();
    let note = |n: &String| n.starts_with("left out: ") && n.contains("episode_000002.mp4: expected a video");
    assert!(message.notes.iter().any(note), "{:?}", message.notes);
    let found: Vec<u8> = (0..3).flat_map(|n| crate::read_images(&out, n).unwrap().rgb).collect();
    assert!(found == (0..5).chain(12..15).flat_map(rgb).collect::<Vec<_>>());
    fs::write(&video, &whole).unwrap();
    for shape in [json!([WIDTH, HEIGHT, 3]), json!([1 << 14, 1 << 14, 3])] {
        edit_json(&path.join("meta/info.json"), |j| j["features"]["observation.images.top"]["shape"] = shape.clone());
        refused(&path, &with_images(), &["episode_000000.mp4: expected pictures of", "found 32 16"]);
    }
    for (column, value, parts) in [
        ("to_timestamp", 9.0, ["to_timestamp: expected 4 frames from 0 s on in episode 0", "90.0 frames"]),
        ("from_timestamp", f64::NAN, ["to_timestamp: expected 4 frames", "NaN s"]),
        ("from_timestamp", -1.0, ["to_timestamp: expected 4 frames", "-1 s"]),
    ] {
        let (_dir, path) = filmed(false);
        let ends = if column == "to_timestamp" { [value, 0.5, 1.2, 1.5] } else { [value, 0.4, 0.5, 1.2] };
        let name = format!("videos/observation.images.top/{column}");
        replace_column(&path.join(EPISODES), &name, Some(Arc::new(Float64Array::from(ends.to_vec()))));
        refused(&path, &with_images(), &parts);
    }
}
