//! Records of a real robot or another simulator: a folder of CSV or Parquet files, one an episode, and `record.toml`,
//! which says what their columns mean. `docs/guide/your-data.md` describes it.

use super::options::ImportOptions;
use super::resample::{self, Between};
use super::source::{EpisodeReader, Source, layout_of};
use crate::table::{Reader, one_line};
use arrow_schema::DataType;
use imle_configs::episode::Episode;
use imle_configs::spec::Spec;
use imle_configs::{Error, Result, files};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILE: &str = "record.toml";

/// `record.toml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    /// Name of the task.
    task: String,
    /// Control steps a second that the records are interpolated to, Hz.
    control_rate: f64,
    /// Column of the time.
    #[serde(default = "time")]
    time: String,
    /// Unit of the time: s, ms, us or ns.
    #[serde(default = "seconds")]
    time_unit: String,
    /// Column whose last value says whether the episode was solved; all are taken for solved if absent.
    success: Option<String>,
    /// Poses of frames in the world's.
    #[serde(default)]
    frame: BTreeMap<String, FrameFile>,
    observation: Vec<TermFile>,
    action: Vec<TermFile>,
}

fn time() -> String {
    "time".into()
}

fn seconds() -> String {
    "s".into()
}

/// One `[frame.NAME]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameFile {
    /// Where its origin is in the world's frame, m.
    position: [f64; 3],
    /// Orientation, (w, x, y, z).
    #[serde(default = "upright")]
    quaternion: [f64; 4],
}

fn upright() -> [f64; 4] {
    [1.0, 0.0, 0.0, 0.0]
}

/// One `[[observation]]` or `[[action]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TermFile {
    /// Name of the term, as the task's file has it.
    name: String,
    /// Columns of its values; `name`, or `name_0`, `name_1`…, if absent.
    #[serde(default)]
    columns: Vec<String>,
    /// Unit of the columns; converted to m, rad, s, N.
    unit: Option<String>,
    /// Kind of the values.
    #[serde(default)]
    kind: TermKind,
    /// Frame in which they were recorded; the world's if absent.
    frame: Option<String>,
    /// Order of rotational symmetry, of a yaw.
    #[serde(default = "one")]
    symmetry: u32,
    /// Rule for values between two records; observations are interpolated, actions held, if absent.
    between: Option<Between>,
}

fn one() -> u32 {
    1
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TermKind {
    /// Numbers that no frame concerns.
    #[default]
    Values,
    /// A point: three values.
    Position,
    /// A direction or velocity: three values.
    Vector,
    /// An angle about the vertical: one value, which becomes (cos kθ, sin kθ).
    Yaw,
}

/// Units, with the factor to the one that tasks use.
const UNITS: [(&str, f64); 15] = [
    ("m", 1.0),
    ("cm", 0.01),
    ("mm", 0.001),
    ("in", 0.0254),
    ("rad", 1.0),
    ("deg", std::f64::consts::PI / 180.0),
    ("m/s", 1.0),
    ("mm/s", 0.001),
    ("cm/s", 0.01),
    ("rad/s", 1.0),
    ("deg/s", std::f64::consts::PI / 180.0),
    ("N", 1.0),
    ("Nm", 1.0),
    ("1", 1.0),
    ("%", 0.01),
];
/// Units of time, with their seconds.
const TIME_UNITS: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];

/// The factor of `unit` among `units`; `what` names it in errors.
fn factor<const N: usize>(what: &'static str, unit: &str, units: [(&str, f64); N]) -> Result<f64> {
    let found = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    found.ok_or_else(|| Error::unknown(what, unit, units.map(|(name, _)| name)))
}

/// A term, checked.
struct Term {
    name: String,
    columns: Vec<String>,
    factor: f64,
    kind: TermKind,
    symmetry: f64,
    /// Position and rotation matrix (row-major) of its frame.
    frame: Option<([f64; 3], [f64; 9])>,
    between: Between,
}

