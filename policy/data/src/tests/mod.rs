//! Round trips, and datasets as others make them; what has a file of its own is named by it.

mod bad_import;
mod bad_input;
#[cfg(feature = "hdf5")]
mod hdf5;
mod images;
mod import;
mod lerobot;
mod pictures;
mod statistics;
mod video;
#[cfg(feature = "zarr")]
mod zarr;

use crate::write::{Sizes, write_sized};
use crate::{Dataset, read, summarize, write};
use arrow_array::RecordBatch;
use arrow_array::{ArrayRef, Float64Array, ListArray, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema};
use imle_configs::Error;
use imle_configs::episode::Episode;
use imle_configs::spec::{Layout, Spec, Term};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, parquet_to_arrow_schema};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

const DATA: &str = "data/chunk-000/file-000.parquet";
const EPISODES: &str = "meta/episodes/chunk-000/file-000.parquet";

fn layout(terms: &[(&str, usize)]) -> Layout {
    Layout { terms: terms.iter().map(|(n, s)| Term { name: (*n).to_string(), size: *s }).collect() }
}

fn spec() -> Spec {
    Spec {
        task: "stack".into(),
        control_rate: 10.0,
        observation: layout(&[("cube", 2), ("gripper", 1)]),
        action: layout(&[("arm", 2)]),
        pictures: None,
    }
}

fn episode(spec: &Spec, len: usize, seed: u64) -> Episode {
    let values = |n: usize, offset: f32| (0..n).map(|i| offset + i as f32 * 0.1 - seed as f32 * 1e-3).collect();
    Episode {
        observations: values(len * spec.observation.size(), -1.0),
        actions: values(len * spec.action.size(), 3.0),
        success: seed % 2 == 1,
        seed,
        index: seed.wrapping_mul(3),
        mismatch: if seed.is_multiple_of(2) { "heavy".into() } else { String::new() },
        mode: if seed.is_multiple_of(3) { String::new() } else { format!("mode {}", seed % 3) },
        len,
    }
}

fn episodes(spec: &Spec) -> Vec<Episode> {
    [4, 1, 7, 3].into_iter().zip([1, 2, 3, 4]).map(|(len, seed)| episode(spec, len, seed)).collect()
}

/// A small dataset in a temporary folder, to be spoilt.
fn written() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    write(&path, &spec(), &episodes(&spec())).unwrap();
    (dir, path)
}

/// The reader of Parquet panics at some damaged pages.
#[test]
fn a_table_with_any_byte_changed_is_read_or_refused() {
    let (_dir, path) = written();
    let file = path.join("data/chunk-000/file-000.parquet");
    let whole = fs::read(&file).unwrap();
    let (mut refused, mut damaged) = (0, 0);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&file, bytes).unwrap();
        if let Err(error) = read(&path) {
            refused += 1;
            damaged += usize::from(error.to_string().contains("damaged data"));
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
    assert!(refused > 300 && damaged > 0, "{refused} refused, {damaged} by a panic of the reader");
}

fn rows_of(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(|b| b.unwrap()).collect();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

fn write_rows(path: &Path, rows: &RecordBatch) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

/// Rewrites a file with one column replaced, or left out.
fn replace_column(path: &Path, name: &str, array: Option<ArrayRef>) {
    let rows = rows_of(path);
    let mut columns: Vec<(String, ArrayRef)> =
        rows.schema().fields().iter().map(|f| f.name().clone()).zip(rows.columns().iter().cloned()).collect();
    let at = columns.iter().position(|(n, _)| n == name).unwrap();
    match array {
        Some(array) => columns[at].1 = array,
        None => drop(columns.remove(at)),
    }
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(n, a.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    write_rows(path, &RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap());
}

/// Rewrites a file with one column more.
fn add_column(path: &Path, name: &str, array: ArrayRef) {
    let rows = rows_of(path);
    let mut fields: Vec<Arc<Field>> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(name, array.data_type().clone(), true)));
    let arrays = rows.columns().iter().cloned().chain([array]).collect();
    write_rows(path, &RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap());
}

