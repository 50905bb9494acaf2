//! HDF5 files as robomimic, LIBERO, Isaac Lab, ManiSkill, ALOHA and D4RL lay them out, made byte by byte.

use super::import::converted;
use super::pictures::{GREY, HEIGHT, WIDTH, bytes, plain, rgb};
use super::*;
use crate::import::{Converted, ImportOptions, convert};
use crate::read_images;
use std::path::PathBuf;

/// What a file holds.
enum Node {
    Group(Vec<(&'static str, Node)>),
    /// Shape, type and bytes of an array; without bytes nothing is stored, whatever the shape says.
    Data(Vec<u64>, Vec<u8>, Vec<u8>),
    /// Shape, type, number of the filter, and the packed bytes of an array of one chunk.
    Packed(Vec<u64>, Vec<u8>, u16, Vec<u8>),
    /// Lists of bytes, one a row.
    Lists(Vec<Vec<u8>>),
    /// A byte of a group.
    Attribute(u8),
    /// To a file and what is in it.
    Link(&'static str, &'static str),
}
use Node::{Attribute, Data, Group, Link, Lists, Packed};

/// A type: its class, its size, and the rest of the message. Whole numbers, with their flags: 1 for big-endian, 8 for
/// signed.
fn kind(class: u8, bits: [u8; 3], size: u32, rest: &[u8]) -> Vec<u8> {
    [&[0x10 | class], bits.as_slice(), &size.to_le_bytes(), rest].concat()
}

fn int(flags: u8, size: u32) -> Vec<u8> {
    kind(0, [flags, 0, 0], size, &[0, 0, (8 * size) as u8, 0])
}

fn float(size: u32) -> Vec<u8> {
    let (exponent, mantissa, bias) = match size {
        2 => (5, 10, 15_u32),
        4 => (8, 23, 127),
        _ => (11, 52, 1023),
    };
    let rest = [0, 0, (8 * size) as u8, 0, mantissa, exponent, 0, mantissa];
    kind(1, [0x20, (8 * size - 1) as u8, 0], size, &[rest.as_slice(), &bias.to_le_bytes()].concat())
}

/// h5py's truth values.
fn truth() -> Vec<u8> {
    let rest = [int(8, 1), b"FALSE\0\0\0TRUE\0\0\0\0".to_vec(), vec![0, 1]].concat();
    kind(8, [2, 0, 0], 1, &rest)
}

/// An array of numbers that count up from `first`, (rows, the rest of the shape).
fn counting(shape: &[u64], first: f32) -> Node {
    let values = (0..shape.iter().product::<u64>()).flat_map(|i| (first + i as f32).to_le_bytes());
    Data(shape.to_vec(), float(4), values.collect())
}

/// The messages on the shape and the type of an array.
fn described(shape: &[u64], of: &[u8]) -> [(u16, Vec<u8>); 2] {
    let dims: Vec<u8> = shape.iter().flat_map(|n| n.to_le_bytes()).collect();
    [(1, [&[1, shape.len() as u8, 0, 0, 0, 0, 0, 0], dims.as_slice()].concat()), (3, of.to_vec())]
}

fn put(file: &mut Vec<u8>, node: &Node) -> u64 {
    let undefined = u64::MAX.to_le_bytes();
    let mut messages: Vec<(u16, Vec<u8>)> = Vec::new();
    match node {
        Group(children) => {
            messages.push((2, [&[0, 0], undefined.as_slice(), &undefined].concat()));
            for (name, child) in children {
                let named = [&[name.len() as u8], name.as_bytes()].concat();
                messages.push(match child {
                    Attribute(value) => {
                        let space = [1, 0, 0, 0, 0, 0, 0, 0];
                        let sizes = [name.len() as u16 + 1, 12, 8].map(u16::to_le_bytes).concat();
                        (
                            12,
                            [&[3, 0], sizes.as_slice(), &[0], name.as_bytes(), &[0], &int(0, 1), &space, &[*value]]
                                .concat(),
                        )
                    }
                    Link(to, path) => {
                        let target = [&[0], to.as_bytes(), &[0], path.as_bytes(), &[0]].concat();
                        (6, [&[1, 8, 64], named.as_slice(), &(target.len() as u16).to_le_bytes(), &target].concat())
                    }
                    _ => {
                        let at = put(file, child).to_le_bytes();
                        (6, [&[1, 0], named.as_slice(), &at].concat())
                    }
                });
            }
        }
        Packed(shape, of, filter, bytes) => {
            messages.extend(described(shape, of));
            let at = (file.len() as u64).to_le_bytes();
            file.extend(bytes);
            // A node of one chunk: how long it is, where it begins, where it lies, and where the next would begin.
            let tree = (file.len() as u64).to_le_bytes();
            file.extend([b"TREE\x01\0\x01\0".as_slice(), &undefined, &undefined].concat());
            file.extend([(bytes.len() as u32).to_le_bytes(), [0; 4]].concat());
            file.extend(vec![0; 8 * (shape.len() + 1)]);
            file.extend([at.as_slice(), &[0; 8]].concat());
            file.extend(shape.iter().chain(&[0]).flat_map(|n| n.to_le_bytes()));
            let size = of[4..8].to_vec();
            let chunk: Vec<u8> = shape.iter().flat_map(|n| (*n as u32).to_le_bytes()).chain(size).collect();
            messages.push((8, [&[3, 2, shape.len() as u8 + 1], tree.as_slice(), &chunk].concat()));
            let values = [0, 0, 1 << 20, 0_u32].map(u32::to_le_bytes).concat();
            let head = [*filter, 0, 0, 3].map(u16::to_le_bytes).concat();
            messages.push((11, [&[1, 1, 0, 0, 0, 0, 0, 0], head.as_slice(), &values].concat()));
        }
        Data(shape, of, bytes) => {
            messages.extend(described(shape, of));
            let at = if bytes.is_empty() { undefined } else { (file.len() as u64).to_le_bytes() };
            messages.push((8, [&[3, 1], at.as_slice(), &(bytes.len() as u64).to_le_bytes()].concat()));
            file.extend(bytes);
        }
        Lists(lists) => {
            // A heap: how long it is, and each thing in it with its number and length.
            let mut heap = Vec::new();
            for (number, list) in lists.iter().enumerate() {
                heap.extend([(number as u16 + 1).to_le_bytes().as_slice(), &[1, 0, 0, 0, 0, 0]].concat());
                heap.extend([(list.len() as u64).to_le_bytes().as_slice(), list].concat());
                heap.resize(heap.len().next_multiple_of(8), 0);
            }
            file.resize(file.len().next_multiple_of(8), 0);
            let at = (file.len() as u64).to_le_bytes();
            file.extend([b"GCOL\x01\0\0\0".as_slice(), &(heap.len() as u64 + 16).to_le_bytes(), &heap].concat());
            let reference = |(number, list): (usize, &Vec<u8>)| {
                [&(list.len() as u32).to_le_bytes(), at.as_slice(), &(number as u32 + 1).to_le_bytes()].concat()
            };
            let references = lists.iter().enumerate().flat_map(reference).collect();
            return put(file, &Data(vec![lists.len() as u64], kind(9, [0; 3], 16, &int(0, 1)), references));
        }
        Attribute(_) | Link(..) => unreachable!("written by their group"),
    }
    let mut body = Vec::new();
    for (number, mut data) in messages.iter().cloned() {
        data.resize(data.len().next_multiple_of(8), 0);
        body.extend([number.to_le_bytes(), (data.len() as u16).to_le_bytes(), [0; 2], [0; 2]].concat());
        body.extend(data);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let at = file.len() as u64;
    file.extend([&[1, 0], (messages.len() as u16).to_le_bytes().as_slice(), &1_u32.to_le_bytes()].concat());
    file.extend([(body.len() as u32).to_le_bytes(), [0; 4]].concat());
    file.extend(body);
    at
}

/// Writes a file; its path.
fn hdf5(path: PathBuf, root: &Node) -> PathBuf {
    let mut file = vec![0; 96];
    let root = put(&mut file, root);
    let (end, undefined) = (file.len() as u64, u64::MAX);
    let head = [b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".as_slice()];
    let addresses = [0, undefined, end, undefined, 0, root].map(u64::to_le_bytes).concat();
    let head = [head[0], &addresses].concat();
    file[..head.len()].copy_from_slice(&head);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, file).unwrap();
    path
}

fn options() -> ImportOptions {
    ImportOptions { rate: Some(10.0), ..ImportOptions::default() }
}

fn asking(observation: &[&str], action: &[&str]) -> ImportOptions {
    let [observation, action] = [observation, action].map(|names| names.iter().map(ToString::to_string).collect());
    ImportOptions { observation, action, ..options() }
}

/// Converts a file with this in it.
fn made(root: &Node, options: &ImportOptions) -> (Converted, Dataset) {
    let dir = tempfile::tempdir().unwrap();
    converted(&hdf5(dir.path().join("a.h5"), root), options)
}

/// The one line of a conversion that fails.
fn failed(from: &Path, options: &ImportOptions) -> String {
    let dir = tempfile::tempdir().unwrap();
    let message = convert(from, &dir.path().join("out"), options).unwrap_err().to_string();
    assert!(!message.contains('\n') && !message.contains('{') && !dir.path().join("out").exists(), "{message}");
    message
}

fn noted(message: &Converted, parts: &[&str]) {
    let found = message.notes.iter().any(|note| parts.iter().all(|p| note.contains(p)));
    assert!(found, "{parts:?} in no line of {:#?}", message.notes);
}

/// An episode of two frames with a thing more in its observation.
fn demo(name: &'static str, more: Node) -> Node {
    let rewards = Data(vec![2], int(0, 1), vec![0, 1]);
    Group(vec![
        ("actions", counting(&[2, 1], 0.0)),
        ("rewards", rewards),
        ("obs", Group(vec![("a", counting(&[2, 1], 7.0)), (name, more)])),
    ])
}

#[test]
fn numbers_of_every_type_are_read() {
    let big = |flags: u8, size| int(flags | 1, size);
    let of: [(Vec<u8>, Vec<u8>, f32); 9] = [
        (int(0, 1), vec![1, 200], 200.0),
        (int(8, 1), vec![1, 0xff], -1.0),
        (int(8, 2), vec![0, 0, 0xfe, 0xff], -2.0),
        (big(0, 2), vec![0, 0, 1, 2], 258.0),
        (int(0, 4), vec![0, 0, 0, 0, 0, 0, 0, 0x80], 2_147_483_648.0),
        (int(8, 8), [[0; 8], (-5_i64).to_le_bytes()].concat(), -5.0),
        (float(2), vec![0, 0, 0x00, 0xbe], -1.5),
        (float(8), [0.0_f64.to_le_bytes(), 0.25_f64.to_le_bytes()].concat(), 0.25),
        (truth(), vec![0, 1], 1.0),
    ];
    for (kind, bytes, last) in of {
        let file = Group(vec![("data", Group(vec![("demo_0", demo("b", Data(vec![2], kind, bytes)))]))]);
        let (_, dataset) = made(&file, &options());
        assert_eq!((dataset.spec.observation, dataset.episodes[0].success), (layout(&[("a", 1), ("b", 1)]), true));
        assert_eq!(dataset.episodes[0].observations[2..], [8.0, last]);
    }
    // What is no number is left out, and told in words if asked for.
    let text = || Group(vec![("demo_0", demo("b", Data(vec![2], kind(3, [0; 3], 4, &[]), b"leftrite".to_vec())))]);
    let (message, dataset) = made(&text(), &options());
    assert_eq!(dataset.spec.observation, layout(&[("a", 1)]));
    noted(&message, &["left out: b (frames): text"]);
    let dir = tempfile::tempdir().unwrap();
    let message = failed(&hdf5(dir.path().join("a.hdf5"), &text()), &asking(&["b"], &[]));
    assert!(
        message.contains("a.hdf5: demo_0: --observation: expected vectors") && message.contains("text"),
        "{message}"
    );
}

#[test]
fn nested_groups_and_matrices_are_taken_by_name() {
    let nested = || {
        let policy = Group(vec![("joint_pos", counting(&[2, 3], 0.0)), ("pose", counting(&[2, 2, 2], 10.0))]);
        Group(vec![("demo_0", demo("policy", policy))])
    };
    let (message, dataset) = made(&nested(), &options());
    assert_eq!(dataset.spec.observation, layout(&[("a", 1)]));
    noted(&message, &["left out: policy/joint_pos (frames, 3), policy/pose (frames, 2, 2)", "--observation"]);
    let asked = asking(&["policy/pose", "obs/policy/joint_pos[1:3]", "a"], &["actions", "policy/joint_pos[:1]"]);
    let (message, dataset) = made(&nested(), &asked);
    assert_eq!(dataset.spec.observation, layout(&[("policy/pose", 4), ("policy/joint_pos", 2), ("a", 1)]));
    assert_eq!(dataset.episodes[0].observations[7..], [14.0, 15.0, 16.0, 17.0, 4.0, 5.0, 8.0]);
    assert_eq!(dataset.episodes[0].actions, [0.0, 0.0, 1.0, 3.0]);
    assert!(message.notes.is_empty(), "{:?}", message.notes);
}

#[test]
fn packed_arrays_are_read_or_named() {
    // h5py's lzf: two numbers as they are, then the first again and once more.
    let two = [1.5_f32.to_le_bytes(), 2.5_f32.to_le_bytes()].concat();
    let lzf = [&[7], two.as_slice(), &[6 << 5, 7]].concat();
    let file = |filter, bytes| Group(vec![("e", demo("b", Packed(vec![2, 2], float(4), filter, bytes)))]);
    let (_, dataset) = made(&file(32000, lzf), &options());
    assert_eq!(dataset.episodes[0].observations, [7.0, 1.5, 2.5, 8.0, 1.5, 2.5]);
    // An array that another program has packed spoils nothing, unless it is asked for.
    let (message, dataset) = made(&file(32001, vec![0; 16]), &options());
    assert_eq!(dataset.spec.observation, layout(&[("a", 1)]));
    noted(&message, &["left out: b (2, 2): unsupported filter: blosc (32001)"]);
    let dir = tempfile::tempdir().unwrap();
    let message = failed(&hdf5(dir.path().join("a.h5"), &file(32015, vec![0; 16])), &asking(&["b"], &[]));
    assert!(
        message.contains("a.h5: e: --observation") && message.contains("b (2, 2)") && message.contains("zstd"),
        "{message}"
    );
}

#[test]
fn episodes_are_groups_of_any_name() {
    let episode = |first| {
        let obs = Group(vec![("q", counting(&[3, 1], first))]);
        Group(vec![("action", counting(&[2, 1], first)), ("obs", obs), ("success", Attribute(u8::from(first > 5.0)))])
    };
    let broken = Group(vec![("obs", Group(vec![("q", counting(&[3, 1], 0.0))]))]);
    let file = Group(vec![
        ("traj_10", episode(10.0)),
        ("traj_2", episode(2.0)),
        ("traj_3", broken),
        ("mask", Group(vec![("train", Data(vec![1], kind(3, [0; 3], 4, &[]), b"traj".to_vec()))])),
    ]);
    let (message, dataset) = made(&file, &options());
    let of: Vec<(f32, bool)> = dataset.episodes.iter().map(|e| (e.actions[0], e.success)).collect();
    assert_eq!(of, [(2.0, false), (10.0, true)]);
    // ManiSkill has the observation after the last action too.
    assert_eq!(dataset.episodes[0].observations, [2.0, 3.0]);
    noted(&message, &["left out: mask, traj_3: not in an episode"]);
    noted(&message, &["q", "after the last action"]);
    // The action has another name, and the observation no group.
    let file = Group(vec![("e", Group(vec![("motor", counting(&[2, 1], 1.0)), ("q", counting(&[2, 2], 0.0))]))]);
    let dir = tempfile::tempdir().unwrap();
    let path = hdf5(dir.path().join("a.h5"), &file);
    assert!(failed(&path, &options()).contains("--action NAME"));
    let (message, dataset) = made(&file, &asking(&[], &["motor"]));
    assert_eq!((dataset.spec.observation, dataset.spec.action), (layout(&[("q", 2)]), layout(&[("motor", 1)])));
    assert!(dataset.episodes[0].success);
    noted(&message, &["which episodes are solved"]);
}

#[test]
fn a_folder_holds_a_file_an_episode() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("aloha");
    let episode = |first| {
        let pictures = Group(vec![("top", Data(vec![2, 1, 2, 3], int(0, 1), (0..12).collect()))]);
        let observations = Group(vec![("qpos", counting(&[2, 2], first)), ("images", pictures)]);
        Group(vec![("action", counting(&[2, 1], first)), ("observations", observations)])
    };
    hdf5(root.join("episode_10.hdf5"), &episode(10.0));
    hdf5(root.join("episode_9.hdf5"), &episode(9.0));
    hdf5(root.join("episode_11.hdf5"), &Group(vec![("episode", Link("parts/far.h5", "/there"))]));
    hdf5(root.join("parts/far.h5"), &Group(vec![("there", episode(11.0))]));
    fs::write(root.join("._episode_1.hdf5"), "Mac OS X").unwrap();
    let out = dir.path().join("out");
    let message = convert(&root, &out, &ImportOptions { images: true, ..options() }).unwrap();
    let dataset = read(&out).unwrap();
    assert_eq!(dataset.episodes.iter().map(|e| e.actions[0]).collect::<Vec<_>>(), [9.0, 10.0, 11.0]);
    assert_eq!((dataset.spec.task.as_str(), dataset.spec.observation), ("aloha", layout(&[("qpos", 2)])));
    assert_eq!(
        (message.cameras, read_images(&out, 2).unwrap().rgb),
        (vec!["top".into()], (0..12).collect::<Vec<u8>>())
    );
    // A file that is missing or broken is named, or left out.
    fs::remove_file(root.join("parts/far.h5")).unwrap();
    let message = failed(&root, &options());
    assert!(message.contains("episode_11.hdf5") && message.contains("parts/far.h5"), "{message}");
    let (message, dataset) = converted(&root, &ImportOptions { skip_broken: true, ..options() });
    assert_eq!(dataset.episodes.len(), 2);
    noted(&message, &["left out", "episode_11.hdf5"]);
}

/// Rows as long as the longest, with zeros after it.
fn padded(files: &[Vec<u8>]) -> (u64, Vec<u8>) {
    let width = files.iter().map(Vec::len).max().unwrap();
    let row = |file: &Vec<u8>| file.iter().copied().chain(std::iter::repeat(0)).take(width).collect::<Vec<u8>>();
    (width as u64, files.iter().flat_map(row).collect())
}

/// An episode of two frames, with these cameras.
fn filmed(cameras: Vec<(&'static str, Node)>) -> Node {
    let obs = Group(vec![("q", counting(&[2, 1], 0.0)), ("images", Group(cameras))]);
    Group(vec![("action", counting(&[2, 1], 0.0)), ("observations", obs)])
}

fn with_images() -> ImportOptions {
    ImportOptions { images: true, ..options() }
}

#[test]
fn pictures_are_files_or_pixels_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let (height, width) = (HEIGHT as u64, WIDTH as u64);
    let files = [plain(0), bytes(GREY)];
    let (long, rows) = padded(&files);
    let (other_long, other_rows) = padded(&[plain(0), [bytes(GREY), vec![0; 9]].concat()]);
    let greys: Vec<u8> = (0..48).collect();
    let planes: Vec<u8> =
        (0..2).flat_map(|t| (0..3).flat_map(move |c| rgb(t).into_iter().skip(c).step_by(3))).collect();
    let with_alpha: Vec<u8> =
        (0..2).flat_map(rgb).collect::<Vec<u8>>().chunks(3).flat_map(|p| [p, &[7]].concat()).collect();
    let film = |long: u64, rows: Vec<u8>| {
        filmed(vec![
            ("a_rows", Data(vec![2, long], int(0, 1), rows.clone())),
            ("b_text", Data(vec![2], kind(3, [0; 3], long as u32, &[]), rows)),
            ("c_lists", Lists(files.to_vec())),
            ("d_grey", Data(vec![2, height, width], int(0, 1), greys.clone())),
            ("e_grey", Data(vec![2, height, width, 1], int(0, 1), greys.clone())),
            ("f_planes", Data(vec![2, 3, height, width], int(0, 1), planes.clone())),
            ("g_alpha", Data(vec![2, height, width, 4], int(0, 1), with_alpha.clone())),
            ("h_depth", Data(vec![2, height, width], int(0, 2), vec![9; 96])),
        ])
    };
    // The rows of each episode are as long as its longest file.
    let root = dir.path().join("aloha");
    hdf5(root.join("episode_0.hdf5"), &film(long, rows));
    hdf5(root.join("episode_1.hdf5"), &film(other_long, other_rows));
    let out = dir.path().join("out");
    let message = convert(&root, &out, &with_images()).unwrap();
    assert_eq!(message.cameras, ["a_rows", "b_text", "c_lists", "d_grey", "e_grey", "f_planes", "g_alpha"]);
    noted(&message, &["images/h_depth (frames, 4, 6): --observation"]);
    let grey = |t: usize| (0..24).flat_map(|i| [(24 * t + i) as u8; 3]).collect::<Vec<u8>>();
    let frame = |t: usize| {
        let file = if t == 0 { rgb(0) } else { vec![84; 72] };
        [file.clone(), file.clone(), file, grey(t), grey(t), rgb(t), rgb(t)].concat()
    };
    for episode in 0..2 {
        assert_eq!(read_images(&out, episode).unwrap().rgb, [frame(0), frame(1)].concat());
    }
    let (message, _) = converted(&root, &options());
    noted(&message, &["pictures of a_rows, b_text, c_lists", "--images takes them"]);
}

#[test]
fn pictures_that_could_be_two_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let film = || vec![("wide", Data(vec![2, 3, 5, 3], int(0, 1), vec![1; 90]))];
    let path = hdf5(dir.path().join("a.h5"), &filmed(film()));
    let message = failed(&path, &with_images());
    assert!(message.contains("a.h5: observations/images/wide: expected pictures of (height, width, 3)"), "{message}");
    noted(&converted(&path, &options()).0, &["images/wide (frames, 3, 5, 3)", "the shape fits both"]);
    // Another camera is taken.
    let mut more = film();
    more.push(("top", Data(vec![2, 1, 2, 3], int(0, 1), (0..12).collect())));
    let path = hdf5(dir.path().join("a.h5"), &filmed(more));
    let message = convert(&path, &dir.path().join("out"), &with_images()).unwrap();
    assert_eq!(message.cameras, ["top"]);
    noted(&message, &["images/wide", "the shape fits both"]);
    // Bytes that are no file at all.
    let path = hdf5(dir.path().join("a.h5"), &filmed(vec![("x", Lists(vec![vec![1; 9]; 2]))]));
    assert!(failed(&path, &with_images()).contains("pictures of one size, for --images"));
    noted(&converted(&path, &options()).0, &["images/x (frames): lists or text of any length"]);
}

#[test]
fn an_episode_with_a_broken_picture_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let film = |files: Vec<Vec<u8>>| filmed(vec![("top", Lists(files))]);
    let file = Group(vec![
        ("e0", film(vec![vec![1, 2, 3], plain(1)])),
        ("e1", film(vec![plain(2), plain(3)])),
        ("e2", film(vec![plain(4), plain(5)[..60].to_vec()])),
    ]);
    let path = hdf5(dir.path().join("a.h5"), &file);
    let expected = "a.h5: e0/observations/images/top: frame 0: expected a PNG or JPEG of 6x4 pixels, found neither";
    let message = failed(&path, &with_images());
    assert!(message.contains(expected), "{message}");
    let out = dir.path().join("out");
    let message = convert(&path, &out, &ImportOptions { skip_broken: true, ..with_images() }).unwrap();
    noted(&message, &["left out: ", expected]);
    noted(&message, &["left out: ", "a.h5: e2/observations/images/top: frame 1: expected a PNG"]);
    assert_eq!((message.episodes, read_images(&out, 0).unwrap().rgb), (1, [rgb(2), rgb(3)].concat()));
}

