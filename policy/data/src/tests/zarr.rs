//! Zarr folders as Diffusion Policy, UMI and others write them, made chunk by chunk.

use super::import::converted;
use super::pictures::{GREY, HEIGHT, WIDTH, bytes, plain, rgb};
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
    noted(&message, &["left out: jpeg (frames, 300): perhaps pictures"]);
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

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|b| u8::from_str_radix(std::str::from_utf8(b).unwrap(), 16).unwrap()).collect()
}

/// 1, 2, 3, 4.5 as 32-bit floats, packed by Python's libraries; lz4 by hand: sixteen bytes as they are.
fn packed() -> [(&'static str, Vec<u8>); 5] {
    let xz = "fd377a585a000004e6d6b4460200210110000000a8708e8601000f0000803f00000040000040400000904000\
              2ded61c80f01e58500012810e50b6c601fb6f37d010000000004595a";
    let bz2 = "425a6831314159265359c35245eb000001cc6040000000c000400040002000219a019a008c4a9ac7c5dc914e1424\
               30d4917ac0";
    let lz4 = [&[16, 0, 0, 0, 0xf0, 1][..], &floats(&[1.0, 2.0, 3.0, 4.5])].concat();
    [
        ("lz4", lz4),
        ("bz2", hex(bz2)),
        ("lzma", hex(xz)),
        ("lzma", hex("5d00001000ffffffffffffffff00000015bdb2e91b8869d024edf519ca473fff9e7f0000")),
        ("gzip", hex("1f8b0800000000000203636068b0676060700022209ee00000050665c110000000")),
    ]
}

/// An array of one chunk of version 3.
fn third(root: &Path, path: &str, shape: &[u64], dtype: &str, codecs: &Value, bytes: &[u8]) {
    let metadata = json!({
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": dtype, "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "codecs": codecs,
    });
    let chunk = root.join(path).join("c").join(vec!["0"; shape.len()].join("/"));
    fs::create_dir_all(chunk.parent().unwrap()).unwrap();
    fs::write(root.join(path).join("zarr.json"), metadata.to_string()).unwrap();
    fs::write(chunk, bytes).unwrap();
}

#[test]
fn compressors_that_zarrs_lacks_are_read_in_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    for (number, (id, bytes)) in packed().into_iter().enumerate() {
        let root = dir.path().join(number.to_string());
        folder(&root, &[1, 4], 4);
        array(&root, "data/a", &[4, 1], "<f4", &bytes, &json!({"compressor": {"id": id, "level": 1}}));
        let name = format!("numcodecs.{id}");
        let codecs = json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": name}]);
        third(&root, "data/b", &[4, 1], "float32", &codecs, &bytes);
        let (_, dataset) = converted(&root, &asking(&["a", "b"]));
        assert_eq!(dataset.episodes[0].observations, [1.0, 1.0], "{id}");
        assert_eq!(dataset.episodes[1].observations, [2.0, 2.0, 3.0, 3.0, 4.5, 4.5], "{id}");
    }
}

/// The second episode begins amid a chunk, whose sum goes on.
#[test]
fn differences_are_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    folder(root, &[1, 3], 3);
    let delta = |dtype: &str, astype: &str| json!({"id": "delta", "dtype": dtype, "astype": astype});
    let filters = |of: Value| json!({"filters": [of]});
    array(root, "data/a", &[3], "<i2", &[200, 0xfe, 3], &filters(delta("<i2", "|i1")));
    array(root, "data/b", &[3], ">u2", &[0, 1, 0xff, 0xff, 1, 0], &filters(delta(">u2", ">u2")));
    array(root, "data/c", &[3], "<f4", &floats(&[0.5, 0.25, -2.0]), &filters(json!({"id": "delta", "dtype": "<f4"})));
    array(root, "data/d", &[3], "<f8", &[0, 0x3c, 0, 0xbe, 0, 0x40], &filters(delta("f8", "f2")));
    let lz4 = [&[3, 0, 0, 0, 0x30][..], &[7, 1, 1]].concat();
    let mut both = filters(delta("|u1", "|u1"));
    both["compressor"] = json!({"id": "lz4", "acceleration": 1});
    array(root, "data/e", &[3], "|u1", &lz4, &both);
    let third_delta = json!({"name": "numcodecs.delta", "configuration": {"dtype": "<i4", "astype": "|i1"}});
    let bytes = |endian: &str| json!({"name": "bytes", "configuration": {"endian": endian}});
    third(root, "data/f", &[3], "int32", &json!([third_delta, bytes("little")]), &[1, 2, 3]);
    let (_, dataset) = converted(root, &asking(&["a", "b", "c", "d", "e", "f"]));
    let expected =
        [-56.0, 1.0, 0.5, 1.0, 7.0, 1.0, -58.0, 0.0, 0.75, -0.5, 8.0, 3.0, -55.0, 256.0, -1.25, 1.5, 9.0, 6.0];
    let found: Vec<f32> = dataset.episodes.iter().flat_map(|e| e.observations.clone()).collect();
    assert_eq!(found, expected);
    // In another order, or of a type that is no number, they would be other values: the array is left out by name.
    let transpose = json!({"name": "transpose", "configuration": {"order": [0]}});
    for codecs in [json!([third_delta, transpose, bytes("little")]), json!([third_delta, bytes("big")])] {
        third(root, "data/f", &[3], "int32", &codecs, &[1, 2, 3]);
        noted(&converted(root, &asking(&["a"])).0, &["left out: f: another filter after `delta`"]);
    }
    array(root, "data/c", &[3], "<i4", &[0; 12], &filters(delta("<i4", "<f4")));
    noted(&converted(root, &asking(&["a"])).0, &["left out: c: ", "delta"]);
}