impl Term {
    /// The term that `file` describes; `path` is a file of records, with these columns of numbers.
    fn new(
        file: &TermFile,
        frames: &BTreeMap<String, FrameFile>,
        (path, columns): (&Path, &[String]),
        hold: bool,
    ) -> Result<Self> {
        let names = if file.columns.is_empty() { own_columns(&file.name, columns) } else { file.columns.clone() };
        if let Some(unknown) = names.iter().find(|c| !columns.contains(c)) {
            return Err(no_number(path, unknown, columns));
        }
        let wanted = match file.kind {
            TermKind::Values => None,
            TermKind::Position | TermKind::Vector => Some(3),
            TermKind::Yaw => Some(1),
        };
        let expected = wanted.map_or("at least one".to_string(), |n| format!("{n}"));
        let fit = wanted.map_or(!names.is_empty(), |n| n == names.len());
        Error::ensure(fit, "columns", expected, names.len())?;
        let factor = file.unit.as_ref().map_or(Ok(1.0), |unit| factor("unit", unit, UNITS))?;
        let frame = file.frame.as_ref().filter(|f| *f != "world").map(|name| {
            if file.kind != TermKind::Position && file.kind != TermKind::Vector {
                return Err(Error::unexpected("frame", "kind `position` or `vector` beside it", "another"));
            }
            let known = || Error::unknown("frame", name, frames.keys().map(String::as_str).chain(["world"]));
            let frame = frames.get(name).ok_or_else(known)?;
            Ok((frame.position, matrix(frame.quaternion)))
        });
        let between = file.between.unwrap_or(if hold { Between::Hold } else { Between::Linear });
        let symmetry = f64::from(file.symmetry.max(1));
        Ok(Self {
            name: file.name.clone(),
            columns: names,
            factor,
            kind: file.kind,
            symmetry,
            frame: frame.transpose()?,
            between,
        })
    }

    fn size(&self) -> usize {
        if self.kind == TermKind::Yaw { 2 } else { self.columns.len() }
    }

    /// Values (rows, size) from those of its columns.
    fn values(&self, table: &Table) -> Vec<f64> {
        let columns: Vec<&[f64]> = self.columns.iter().map(|c| table.column(c)).collect();
        let mut out = Vec::new();
        for row in 0..table.rows {
            let raw = |i: usize| columns[i][row] * self.factor;
            match (self.kind, &self.frame) {
                (TermKind::Yaw, _) => {
                    let (sin, cos) = (self.symmetry * raw(0)).sin_cos();
                    out.extend([cos, sin]);
                }
                (_, None) => out.extend((0..columns.len()).map(raw)),
                (kind, Some((origin, m))) => out.extend((0..3).map(|i| {
                    let turned = m[3 * i] * raw(0) + m[3 * i + 1] * raw(1) + m[3 * i + 2] * raw(2);
                    if kind == TermKind::Position { origin[i] + turned } else { turned }
                })),
            }
        }
        out
    }
}

/// The columns that go by a term's name.
fn own_columns(name: &str, columns: &[String]) -> Vec<String> {
    if columns.iter().any(|c| c == name) {
        return vec![name.to_string()];
    }
    let numbered = (0..).map(|i| format!("{name}_{i}")).take_while(|c| columns.contains(c)).collect::<Vec<_>>();
    if numbered.is_empty() { vec![name.to_string()] } else { numbered }
}

fn matrix([w, x, y, z]: [f64; 4]) -> [f64; 9] {
    let s = 2.0 / (w * w + x * x + y * y + z * z);
    [
        1.0 - s * (y * y + z * z),
        s * (x * y - w * z),
        s * (x * z + w * y),
        s * (x * y + w * z),
        1.0 - s * (x * x + z * z),
        s * (y * z - w * x),
        s * (x * z - w * y),
        s * (y * z + w * x),
        1.0 - s * (x * x + y * y),
    ]
}

/// A file of records.
struct Table {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Table {
    fn column(&self, name: &str) -> &[f64] {
        self.names.iter().position(|n| n == name).map_or(&[], |i| &self.columns[i])
    }

    /// Names of the columns of a file.
    fn header(path: &Path) -> Result<Vec<String>> {
        if is_parquet(path) {
            return Reader::scalar_columns(path);
        }
        let mut reader = csv_reader(path)?;
        let header = reader.headers().map_err(|e| csv_error(path, &e))?;
        let names: Vec<String> = header.iter().map(|n| n.trim().to_string()).collect();
        if let Some(twice) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
            return Err(Error::unexpected(path.display(), "columns of distinct names", format!("`{}` twice", twice.1)));
        }
        Ok(names)
    }

