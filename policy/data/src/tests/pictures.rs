//! Pictures of LeRobot's datasets in the forms that people have them in.

use super::bad_import::refused;
use super::import::make_two;
use super::*;
use crate::import::{Converted, ImportOptions, convert};
use crate::read_images;
use arrow_array::{Array, BinaryArray, StructArray};
use std::path::PathBuf;

const LEN: usize = 15;
pub(super) const WIDTH: usize = 6;
pub(super) const HEIGHT: usize = 4;

/// A JPEG of 6x4 pixels, (40 x, 60 y, 120) at (x, y).
pub(super) const JPEG: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb00430002020202020102020202030202030306040303030307050504060807090808\
    070808090a0d0b090a0c0a08080b0f0b0c0d0e0e0f0e090b1011100e110d0e0e0effdb004301020303030303070404070e0908090e0e0e0e\
    0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0effc00011080004000603\
    011100021101031101ffc40014000100000000000000000000000000000004ffc4001d100001020700000000000000000000000001000702\
    0816254243d2ffc4001501010100000000000000000000000000000405ffc400211100010204070000000000000000000000060001050713\
    61152333415191f0ffda000c03010002110311003f004b552fed8d326c7ac650f2a41018476beafbb409407a4b853e76cdcdaebfffd9";

/// A grey JPEG, 84 everywhere.
pub(super) const GREY: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b\
    0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080004000601011100ffc40014000100000000\
    000000000000000000000007ffc40014100100000000000000000000000000000000ffda0008010100003f000a7fffd9";

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()).collect()
}

/// Pixel (x, y) of frame `t`.
pub(super) fn pixel(t: usize, x: usize, y: usize) -> [u8; 3] {
    [(t * 16 + x) as u8, (40 * y + x) as u8, (200 - t) as u8]
}

pub(super) fn rgb(t: usize) -> Vec<u8> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(t, x, y))).collect()
}

pub(super) fn png(color: png::ColorType, depth: png::BitDepth, size: [usize; 2], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size[0] as u32, size[1] as u32);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

pub(super) fn plain(t: usize) -> Vec<u8> {
    png(png::ColorType::Rgb, png::BitDepth::Eight, [WIDTH, HEIGHT], &rgb(t))
}

/// A column as the `datasets` library has it.
fn structs(bytes: ArrayRef, paths: Vec<Option<String>>) -> ArrayRef {
    let paths: ArrayRef = Arc::new(StringArray::from(paths));
    let field = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
    Arc::new(StructArray::from(vec![(field("bytes", &bytes), bytes.clone()), (field("path", &paths), paths)]))
}

fn encoded(of: impl Fn(usize) -> Vec<u8>) -> ArrayRef {
    structs(Arc::new(BinaryArray::from_iter_values((0..LEN).map(of))), vec![None; LEN])
}

/// Our dataset as a foreign one with a column of pictures, of version 3 and 2.
fn pictured(columns: &[(&str, &[usize], ArrayRef)]) -> Vec<(tempfile::TempDir, PathBuf)> {
    let with = |old: bool| {
        let (dir, path) = written();
        make_foreign(&path);
        for (name, shape, array) in columns {
            add_column(&path.join(DATA), name, array.clone());
            edit_json(&path.join("meta/info.json"), |j| {
                j["features"][*name] = json!({"dtype": "image", "shape": shape, "names": null});
            });
        }
        (dir, if old { make_two(&path) } else { path })
    };
    vec![with(false), with(true)]
}

pub(super) fn with_images() -> ImportOptions {
    ImportOptions { images: true, ..ImportOptions::default() }
}

/// What is converted, and the pictures of all episodes.
pub(super) fn pictures(path: &Path) -> (Converted, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let message = convert(path, &out, &with_images()).unwrap();
    let all = (0..message.episodes).flat_map(|n| read_images(&out, n).unwrap().rgb).collect();
    (message, all)
}

fn all_rgb() -> Vec<u8> {
    (0..LEN).flat_map(rgb).collect()
}

