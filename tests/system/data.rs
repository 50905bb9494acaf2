//! Datasets looked into, brought in from elsewhere, and played.

use crate::call::Call;
use crate::fixtures::{demonstrations, folder};
use imle_configs::spec::{ImageLayout, Layout, Spec, Term};
use imle_data::Episode;
use std::fmt::Write;
use std::fs;
use std::path::Path;

#[test]
fn a_dataset_is_summarised_as_it_streams() {
    let report = Call::new("data info").and(demonstrations().to_str().unwrap()).json();
    let dataset = imle_data::read(demonstrations()).unwrap();
    assert_eq!((report["episodes"].as_u64(), report["format"].as_str()), (Some(6), Some("LeRobot v3.0")));
    assert_eq!(report["frames"].as_u64(), Some(dataset.episodes.iter().map(|e| e.len as u64).sum()));
    let stored: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(demonstrations().join("meta/stats.json")).unwrap()).unwrap();
    for (key, feature) in [("observation", "observation.state"), ("action", "action")] {
        for (i, value) in report[key].as_array().unwrap().iter().enumerate() {
            for of in ["min", "max", "mean", "std"] {
                let (a, b) = (value[of].as_f64().unwrap(), stored[feature][of][i].as_f64().unwrap());
                assert!((a - b).abs() < 1e-6, "{value} {of}: {b}");
            }
        }
    }
    assert!(report["megabytes_per_s"].as_f64().is_some_and(|r| r > 0.0));
}

#[test]
fn a_demonstration_is_played_without_drift() {
    let report = Call::new("data replay").and(demonstrations().to_str().unwrap()).and("--episode 2").json();
    assert_eq!((report["success"].as_bool(), report["start_recalled"].as_bool()), (Some(true), Some(false)));
    for (name, drift) in report["drift"].as_object().unwrap() {
        assert_eq!(drift["greatest"].as_f64(), Some(0.0), "{name}");
    }
    // In another world it drifts.
    let heavy = Call::new("data replay --mismatch heavy").and(demonstrations().to_str().unwrap()).json();
    assert!(heavy["drift"]["cube_a_position"]["greatest"].as_f64().is_some_and(|d| d > 1e-4), "{heavy}");
}

/// Demonstrations of `push_t` as another program would have recorded them: one CSV file an episode, in millimetres,
/// twice as often as the control rate.
fn write_records(from: &Path, to: &Path) {
    let dataset = imle_data::read(from).unwrap();
    let spec = &dataset.spec;
    fs::create_dir_all(to).unwrap();
    let mut described = format!("task = \"push_t\"\ncontrol_rate = {}\n", spec.control_rate);
    for (key, layout) in [("observation", &spec.observation), ("action", &spec.action)] {
        for term in &layout.terms {
            writeln!(described, "[[{key}]]\nname = \"{}\"", term.name).unwrap();
            let columns: Vec<String> = (0..term.size).map(|i| format!("{key}/{}/{i}", term.name)).collect();
            writeln!(described, "columns = {columns:?}\nunit = \"mm\"\n").unwrap();
        }
    }
    fs::write(to.join("record.toml"), described).unwrap();
    for (number, episode) in dataset.episodes.iter().enumerate() {
        let name = |key: &str, layout: &imle_configs::spec::Layout| {
            let of = |t: &imle_configs::spec::Term| {
                (0..t.size).map(|i| format!(",{key}/{}/{i}", t.name)).collect::<String>()
            };
            layout.terms.iter().map(of).collect::<String>()
        };
        let mut text = format!("time{}{}\n", name("observation", &spec.observation), name("action", &spec.action));
        for t in 0..episode.len {
            let (o, a) = (spec.observation.size(), spec.action.size());
            let values = episode.observations[t * o..(t + 1) * o].iter().chain(&episode.actions[t * a..(t + 1) * a]);
            let row: String = values.map(|v| format!(",{}", 1000.0 * f64::from(*v))).collect();
            for half in [0.0, 0.4] {
                writeln!(text, "{}{row}", 7.0 + (t as f64 + half) / spec.control_rate).unwrap();
            }
        }
        fs::write(to.join(format!("{number}.csv")), text).unwrap();
    }
}