    /// Reads columns of these names.
    fn read(path: &Path, names: &[String]) -> Result<Self> {
        let header = Self::header(path)?;
        if let Some(unknown) = names.iter().find(|n| !header.contains(n)) {
            return Err(no_number(path, unknown, &header).in_file(path.display()));
        }
        let mut columns = vec![Vec::new(); names.len()];
        if is_parquet(path) {
            let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
            for batch in Reader::open(path, &wanted, &[])? {
                let batch = batch?;
                for (column, name) in columns.iter_mut().zip(names) {
                    column.extend(batch.numbers(name)?);
                }
            }
        } else {
            let places: Vec<usize> = names.iter().filter_map(|n| header.iter().position(|h| h == n)).collect();
            let mut reader = csv_reader(path)?;
            for record in reader.records() {
                let record = record.map_err(|e| csv_error(path, &e))?;
                let line = record.position().map_or(0, csv::Position::line);
                for ((column, name), at) in columns.iter_mut().zip(names).zip(&places) {
                    let text = record.get(*at).unwrap_or_default().trim();
                    let truth = || text.to_ascii_lowercase().parse::<bool>().ok().map(|v| f64::from(u8::from(v)));
                    let value = text.parse::<f64>().ok().or_else(truth);
                    let place = || format!("{}:{line}: {name}", path.display());
                    column.push(value.ok_or_else(|| Error::unexpected(place(), "a number", cell(text)))?);
                }
            }
        }
        let rows = columns.first().map_or(0, Vec::len);
        for (column, name) in columns.iter().zip(names) {
            if let Some(row) = column.iter().position(|v| !v.is_finite()) {
                let place = format!("{}: {name}, record {row}", path.display());
                return Err(Error::unexpected(place, "a finite number", column[row]));
            }
        }
        Error::ensure(rows != 0, path.display(), "at least one record", "none")?;
        Ok(Self { names: names.to_vec(), columns, rows })
    }
}

/// The error about a column that is not among those of numbers: what it is instead, if it is there.
fn no_number(path: &Path, name: &str, numbers: &[String]) -> Error {
    let schema = Reader::open(path, &[name], &[]).ok().filter(|_| is_parquet(path)).map(|r| r.schema());
    let Some(field) = schema.as_ref().and_then(|s| s.fields().first()) else {
        return Error::unknown("column", name, numbers);
    };
    let found = match field.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            DATES
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => LISTS,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        other => return Error::unexpected(format!("column `{name}`"), NUMBERS, format!("type {}", one_line(other))),
    };
    Error::unexpected(format!("column `{name}`"), NUMBERS, found)
}

const NUMBERS: &str = "one number a row";
const DATES: &str = "dates and times; give seconds or another time_unit";
const LISTS: &str = "lists; give each value a column of its own";

/// A cell that is no number, in words.
fn cell(text: &str) -> String {
    let digits = |at: usize| text.get(..at).is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()));
    match text.as_bytes() {
        [_, _, _, _, b'-' | b'/', ..] if digits(4) => format!("`{text}`, {DATES}"),
        [_, _, b':' | b'.' | b'/', ..] if digits(2) => format!("`{text}`, {DATES}"),
        [b'[' | b'(' | b'{', ..] => format!("`{text}`, {LISTS}"),
        [] => "an empty cell".into(),
        _ => format!("`{text}`"),
    }
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
}

fn csv_reader(path: &Path) -> Result<csv::Reader<std::fs::File>> {
    csv::Reader::from_path(path).map_err(|e| csv_error(path, &e))
}

fn csv_error(path: &Path, error: &csv::Error) -> Error {
    Error::unexpected(path.display(), "a readable CSV file with a header", one_line(error))
}

/// The folder.
pub(super) struct Records {
    /// Control steps a second, Hz.
    rate: f64,
    files: Vec<PathBuf>,
    time: String,
    /// Seconds in a unit of time.
    second: f64,
    success: Option<String>,
    observation: Vec<Term>,
    action: Vec<Term>,
}

