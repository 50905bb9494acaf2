//! Pictures beside the state.

use super::{DATA, edit_json, episodes, replace_column, spec, written};
use crate::images::ImageStats;
use crate::{Dataset, Error, ImageLayout, Result, image_layout, read, read_all_images, read_images, write_with_images};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn layout() -> ImageLayout {
    ImageLayout { cameras: vec!["front".into(), "wrist".into()], height: 4, width: 6 }
}

/// Pictures of an episode, all different.
fn drawn(number: usize, len: usize) -> Vec<u8> {
    (0..len * 2 * 4 * 6 * 3).map(|i| (i * 7 + number * 31) as u8).collect()
}

fn write(path: &Path) -> Result<()> {
    let episodes = episodes(&spec());
    write_with_images(path, &spec(), &episodes, &layout(), |n| Ok::<_, Error>(drawn(n, episodes[n].len)))
}

fn pictured() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    write(&path).unwrap();
    (dir, path)
}

#[test]
fn pictures_come_back_by_episode_and_others_do_not_see_them() {
    let (_dir, path) = pictured();
    for (number, episode) in episodes(&spec()).iter().enumerate() {
        let images = read_images(&path, number).unwrap();
        assert_eq!(images.layout, layout());
        assert_eq!(images.rgb, drawn(number, episode.len));
    }
    assert_eq!(read(&path).unwrap(), Dataset { spec: spec(), episodes: episodes(&spec()) });
    assert!(read_images(&path, 4).unwrap_err().to_string().contains("below 4"));
    assert_eq!(image_layout(&path).unwrap(), Some(layout()));
    let (_plain, path) = written();
    assert_eq!(image_layout(&path).unwrap(), None);
    assert!(read_images(&path, 0).unwrap_err().to_string().contains("observation.images."));
}

#[test]
fn all_pictures_come_in_the_order_of_episodes_and_of_the_cameras_asked_for() {
    let (_dir, path) = pictured();
    let both: Vec<u8> = episodes(&spec()).iter().enumerate().flat_map(|(n, e)| drawn(n, e.len)).collect();
    let read = |cameras: &[&str], count| {
        read_all_images(&path, &cameras.iter().map(ToString::to_string).collect::<Vec<_>>(), count)
    };
    let count = episodes(&spec()).len();
    let all = read(&["front", "wrist"], count).unwrap();
    assert_eq!((all.layout, all.rgb), (layout(), both.clone()));
    let wrist = read(&["wrist"], 2).unwrap();
    let frames: usize = episodes(&spec())[..2].iter().map(|e| e.len).sum();
    let second: Vec<u8> = both.chunks(2 * 72).take(frames).flat_map(|f| &f[72..]).copied().collect();
    assert_eq!((wrist.layout.cameras, wrist.rgb), (vec!["wrist".to_string()], second));
    let turned = read(&["wrist", "front"], count).unwrap();
    assert_eq!((&turned.rgb[..72], &turned.rgb[72..144]), (&both[72..144], &both[..72]));
    let message = |cameras: &[&str], count| read(cameras, count).unwrap_err().to_string();
    assert!(message(&["frnt"], count).contains("d: unknown camera `frnt`; did you mean `front`?"));
    assert!(message(&["front"], count + 1).contains("at most the"));
    assert!(message(&["front", "front"], count).contains("distinct"));
}

#[test]
fn a_part_of_the_observation_can_be_kept() {
    let whole = Dataset { spec: spec(), episodes: episodes(&spec()) };
    let part = whole.clone().with_observation(&["gripper".to_string()]).unwrap();
    assert_eq!(part.spec.observation.size(), 1);
    for (a, b) in whole.episodes.iter().zip(&part.episodes) {
        assert_eq!(b.observations, a.observations.chunks(3).map(|o| o[2]).collect::<Vec<_>>());
        assert_eq!((&b.actions, b.len), (&a.actions, a.len));
    }
    assert!(whole.with_observation(&["cub".to_string()]).unwrap_err().to_string().contains("`cube`"));
}

#[test]
fn the_same_pictures_make_the_same_bytes() {
    let ((_a, first), (_b, second)) = (pictured(), pictured());
    for file in ["meta/info.json", "meta/stats.json", DATA] {
        assert_eq!(fs::read(first.join(file)).unwrap(), fs::read(second.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn info_and_statistics_are_as_lerobot_has_them() {
    let (_dir, path) = pictured();
    let load = |file: &str| -> Value { serde_json::from_str(&fs::read_to_string(path.join(file)).unwrap()).unwrap() };
    let feature = json!({"dtype": "image", "shape": [4, 6, 3], "names": ["height", "width", "channels"]});
    assert_eq!(load("meta/info.json")["features"]["observation.images.wrist"], feature);
    let stats = &load("meta/stats.json")["observation.images.front"];
    assert_eq!(stats["count"], json!([15]));
    assert!(stats["mean"][2][0][0].as_f64().unwrap() > 0.3 && stats["mean"].as_array().unwrap().len() == 3);
}

#[test]
fn statistics_of_counts_are_those_of_the_values() {
    let layout = ImageLayout { cameras: vec!["c".into()], height: 1, width: 5 };
    let mut stats = ImageStats::new(&layout);
    let values = [3u8, 200, 7, 7, 90];
    stats.add(&values.iter().flat_map(|v| [*v, 0, 255]).collect::<Vec<u8>>());
    let (_, json) = stats.to_json().remove(0);
    let expected = crate::layout::stats::of_values(&mut values.map(f64::from));
    for (name, value) in crate::layout::stats::NAMES.iter().zip(expected) {
        let got = json[*name][0][0][0].as_f64().unwrap();
        assert!((got - value / 255.0).abs() < 1e-12, "{name}: {got}");
    }
    assert_eq!((&json["max"][2], &json["std"][1]), (&json!([[1.0]]), &json!([[0.0]])));
}

#[test]
fn bad_pictures_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let episodes = episodes(&spec());
    let short = write_with_images(&path, &spec(), &episodes, &layout(), |_| Ok::<_, Error>(vec![0; 9]));
    assert!(short.unwrap_err().to_string().contains("episode 0: pictures"));
    let failed = write_with_images(&path, &spec(), &episodes, &layout(), |n| match n {
        0 => Ok(drawn(0, episodes[0].len)),
        _ => Err(Error::unexpected("camera", "a lens", "none")),
    });
    assert!(failed.unwrap_err().to_string().contains("lens"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    write(&path).unwrap();
    edit_json(&path.join("meta/info.json"), |j| {
        for camera in ["front", "wrist"] {
            j["features"][format!("observation.images.{camera}")]["shape"] = json!([6, 4, 3]);
        }
    });
    let message = read_images(&path, 1).unwrap_err().to_string();
    assert!(message.contains("observation.images.front") && message.contains("4x6"), "{message}");
    replace_column(&path.join(DATA), "observation.images.wrist", None);
    assert!(read_images(&path, 1).unwrap_err().to_string().contains("observation.images.wrist"));
}
