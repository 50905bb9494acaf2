//! LeRobot's datasets as people have them: other columns, other types, something left out, something contradictory.

use super::bad_import::refused;
use super::import::{converted, make_two};
use super::*;
use crate::import::{Converted, ImportOptions};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Int64Type};
use arrow_array::{BooleanArray, FixedSizeListArray, Float16Array, Float32Array, Int32Array, Int64Array, UInt8Array};
use std::path::PathBuf;

const LEN: usize = 15;

/// Our dataset as a foreign one of both versions, spoilt by `edit`, which gets the data of all episodes.
fn both(edit: impl Fn(&Path)) -> Vec<(tempfile::TempDir, PathBuf)> {
    let three = written();
    make_foreign(&three.1);
    edit(&three.1);
    let two = written();
    make_foreign(&two.1);
    // Before it is split: version 2 is made of what can be read.
    let old = make_two(&two.1);
    let whole = old.join(DATA);
    write_rows(&whole, &rows_of(&two.1.join(DATA)));
    edit(&old);
    let rows = rows_of(&whole);
    fs::remove_file(&whole).unwrap();
    let mut at = 0;
    for (number, episode) in episodes(&spec()).iter().enumerate() {
        write_rows(&old.join(format!("data/chunk-000/episode_{number:06}.parquet")), &rows.slice(at, episode.len));
        at += episode.len;
    }
    vec![three, (two.0, old)]
}

fn feature(path: &Path, name: &str, dtype: &str, shape: &[u64]) {
    edit_json(&path.join("meta/info.json"), |j| {
        j["features"][name] = json!({"dtype": dtype, "shape": shape, "names": null});
    });
}

/// Lists of `size` whose values are `values`.
fn lists(values: ArrayRef, size: i32) -> ArrayRef {
    let element = Arc::new(Field::new("item", values.data_type().clone(), true));
    Arc::new(FixedSizeListArray::new(element, size, values, None))
}

fn counting(size: usize) -> Vec<f32> {
    (0..LEN * size).map(|i| i as f32 * 0.25).collect()
}

fn asked(observation: &[&str], action: &[&str]) -> ImportOptions {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    ImportOptions { observation: names(observation), action: names(action), ..ImportOptions::default() }
}

fn noted(converted: &Converted, part: &str) {
    let found = converted.notes.iter().any(|note| note.contains(part) && !note.contains('\n'));
    assert!(found, "`{part}` is not in: {:?}", converted.notes);
}

fn rows(dataset: &Dataset, action: bool) -> Vec<f32> {
    dataset.episodes.iter().flat_map(|e| if action { &e.actions } else { &e.observations }).copied().collect()
}

#[test]
fn the_state_of_the_environment_is_part_of_the_observation() {
    let add = |path: &Path| {
        feature(path, "observation.environment_state", "float32", &[2]);
        let values: ArrayRef = Arc::new(Float32Array::from(counting(2)));
        add_column(&path.join(DATA), "observation.environment_state", lists(values, 2));
    };
    let state: Vec<f32> = episodes(&spec()).iter().flat_map(|e| e.observations.clone()).collect();
    let joined: Vec<f32> = state.chunks(3).zip(counting(2).chunks(2)).flat_map(|(a, b)| [a, b].concat()).collect();
    for (_dir, path) in both(add) {
        let (message, dataset) = converted(&path, &ImportOptions::default());
        let expected = layout(&[("cube", 2), ("gripper", 1), ("environment_state", 2)]);
        assert_eq!((&dataset.spec.observation, rows(&dataset, false)), (&expected, joined.clone()));
        assert!(!message.notes.iter().any(|note| note.contains("left out")), "{:?}", message.notes);
    }
    // Read as it is.
    let (_dir, path) = both(add).remove(0);
    assert_eq!(rows(&read(&path).unwrap(), false), joined);
    let alone = |path: &Path| {
        add(path);
        edit_json(&path.join("meta/info.json"), |j| drop_key(&mut j["features"], "observation.state"));
        replace_column(&path.join(DATA), "observation.state", None);
    };
    for (_dir, path) in both(alone) {
        let (_, dataset) = converted(&path, &ImportOptions::default());
        assert_eq!(dataset.spec.observation, layout(&[("environment_state", 2)]));
        assert_eq!(rows(&dataset, false), counting(2));
    }
}

