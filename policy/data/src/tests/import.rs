//! Datasets of others, converted: every number is where it belongs.

use super::*;
use crate::import::{Converted, DatasetFormat, ImportOptions, convert};
use crate::layout::stats;
use crate::read_images;
use std::path::PathBuf;

pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/fixtures").join(name)
}

pub(super) fn converted(from: &Path, options: &ImportOptions) -> (Converted, Dataset) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let message = convert(from, &out, options).unwrap();
    (message, read(&out).unwrap())
}

/// What `fixtures/make.py` puts into a value.
fn made(episode: usize, frame: usize, at: usize) -> f32 {
    (episode as f64 + frame as f64 / 8.0 + at as f64 / 64.0) as f32
}

fn made_rows(episode: usize, length: usize, size: usize) -> Vec<f32> {
    (0..length).flat_map(|t| (0..size).map(move |i| made(episode, t, i))).collect()
}

fn made_pictures(episode: usize, length: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (c, x, y, t) = (i % 3, i / 3 % 6, i / 18 % 4, i / 72);
        (100 * episode + 16 * t + 4 * y + 2 * x + c) as u8
    };
    (0..length * 72).map(pixel).collect()
}

#[cfg(feature = "hdf5")]
#[test]
fn robomimic_keeps_numbers_order_pictures_and_rate() {
    let (message, dataset) = converted(&fixture("robomimic.hdf5"), &ImportOptions::default());
    assert_eq!((message.format, message.episodes, message.frames), (DatasetFormat::Hdf5, 2, 8));
    assert_eq!((dataset.spec.task.as_str(), dataset.spec.control_rate), ("Lift", 20.0));
    assert_eq!(dataset.spec.observation, layout(&[("object", 1), ("robot0_eef_pos", 3)]));
    for (e, (episode, length)) in dataset.episodes.iter().zip([3, 5]).enumerate() {
        let (object, hand) = (made_rows(e, length, 1), made_rows(e, length, 3));
        let rows = (0..length).flat_map(|t| [&object[t..=t], &hand[3 * t..3 * t + 3]].concat());
        assert_eq!(episode.observations, rows.collect::<Vec<_>>());
        assert_eq!(episode.actions, made_rows(e, length, 2));
        assert_eq!(episode.success, e == 1);
    }
    // A choice of the observation, and the pictures.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let options =
        ImportOptions { observation: vec!["robot0_eef_pos".into()], images: true, ..ImportOptions::default() };
    let message = convert(&fixture("robomimic.hdf5"), &out, &options).unwrap();
    assert_eq!((message.spec.observation.size(), message.cameras), (3, vec!["agentview_image".to_string()]));
    for (e, length) in [3, 5].into_iter().enumerate() {
        let images = read_images(&out, e).unwrap();
        assert_eq!((images.layout.height, images.layout.width), (4, 6));
        assert_eq!(images.rgb, made_pictures(e, length));
    }
}

#[cfg(feature = "zarr")]
#[test]
fn diffusion_policy_keeps_numbers_and_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let options = ImportOptions { rate: Some(10.0), images: true, ..ImportOptions::default() };
    let message = convert(&fixture("diffusion.zarr"), &out, &options).unwrap();
    assert_eq!((message.format, message.spec.control_rate, message.episodes), (DatasetFormat::Zarr, 10.0, 2));
    let dataset = read(&out).unwrap();
    for (e, (episode, length)) in dataset.episodes.iter().zip([3, 5]).enumerate() {
        assert_eq!(episode.observations, made_rows(e, length, 3));
        assert_eq!(episode.actions, made_rows(e, length, 2));
        assert_eq!(read_images(&out, e).unwrap().rgb, made_pictures(e, length));
    }
}

#[cfg(feature = "zarr")]
#[test]
fn a_rate_that_nobody_says_is_the_tasks_and_told() {
    let spec = Spec { observation: layout(&[("q", 3)]), action: layout(&[("u", 2)]), ..spec() };
    let (message, dataset) =
        converted(&fixture("diffusion.zarr"), &ImportOptions { spec: Some(spec.clone()), ..ImportOptions::default() });
    assert_eq!(dataset.spec, spec);
    assert!(message.notes.iter().any(|n| n.contains("does not say its rate: taken for the task's, 10 Hz")));
}

#[cfg(not(feature = "zarr"))]
#[test]
fn a_program_without_a_reader_says_how_to_build_it() {
    let dir = tempfile::tempdir().unwrap();
    let message = convert(&fixture("diffusion.zarr"), &dir.path().join("out"), &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("cargo build --release --features zarr") && !message.contains('\n'), "{message}");
}