/// What a header claims, or would unpack to, is held against the size of the chunk.
#[test]
fn chunks_do_not_hold_more_than_their_shape() {
    let dir = tempfile::tempdir().unwrap();
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 62).to_le_bytes(), &[3, 0, 0, 0]].concat();
    let claims = [("lz4", vec![0xff, 0xff, 0xff, 0xff, 0]), ("lz4", vec![1, 0]), ("zstd", zstd), ("delta", vec![1])];
    // Any byte of what is packed may be another: it is told, or the numbers are others.
    let root = dir.path().join("any");
    folder(&root, &[4], 4);
    for (id, bytes) in packed() {
        for (at, change) in (0..bytes.len()).flat_map(|at| [1, 0x40, 0xff].map(|change| (at, change))) {
            let mut wrong = bytes.clone();
            wrong[at] ^= change;
            array(&root, "data/a", &[4, 1], "<f4", &wrong, &json!({"compressor": {"id": id}}));
            let _ = crate::import::load(&root, &asking(&["a"]));
        }
    }
    let of_four = packed().into_iter().flat_map(|(id, bytes)| [(id, bytes.clone()), (id, bytes[..20].to_vec())]);
    for (number, (id, bytes)) in of_four.chain(claims).enumerate() {
        let root = dir.path().join(number.to_string());
        folder(&root, &[2], 2);
        let more = match id {
            "delta" => json!({"filters": [{"id": id, "dtype": "<f4"}]}),
            _ => json!({"compressor": {"id": id}}),
        };
        array(&root, "data/a", &[2, 1], "<f4", &bytes, &more);
        let message = failed(&root, &asking(&["a"]));
        assert!(
            message.contains(&format!("data/a: expected a readable zarr array, found broken \"{id}\" data")),
            "{message}"
        );
    }
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

#[test]
fn pictures_are_files_or_pixels_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a.zarr");
    folder(&root, &[1, 2], 2);
    let files = [plain(0), bytes(GREY)];
    let (height, width, long) = (HEIGHT as u64, WIDTH as u64, files.iter().map(Vec::len).max().unwrap());
    let rows: Vec<u8> = files.iter().flat_map(|f| [f.clone(), vec![0; long - f.len()]].concat()).collect();
    array(&root, "data/a_rows", &[2, long as u64], "|u1", &rows, &json!({}));
    array(&root, "data/b_grey", &[2, height, width], "|u1", &(0..48).collect::<Vec<u8>>(), &json!({}));
    let planes: Vec<u8> =
        (0..2).flat_map(|t| (0..3).flat_map(move |c| rgb(t).into_iter().skip(c).step_by(3))).collect();
    array(&root, "data/c_planes", &[2, 3, height, width], "|u1", &planes, &json!({}));
    let lists = files.iter().flat_map(|f| [&(f.len() as u32).to_le_bytes(), f.as_slice()].concat());
    let lists: Vec<u8> = [2, 0, 0, 0].into_iter().chain(lists).collect();
    // A chunk longer than the array.
    let chunk: Vec<u8> = [3, 0, 0, 0].into_iter().chain(lists[4..].to_vec()).chain([0; 4]).collect();
    let of_lists = json!({"filters": [{"id": "vlen-bytes"}], "chunks": [3]});
    array(&root, "data/d_lists", &[2], "|O", &chunk, &of_lists);
    let packed = json!([{"name": "vlen-bytes"}, {"name": "gzip", "configuration": {"level": 0}}]);
    let sum = lists.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let length = (lists.len() as u16).to_le_bytes();
    // A block as it is.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, length[0], length[1], !length[0], !length[1]], &lists[..]];
    let gzip = [gzip.concat(), (!sum).to_le_bytes().into(), (lists.len() as u32).to_le_bytes().into()].concat();
    third(&root, "data/e_lists", &[2], "bytes", &packed, &gzip);
    edit_json(&root.join("data/e_lists/zarr.json"), |j| j["fill_value"] = json!(""));
    let out = dir.path().join("out");
    let message = convert(&root, &out, &ImportOptions { images: true, ..options() }).unwrap();
    assert_eq!(message.cameras, ["a_rows", "b_grey", "c_planes", "d_lists", "e_lists"]);
    for t in 0..2_usize {
        let file = if t == 0 { rgb(0) } else { vec![84; 72] };
        let grey = (0..24).flat_map(|i| [(24 * t + i) as u8; 3]).collect::<Vec<u8>>();
        assert_eq!(read_images(&out, t).unwrap().rgb, [file.clone(), grey, rgb(t), file.clone(), file].concat());
    }
    // Lengths that are not there.
    for (at, byte) in [(0, 4), (0, 2), (4, 255), (7, 255)] {
        let mut wrong = chunk.clone();
        wrong[at] = byte;
        array(&root, "data/d_lists", &[2], "|O", &wrong, &of_lists);
        noted(&converted(&root, &options()).0, &["left out: d_lists (frames): lists or text of any length"]);
    }
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