#[test]
fn columns_are_chosen_by_the_names_of_the_dataset() {
    let rename = |path: &Path| {
        let data = path.join(DATA);
        for (from, to) in [("observation.state", "state"), ("action", "actions")] {
            let column = rows_of(&data).column_by_name(from).unwrap().clone();
            replace_column(&data, from, None);
            add_column(&data, to, column);
            edit_json(&path.join("meta/info.json"), |j| {
                j["features"][to] = j["features"][from].clone();
                drop_key(&mut j["features"], from);
            });
        }
        feature(path, "observation.effort", "float64", &[1]);
        add_column(&data, "observation.effort", Arc::new(Float64Array::from(vec![0.5; LEN])));
        feature(path, "language_instruction", "string", &[1]);
        feature(path, "action.delta", "float32", &[1]);
        add_column(&data, "action.delta", Arc::new(Float32Array::from(counting(1))));
    };
    for (_dir, path) in both(rename) {
        let parts = [
            "features.observation.state",
            "`planner data convert` with --observation NAMES and --action NAMES",
            "`state`",
            "`actions`",
        ];
        refused(&path, &ImportOptions::default(), &parts);
        let (message, dataset) = converted(&path, &asked(&["state"], &["actions"]));
        assert_eq!((&dataset.spec.observation, &dataset.spec.action), (&spec().observation, &spec().action));
        assert_eq!(
            rows(&dataset, false),
            episodes(&spec()).iter().flat_map(|e| e.observations.clone()).collect::<Vec<_>>()
        );
        noted(&message, "left out: observation.effort[1]: --observation state,observation.effort takes it");
        noted(&message, "left out: action.delta[1]: --action actions,action.delta takes it");
        noted(&message, "left out: language_instruction: ");
        let (_, dataset) =
            converted(&path, &asked(&["observation.effort", "state[1:3]"], &["action.delta", "actions[:1]"]));
        assert_eq!(dataset.spec.observation, layout(&[("effort", 1), ("cube_1", 1), ("gripper", 1)]));
        let first = &episodes(&spec())[0];
        assert_eq!(dataset.episodes[0].observations[..3], [0.5, first.observations[1], first.observations[2]]);
        assert_eq!(dataset.episodes[0].actions[2..4], [0.25, first.actions[2]]);
        refused(&path, &asked(&["stat"], &["actions"]), &["--observation: unknown column `stat`", "`state`"]);
        refused(&path, &asked(&["state[0:4]"], &["actions"]), &["--observation", "within its 3 values"]);
        let parts = ["meta/info.json: features.language_instruction.dtype: expected numbers", "`\"string\"`"];
        refused(&path, &asked(&["language_instruction[0:1]"], &["actions"]), &parts);
    }
}

#[test]
fn numbers_of_any_type_and_shape_are_read() {
    let whole: Vec<f32> = (0..2 * LEN).map(|i| (i % 2) as f32).collect();
    let int = |i: usize| (i % 2) as i64;
    let nested = |values: ArrayRef| lists(lists(values, 1), 2);
    let free = |values: ArrayRef| -> ArrayRef {
        let element = Arc::new(Field::new("item", values.data_type().clone(), true));
        Arc::new(ListArray::new(element, OffsetBuffer::from_lengths([2; LEN]), values, None))
    };
    let float16 =
        Float16Array::from_iter_values(whole.iter().map(|v| <Float16Type as ArrowPrimitiveType>::Native::from_f32(*v)));
    let int64: ArrayRef = Arc::new(Int64Array::from_iter_values((0..2 * LEN).map(int)));
    let columns: [(&str, &[u64], ArrayRef); 8] = [
        ("int", &[2], lists(int64.clone(), 2)),
        ("int64", &[2], free(int64.clone())),
        ("int64", &[2, 1], nested(int64)),
        ("int32", &[2], free(Arc::new(Int32Array::from_iter_values((0..2 * LEN).map(|i| int(i) as i32))))),
        ("float16", &[2], free(Arc::new(float16))),
        ("float64", &[2], lists(Arc::new(Float64Array::from_iter_values(whole.iter().map(|v| f64::from(*v)))), 2)),
        ("uint8", &[2], free(Arc::new(UInt8Array::from_iter_values((0..2 * LEN).map(|i| int(i) as u8))))),
        ("bool", &[2], free(Arc::new((0..2 * LEN).map(|i| Some(int(i) == 1)).collect::<BooleanArray>()))),
    ];
    for (dtype, shape, array) in columns {
        let edit = |path: &Path| {
            feature(path, "action", dtype, shape);
            replace_column(&path.join(DATA), "action", Some(array.clone()));
        };
        for (_dir, path) in both(edit) {
            assert_eq!(rows(&converted(&path, &ImportOptions::default()).1, true), whole, "{dtype}");
        }
    }
    // One value: plain, or a list of one.
    let one: ArrayRef = Arc::new(Int64Array::from_iter_values((0..LEN).map(int)));
    for array in [one.clone(), lists(one, 1)] {
        let edit = |path: &Path| {
            feature(path, "action", "int64", &[1]);
            replace_column(&path.join(DATA), "action", Some(array.clone()));
        };
        for (_dir, path) in both(edit) {
            let (_, dataset) = converted(&path, &ImportOptions::default());
            assert_eq!((rows(&dataset, true), dataset.spec.action), (whole[..LEN].to_vec(), layout(&[("action", 1)])));
        }
    }
}