/// Our dataset as version 2.1 of LeRobot would have it: a file an episode, JSON lines beside them.
pub(super) fn make_two(path: &Path) -> PathBuf {
    let old = path.parent().unwrap().join("old");
    let dataset = read(path).unwrap();
    let rows = rows_of(&path.join(DATA));
    let (mut at, mut lines) = (0, String::new());
    for (number, episode) in dataset.episodes.iter().enumerate() {
        let file = old.join(format!("data/chunk-000/episode_{number:06}.parquet"));
        write_rows(&file, &rows.slice(at, episode.len));
        at += episode.len;
        lines += &format!("{{\"episode_index\": {number}, \"tasks\": [\"stack\"], \"length\": {}}}\n", episode.len);
    }
    let mut info: Value = serde_json::from_str(&fs::read_to_string(path.join("meta/info.json")).unwrap()).unwrap();
    info["codebase_version"] = json!("v2.1");
    info["data_path"] = json!("data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet");
    info.as_object_mut().unwrap().remove("planner");
    fs::create_dir_all(old.join("meta")).unwrap();
    fs::write(old.join("meta/info.json"), info.to_string()).unwrap();
    fs::write(old.join("meta/episodes.jsonl"), lines).unwrap();
    fs::write(old.join("meta/tasks.jsonl"), "{\"task_index\": 0, \"task\": \"stack\"}\n").unwrap();
    old
}

#[test]
fn lerobot_of_both_versions_keeps_numbers() {
    let (_dir, path) = written();
    let (message, dataset) = converted(&path, &ImportOptions::default());
    assert_eq!((message.format, &dataset), (DatasetFormat::Lerobot, &read(&path).unwrap()));
    let (message, old) = converted(&make_two(&path), &ImportOptions::default());
    assert_eq!((message.episodes, message.frames), (4, 15));
    assert_eq!((old.spec.task.as_str(), old.spec.control_rate), ("stack", 10.0));
    for (a, b) in old.episodes.iter().zip(&dataset.episodes) {
        assert_eq!((&a.observations, &a.actions, a.success, a.len), (&b.observations, &b.actions, b.success, b.len));
    }
    // With a task's spec the values get its names.
    let (message, _) = converted(&make_two(&path), &ImportOptions { spec: Some(spec()), ..ImportOptions::default() });
    assert_eq!(message.spec, spec());
}

/// A folder of two records at 4 and 8 Hz of a robot whose frame is turned by a right angle, in millimetres and degrees.
pub(super) fn write_records(root: &Path) {
    fs::create_dir_all(root).unwrap();
    fs::write(root.join("record.toml"), RECORD).unwrap();
    let rows = |rate: f64, n: usize, solved: &str| {
        let row = |i: usize| {
            let t = i as f64 / rate;
            format!("{},{},{},{},{},{}, {solved}\n", 1000.0 * t, 100.0 * t, 200.0, -300.0, 90.0 * t, i)
        };
        "ms,x,y,z,turn,grip,solved\n".to_string() + &(0..n).map(row).collect::<String>()
    };
    fs::write(root.join("a.csv"), rows(4.0, 5, "true")).unwrap();
    fs::write(root.join("b.csv"), rows(8.0, 9, "0")).unwrap();
    fs::write(root.join("notes.txt"), "not a record").unwrap();
}

pub(super) const RECORD: &str = r#"
task = "reach"
control_rate = 8
time = "ms"
time_unit = "ms"
success = "solved"

[frame.base]
position = [1.0, 0.0, 0.0]
quaternion = [0.70710678, 0.0, 0.0, 0.70710678]

[[observation]]
name = "tip"
columns = ["x", "y", "z"]
unit = "mm"
kind = "position"
frame = "base"

[[observation]]
name = "heading"
columns = ["turn"]
unit = "deg"
kind = "yaw"
symmetry = 2

[[action]]
name = "grip"
"#;

#[test]
fn records_come_in_metres_and_radians_at_the_control_rate() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("records");
    write_records(&root);
    let (message, dataset) = converted(&root, &ImportOptions::default());
    assert_eq!((message.format, message.episodes), (DatasetFormat::Records, 2));
    assert_eq!(dataset.spec.observation, layout(&[("tip", 3), ("heading", 2)]));
    let [a, b] = dataset.episodes.as_slice() else { panic!("two") };
    assert_eq!((a.len, a.success, b.len, b.success), (9, true, 9, false));
    for t in 0..9 {
        let seconds = t as f64 / 8.0;
        // x of the robot is y of the world, and y is −x.
        let expected = [0.8, 0.1 * seconds, -0.3];
        for episode in [a, b] {
            let row = &episode.observations[5 * t..5 * t + 5];
            assert!(row[..3].iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{row:?}");
        }
        let angle = std::f64::consts::PI * seconds;
        assert!((f64::from(b.observations[5 * t + 3]) - angle.cos()).abs() < 1e-6);
        assert!((f64::from(b.observations[5 * t + 4]) - angle.sin()).abs() < 1e-6);
        // Actions are held: at 4 Hz each for two control steps.
        assert_eq!((a.actions[t], b.actions[t]), ((t / 2) as f32, t as f32));
    }
}