#[test]
fn an_episode_with_a_broken_picture_is_left_out() {
    // The first frame of the third episode, of 4, 1, 7 and 3 frames.
    let cut = |t: usize| if t == 5 { plain(t)[..60].to_vec() } else { plain(t) };
    for (_dir, path) in pictured(&[("image", &[HEIGHT, WIDTH, 3], encoded(cut))]) {
        refused(&path, &with_images(), &["image", "episode 2, frame 0", "expected a PNG or JPEG of 6x4 pixels"]);
        let (out, skipping) = (tempfile::tempdir().unwrap(), ImportOptions { skip_broken: true, ..with_images() });
        let out = out.path().join("out");
        let message = convert(&path, &out, &ImportOptions { episodes: Some(3), ..skipping }).unwrap();
        let left: Vec<&String> = message.notes.iter().filter(|n| n.contains("episode 2, frame 0")).collect();
        assert!(left.len() == 1 && left[0].starts_with("left out: "), "{:?}", message.notes);
        let found: Vec<u8> = (0..3).flat_map(|n| read_images(&out, n).unwrap().rgb).collect();
        assert_eq!((message.episodes, found), (3, (0..5).chain(12..LEN).flat_map(rgb).collect()));
    }
}

#[test]
fn a_camera_may_have_any_name_and_channels_first() {
    for (column, camera) in [
        ("observation.image", "image"),
        ("observation.images.top", "top"),
        ("image", "image"),
        ("observation.wrist", "wrist"),
    ] {
        for shape in [[HEIGHT, WIDTH, 3], [3, HEIGHT, WIDTH]] {
            for (_dir, path) in pictured(&[(column, &shape, encoded(plain))]) {
                let (message, found) = pictures(&path);
                assert_eq!((message.cameras, found), (vec![camera.to_string()], all_rgb()));
            }
        }
    }
    let (_dir, path) = pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], encoded(plain))]).remove(0);
    assert_eq!(crate::image_layout(&path).unwrap().unwrap().cameras, ["image"]);
    assert_eq!(crate::read_all_images(&path, &["image".to_string()], 4).unwrap().rgb, all_rgb());
}

#[test]
fn pictures_of_any_coding_become_rgb() {
    use png::{BitDepth, ColorType};
    let size = [WIDTH, HEIGHT];
    let pixels = |t: usize| (0..HEIGHT * WIDTH).map(move |i| pixel(t, i % WIDTH, i / WIDTH));
    let rgba = move |t: usize| pixels(t).flat_map(|[r, g, b]| [r, g, b, 7]).collect::<Vec<u8>>();
    let grey = move |t: usize| pixels(t).map(|[r, ..]| r).collect::<Vec<u8>>();
    let deep = move |t: usize| rgb(t).into_iter().flat_map(|v| [v, 3]).collect::<Vec<u8>>();
    let of_grey: Vec<u8> = (0..LEN).flat_map(grey).flat_map(|v| [v; 3]).collect();
    let bytes_alone: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..LEN).map(plain)));
    for (array, expected) in [
        (encoded(|t| png(ColorType::Rgba, BitDepth::Eight, size, &rgba(t))), all_rgb()),
        (encoded(|t| png(ColorType::Grayscale, BitDepth::Eight, size, &grey(t))), of_grey),
        (encoded(|t| png(ColorType::Rgb, BitDepth::Sixteen, size, &deep(t))), all_rgb()),
        (bytes_alone, all_rgb()),
    ] {
        for (_dir, path) in pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], array.clone())]) {
            assert_eq!(pictures(&path).1, expected);
        }
    }
    let (_dir, path) = pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], encoded(|_| bytes(GREY)))]).remove(0);
    assert!(pictures(&path).1.iter().all(|v| v.abs_diff(84) <= 1));
    for (_dir, path) in pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], encoded(|_| bytes(JPEG)))]) {
        let found = pictures(&path).1;
        for (i, found) in found.chunks(3).enumerate() {
            let expected = [40 * (i % WIDTH), 60 * (i / WIDTH % HEIGHT), 120];
            assert!(
                found.iter().zip(expected).all(|(a, b)| usize::from(*a).abs_diff(b) <= 6),
                "{i}: {found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn pictures_may_lie_in_files_of_the_dataset() {
    let paths = |root: &str| (0..LEN).map(|t| Some(format!("{root}/frame_{t:06}.png"))).collect::<Vec<_>>();
    let column = |root| structs(Arc::new(BinaryArray::new_null(LEN)), paths(root));
    for (_dir, path) in pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], column("images"))]) {
        refused(&path, &with_images(), &["observation.image", "images/frame_000000.png"]);
        fs::create_dir(path.join("images")).unwrap();
        (0..LEN).for_each(|t| fs::write(path.join(format!("images/frame_{t:06}.png")), plain(t)).unwrap());
        assert_eq!(pictures(&path).1, all_rgb());
    }
    for (_dir, path) in pictured(&[("observation.image", &[HEIGHT, WIDTH, 3], column("../images"))]) {
        refused(&path, &with_images(), &["observation.image", "neither bytes nor the path of a file in the dataset"]);
    }
}