#[test]
fn success_is_a_truth_value_in_many_forms() {
    let solved = [3, 14];
    let truths: ArrayRef = Arc::new((0..LEN).map(|i| Some(solved.contains(&i))).collect::<BooleanArray>());
    let whole: ArrayRef = Arc::new(Int64Array::from_iter_values((0..LEN).map(|i| i64::from(solved.contains(&i)))));
    let with = |array: &ArrayRef| both(|path| replace_column(&path.join(DATA), "next.success", Some(array.clone())));
    for array in [truths.clone(), lists(truths, 1), whole.clone(), lists(whole, 1)] {
        for (_dir, path) in with(&array) {
            let (_, dataset) = converted(&path, &ImportOptions::default());
            let found: Vec<bool> = dataset.episodes.iter().map(|e| e.success).collect();
            assert_eq!(found, [true, false, false, true]);
        }
    }
    let many: ArrayRef = Arc::new(Int64Array::from(vec![2; LEN]));
    for (_dir, path) in with(&many) {
        refused(&path, &ImportOptions::default(), &["next.success: expected truth values", ".parquet"]);
    }
    let none = |path: &Path| {
        replace_column(&path.join(DATA), "next.success", None);
        edit_json(&path.join("meta/info.json"), |j| drop_key(&mut j["features"], "next.success"));
    };
    for (_dir, path) in both(none) {
        noted(
            &converted(&path, &ImportOptions::default()).0,
            "the dataset does not say which episodes are solved (`next.success`): none counts as solved",
        );
    }
}

/// Without episode 1, whose number is left out; `total` is what info.json says.
fn without_one(old: bool, total: [u64; 2]) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = both(|_| {}).remove(usize::from(old));
    let kept = |path: &Path| {
        let rows = rows_of(path);
        let numbers = rows.column_by_name("episode_index").unwrap().as_primitive::<Int64Type>().clone();
        let parts: Vec<RecordBatch> =
            (0..rows.num_rows()).filter(|i| numbers.value(*i) != 1).map(|i| rows.slice(i, 1)).collect();
        write_rows(path, &arrow_select::concat::concat_batches(&rows.schema(), &parts).unwrap());
    };
    if old {
        fs::remove_file(path.join("data/chunk-000/episode_000001.parquet")).unwrap();
        let lines = fs::read_to_string(path.join("meta/episodes.jsonl")).unwrap();
        let lines: Vec<&str> = lines.lines().filter(|line| !line.contains("\"episode_index\": 1")).collect();
        fs::write(path.join("meta/episodes.jsonl"), lines.join("\n")).unwrap();
    } else {
        kept(&path.join(EPISODES));
        kept(&path.join(DATA));
    }
    edit_json(&path.join("meta/info.json"), |j| {
        (j["total_episodes"], j["total_frames"]) = (json!(total[0]), json!(total[1]))
    });
    (dir, path)
}