impl Records {
    pub(super) fn open(root: &Path, options: &ImportOptions) -> Result<Source> {
        let path = root.join(FILE);
        for (flag, columns) in [("--observation", &options.observation), ("--action", &options.action)] {
            let expected = format!("the columns in {FILE}, which says what they mean");
            Error::ensure(columns.is_empty(), format!("{}: {flag}", root.display()), expected, columns.join(","))?;
        }
        let text = files::read_text(&path)?;
        let file: RecordFile = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count()) + 1;
            let place = format!("{}:{line}", path.display());
            let expected = "a record file as docs/guide/your-data.md describes";
            Error::unexpected(place, expected, one_line(e.message()))
        })?;
        let reported = |e: Error| e.in_file(path.display());
        resample::check_rate("control_rate", file.control_rate).map_err(reported)?;
        let second = factor("time_unit", &file.time_unit, TIME_UNITS).map_err(reported)?;
        for (name, frame) in &file.frame {
            let length = frame.quaternion.iter().map(|q| q * q).sum::<f64>();
            if !(frame.position.iter().all(|p| p.is_finite()) && length > 1e-12 && length.is_finite()) {
                let place = format!("frame.{name}");
                let expected = "a finite position and a rotation (w, x, y, z)";
                return Err(reported(Error::unexpected(place, expected, "neither")));
            }
        }
        let episodes = episode_files(root)?;
        let Some(first) = episodes.first() else {
            let expected = "at least one .csv or .parquet file, each an episode";
            return Err(Error::unexpected(root.display(), expected, "none"));
        };
        let columns = Table::header(first)?;
        for column in std::iter::once(&file.time).chain(&file.success) {
            if !columns.contains(column) {
                return Err(reported(no_number(first, column, &columns)));
            }
        }
        let terms = |key: &str, files: &[TermFile], hold: bool| -> Result<Vec<Term>> {
            let each = files.iter().map(|f| {
                let term = Term::new(f, &file.frame, (first, &columns), hold);
                term.map_err(|e| reported(e.in_file(format!("{key} `{}`", f.name))))
            });
            each.collect()
        };
        let (observation, action) =
            (terms("observation", &file.observation, false)?, terms("action", &file.action, true)?);
        let layout = |terms: &[Term]| layout_of(terms.iter().map(|t| (t.name.clone(), t.size())));
        let spec = Spec {
            task: file.task,
            control_rate: file.control_rate,
            observation: layout(&observation),
            action: layout(&action),
            pictures: None,
        };
        let (len, rate, time, success) = (episodes.len(), file.control_rate, file.time, file.success);
        let reader = Box::new(Self { rate, files: episodes, time, second, success, observation, action });
        Ok(Source { spec, len, pictures: None, notes: Vec::new(), reader })
    }
}

/// The episodes' files, sorted by name.
fn episode_files(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root).map_err(|e| Error::io(root, "list", e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(root, "list", e))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        if !hidden && (is_csv || is_parquet(&path)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl EpisodeReader for Records {
    fn episode(&mut self, number: usize) -> Result<Episode> {
        let path = &self.files[number];
        let mut names = vec![self.time.clone()];
        names.extend(self.success.clone());
        for column in self.observation.iter().chain(&self.action).flat_map(|t| &t.columns) {
            if !names.contains(column) {
                names.push(column.clone());
            }
        }
        let table = Table::read(path, &names)?;
        let times: Vec<f64> = table.column(&self.time).iter().map(|t| t * self.second).collect();
        if let Some(at) = times.windows(2).position(|t| t[0] >= t[1]) {
            let place = format!("{}: {}, record {}", path.display(), self.time, at + 1);
            return Err(Error::unexpected(place, "a later time than the one before", times[at + 1]));
        }
        let (first, last) = (times[0], times[times.len() - 1]);
        let steps = (last - first) * self.rate;
        let place = format!("{}: {}", path.display(), self.time);
        let expected = format!("times in `time_unit`, less than {:.0} s in all", resample::MOST_FRAMES / self.rate);
        Error::ensure(steps <= resample::MOST_FRAMES, place, expected, format!("{} s", last - first))?;
        let grid = resample::grid(first, last, self.rate);
        let rows = |terms: &[Term]| -> Vec<f32> {
            let parts: Vec<(usize, Vec<f64>)> = terms
                .iter()
                .map(|t| (t.size(), resample::at(&times, &t.values(&table), t.size(), t.between, &grid)))
                .collect();
            let row = |i: usize| parts.iter().flat_map(move |(n, v)| v[i * n..(i + 1) * n].iter().map(|x| *x as f32));
            (0..grid.len()).flat_map(row).collect()
        };
        let solved = self.success.as_ref().is_none_or(|c| table.column(c).last().is_some_and(|v| *v != 0.0));
        Ok(Episode {
            observations: rows(&self.observation),
            actions: rows(&self.action),
            success: solved,
            index: number as u64,
            len: grid.len(),
            ..Episode::default()
        })
    }
}