#[test]
fn cameras_of_another_size_are_left_out_with_a_note() {
    let small = encoded(|_| png(png::ColorType::Rgb, png::BitDepth::Eight, [2, 1], &[9; 6]));
    let columns: [(&str, &[usize], ArrayRef); 2] = [
        ("observation.images.top", &[HEIGHT, WIDTH, 3], encoded(plain)),
        ("observation.images.wrist", &[1, 2, 3], small),
    ];
    for (_dir, path) in pictured(&columns) {
        if !path.ends_with("old") {
            assert_eq!(crate::image_layout(&path).unwrap().unwrap().cameras, ["top"]);
        }
        let (message, found) = pictures(&path);
        assert_eq!((message.cameras.as_slice(), found), (["top".to_string()].as_slice(), all_rgb()));
        let note = "left out: pictures of wrist (2×1): all pictures have one size, that of top".to_string();
        assert!(message.notes.contains(&note), "{:?}", message.notes);
        let dir = tempfile::tempdir().unwrap();
        let message = convert(&path, &dir.path().join("out"), &ImportOptions::default()).unwrap();
        assert!(message.notes.iter().any(|note| note.starts_with("left out: pictures of top")), "{:?}", message.notes);
    }
}

#[test]
fn pictures_that_are_not_as_they_should_be_are_told() {
    let shape: &[usize] = &[HEIGHT, WIDTH, 3];
    let cut = |t: usize| {
        let mut bytes = if t == 4 { bytes(JPEG) } else { plain(t) };
        bytes.truncate(bytes.len() - if t == 4 { 12 } else { 0 });
        bytes
    };
    let spoilt: [(&[usize], ArrayRef, &[&str]); 5] = [
        (&[WIDTH, HEIGHT, 3], encoded(plain), &["a PNG or JPEG of 4x6 pixels", "found 6x4 pixels"]),
        (&[1 << 14, 1 << 14, 3], encoded(plain), &["16384x16384 pixels", "found 6x4 pixels"]),
        (&[1 << 32, 1 << 32, 3], encoded(plain), &["size of pictures: expected sides of 1 to 16384 pixels"]),
        (
            shape,
            encoded(|t| if t == 7 { b"GIF89a".to_vec() } else { plain(t) }),
            &["episode 2, frame 2", "neither PNG nor JPEG"],
        ),
        (shape, encoded(cut), &["episode 1, frame 0"]),
    ];
    for (shape, array, parts) in spoilt {
        for (_dir, path) in pictured(&[("observation.image", shape, array.clone())]) {
            refused(&path, &with_images(), parts);
        }
    }
    for (_dir, path) in pictured(&[]) {
        refused(&path, &with_images(), &["pictures", "--images"]);
    }
    // An episode longer than its file.
    let (_dir, path) = pictured(&[("observation.image", shape, encoded(plain))]).remove(0);
    let lengths = Arc::new(arrow_array::Int64Array::from(vec![4, 1, 7, i64::MAX]));
    replace_column(&path.join(EPISODES), "length", Some(lengths));
    let message = read_images(&path, 3).unwrap_err().to_string();
    assert!(message.contains("file-000.parquet") && message.contains("15 rows"), "{message}");
}