#[test]
fn deleted_episodes_leave_a_gap() {
    for old in [false, true] {
        for total in [[3, 14], [4, 15]] {
            let (_dir, path) = without_one(old, total);
            let (message, dataset) = converted(&path, &ImportOptions::default());
            let expected: Vec<_> = [0, 2, 3].map(|n| episodes(&spec())[n].observations.clone()).into();
            assert_eq!(dataset.episodes.iter().map(|e| e.observations.clone()).collect::<Vec<_>>(), expected);
            noted(&message, "3 episodes with numbers up to 3: they are counted anew");
            assert_eq!(message.notes.iter().any(|n| n.contains("total_frames: 15, there are 14")), total[1] == 15);
        }
    }
    let (_dir, path) = without_one(false, [3, 14]);
    assert_eq!(read(&path).unwrap().episodes.len(), 3);
    // Of the deleted episode a frame is left.
    let more = rows_of(&written().1.join(DATA)).slice(4, 1);
    let rows = rows_of(&path.join(DATA));
    let columns = rows.schema().fields().iter().map(|f| more.column_by_name(f.name()).unwrap().clone()).collect();
    let more = RecordBatch::try_new(rows.schema(), columns).unwrap();
    write_rows(&path.join("data/chunk-000/file-009.parquet"), &more);
    let (message, dataset) = converted(&path, &ImportOptions::default());
    noted(&message, "left out: 1 frames of episodes that meta/episodes does not have");
    assert_eq!(dataset.episodes.len(), 3);
}

#[test]
fn a_task_without_a_name_gets_one() {
    for old in [false, true] {
        let (_dir, path) = both(|_| {}).remove(usize::from(old));
        let tasks = path.join(if old { "meta/tasks.jsonl" } else { "meta/tasks.parquet" });
        fs::remove_file(&tasks).unwrap();
        let (_, dataset) = converted(&path, &ImportOptions { task: Some("push".into()), ..ImportOptions::default() });
        assert_eq!(dataset.spec.task, "push");
        let (message, dataset) = converted(&path, &ImportOptions { spec: Some(spec()), ..ImportOptions::default() });
        assert_eq!((dataset.spec.task.as_str(), message.notes.len()), ("stack", 0));
        let (message, dataset) = converted(&path, &ImportOptions::default());
        assert_eq!(dataset.spec.task, path.file_name().unwrap().to_string_lossy());
        noted(&message, "--name gives another name");
        if old {
            fs::write(&tasks, "{\"task_index\": 1, \"task\": \"b\"}\n{\"task_index\": 0, \"task\": \"a\"}\n").unwrap();
            let (message, dataset) = converted(&path, &ImportOptions::default());
            assert_eq!(dataset.spec.task, "a");
            noted(&message, "2 tasks: all episodes count as `a`");
        }
    }
}

#[test]
fn episodes_without_a_frame_do_no_harm() {
    for old in [false, true] {
        let (_dir, path) = both(|_| {}).remove(usize::from(old));
        if old {
            let file = path.join("data/chunk-000/episode_000003.parquet");
            write_rows(&file, &rows_of(&file).slice(0, 0));
            let lines = fs::read_to_string(path.join("meta/episodes.jsonl")).unwrap();
            fs::write(path.join("meta/episodes.jsonl"), lines.replace("\"length\": 3", "\"length\": 0")).unwrap();
        } else {
            write_rows(&path.join(DATA), &rows_of(&path.join(DATA)).slice(0, 12));
            replace_column(&path.join(EPISODES), "length", Some(Arc::new(Int64Array::from(vec![4, 1, 7, 0]))));
        }
        edit_json(&path.join("meta/info.json"), |j| j["total_frames"] = json!(12));
        let (message, dataset) = converted(&path, &ImportOptions::default());
        assert_eq!((dataset.episodes.len(), message.frames), (3, 12));
        noted(&message, "episode 3: no frame");
    }
}

