//! `meta/tasks.parquet`: a pandas frame with the task as its index and the column `task_index`.

use crate::table::{self, Reader, Writer};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use imle_configs::{Error, Result};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "meta/tasks.parquet";
/// The name that pandas gives to an unnamed index; newer LeRobot names it `task`.
const INDEX: &str = "__index_level_0__";

/// Writes the only task of a dataset, with index 0.
pub(crate) fn write(root: &Path, shown: &Path, task: &str) -> Result<()> {
    // Without this pandas would take the names for a column; LeRobot looks them up in the index.
    let pandas = json!({
        "index_columns": [INDEX],
        "column_indexes": [{"name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object",
                            "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64",
             "metadata": null},
            {"name": null, "field_name": INDEX, "pandas_type": "unicode", "numpy_type": "object", "metadata": null},
        ],
        "creator": {"library": "planner", "version": imle_configs::VERSION},
        "pandas_version": "2.0.0",
    });
    let schema =
        Schema::new(vec![Field::new("task_index", DataType::Int64, true), Field::new(INDEX, DataType::Utf8, true)]);
    let schema = Arc::new(schema.with_metadata(HashMap::from([("pandas".to_string(), pandas.to_string())])));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![0])), Arc::new(StringArray::from(vec![task]))];
    let rows = RecordBatch::try_new(schema.clone(), columns).map_err(|e| table::write_error(&shown.join(FILE), e))?;
    let mut writer = Writer::create(root, shown, Path::new(FILE), schema, rows.num_rows())?;
    writer.write(&rows)?;
    writer.close()
}

/// The task with the lowest index.
pub(crate) fn read_first(root: &Path) -> Result<String> {
    let none = || Error::unexpected(root.join(FILE).display(), "at least one task", "none");
    first(read(root)?).ok_or_else(none)
}

/// The task with the lowest index.
pub(crate) fn first(tasks: Vec<(i64, String)>) -> Option<String> {
    tasks.into_iter().min_by_key(|(index, _)| *index).map(|(_, name)| name)
}

/// The file.
pub(crate) fn path(root: &Path) -> PathBuf {
    root.join(FILE)
}

/// All tasks with their indices.
pub(crate) fn read(root: &Path) -> Result<Vec<(i64, String)>> {
    let path = root.join(FILE);
    let reader = Reader::open(&path, &["task_index"], &[INDEX, "task"])?;
    let text =
        reader.schema().fields().iter().find(|f| crate::columns::is_text(f.data_type())).map(|f| f.name().clone());
    let text = text.ok_or_else(|| Error::unexpected(table::place(&path, INDEX), "a column of task names", "none"))?;
    let mut tasks = Vec::new();
    for batch in reader {
        let batch = batch?;
        let (indices, names) = (batch.integers("task_index")?, batch.strings(&text)?);
        tasks.extend((0..batch.len()).map(|row| (indices.value(row), names.value(row).to_string())));
    }
    Ok(tasks)
}
