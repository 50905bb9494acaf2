//! Parquet tables, written and read batch by batch, with errors of one line that name file and column.

use crate::columns;
use crate::guard::guarded;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use imle_configs::{Error, Result, files};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use std::borrow::Cow;
use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// Rows read at a time.
const BATCH_ROWS: usize = 4096;

/// Writes one Parquet file, compressed as LeRobot's own writer does.
pub(crate) struct Writer {
    writer: ArrowWriter<File>,
    shown: PathBuf,
}

impl Writer {
    /// Opens `root/file`, in a new folder if need be; errors name `shown/file`, where it will be once all is written.
    pub(crate) fn create(
        root: &Path,
        shown: &Path,
        file: &Path,
        schema: SchemaRef,
        row_group_rows: usize,
    ) -> Result<Self> {
        let (path, shown) = (root.join(file), shown.join(file));
        if let Some(folder) = path.parent() {
            files::create_folder(folder).map_err(|e| shown_as(&shown, e))?;
        }
        // Readers that know Arrow take metadata from its schema, others from the file: pyarrow writes both.
        let metadata: Vec<_> = schema.metadata().iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(row_group_rows.max(1)))
            .set_key_value_metadata((!metadata.is_empty()).then_some(metadata))
            .build();
        let handle = files::create_file(&path).map_err(|e| shown_as(&shown, e))?;
        let writer = ArrowWriter::try_new(handle, schema, Some(properties)).map_err(|e| write_error(&shown, e))?;
        Ok(Self { writer, shown })
    }

    /// Appends rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|e| write_error(&self.shown, e))
    }

    /// Bytes written and still to be written, about.
    pub(crate) fn size(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Writes what is left and the footer.
    pub(crate) fn close(self) -> Result<()> {
        self.writer.close().map(|_| ()).map_err(|e| write_error(&self.shown, e))
    }
}

/// An error of building or writing a table; a full disk stays one.
pub(crate) fn write_error(path: &Path, error: impl std::error::Error + 'static) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<std::io::Error>() {
            return Error::io(path, "write", std::io::Error::new(io.kind(), one_line(io)));
        }
        cause = found.source();
    }
    Error::io(path, "write", std::io::Error::other(one_line(error)))
}

/// An error of a file in a folder that is being filled, at the place where it will be.
pub(crate) fn shown_as(path: &Path, error: Error) -> Error {
    match error {
        Error::Io { action, source, .. } => Error::io(path, action, source),
        other => other,
    }
}

fn read_error(path: &Path, error: impl Display) -> Error {
    Error::unexpected(path.display(), "a readable Parquet file", one_line(error))
}

pub(crate) fn one_line(text: impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the wanted columns of one Parquet file.
pub(crate) struct Reader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    /// Whether nothing more can be read.
    damaged: bool,
}

impl Reader {
    /// Opens a file; each of `required` must be there, `optional` columns come along if they are.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file, [`Error::Unexpected`] if it is no Parquet or lacks a column.
    pub(crate) fn open(path: &Path, required: &[&str], optional: &[&str]) -> Result<Self> {
        Self::open_rows(path, required, optional, None)
    }

    /// As [`Reader::open`], some rows only.
    pub(crate) fn open_rows(
        path: &Path,
        required: &[&str],
        optional: &[&str],
        rows: Option<Range<usize>>,
    ) -> Result<Self> {
        let mut builder = builder(path)?;
        if let Some(rows) = rows {
            builder = builder.with_offset(rows.start).with_limit(rows.len());
        }
        let names: Vec<&str> = builder.schema().fields().iter().map(|f| f.name().as_str()).collect();
        let mut wanted = Vec::new();
        for name in required {
            let missing = || Error::unexpected(place(path, name), "a column of this name", listed(&names));
            wanted.push(names.iter().position(|n| n == name).ok_or_else(missing)?);
        }
        wanted.extend(optional.iter().filter_map(|name| names.iter().position(|n| n == name)));
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let built = guarded(|| builder.with_projection(mask).with_batch_size(BATCH_ROWS).build());
        let batches = built.map_err(|e| read_error(path, e))?.map_err(|e| read_error(path, e))?;
        Ok(Self { path: path.to_path_buf(), batches, damaged: false })
    }