fn edit_json(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    edit(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

fn drop_key(json: &mut Value, key: &str) {
    json.as_object_mut().unwrap().remove(key).unwrap();
}

fn bits(episodes: &[Episode]) -> Vec<Vec<u32>> {
    episodes.iter().map(|e| e.observations.iter().chain(&e.actions).map(|v| v.to_bits()).collect()).collect()
}

#[test]
fn what_is_written_is_read_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let mut episodes = episodes(&spec());
    episodes[0].observations[..3].copy_from_slice(&[-0.0, f32::MIN_POSITIVE / 8.0, f32::MAX]);
    episodes[1].seed = u64::MAX - 5;
    episodes[1].index = 1 << 63;
    episodes[1].mode = "左 \"quoted\"".into();
    let path = dir.path().join("new/folder");
    write(&path, &spec(), &episodes).unwrap();
    let back = read(&path).unwrap();
    assert_eq!(bits(&back.episodes), bits(&episodes));
    assert_eq!(back, Dataset { spec: spec(), episodes });
}

#[test]
fn the_same_data_make_the_same_bytes() {
    let (_a, first) = written();
    let (_b, second) = written();
    for file in ["meta/info.json", "meta/stats.json", "meta/tasks.parquet", EPISODES, DATA] {
        assert_eq!(fs::read(first.join(file)).unwrap(), fs::read(second.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn episodes_may_lie_in_many_files_and_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    write_sized(&path, &spec(), &episodes(&spec()), Sizes { file_bytes: 1, chunk_files: 3, row_group_rows: 2 })
        .unwrap();
    for file in ["chunk-000/file-000", "chunk-000/file-002", "chunk-001/file-000"] {
        assert!(path.join(format!("data/{file}.parquet")).exists(), "{file}");
    }
    let third = File::open(path.join("data/chunk-000/file-002.parquet")).unwrap();
    assert_eq!(ParquetRecordBatchReaderBuilder::try_new(third).unwrap().metadata().num_row_groups(), 4);
    assert_eq!(read(&path).unwrap().episodes, episodes(&spec()));
}

#[test]
fn a_file_is_followed_by_the_next_when_it_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let many: Vec<Episode> = (0..30).map(|seed| episode(&spec(), 100, seed)).collect();
    write_sized(&path, &spec(), &many, Sizes { file_bytes: 20_000, ..Sizes::default() }).unwrap();
    let files = fs::read_dir(path.join("data/chunk-000")).unwrap().count();
    assert!((2..30).contains(&files), "{files}");
    assert_eq!(read(&path).unwrap().episodes, many);
}

#[test]
fn an_episode_may_go_on_in_the_next_file() {
    let (_dir, path) = written();
    let rows = rows_of(&path.join(DATA));
    write_rows(&path.join(DATA), &rows.slice(0, 8));
    write_rows(&path.join("data/chunk-000/file-001.parquet"), &rows.slice(8, rows.num_rows() - 8));
    assert_eq!(read(&path).unwrap().episodes, episodes(&spec()));
}

#[test]
fn one_value_is_a_plain_column_and_a_rate_may_be_no_whole_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let spec =
        Spec { control_rate: 100.0 / 3.0, observation: layout(&[("x", 1)]), action: layout(&[("u", 1)]), ..spec() };
    let episodes = episodes(&spec);
    write(&path, &spec, &episodes).unwrap();
    let rows = rows_of(&path.join(DATA));
    assert_eq!(rows.column_by_name("action").unwrap().data_type(), &DataType::Float32);
    assert_eq!(read(&path).unwrap(), Dataset { spec, episodes });
}

#[test]
fn info_has_what_lerobot_looks_for() {
    let (_dir, path) = written();
    let info: Value = serde_json::from_str(&fs::read_to_string(path.join("meta/info.json")).unwrap()).unwrap();
    assert_eq!(info["codebase_version"], "v3.0");
    assert_eq!(info["fps"], json!(10));
    assert_eq!(info["total_frames"], 15);
    assert_eq!(info["splits"], json!({"train": "0:4"}));
    let state = json!({"dtype": "float32", "shape": [3], "names": ["cube_0", "cube_1", "gripper"]});
    assert_eq!(info["features"]["observation.state"], state);
    assert_eq!(info["features"]["next.done"], json!({"dtype": "bool", "shape": [1], "names": null}));
    assert_eq!(info["planner"]["spec"]["task"], "stack");
}

#[test]
fn pandas_finds_the_task_in_the_index() {
    let (_dir, path) = written();
    let file = File::open(path.join("meta/tasks.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let file = builder.metadata().file_metadata();
    // pyarrow takes pandas' entry from the Arrow schema only, so it must not be just in the file's own metadata.
    let mut entries = file.key_value_metadata().unwrap().clone();
    entries.retain(|e| e.key == "ARROW:schema");
    let schema = parquet_to_arrow_schema(file.schema_descr(), Some(&entries)).unwrap();
    let pandas: Value = serde_json::from_str(&schema.metadata()["pandas"]).unwrap();
    assert_eq!(pandas["index_columns"], json!(["__index_level_0__"]));
}

/// Takes away what only this crate writes.
fn make_foreign(path: &Path) {
    edit_json(&path.join("meta/info.json"), |j| drop_key(j, "planner"));
    for column in ["planner.mode", "planner.mismatch", "planner.seed", "planner.reset_index", "planner.success"] {
        replace_column(&path.join(EPISODES), column, None);
    }
}

#[test]
fn a_dataset_of_others_gets_a_spec_from_its_names() {
    let (_dir, path) = written();
    make_foreign(&path);
    let back = read(&path).unwrap();
    assert_eq!(back.spec, spec());
    for (number, (got, written)) in back.episodes.iter().zip(episodes(&spec())).enumerate() {
        assert_eq!(
            got,
            &Episode { seed: 0, index: number as u64, mode: String::new(), mismatch: String::new(), ..written }
        );
    }
}

#[test]
fn names_come_in_several_forms() {
    let names_and_terms = [
        (json!({"motors": ["x", "y", "z"]}), layout(&[("x", 1), ("y", 1), ("z", 1)])),
        (json!({"z": 2, "x": 0, "y": 1}), layout(&[("x", 1), ("y", 1), ("z", 1)])),
        (json!(["m_0", "m_1", "m_2"]), layout(&[("m", 3)])),
        (json!(["m_1", "m_2", "m_3"]), layout(&[("m_1", 1), ("m_2", 1), ("m_3", 1)])),
        (json!(["m_0", "m_1", "m"]), layout(&[("state", 3)])),
        (json!(["x", "x", "y"]), layout(&[("state", 3)])),
        (json!(["x"]), layout(&[("state", 3)])),
        (json!(null), layout(&[("state", 3)])),
    ];
    let (_dir, path) = written();
    make_foreign(&path);
    for (names, expected) in names_and_terms {
        edit_json(&path.join("meta/info.json"), |j| j["features"]["observation.state"]["names"] = names.clone());
        assert_eq!(read(&path).unwrap().spec.observation, expected, "{names}");
    }
}

#[test]
fn lists_may_be_of_free_length_and_of_float64() {
    let (_dir, path) = written();
    let values: Vec<f64> = episodes(&spec()).iter().flat_map(|e| &e.actions).map(|v| f64::from(*v)).collect();
    let element = Arc::new(Field::new("item", DataType::Float64, true));
    let lengths = OffsetBuffer::from_lengths(vec![2; values.len() / 2]);
    let lists = ListArray::try_new(element, lengths, Arc::new(Float64Array::from(values)), None).unwrap();
    replace_column(&path.join(DATA), "action", Some(Arc::new(lists)));
    assert_eq!(read(&path).unwrap().episodes, episodes(&spec()));
}

#[test]
fn the_task_of_others_is_the_one_of_the_lowest_index() {
    let (_dir, path) = written();
    make_foreign(&path);
    let indices: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1, 0]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["second", "first"]));
    let rows = RecordBatch::try_from_iter([("task_index", indices), ("task", names)]).unwrap();
    write_rows(&path.join("meta/tasks.parquet"), &rows);
    assert_eq!(read(&path).unwrap().spec.task, "first");
}

#[test]
fn a_summary_counts_and_measures() {
    let summary = summarize(&Dataset { spec: spec(), episodes: episodes(&spec()) });
    assert_eq!((summary.episodes, summary.frames, summary.successes), (4, 15, 2));
    assert_eq!((summary.lengths.min, summary.lengths.median, summary.lengths.max), (1, 3.5, 7));
    let modes = BTreeMap::from([(String::new(), 1), ("mode 1".into(), 2), ("mode 2".into(), 1)]);
    assert_eq!(summary.modes, modes);
    assert_eq!((summary.observation_size, summary.action_size), (3, 2));
    let gripper = &summary.observation[2];
    assert_eq!((gripper.name.as_str(), gripper.min), ("gripper", Some(-1.0 + 2.0 * 0.1 - 4e-3)));
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["modes"]["mode 1"], 2);
    let nothing = summarize(&Dataset { spec: spec(), episodes: Vec::new() });
    assert_eq!((nothing.lengths.max, nothing.action[0].min), (0, None));
}

