//! Every bad input is one line that names file and key or column.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{FixedSizeListArray, Float32Array, Int64Array};

type SpoilInfo = fn(&mut Value);
type SpoilData = fn(&mut Spec, &mut Vec<Episode>);

/// Asserts that reading fails with one line in which all of `parts` occur.
fn assert_refused(path: &Path, parts: &[&str]) {
    let message = read(path).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for file in ["meta/info.json", EPISODES, DATA] {
        let (_dir, path) = written();
        fs::remove_file(path.join(file)).unwrap();
        assert_refused(&path, &[file, "cannot read"]);
    }
    let (_dir, path) = written();
    make_foreign(&path);
    fs::remove_file(path.join("meta/tasks.parquet")).unwrap();
    assert_refused(&path, &["meta/tasks.parquet", "cannot read"]);
}

#[test]
fn a_broken_file_is_named() {
    for file in [EPISODES, DATA] {
        let (_dir, path) = written();
        fs::write(path.join(file), "PAR1 not really").unwrap();
        assert_refused(&path, &[file, "expected a readable Parquet file"]);
        let (_dir, path) = written();
        let bytes = fs::read(path.join(file)).unwrap();
        fs::write(path.join(file), &bytes[..bytes.len() / 2]).unwrap();
        assert_refused(&path, &[file, "expected a readable Parquet file"]);
    }
    let (_dir, path) = written();
    fs::write(path.join("meta/info.json"), "{\n\"fps\": ").unwrap();
    assert_refused(&path, &["meta/info.json", "valid JSON"]);
}

#[test]
fn a_missing_column_is_named() {
    let columns = [
        (DATA, "observation.state"),
        (DATA, "action"),
        (DATA, "episode_index"),
        (DATA, "frame_index"),
        (EPISODES, "length"),
        (EPISODES, "data/file_index"),
    ];
    for (file, column) in columns {
        let (_dir, path) = written();
        replace_column(&path.join(file), column, None);
        assert_refused(&path, &[&format!("{file}: {column}: expected a column of this name"), "found only `"]);
    }
}

#[test]
fn a_wrong_type_is_named() {
    let words = || -> ArrayRef { Arc::new(StringArray::from(vec!["x"; 15])) };
    for column in ["observation.state", "action", "episode_index", "frame_index"] {
        let (_dir, path) = written();
        replace_column(&path.join(DATA), column, Some(words()));
        assert_refused(&path, &[&format!("{DATA}: {column}: expected "), "found type Utf8"]);
    }
    let (_dir, path) = written();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"; 30]));
    let lists = FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Utf8, true)), 2, text, None);
    replace_column(&path.join(DATA), "action", Some(Arc::new(lists)));
    assert_refused(
        &path,
        &[&format!("{DATA}: action: expected numbers, or lists of them"), "found type lists of Utf8"],
    );
    let (_dir, path) = written();
    replace_column(&path.join(EPISODES), "planner.success", Some(Arc::new(Int64Array::from(vec![1, 0, 2, 1]))));
    assert_refused(&path, &[&format!("{EPISODES}: planner.success: expected truth values"), "out of range"]);
}

#[test]
fn a_wrong_list_length_is_named() {
    let (_dir, path) = written();
    let values: ArrayRef = Arc::new(Float32Array::from(vec![0.0; 45]));
    let lists = FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Float32, true)), 3, values, None);
    replace_column(&path.join(DATA), "action", Some(Arc::new(lists)));
    assert_refused(&path, &[&format!("{DATA}: action: expected 2 values a frame"), "found 3 in episode 0, frame 0"]);

    let (_dir, path) = written();
    let mut lengths = vec![2; 15];
    lengths[6] = 1;
    let element = Arc::new(Field::new("item", DataType::Float32, true));
    let values: ArrayRef = Arc::new(Float32Array::from(vec![0.0; 29]));
    let lists = ListArray::new(element, OffsetBuffer::from_lengths(lengths), values, None);
    replace_column(&path.join(DATA), "action", Some(Arc::new(lists)));
    assert_refused(&path, &[&format!("{DATA}: action: expected 2 values"), "found 1 in episode 2, frame 1"]);
}

#[test]
fn what_is_no_number_is_named_with_episode_frame_and_value() {
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let (_dir, path) = written();
        let mut values: Vec<f32> = episodes(&spec()).iter().flat_map(|e| e.observations.clone()).collect();
        values[6 * 3 + 1] = bad;
        let values: ArrayRef = Arc::new(Float32Array::from(values));
        let lists = FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Float32, true)), 3, values, None);
        replace_column(&path.join(DATA), "observation.state", Some(Arc::new(lists)));
        let found = format!("found {shown} in episode 2, frame 1, value `cube_1`");
        assert_refused(&path, &[&format!("{DATA}: observation.state: expected finite numbers"), &found]);
    }
    let (_dir, path) = written();
    let values: ArrayRef = Arc::new((0..30).map(|i| (i != 9).then_some(0.0)).collect::<Float32Array>());
    let lists = FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Float32, true)), 2, values, None);
    replace_column(&path.join(DATA), "action", Some(Arc::new(lists)));
    assert_refused(&path, &[&format!("{DATA}: action: expected a number"), "none in episode 1, frame 0"]);
}