/// Loggers on Windows, spreadsheets and archives of a Mac.
#[test]
fn records_of_other_systems_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let text = "task = \"t\"\ncontrol_rate = 2\nsuccess = \"solved\"\naction = [{ name = \"u\" }]\nobservation = [{ name = \"q\" }]\n";
    fs::write(root.join("record.toml"), text).unwrap();
    fs::write(root.join("000.CSV"), "time,q,u,solved\n0,1,2,FALSE\n0.5,3,4,FALSE\n").unwrap();
    fs::write(root.join("001.csv"), "time,q,u,solved\n0,1,2,FALSE\n0.5,3,4,TRUE\n").unwrap();
    fs::write(root.join("._001.csv"), b"\0\x05\x16\x07\0\x02\0\0Mac OS X").unwrap();
    let (_, dataset) = converted(root, &ImportOptions::default());
    let solved: Vec<bool> = dataset.episodes.iter().map(|e| e.success).collect();
    assert_eq!((solved, &dataset.episodes[1].actions), (vec![false, true], &vec![2.0, 4.0]));
}

#[test]
fn parquet_records_are_as_csv_ones() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("records");
    fs::create_dir_all(&root).unwrap();
    let text = "task = \"t\"\ncontrol_rate = 2\naction = [{ name = \"u\" }]\n[[observation]]\nname = \"q\"\n";
    fs::write(root.join("record.toml"), text).unwrap();
    let column = |of: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(of.to_vec())) };
    let fields = ["time", "q_0", "q_1", "u"].map(|n| Field::new(n, DataType::Float64, true));
    let columns =
        vec![column(&[0.0, 0.6, 1.0]), column(&[0.0, 6.0, 10.0]), column(&[1.0, 1.0, 1.0]), column(&[5.0, 7.0, 9.0])];
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap();
    write_rows(&root.join("one.parquet"), &rows);
    let (_, dataset) = converted(&root, &ImportOptions::default());
    let episode = &dataset.episodes[0];
    assert_eq!((episode.len, &episode.actions), (3, &vec![5.0, 5.0, 9.0]));
    assert!(episode.observations.iter().zip([0.0, 1.0, 5.0, 1.0, 10.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn another_rate_is_refused_or_interpolated() {
    let (_dir, path) = written();
    let twice = Spec { control_rate: 20.0, ..spec() };
    let options = ImportOptions { spec: Some(twice), ..ImportOptions::default() };
    let out = path.parent().unwrap().join("out");
    let message = convert(&path, &out, &options).unwrap_err().to_string();
    assert!(message.contains("20 Hz") && message.contains("--resample") && !out.exists(), "{message}");
    let (message, dataset) = converted(&path, &ImportOptions { resample: true, ..options });
    assert_eq!((message.resampled_from, dataset.spec.control_rate), (Some(10.0), 20.0));
    let (a, b) = (&read(&path).unwrap().episodes[0], &dataset.episodes[0]);
    assert_eq!((a.len, b.len), (4, 7));
    assert_eq!(b.observations[3], (a.observations[0] + a.observations[3]) / 2.0);
    assert_eq!((&b.actions[2..4], &b.actions[4..6]), (&a.actions[0..2], &a.actions[2..4]));
}

/// One episode after the other, whatever lies in one file: the same as all at once, and errors are reported all the
/// same.
#[test]
fn a_stream_gives_what_reading_gives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let sizes = Sizes { file_bytes: 1, chunk_files: 2, row_group_rows: 2 };
    write_sized(&path, &spec(), &episodes(&spec()), sizes).unwrap();
    let stream = crate::Stream::open(&path).unwrap();
    assert_eq!((stream.len(), stream.is_empty()), (4, false));
    let all = stream.collect::<crate::Result<Vec<_>>>().unwrap();
    assert_eq!(all, episodes(&spec()));
    let mut summarizer = crate::Summarizer::new(&spec());
    all.iter().for_each(|e| summarizer.add(e));
    let summary = summarizer.finish();
    let mut values: Vec<f64> = all.iter().flat_map(|e| e.actions.iter().step_by(2)).map(|v| f64::from(*v)).collect();
    let [min, max, mean, std, ..] = stats::of_values(&mut values);
    let message = &summary.action[0];
    assert_eq!((message.min.map(f64::from), message.max.map(f64::from)), (Some(min), Some(max)));
    assert!((message.mean.unwrap() - mean).abs() < 1e-9 && (message.std.unwrap() - std).abs() < 1e-9);
}