    /// Number of rows of a file.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub(crate) fn rows(path: &Path) -> Result<usize> {
        let rows = builder(path)?.metadata().file_metadata().num_rows();
        usize::try_from(rows).map_err(|_| read_error(path, format!("{rows} rows")))
    }

    /// Names of the columns of a file that hold one number a row.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub(crate) fn scalar_columns(path: &Path) -> Result<Vec<String>> {
        let builder = builder(path)?;
        let numbers = builder.schema().fields().iter().filter(|f| columns::is_number(f.data_type()));
        Ok(numbers.map(|f| f.name().clone()).collect())
    }

    /// Names of the columns that are there and wanted, with their types.
    pub(crate) fn schema(&self) -> SchemaRef {
        use arrow_array::RecordBatchReader;
        self.batches.schema()
    }
}

impl Iterator for Reader {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.damaged {
            return None;
        }
        let batch = guarded(|| self.batches.next()).unwrap_or_else(|found| {
            self.damaged = true;
            Some(Err(ArrowError::ParquetError(found)))
        })?;
        Some(batch.map(|rows| Batch { path: self.path.clone(), rows }).map_err(|e| read_error(&self.path, e)))
    }
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = files::open(path)?;
    let built = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(|e| read_error(path, e))?;
    let built = built.map_err(|e| read_error(path, e))?;
    let mut columns = built.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
    match columns.find(|column| !has_place(column)) {
        None => Ok(built),
        Some(column) => {
            let place = format!("{}: column `{}`", path.display(), column.column_path().string());
            Err(Error::unexpected(place, "a place in the file", "a negative one"))
        }
    }
}

/// Whether the column's start and length are such as the reader takes; it panics at negative ones.
fn has_place(column: &ColumnChunkMetaData) -> bool {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    start >= 0 && column.compressed_size() >= 0
}

fn listed(names: &[&str]) -> String {
    // Per-episode statistics would drown the columns that help.
    let shown: Vec<_> = names.iter().filter(|n| !n.starts_with("stats/")).map(|n| format!("`{n}`")).collect();
    format!("only {}", shown.join(", "))
}

/// `FILE: COLUMN`, the place of an error.
pub(crate) fn place(path: &Path, column: &str) -> String {
    format!("{}: {column}", path.display())
}

/// Some rows of a file.
pub(crate) struct Batch {
    path: PathBuf,
    rows: RecordBatch,
}