fn change_integer(path: &Path, column: &str, row: usize, value: i64) {
    let mut values = rows_of(path).column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec();
    values[row] = value;
    replace_column(path, column, Some(Arc::new(Int64Array::from(values))));
}

#[test]
fn lengths_that_disagree_are_named() {
    let (_dir, path) = written();
    change_integer(&path.join(EPISODES), "length", 2, 9);
    assert_refused(&path, &[&format!("{EPISODES}: length: expected"), "episode 2", "7 frames", "found 9"]);

    let (_dir, path) = written();
    let rows = rows_of(&path.join(DATA));
    write_rows(&path.join(DATA), &rows.slice(0, 14));
    assert_refused(&path, &[&format!("{EPISODES}: length: expected"), "episode 3", "2 frames", "found 3"]);

    for (key, expected) in [("total_episodes", "expected 4"), ("total_frames", "expected 15")] {
        let (_dir, path) = written();
        edit_json(&path.join("meta/info.json"), |j| j[key] = json!(99));
        assert_refused(&path, &[&format!("meta/info.json: {key}: {expected}"), "found 99"]);
    }
}

#[test]
fn frames_out_of_place_are_named() {
    for (column, value, expected) in [
        ("frame_index", 3, "expected frame 1 of episode 2 next, found 3"),
        ("episode_index", 4, "expected one of the 4 episodes"),
        ("episode_index", -1, "found -1"),
    ] {
        let (_dir, path) = written();
        change_integer(&path.join(DATA), column, 6, value);
        assert_refused(&path, &[&format!("{DATA}: {column}: "), expected]);
    }
    let (_dir, path) = written();
    change_integer(&path.join(EPISODES), "episode_index", 2, 1);
    assert_refused(&path, &[&format!("{EPISODES}: episode_index: expected each episode once"), "episode 1 twice"]);
}

#[test]
fn another_version_is_refused_with_those_that_are_read() {
    let convert = "`planner data convert`";
    for (version, others) in [("v2.1", convert), ("v4.0", "`v2.0` or `v2.1` for `planner data convert`")] {
        let (_dir, path) = written();
        edit_json(&path.join("meta/info.json"), |j| j["codebase_version"] = json!(version));
        assert_refused(&path, &["meta/info.json: codebase_version: expected `v3.0`", others, version]);
    }
}

#[test]
fn keys_of_info_are_named() {
    let cases: [(SpoilInfo, &str); 10] = [
        (|j| drop_key(j, "fps"), "fps: expected a number, found no such key"),
        (|j| j["fps"] = json!("fast"), "fps: expected a number, found `\"fast\"`"),
        (|j| j["fps"] = json!(0), "fps: expected a number of Hz from 0.001 to 1000000, found 0"),
        (|j| drop_key(&mut j["features"], "action"), "features.action: expected a feature of this name"),
        (
            |j| j["features"]["action"]["shape"] = json!([2, -3]),
            "features.action.shape: expected a shape of 1 to 1048576",
        ),
        (|j| j["features"]["action"]["dtype"] = json!("string"), "features.action.dtype: expected numbers"),
        (|j| j["features"]["action"]["shape"] = json!([3]), "planner.spec.action: expected 3 values"),
        (|j| j["planner"]["spec"]["control_rate"] = json!(11), "planner.spec.control_rate: expected 10"),
        (|j| drop_key(&mut j["planner"]["spec"], "task"), "planner.spec: expected a spec, found missing field `task`"),
        (|j| j["data_path"] = json!("../x/{file_index}.parquet"), "data_path: expected a template inside"),
    ];
    for (spoil, expected) in cases {
        let (_dir, path) = written();
        edit_json(&path.join("meta/info.json"), spoil);
        assert_refused(&path, &["meta/info.json: ", expected]);
    }
}

#[test]
fn what_cannot_be_written_is_named_and_leaves_nothing() {
    let cases: [(SpoilData, &str); 8] = [
        (|_, e| e.clear(), "expected at least one episode"),
        (|_, e| e[1] = Episode::default(), "episode 1: len: expected at least one control step"),
        (|_, e| e[2].actions.truncate(3), "episode 2: actions: expected 7 x 2 values, found 3"),
        (|_, e| e[0].observations.push(0.0), "episode 0: observations: expected 4 x 3 values, found 13"),
        (
            |_, e| e[3].actions[3] = f32::NAN,
            "episode 3: actions: expected finite numbers, found NaN in frame 1, value `arm_1`",
        ),
        (|s, _| s.control_rate = 0.0, "control_rate: expected a positive number"),
        (|s, _| s.action.terms.clear(), "action: expected at least one value"),
        (|s, _| s.observation.terms[1].name = "cube".into(), "observation: expected terms of distinct names"),
    ];
    for (spoil, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (mut spec, mut episodes) = (spec(), episodes(&spec()));
        spoil(&mut spec, &mut episodes);
        let message = write(&dir.path().join("d"), &spec, &episodes).unwrap_err().to_string();
        assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