#[test]
fn flat_files_end_episodes_by_terminals_and_timeouts() {
    let ends = |at: usize| Data(vec![5], truth(), (0..5).map(|t| u8::from(t == at)).collect());
    let file = Group(vec![
        ("observations", counting(&[5, 2], 0.0)),
        ("actions", counting(&[5, 1], 0.0)),
        ("rewards", Data(vec![5], int(0, 1), vec![0, 1, 0, 0, 1])),
        ("terminals", ends(1)),
        ("timeouts", ends(3)),
        ("infos", Group(vec![("goal", counting(&[5, 2], 0.0))])),
    ]);
    let (message, dataset) = made(&file, &options());
    let of: Vec<(usize, &[f32], bool)> = dataset.episodes.iter().map(|e| (e.len, &e.actions[..], e.success)).collect();
    assert_eq!(of, [(2, &[0.0, 1.0][..], true), (2, &[2.0, 3.0], false), (1, &[4.0], true)]);
    assert_eq!(dataset.episodes[1].observations, [4.0, 5.0, 6.0, 7.0]);
    noted(&message, &["left out: infos/goal (frames, 2): --observation observations,infos/goal takes it"]);
}

#[test]
fn episodes_without_a_frame_are_left_out() {
    let episode = |frames: u64, first: f32| {
        let obs = Group(vec![("q", counting(&[frames, 1], first))]);
        Group(vec![("actions", counting(&[frames, 1], first)), ("obs", obs)])
    };
    let file = |names: [u64; 3]| {
        Group(vec![("d0", episode(names[0], 0.0)), ("d1", episode(names[1], 1.0)), ("d2", episode(names[2], f32::NAN))])
    };
    let (message, dataset) = made(&file([0, 2, 0]), &options());
    assert_eq!(dataset.episodes.iter().map(|e| e.actions.clone()).collect::<Vec<_>>(), [[1.0, 2.0]]);
    noted(&message, &["a.h5: d0: no frame"]);
    noted(&message, &["a.h5: d2: no frame"]);
    let dir = tempfile::tempdir().unwrap();
    let path = hdf5(dir.path().join("a.h5"), &file([0, 0, 0]));
    assert!(failed(&path, &options()).contains("a.h5: expected at least one episode with a frame"));
    // A number that is not finite is told with its place in the source, or its episode is left out.
    let path = hdf5(dir.path().join("a.h5"), &file([1, 0, 2]));
    let message = failed(&path, &options());
    assert!(message.contains("a.h5: d2: observations: expected finite numbers, found NaN in frame 0"), "{message}");
    let (message, dataset) = converted(&path, &ImportOptions { skip_broken: true, ..options() });
    assert_eq!(dataset.episodes.len(), 1);
    noted(&message, &["left out", "d2", "NaN in frame 0"]);
    // Many are asked for.
    let (_, dataset) = made(&file([1, 1, 0]), &ImportOptions { episodes: Some(u32::MAX as usize), ..options() });
    assert_eq!(dataset.episodes.len(), 2);
    let (_, dataset) = made(&file([0, 2, 1]), &ImportOptions { episodes: Some(1), ..options() });
    assert_eq!(dataset.episodes[0].len, 2);
}