impl Batch {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether the file has the column.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rows.column_by_name(name).is_some()
    }

    /// The column as `get` reads it, if the file has it.
    pub(crate) fn perhaps<T>(&self, name: &str, get: impl Fn(&Self, &str) -> Result<T>) -> Result<Option<T>> {
        self.has(name).then(|| get(self, name)).transpose()
    }

    fn column(&self, name: &str) -> Result<&ArrayRef> {
        let missing = || Error::unexpected(place(&self.path, name), "a column of this name", "none");
        let column = self.rows.column_by_name(name).ok_or_else(missing)?;
        let expected = "a value in every row";
        Error::ensure(column.null_count() == 0, place(&self.path, name), expected, "an empty one")?;
        Ok(column)
    }

    /// A column of one value a row, plain or in a list, read by `convert`, which refuses what does not fit `expected`.
    fn converted<T>(
        &self,
        name: &str,
        expected: &str,
        fits: fn(&DataType) -> bool,
        convert: impl Fn(&dyn Array) -> Option<T>,
    ) -> Result<T> {
        let column = self.column(name)?;
        let bad = |found: String| Error::unexpected(place(&self.path, name), expected, found);
        let (values, ends) = columns::flattened(column).map_err(|row| bad(format!("none in row {row}")))?;
        if !fits(values.data_type()) {
            return Err(bad(format!("type {}", columns::described(column.data_type()))));
        }
        if let Some(other) = ends.windows(2).map(|e| e[1] - e[0]).find(|n| *n != 1) {
            return Err(bad(format!("{other} values in a row")));
        }
        convert(&values.slice(ends[0], column.len())).ok_or_else(|| bad("a value out of range".into()))
    }

    /// A column of whole numbers.
    pub(crate) fn integers(&self, name: &str) -> Result<Int64Array> {
        let values = self.converted(name, "whole numbers (int64)", DataType::is_integer, columns::integers)?;
        Ok(Int64Array::from(values))
    }

    /// A column of one number a row; truth values are 0 and 1.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.converted(name, "one number a row", columns::is_number, columns::numbers)
    }

    /// Relative rounding of a column's numbers.
    pub(crate) fn epsilon(&self, name: &str) -> f64 {
        let kind = self.rows.column_by_name(name).map(|column| columns::leaf(column.data_type()));
        if kind == Some(&DataType::Float32) { f64::from(f32::EPSILON) } else { f64::EPSILON }
    }

    /// A column of truth values, or of 0 and 1.
    pub(crate) fn truths(&self, name: &str) -> Result<Vec<bool>> {
        let truth = |v: f64| if v == 0.0 || v == 1.0 { Some(v == 1.0) } else { None };
        let convert = |column: &dyn Array| columns::numbers(column)?.into_iter().map(truth).collect();
        self.converted(name, "truth values (bool, or 0 and 1)", columns::is_number, convert)
    }

    /// A column of text.
    pub(crate) fn strings(&self, name: &str) -> Result<StringArray> {
        self.converted(name, "text (string)", columns::is_text, columns::text)
    }

    /// A column of encoded pictures: structs with their `bytes`, or the `path` of a file, as the `datasets` library
    /// stores images; or the bytes themselves.
    pub(crate) fn pictures(&self, name: &str) -> Result<Encoded> {
        let bad = |found: String| {
            let expected = "the bytes of pictures, or structs {bytes, path} of them";
            Error::unexpected(place(&self.path, name), expected, found)
        };
        let column = self.column(name)?;
        let Some(structs) = column.as_struct_opt() else {
            let bytes = columns::bytes(column).ok_or_else(|| bad(columns::described(column.data_type())))?;
            return Ok(Encoded { bytes, paths: None });
        };
        let bytes = structs.column_by_name("bytes").ok_or_else(|| bad("structs without `bytes`".to_string()))?;
        let bytes = match bytes.data_type() {
            DataType::Null => BinaryArray::new_null(bytes.len()),
            kind => columns::bytes(bytes).ok_or_else(|| bad(format!("`bytes` of {}", columns::described(kind))))?,
        };
        Ok(Encoded { bytes, paths: structs.column_by_name("path").and_then(|paths| columns::text(paths)) })
    }

    /// A column of `size` numbers a row, row-major (rows, size), from whatever numbers and lists. LeRobot stores a
    /// feature of one value as a plain number; float64 and whole numbers are narrowed. `at` says where a row lies.
    pub(crate) fn vectors(&self, name: &str, size: usize, at: &dyn Fn(usize) -> String) -> Result<Vec<f32>> {
        let column = self.column(name)?;
        let bad = |expected: String, found: String| Error::unexpected(place(&self.path, name), expected, found);
        let missing = |row| bad("a number for every value".to_string(), format!("none in {}", at(row)));
        let (values, ends) = columns::flattened(column).map_err(missing)?;
        if !columns::is_number(values.data_type()) {
            let found = format!("type {}", columns::described(column.data_type()));
            return Err(bad("numbers, or lists of them".to_string(), found));
        }
        if let Some((row, ends)) = ends.windows(2).enumerate().find(|(_, ends)| ends[1] - ends[0] != size) {
            let expected = format!("{size} values a frame, as in meta/info.json");
            return Err(bad(expected, format!("{} in {}", ends[1] - ends[0], at(row))));
        }
        let of_rows = values.slice(ends[0], ends[column.len()] - ends[0]);
        let numbers = columns::numbers(&of_rows).unwrap_or_default();
        Ok(numbers.into_iter().map(|v| v as f32).collect())
    }
}

/// Encoded pictures of some rows.
pub(crate) struct Encoded {
    bytes: BinaryArray,
    paths: Option<StringArray>,
}

impl Encoded {
    /// The bytes of a picture, which may lie in a file of the dataset at `root`.
    pub(crate) fn get(&self, root: &Path, row: usize) -> std::result::Result<Cow<'_, [u8]>, String> {
        if self.bytes.is_valid(row) {
            return Ok(Cow::Borrowed(self.bytes.value(row)));
        }
        let path = self.paths.as_ref().filter(|paths| paths.is_valid(row)).map(|paths| Path::new(paths.value(row)));
        let inside = path.filter(|path| path.components().all(|c| matches!(c, Component::Normal(_))));
        let file = inside.ok_or("neither bytes nor the path of a file in the dataset")?;
        files::read_bytes(&root.join(file)).map(Cow::Owned).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::schema::{parser::parse_message_type, types::SchemaDescriptor};
    use std::sync::Arc;

    #[test]
    fn a_column_has_no_negative_place() {
        let schema = SchemaDescriptor::new(Arc::new(parse_message_type("message m { required float x; }").unwrap()));
        let column = |start: i64, length: i64| {
            let column = ColumnChunkMetaData::builder(schema.column(0)).set_data_page_offset(start);
            has_place(&column.set_total_compressed_size(length).build().unwrap())
        };
        assert!(column(4, 9));
        assert!(!column(-4, 9) && !column(4, -9));
    }
}
