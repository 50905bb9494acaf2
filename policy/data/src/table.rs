//! Parquet tables, written and read batch by batch, with errors of one line that name file and column.

use crate::columns;
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Int64Array, OffsetSizeTrait, RecordBatch, StringArray,
};
use arrow_schema::{DataType, SchemaRef};
use imle_configs::{Error, Result, files};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

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
        let batches =
            builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|e| read_error(path, e))?;
        Ok(Self { path: path.to_path_buf(), batches })
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
        let batch = self.batches.next()?;
        Some(batch.map(|rows| Batch { path: self.path.clone(), rows }).map_err(|e| read_error(&self.path, e)))
    }
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| read_error(path, e))
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

    /// A column read by `convert`, which refuses what does not fit `expected`.
    fn converted<T>(
        &self,
        name: &str,
        expected: &str,
        fits: fn(&DataType) -> bool,
        convert: fn(&dyn Array) -> Option<T>,
    ) -> Result<T> {
        let column = self.column(name)?;
        let bad = |found: String| Error::unexpected(place(&self.path, name), expected, found);
        if !fits(column.data_type()) {
            return Err(bad(format!("type {}", column.data_type())));
        }
        convert(column).ok_or_else(|| bad("a value out of range".into()))
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

    /// A column of truth values.
    pub(crate) fn booleans(&self, name: &str) -> Result<BooleanArray> {
        let fits = |t: &DataType| *t == DataType::Boolean;
        self.converted(name, "truth values (bool)", fits, |column| column.as_boolean_opt().cloned())
    }

    /// A column of text.
    pub(crate) fn strings(&self, name: &str) -> Result<StringArray> {
        self.converted(name, "text (string)", columns::is_text, columns::text)
    }

    /// A column of encoded pictures: structs with their `bytes`, as the `datasets` library stores images.
    pub(crate) fn pictures(&self, name: &str) -> Result<BinaryArray> {
        let expected = "structs {bytes, path} with the bytes of a picture in every row";
        let bad = |found: String| Error::unexpected(place(&self.path, name), expected, found);
        let column = self.column(name)?;
        let structs = column.as_struct_opt().ok_or_else(|| bad(format!("type {}", column.data_type())))?;
        let bytes = structs.column_by_name("bytes").ok_or_else(|| bad("structs without `bytes`".to_string()))?;
        let bytes = columns::bytes(bytes).ok_or_else(|| bad(format!("`bytes` of type {}", bytes.data_type())))?;
        if bytes.null_count() > 0 { Err(bad("none".to_string())) } else { Ok(bytes) }
    }

    /// A column of `size` numbers a row, row-major (rows, size). LeRobot stores a feature of one value as a plain
    /// number, and others as lists of fixed or free length; float64 is narrowed. `at` says where a row lies.
    pub(crate) fn vectors(&self, name: &str, size: usize, at: &dyn Fn(usize) -> String) -> Result<Float32Array> {
        let column = self.column(name)?;
        let wrong_length = |(row, found): (usize, usize)| {
            let expected = format!("{size} values a frame, as in meta/info.json");
            Error::unexpected(place(&self.path, name), expected, format!("{found} in {}", at(row)))
        };
        let values: ArrayRef = match column.data_type() {
            _ if column.is_empty() => return Ok(Float32Array::from(Vec::<f32>::new())),
            DataType::FixedSizeList(_, length) => {
                let list = column.as_fixed_size_list();
                let length = usize::try_from(*length).unwrap_or(0);
                if length != size {
                    return Err(wrong_length((0, length)));
                }
                let start = list.value_offset_at(0);
                list.values().slice(start, size * list.len())
            }
            DataType::List(_) => list_values::<i32>(column, size).map_err(wrong_length)?,
            DataType::LargeList(_) => list_values::<i64>(column, size).map_err(wrong_length)?,
            _ if size == 1 => column.clone(),
            _ => return self.no_vectors(name, column.data_type()),
        };
        if !matches!(values.data_type(), DataType::Float32 | DataType::Float64) {
            return self.no_vectors(name, column.data_type());
        }
        if let Some(row) = (0..values.len()).find(|i| values.is_null(*i)).map(|i| i / size) {
            let found = format!("none in {}", at(row));
            return Err(Error::unexpected(place(&self.path, name), "a number for every value", found));
        }
        match columns::numbers(&values) {
            Some(numbers) => Ok(numbers.into_iter().map(|v| v as f32).collect::<Vec<_>>().into()),
            None => self.no_vectors(name, column.data_type()),
        }
    }

    fn no_vectors<T>(&self, name: &str, found: &DataType) -> Result<T> {
        let found = format!("type {}", one_line(found));
        Err(Error::unexpected(place(&self.path, name), "lists of float32 or float64", found))
    }
}

/// The values of lists of `size`, or the first row of another length with that length.
fn list_values<O: OffsetSizeTrait>(column: &ArrayRef, size: usize) -> std::result::Result<ArrayRef, (usize, usize)> {
    let list = column.as_list::<O>();
    let offsets = list.value_offsets();
    for (row, pair) in offsets.windows(2).enumerate() {
        let length = pair[1].as_usize() - pair[0].as_usize();
        if length != size {
            return Err((row, length));
        }
    }
    let start = offsets.first().map_or(0, |o| o.as_usize());
    Ok(list.values().slice(start, size * list.len()))
}