/// Nothing is believed that a header claims.
#[test]
fn sizes_that_are_not_there_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let huge = 1_u64 << 62;
    for (action, observation) in [
        (vec![huge, 1], vec![huge, 1]),
        (vec![huge, 4], vec![2, 1]),
        (vec![2, huge], vec![2, 1]),
        (vec![2, 1], vec![2, huge]),
        (vec![2, 1], vec![2, huge, huge]),
        (vec![2, 1], vec![huge, 1]),
        (vec![1 << 31, 1], vec![1 << 31, 1]),
        (vec![u64::MAX, 1], vec![u64::MAX, 1]),
        (vec![2, 1], vec![2, 0]),
    ] {
        let nothing = |shape: &[u64]| Data(shape.to_vec(), float(4), Vec::new());
        for name in ["demo_0", "actions"] {
            let file = match name {
                "actions" => Group(vec![
                    ("actions", nothing(&action)),
                    ("observations", nothing(&observation)),
                    ("terminals", nothing(&action[..1])),
                ]),
                _ => Group(vec![(
                    "demo_0",
                    Group(vec![("actions", nothing(&action)), ("obs", Group(vec![("q", nothing(&observation))]))]),
                )]),
            };
            failed(&hdf5(dir.path().join("a.h5"), &file), &options());
            failed(&hdf5(dir.path().join("a.h5"), &file), &asking(&["q"], &[]));
        }
    }
}