#[test]
fn records_become_demonstrations_that_train_and_play() {
    let dir = folder();
    let (demos, records, out) = (dir.path().join("demos"), dir.path().join("records"), dir.path().join("out"));
    Call::new("demo --task push_t --episodes 2 --seed 5 --quiet").with("--out", &demos).ok();
    write_records(&demos, &records);
    let convert = || Call::new("data convert --task push_t").and(records.to_str().unwrap());
    let report = convert().with("--out", &out).json();
    assert_eq!((report["episodes"].as_u64(), report["format"].as_str()), (Some(2), Some("records")));
    let (ours, theirs) = (imle_data::read(&demos).unwrap(), imle_data::read(&out).unwrap());
    assert_eq!(ours.spec, theirs.spec);
    for (a, b) in ours.episodes.iter().zip(&theirs.episodes) {
        assert_eq!(a.len, b.len);
        assert!(a.observations.iter().zip(&b.observations).all(|(a, b)| (a - b).abs() < 1e-5));
        assert!(a.actions.iter().zip(&b.actions).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    // The start is taken from what was seen, not from a seed that nobody recorded.
    let played = Call::new("data replay").and(out.to_str().unwrap()).json();
    assert_eq!(played["start_recalled"].as_bool(), Some(true), "{played}");
    assert!(played["drift"]["tee_yaw"]["start"].as_f64().is_some_and(|d| d < 1e-3), "{played}");
    let info = Call::new("data info").and(records.to_str().unwrap()).json();
    assert_eq!((info["format"].as_str(), info["episodes"].as_u64()), (Some("records"), Some(2)));
    // A file that is broken halfway leaves nothing.
    fs::write(records.join("1.csv"), "time\n0\n").unwrap();
    let outs = folder();
    convert().refused_without_trace(outs.path(), &["1.csv", "unknown column"]);
    convert().with("--rate", "0").refused_without_trace(outs.path(), &["--rate", "Hz"]);
    Call::new("data convert --name x")
        .with("--task", "push_t")
        .and("a")
        .refused_without_trace(outs.path(), &["--name"]);
}

#[test]
fn what_cannot_be_looked_into_or_played_is_told() {
    let demos = demonstrations().to_str().unwrap();
    let dir = folder();
    Call::new("data info").and(dir.path().to_str().unwrap()).refused(&["expected", "record.toml", "none of them"]);
    Call::new("data info --pictures a.png").and(demos).refused(&["pictures", "none"]);
    Call::new("data replay --episode 6").and(demos).refused(&["--episode", "below 6", "found 6"]);
    Call::new("data replay --task lift").and(demos).refused(&["task `lift`", "task `stack`"]);
    Call::new("data replay --mismatch heavi").and(demos).refused(&["unknown mismatch `heavi`", "`heavy`"]);
}

#[test]
fn pictures_of_a_dataset_come_as_a_sheet_of_a_size_to_look_at() {
    let dir = folder();
    let (data, sheet) = (dir.path().join("data"), dir.path().join("sheet.png"));
    let layout = |name: &str| Layout { terms: vec![Term { name: name.into(), size: 1 }] };
    let spec =
        Spec { task: "t".into(), control_rate: 10.0, observation: layout("q"), action: layout("u"), pictures: None };
    let episode =
        |len: usize| Episode { observations: vec![0.0; len], actions: vec![0.0; len], len, ..Episode::default() };
    let episodes: Vec<Episode> = [1, 9, 2, 3, 4].map(episode).into();
    let cameras = ImageLayout { cameras: vec!["a".into(), "b".into()], height: 8, width: 16 };
    let draw = |number: usize| imle_data::Result::Ok(vec![number as u8; episodes[number].len * cameras.bytes()]);
    imle_data::write_with_images(&data, &spec, &episodes, &cameras, draw).unwrap();
    let told = Call::new("data info").with("--pictures", &sheet).and(data.to_str().unwrap()).ok();
    assert!(told.out.contains("pictures of episodes 0, 1, 2, 4 in"), "{told:?}");
    // Six frames of 160 × 80 pixels beside one another, four episodes of two cameras below one another.
    let png = fs::read(&sheet).unwrap();
    assert_eq!(png[16..24], [960_u32, 640].map(u32::to_be_bytes).concat());
}

#[test]
fn an_import_takes_columns_by_name_and_says_what_it_leaves_out() {
    let zarr = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy/data/src/tests/fixtures/diffusion.zarr");
    let dir = folder();
    let convert =
        |columns: &str| Call::new("data convert --rate 10 --observation").and(columns).and(zarr.to_str().unwrap());
    let report = convert("state[1:3]").with("--out", &dir.path().join("json")).json();
    assert_eq!(report["spec"]["observation"]["terms"][0]["size"].as_u64(), Some(2));
    let left = "left out: pictures of img of 6×4 pixels: --images takes them";
    assert!(report["notes"].as_array().unwrap().iter().any(|note| note == left), "{report}");
    let told = convert("state").with("--out", &dir.path().join("text")).ok();
    assert!(told.out.lines().any(|line| line == left), "{told:?}");
    convert("stat").refused_without_trace(folder().path(), &["--observation: unknown column `stat`", "`state`"]);
}
