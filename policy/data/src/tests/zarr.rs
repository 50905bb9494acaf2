//! Zarr folders as Diffusion Policy, UMI and others write them, made chunk by chunk.

use super::import::converted;
use super::*;
use crate::import::{Converted, ImportOptions, convert};
use crate::read_images;

/// Writes an array of one chunk, of version 2; `more` are members of its `.zarray` that differ from the usual.
fn array(root: &Path, path: &str, shape: &[u64], dtype: &str, bytes: &[u8], more: &Value) {
    let mut metadata = json!({
        "zarr_format": 2, "shape": shape, "chunks": shape, "dtype": dtype, "compressor": null, "fill_value": 0,
        "filters": null, "order": "C",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let folder = root.join(path);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".zarray"), metadata.to_string()).unwrap();
    if !bytes.is_empty() {
        fs::write(folder.join(vec!["0"; shape.len()].join(".")), bytes).unwrap();
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn counting(shape: &[u64]) -> Vec<u8> {
    floats(&(0..shape.iter().product::<u64>()).map(|i| i as f32).collect::<Vec<_>>())
}

/// A folder whose episodes end there, with an action and a state of a value a frame.
fn folder(root: &Path, ends: &[i64], rows: u64) {
    let bytes: Vec<u8> = ends.iter().flat_map(|e| e.to_le_bytes()).collect();
    array(root, "meta/episode_ends", &[ends.len() as u64], "<i8", &bytes, &json!({}));
    for name in ["data/action", "data/state"] {
        array(root, name, &[rows, 1], "<f4", &counting(&[rows, 1]), &json!({}));
    }
}

fn options() -> ImportOptions {
    ImportOptions { rate: Some(10.0), ..ImportOptions::default() }
}

fn asking(names: &[&str]) -> ImportOptions {
    ImportOptions { observation: names.iter().map(ToString::to_string).collect(), ..options() }
}

fn noted(message: &Converted, parts: &[&str]) {
    let found = message.notes.iter().any(|note| parts.iter().all(|p| note.contains(p)));
    assert!(found, "{parts:?} in no line of {:#?}", message.notes);
}

fn failed(from: &Path, options: &ImportOptions) -> String {
    let dir = tempfile::tempdir().unwrap();
    let message = convert(from, &dir.path().join("out"), options).unwrap_err().to_string();
    assert!(!message.contains('\n') && !dir.path().join("out").exists(), "{message}");
    message
}

#[test]
fn arrays_are_flattened_when_asked_for_and_told_when_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("pusht.zarr");
    folder(&root, &[2, 2, 5], 7);
    array(&root, "data/keypoint", &[7, 2, 2], "<f4", &counting(&[7, 2, 2]), &json!({}));
    array(&root, "data/robot/grip", &[5], "|b1", &[0, 1, 0, 1, 1], &json!({}));
    array(&root, "data/task_id", &[3], "<i8", &[0; 24], &json!({}));
    array(&root, "data/half", &[3, 1], "<f4", &[0; 12], &json!({"shape": [4, 1]}));
    array(&root, "data/jpeg", &[7, 300], "|u1", &[0; 2100], &json!({}));
    array(&root, "data/name", &[7], "|S4", &[0; 28], &json!({}));
    let jpeg = json!({"compressor": {"id": "imagecodecs_jpegxl", "level": 80}});
    array(&root, "data/camera", &[7, 4, 4, 3], "|u1", &[1], &jpeg);
    let (message, dataset) = converted(&root, &options());
    assert_eq!(dataset.spec.observation, layout(&[("state", 1)]));
    assert_eq!(dataset.episodes.iter().map(|e| e.len).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((dataset.spec.task.as_str(), &dataset.episodes[1].actions), ("pusht", &vec![2.0, 3.0, 4.0]));
    noted(&message, &["keypoint (frames, 2, 2), robot/grip (frames): --observation with their names"]);
    noted(&message, &["task_id (3): one row an episode"]);
    noted(&message, &["left out: jpeg (frames, 300): perhaps pictures that are encoded"]);
    noted(&message, &["half (4, 1): 4 rows for 5 frames"]);
    noted(&message, &["camera: unsupported", "imagecodecs_jpegxl"]);
    noted(&message, &["name: data type |S4 is not supported"]);
    noted(&message, &["2 of action", "2 of state", "rows after the end of the last episode"]);
    noted(&message, &["episode 1: no frame"]);
    let (_, dataset) = converted(&root, &asking(&["keypoint[1:4]", "state", "robot/grip"]));
    assert_eq!(dataset.spec.observation, layout(&[("keypoint", 3), ("state", 1), ("robot/grip", 1)]));
    assert_eq!(dataset.episodes[1].observations[5..], [13.0, 14.0, 15.0, 3.0, 1.0, 17.0, 18.0, 19.0, 4.0, 1.0]);
    // What cannot be taken is told with its reason.
    for (name, part) in [
        ("camera", "imagecodecs_jpegxl"),
        ("task_id", "one row an episode"),
        ("half", "4 rows for 5 frames"),
        ("name", "S4"),
        ("keypont", "did you mean `keypoint`?"),
        ("keypoint[0:5]", "within its 4 values"),
    ] {
        let message = failed(&root, &asking(&[name]));
        assert!(message.contains("pusht.zarr/data: --observation: ") && message.contains(part), "{message}");
    }
}

#[test]
fn compressors_orders_and_types_of_numcodecs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    folder(root, &[2], 2);
    // zlib: a block as it is, and the sum at the end.
    let bytes = floats(&[1.0, 2.0]);
    let (a, b) =
        bytes.iter().fold((1_u32, 0_u32), |(a, b), v| ((a + u32::from(*v)) % 65521, (b + a + u32::from(*v)) % 65521));
    let zlib = [&[0x78, 1, 1, 8, 0, 0xf7, 0xff], bytes.as_slice(), &(b << 16 | a).to_be_bytes()].concat();
    array(root, "data/a", &[2, 1], "<f4", &zlib, &json!({"compressor": {"id": "zlib", "level": 1}}));
    array(root, "data/b", &[2, 2], "<f4", &floats(&[1.0, 3.0, 2.0, 4.0]), &json!({"order": "F"}));
    array(root, "data/c", &[2], ">i2", &[0, 1, 0xff, 0xfe], &json!({}));
    array(root, "data/d", &[2], "<f2", &[0, 0x3c, 0, 0xbe], &json!({}));
    array(root, "data/e", &[2], "|u1", &[3, 200], &json!({}));
    let (_, dataset) = converted(root, &asking(&["a", "b", "c", "d", "e"]));
    assert_eq!(dataset.episodes[0].observations, [1.0, 1.0, 2.0, 1.0, 1.0, 3.0, 2.0, 3.0, 4.0, -2.0, -1.5, 200.0]);
}

#[test]
fn chunks_in_shards_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    folder(root, &[4], 4);
    let metadata = json!({
        "zarr_format": 3, "node_type": "array", "shape": [4, 1], "data_type": "float64", "fill_value": 0.0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 1]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "sharding_indexed", "configuration": {
            "chunk_shape": [2, 1], "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        }}],
    });
    // The second chunk before the first, and where each begins with its length.
    let values = [3.0, 4.0, 1.0, 2.0_f64].iter().flat_map(|v| v.to_le_bytes());
    let shard = values.chain([16_u64, 16, 0, 16].iter().flat_map(|v| v.to_le_bytes()));
    fs::create_dir_all(root.join("data/q/c/0")).unwrap();
    fs::write(root.join("data/q/zarr.json"), metadata.to_string()).unwrap();
    fs::write(root.join("data/q/c/0/0"), shard.collect::<Vec<u8>>()).unwrap();
    let (_, dataset) = converted(root, &asking(&["q"]));
    assert_eq!(dataset.episodes[0].observations, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn pictures_of_shares_of_brightness_are_no_black_ones() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a.zarr");
    folder(&root, &[1, 2], 2);
    array(&root, "data/bright", &[2, 1, 1, 3], "<f4", &floats(&[0.0, 0.5, 1.0, 1.0, 1.0, 0.0]), &json!({}));
    array(&root, "data/plain", &[2, 1, 1, 3], "<f4", &floats(&[0.0, 100.4, 255.3, 1.0, 1.0, 0.0]), &json!({}));
    array(&root, "data/wide", &[2, 1, 2, 3], "|u1", &[9; 12], &json!({}));
    let out = dir.path().join("out");
    let message = convert(&root, &out, &ImportOptions { images: true, ..options() }).unwrap();
    assert_eq!(message.cameras, ["bright", "plain"]);
    noted(&message, &["pictures of bright: 0 to 1"]);
    noted(&message, &["left out: wide (frames, 1, 2, 3): pictures of another size"]);
    assert_eq!(read_images(&out, 0).unwrap().rgb, [0, 128, 255, 0, 100, 255]);
    assert_eq!(read_images(&out, 1).unwrap().rgb, [255, 255, 0, 1, 1, 0]);
    let (message, _) = converted(&root, &options());
    noted(&message, &["left out: pictures of bright, plain of 1×1 pixels: --images takes them"]);
    // Of −1 to 1 no pictures come.
    array(&root, "data/bright", &[2, 1, 1, 3], "<f4", &floats(&[-1.0, 0.5, 1.0, 1.0, 1.0, 0.0]), &json!({}));
    let message = failed(&root, &ImportOptions { images: true, ..options() });
    assert!(message.contains("data/bright: pixels: expected numbers of 0 to 255, or of 0 to 1, found -1"), "{message}");
}

/// Nothing is believed that metadata claim.
#[test]
fn sizes_that_are_not_there_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let huge = 1_u64 << 62;
    let shapes: [[&[u64]; 2]; 6] = [
        [&[2, huge], &[2, 1]],
        [&[2, huge, huge], &[2, 1, 1]],
        [&[2, 1], &[huge, huge]],
        [&[2, 1], &[1 << 40, 1]],
        [&[u64::MAX, u64::MAX], &[1, 1]],
        [&[2, 1], &[0, 1]],
    ];
    for (number, [shape, chunks]) in shapes.into_iter().enumerate() {
        for name in ["data/action", "data/state", "meta/episode_ends"] {
            let root = dir.path().join(format!("{number}{}", name.replace('/', "_")));
            folder(&root, &[2], 2);
            fs::remove_dir_all(root.join(name)).unwrap();
            array(&root, name, shape, "<i8", &[], &json!({"chunks": chunks}));
            failed(&root, &asking(&["state"]));
        }
    }
    for (number, ends) in [&[-1, 2][..], &[2, 1], &[i64::MAX], &[]].into_iter().enumerate() {
        let root = dir.path().join(format!("ends{number}"));
        folder(&root, ends, 2);
        failed(&root, &options());
    }
}