#[test]
fn an_existing_place_is_refused_and_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), "kept").unwrap();
    assert!(matches!(write(&path, &spec(), &episodes(&spec())), Err(Error::Exists { .. })));
    assert_eq!(fs::read_to_string(path.join("mine")).unwrap(), "kept");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// The system refuses paths past 4095 bytes: here the data still fit, the metadata after them no longer do.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_halfway_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut parent = dir.path().to_path_buf();
    while parent.as_os_str().len() < 4037 {
        let left = 4037 - parent.as_os_str().len() - 1;
        parent.push("p".repeat(if left > 250 { 200 } else { left }));
    }
    let error = write(&parent.join("d"), &spec(), &episodes(&spec())).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Io { .. }) && message.contains("p/d/meta/episodes/"), "{message}");
    assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_finite_episode_comes_back(
        sizes in (1_usize..6, 1_usize..4),
        lengths in prop::collection::vec(1_usize..20, 1..6),
        words in prop::collection::vec(any::<u32>(), 64),
        row_group_rows in 1_usize..9,
    ) {
        let spec = Spec { observation: layout(&[("o", sizes.0)]), action: layout(&[("a", sizes.1)]), ..spec() };
        let finite = |i: usize| f32::from_bits(words[i % 64].rotate_left((i / 64) as u32 % 32));
        let values = |n: usize| (0..n).map(|i| if finite(i).is_finite() { finite(i) } else { 0.5 }).collect();
        let episodes: Vec<Episode> = lengths.iter().map(|&len| Episode {
            observations: values(len * sizes.0),
            actions: values(len * sizes.1),
            success: words[len] % 2 == 0,
            seed: u64::from(words[len]) << 32,
            index: len as u64,
            mode: String::new(),
            mismatch: String::new(),
            len,
        }).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d");
        write_sized(&path, &spec, &episodes, Sizes { file_bytes: 3000, chunk_files: 2, row_group_rows }).unwrap();
        let back = read(&path).unwrap();
        prop_assert_eq!(bits(&back.episodes), bits(&episodes));
        prop_assert_eq!(back, Dataset { spec, episodes });
    }
}