#[test]
fn missing_frames_and_contradictory_times_are_told() {
    let second = |old: bool| if old { "episode_000002.parquet" } else { "file-000.parquet" };
    type Spoil<'a> = (&'a str, ArrayRef, &'a [&'a str]);
    let times = |of: &dyn Fn(usize, usize) -> f32| -> ArrayRef {
        let lengths = episodes(&spec()).into_iter().map(|e| e.len).enumerate();
        Arc::new(Float32Array::from_iter_values(lengths.flat_map(|(e, len)| (0..len).map(move |t| of(e, t)))))
    };
    let regular = |t: usize| t as f32 / 10.0;
    let indices = |gap: i64| -> ArrayRef {
        let at = |(e, len): (usize, usize)| (0..len as i64).map(move |t| if e == 2 && t > 2 { t + gap } else { t });
        Arc::new(Int64Array::from_iter_values([4, 1, 7, 3].into_iter().enumerate().flat_map(at)))
    };
    let spoilt: [Spoil<'_>; 4] = [
        ("frame_index", indices(1), &["frame_index: expected frame 3 of episode 2 next, found 4"]),
        (
            "timestamp",
            times(&|e, t| if e == 2 && t == 4 { 0.3 } else { regular(t) }),
            &["timestamp: expected a time after 0.3", "in episode 2, frame 4"],
        ),
        (
            "timestamp",
            times(&|e, t| if e == 2 && t == 4 { f32::NAN } else { regular(t) }),
            &["timestamp: expected a time after 0.3", "found NaN s in episode 2, frame 4"],
        ),
        (
            "timestamp",
            times(&|e, t| if e == 2 { 2.0 * regular(t) } else { regular(t) }),
            &["timestamp: expected 0.1 s between frames", "`fps`", "found 0.2 s before episode 2, frame 1"],
        ),
    ];
    for (column, array, parts) in spoilt {
        for (i, (_dir, path)) in
            both(|path| replace_column(&path.join(DATA), column, Some(array.clone()))).into_iter().enumerate()
        {
            refused(&path, &ImportOptions::default(), parts);
            refused(&path, &ImportOptions::default(), &[second(i == 1)]);
        }
    }
    // Seconds since 1970 in float64 rise as others do.
    let epoch = |by: f64| -> ArrayRef {
        let times = [4, 1, 7, 3].into_iter().flat_map(|len| (0..len).map(move |t| 1.7e9 + f64::from(t) * by));
        Arc::new(Float64Array::from_iter_values(times))
    };
    for (_dir, path) in both(|path| replace_column(&path.join(DATA), "timestamp", Some(epoch(0.1)))) {
        let (message, _) = converted(&path, &ImportOptions::default());
        assert!(message.notes.iter().all(|note| !note.contains("timestamp")), "{:?}", message.notes);
    }
    for (_dir, path) in both(|path| replace_column(&path.join(DATA), "timestamp", Some(epoch(0.0)))) {
        refused(&path, &ImportOptions::default(), &["timestamp: expected a time after 1700000000 s"]);
    }
    // A single pause is odd, not wrong.
    let pause = times(&|e, t| regular(t) + if e == 2 && t > 4 { 0.4 } else { 0.0 });
    for (i, (_dir, path)) in
        both(|path| replace_column(&path.join(DATA), "timestamp", Some(pause.clone()))).into_iter().enumerate()
    {
        let (message, dataset) = converted(&path, &ImportOptions::default());
        assert_eq!(dataset.episodes.len(), 4);
        noted(
            &message,
            "timestamp: 0.5 s before episode 2, frame 5; 1 times in 1 episodes it is not the 0.1 s of `fps`",
        );
        noted(&message, second(i == 1));
    }
    // Fewer rows than the metadata say.
    let (_dir, path) = both(|_| {}).remove(1);
    let file = path.join("data/chunk-000/episode_000002.parquet");
    write_rows(&file, &rows_of(&file).slice(0, 5));
    let parts = [
        "episodes.jsonl: length: expected the length of episode 2 to be its 5 frames",
        "episode_000002.parquet",
        "found 7",
    ];
    refused(&path, &ImportOptions::default(), &parts);
    let skipping = ImportOptions { skip_broken: true, ..ImportOptions::default() };
    let (message, dataset) = converted(&path, &skipping);
    assert_eq!(dataset.episodes.len(), 3);
    noted(&message, "left out: ");
    // A file that the metadata do not have, and one whose rows bear another number.
    let (_dir, path) = both(|_| {}).remove(1);
    let folder = path.join("data/chunk-000");
    fs::copy(folder.join("episode_000002.parquet"), folder.join("episode_000004.parquet")).unwrap();
    let rows = rows_of(&folder.join("episode_000003.parquet"));
    replace_column(
        &folder.join("episode_000003.parquet"),
        "episode_index",
        Some(Arc::new(Int64Array::from(vec![9; rows.num_rows()]))),
    );
    let (message, _) = converted(&path, &ImportOptions::default());
    noted(&message, "episode_000004.parquet (1 such files): not in meta/episodes.jsonl");
    noted(&message, "episode_000003.parquet: episode_index: 9; the name of the file counts");
    edit_json(&path.join("meta/info.json"), |j| j["total_frames"] = json!(16));
    refused(&path, &ImportOptions::default(), &["meta/info.json: total_frames: expected 15"]);
}

