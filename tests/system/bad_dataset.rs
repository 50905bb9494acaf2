//! Datasets with something missing or wrong in them. More of them are beside the reader, in `policy/data`.

use crate::call::Call;
use crate::fixtures::{checkpoint, copy, demonstrations, edit_json, folder};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, Int64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const DATA: &str = "data/chunk-000/file-000.parquet";
const EPISODES: &str = "meta/episodes/chunk-000/file-000.parquet";

/// A dataset to be spoilt.
fn dataset() -> (TempDir, PathBuf) {
    let dir = folder();
    let path = dir.path().join("mine");
    copy(demonstrations(), &path);
    (dir, path)
}

/// Every command that takes a dataset.
fn refused(dataset: &Path, parts: &[&str]) {
    let outs = folder();
    for call in [Call::new("train"), Call::new("finetune --task stack").with("--checkpoint", checkpoint())] {
        call.with("--data", dataset).refused_without_trace(outs.path(), parts);
    }
}

/// Rewrites a file's columns, each kept, replaced or left out.
fn rewrite(path: &Path, mut change: impl FnMut(&str, ArrayRef) -> Option<ArrayRef>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.with_batch_size(1 << 20).build().unwrap().map(Result::unwrap).collect();
    let [rows] = batches.as_slice() else { panic!("one batch") };
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        if let Some(column) = change(field.name(), column.clone()) {
            fields.push(Field::new(field.name(), column.data_type().clone(), true));
            columns.push(column);
        }
    }
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_missing_column_is_named() {
    for (file, column) in [(DATA, "observation.state"), (DATA, "action"), (EPISODES, "length")] {
        let (_dir, path) = dataset();
        rewrite(&path.join(file), |name, values| (name != column).then_some(values));
        refused(&path, &[file, &format!("{column}: expected a column of this name")]);
    }
}

#[test]
fn what_is_no_number_is_named_with_its_place() {
    let (_dir, path) = dataset();
    rewrite(&path.join(DATA), |name, column| {
        if name != "action" {
            return Some(column);
        }
        let mut values = column.as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec();
        values[6 * 3 + 5] = f32::NAN;
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        Some(Arc::new(FixedSizeListArray::new(item, 6, Arc::new(Float32Array::from(values)), None)))
    });
    refused(&path, &[DATA, "action", "finite numbers", "NaN", "episode 0, frame 3", "`gripper`"]);
}

#[test]
fn an_episode_without_a_frame_cannot_be_played() {
    for empty in [0, 5] {
        let (_dir, path) = dataset();
        let mut of_empty = 0;
        rewrite(&path.join(EPISODES), |name, column| {
            if name != "length" {
                return Some(column);
            }
            let mut lengths = column.as_primitive::<Int64Type>().values().to_vec();
            of_empty = std::mem::take(&mut lengths[empty]) as usize;
            Some(Arc::new(Int64Array::from(lengths)))
        });
        let replay = Call::new(&format!("data replay --episode {empty}")).and(path.to_str().unwrap());
        // What only the metadata say, and what is so.
        replay.refused(&["mine", "episode"]);
        rewrite(&path.join(DATA), |_, column| {
            let start = if empty == 0 { of_empty } else { 0 };
            Some(column.slice(start, column.len() - of_empty))
        });
        edit_json(&path.join("meta/info.json"), |j| {
            j["total_frames"] = json!(j["total_frames"].as_u64().unwrap() - of_empty as u64);
        });
        replay.refused(&[&format!("mine: episode {empty}: expected at least one frame, found none")]);
    }
}

#[test]
fn missing_and_truncated_files_are_named() {
    for file in [DATA, EPISODES, "meta/info.json"] {
        let (_dir, path) = dataset();
        let whole = fs::read(path.join(file)).unwrap();
        fs::write(path.join(file), &whole[..whole.len() / 2]).unwrap();
        refused(&path, &[&format!("mine/{file}")]);
        fs::remove_file(path.join(file)).unwrap();
        refused(&path, &[&format!("mine/{file}"), "cannot read"]);
    }
    refused(checkpoint(), &["generator: expected the folder of a dataset, found that of a checkpoint"]);
}

#[test]
fn a_dataset_of_another_task_or_version_is_refused() {
    let (_dir, path) = dataset();
    let info = path.join("meta/info.json");
    edit_json(&info, |j| j["codebase_version"] = json!("v2.1"));
    refused(&path, &["meta/info.json", "codebase_version", "v3.0", "v2.1"]);
    let (_dir, path) = dataset();
    edit_json(&path.join("meta/info.json"), |j| j["planner"]["spec"]["task"] = json!("push"));
    let outs = folder();
    let train = Call::new("train").with("--data", &path);
    train.refused_without_trace(
        outs.path(),
        &["mine: task `push` is not built in", "--task", "--evaluation-episodes 0"],
    );
    let train = Call::new("train --task lift").with("--data", demonstrations());
    train.refused_without_trace(outs.path(), &["demos", "task `lift`", "task `stack`"]);
    let train = Call::new("train --task stack").with("--data", &path);
    train.refused_without_trace(outs.path(), &["mine", "task `stack`", "task `push`"]);
    let finetune = Call::new("finetune --task stack").with("--checkpoint", checkpoint()).with("--data", &path);
    finetune.refused_without_trace(outs.path(), &["mine", "task `stack`", "task `push`"]);
}