#[test]
fn numbers_that_are_not_finite_are_told_by_the_source_or_left_out() {
    let spoil = |path: &Path| {
        let mut values: Vec<f32> = episodes(&spec()).iter().flat_map(|e| e.actions.clone()).collect();
        values[2 * 6 + 1] = f32::NAN;
        replace_column(&path.join(DATA), "action", Some(lists(Arc::new(Float32Array::from(values)), 2)));
    };
    for (i, (_dir, path)) in both(spoil).into_iter().enumerate() {
        let file = if i == 1 { "episode_000002.parquet" } else { "file-000.parquet" };
        let parts = [file, ": action: expected finite numbers, found NaN in episode 2, frame 1, value `arm_1`"];
        refused(&path, &ImportOptions::default(), &parts);
        let (message, dataset) = converted(&path, &ImportOptions { skip_broken: true, ..ImportOptions::default() });
        noted(&message, "left out: ");
        let kept: Vec<_> = [0, 1, 3].map(|n| episodes(&spec())[n].actions.clone()).into();
        assert_eq!(dataset.episodes.iter().map(|e| e.actions.clone()).collect::<Vec<_>>(), kept);
    }
    // What is wrong with a file of many episodes is no reason to leave out the rest.
    let (_dir, path) = both(|path| replace_column(&path.join(DATA), "action", None)).remove(0);
    refused(&path, &ImportOptions { skip_broken: true, ..ImportOptions::default() }, &["file-000.parquet: action"]);
}

#[test]
fn sizes_that_cannot_be_are_told_before_memory_is_taken() {
    let huge = 1_u64 << 32;
    let cases: [(SpoilInfo, &str); 6] = [
        (
            |j| j["features"]["action"]["shape"] = json!([1_u64 << 32]),
            "features.action.shape: expected a shape of 1 to",
        ),
        (|j| j["features"]["action"]["shape"] = json!([1_u64 << 32, 1_u64 << 32]), "features.action.shape"),
        (|j| j["features"]["action"]["shape"] = json!([1_u64 << 20]), "1048576 values a frame"),
        (|j| j["fps"] = json!(1e-300), "fps: expected a number of Hz from 0.001 to 1000000, found 1e-300"),
        (|j| j["fps"] = json!(1e300), "fps: expected a number of Hz"),
        (|j| j["total_episodes"] = json!(u64::MAX), "total_episodes"),
    ];
    for (spoil, part) in cases {
        for (_dir, path) in both(|path| edit_json(&path.join("meta/info.json"), spoil)) {
            refused(&path, &ImportOptions::default(), &[part]);
        }
    }
    let (_dir, path) = both(|_| {}).remove(1);
    let lines = fs::read_to_string(path.join("meta/episodes.jsonl")).unwrap();
    for (from, to, part) in [
        ("\"length\": 4", format!("\"length\": {}", u64::MAX), "length of episode 0"),
        ("\"episode_index\": 3", format!("\"episode_index\": {}", u64::MAX), "cannot read"),
        ("\"length\": 4", format!("\"length\": {huge}"), "length of episode 0"),
    ] {
        fs::write(path.join("meta/episodes.jsonl"), lines.replace(from, &to)).unwrap();
        refused(&path, &ImportOptions::default(), &[part]);
    }
    for (column, value, part) in [
        ("length", i64::MAX, "length of episode 0"),
        ("data/file_index", i64::MAX, "cannot read"),
        ("episode_index", i64::MAX, "length of episode 9223372036854775807"),
        ("length", -1, "0 or more"),
    ] {
        let (_dir, path) = both(|_| {}).remove(0);
        let mut values =
            rows_of(&path.join(EPISODES)).column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec();
        values[0] = value;
        replace_column(&path.join(EPISODES), column, Some(Arc::new(Int64Array::from(values))));
        refused(&path, &ImportOptions::default(), &[part]);
    }
}

type SpoilInfo = fn(&mut Value);
