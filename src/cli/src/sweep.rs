//! Sweeps: a list of cells, each measured once, its result kept as a line of a JSONL file as it comes.
//!
//! A line is `{"cell": …, "result": …, "wall_s": …, "version": …}`; a cell whose line is there is not measured again,
//! so a sweep that was stopped goes on where it was, and the files of several machines are joined by concatenation.

use crate::failure::{Failure, Result};
use crate::{interrupt, output::Output};
use clap::Args;
use imle_configs::{Error as InputError, files};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{str::FromStr, time::Instant};

/// Flags of every sweep.
#[derive(Clone, Debug, Args)]
pub struct SweepArgs {
    /// File of results, one line a cell; cells that are in it are not measured again
    #[arg(long, value_name = "FILE", help_heading = "Sweep")]
    pub results: PathBuf,
    /// Measure only every n-th cell, from the i-th: i/n, with i from 0
    #[arg(long, value_name = "I/N", default_value = "0/1", help_heading = "Sweep")]
    pub shard: Shard,
    /// Time limit in minutes; the sweep stops after the cell in which it passes
    #[arg(long, help_heading = "Sweep")]
    pub minutes: Option<f64>,
    /// Measure nothing; report all that is in the file
    #[arg(long, help_heading = "Sweep")]
    pub report: bool,
}

/// A cell or a result, as a line of the file holds it.
pub trait Record: Serialize + DeserializeOwned {
    /// Brings a record of an older version to today's names.
    ///
    /// # Errors
    /// A bad input, if it has an old name beside the new one.
    fn update(_record: &mut Value, _place: &str) -> imle_configs::Result<()> {
        Ok(())
    }
}

impl Record for Value {}

/// Part of a sweep that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    first: usize,
    every: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((first, every)) if first < every => Ok(Self { first, every }),
            _ => Err("expected I/N with I from 0 to N - 1".into()),
        }
    }
}

/// Beginning of every line.
const LINE: &str = "{\"cell\":";

/// The results of the cells that are in the file, in the cells' order, and which cells of the shard are to be measured.
///
/// # Errors
/// A bad input, if the file holds something else.
pub fn open<C: Record, R: Record>(
    args: &SweepArgs,
    output: Output,
    cells: &[C],
) -> Result<(Vec<Option<R>>, Vec<usize>)> {
    let keys = cells.iter().map(key).collect::<Result<Vec<_>>>()?;
    let mut results: Vec<Option<R>> = keys.iter().map(|_| None).collect();
    for (cell, result) in read::<C, R>(&args.results, output)? {
        let cell = key(&cell)?;
        if let Some(index) = keys.iter().position(|k| *k == cell) {
            results[index] = Some(result);
        }
    }
    let mine = (args.shard.first..cells.len()).step_by(args.shard.every);
    let open = mine.filter(|i| results[*i].is_none()).collect();
    Ok((results, open))
}

/// The result for `of` in the file at `path`; measured and written if it is not there.
///
/// # Errors
/// Errors of `measure`; a file that cannot be written.
pub fn remembered<R: Serialize + DeserializeOwned>(
    path: &Path,
    of: &Value,
    measure: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let held: Option<Value> = files::read_text(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    let result = held.filter(|h| h["of"] == *of).and_then(|mut h| h.get_mut("result").map(Value::take));
    if let Some(result) = result.and_then(|r| serde_json::from_value(r).ok()) {
        return Ok(result);
    }
    let result = measure()?;
    files::write_text(path, &json!({ "of": of, "result": result }).to_string())?;
    Ok(result)
}

/// Eight hexadecimal digits (CRC-32) that identify this value, whatever the order of its keys.
pub fn crc(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    format!("{:08x}", crc32fast::hash(sorted.to_string().as_bytes()))
}

/// Measures the cells that are not in the file yet, and returns the results of all that are, in the cells' order.
/// `measure` gets a cell and the results so far, in the same order.
///
/// # Errors
/// Errors of `measure`; a bad input if the file cannot be written or holds something else; [`Failure::Run`] after
/// Ctrl-C.
pub fn run<C: Record, R: Record>(
    args: &SweepArgs,
    output: Output,
    cells: &[C],
    mut measure: impl FnMut(&C, &[Option<R>]) -> Result<R>,
) -> Result<Vec<Option<R>>> {
    let begun = Instant::now();
    let (mut results, open) = open(args, output, cells)?;
    output.note(format!("{} of {} cells to measure, into {}", open.len(), cells.len(), args.results.display()));
    let mut file = Lines::open(&args.results)?;
    for (number, cell) in open.iter().enumerate() {
        if args.minutes.is_some_and(|m| begun.elapsed().as_secs_f64() > 60.0 * m) {
            output.note(format!("{} minutes are over; the same command goes on", args.minutes.unwrap_or_default()));
            break;
        }
        let key = key(&cells[*cell])?;
        output.note(format!("cell {} of {}: {key}", number + 1, open.len()));
        let cell_begun = Instant::now();
        let result = measure(&cells[*cell], &results).map_err(|failure| match interrupt::asked() {
            true => Failure::Run("interrupted; the cells that are done are kept, the same command goes on".into()),
            false => failure,
        })?;
        file.append(&json!({
            "cell": key, "result": result, "wall_s": cell_begun.elapsed().as_secs_f64(),
            "version": imle_configs::VERSION,
        }))?;
        results[*cell] = Some(result);
    }
    Ok(results)
}

fn key(cell: &impl Serialize) -> Result<Value> {
    serde_json::to_value(cell).map_err(|e| Failure::Run(e.to_string()))
}

/// The content of a report: the cells in the file and their results, in the order in which they were first measured.
///
/// # Errors
/// A bad input, if there is no file or it holds something else.
pub fn kept<C: Record, R: Record>(args: &SweepArgs, output: Output) -> Result<Vec<(C, R)>> {
    InputError::ensure(args.results.exists(), args.results.display(), "a file of results", "none")?;
    read(&args.results, output)
}

/// The cells in the file and their results; the last line of a cell counts.
fn read<C: Record, R: Record>(path: &Path, output: Output) -> Result<Vec<(C, R)>> {
    let mut found: Vec<(Value, Value)> = Vec::new();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = files::read_text(path)?;
    let begins = text.chars().zip(LINE.chars()).all(|(found, ours)| found == ours);
    let expected = format!("results of a sweep, lines that begin with {LINE}");
    InputError::ensure(begins, path.display(), expected, "another text")?;
    for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let place = format!("{}:{}", path.display(), number + 1);
        let Ok(mut record) = serde_json::from_str::<Value>(line) else {
            // A process that was killed while it wrote leaves a line cut short; its cell is measured again.
            output.note(format!("{place}: skipped, the line is cut short"));
            continue;
        };
        let mut take = |key: &str| record.get_mut(key).map(Value::take);
        let (Some(mut cell), Some(mut result)) = (take("cell"), take("result")) else {
            return Err(InputError::unexpected(place, "a line with `cell` and `result`", "another").into());
        };
        C::update(&mut cell, &place)?;
        R::update(&mut result, &place)?;
        match found.iter_mut().find(|(known, _)| *known == cell) {
            Some((_, known)) => *known = result,
            None => found.push((cell, result)),
        }
    }
    let refused = |e: serde_json::Error| InputError::unexpected(path.display(), "cells of this sweep", e);
    let typed = |(cell, result): (Value, Value)| {
        Ok((serde_json::from_value(cell).map_err(refused)?, serde_json::from_value(result).map_err(refused)?))
    };
    found.into_iter().map(typed).collect()
}

/// A file that lines are added to, each whole.
struct Lines(files::Appended);

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            files::create_folder(folder)?;
        }
        let cut_short = path.exists() && files::read_text(path)?.ends_with(|last| last != '\n');
        let mut file = files::Appended::open(path)?;
        if cut_short {
            file.append(b"\n")?;
        }
        Ok(Self(file))
    }

    fn append(&mut self, record: &Value) -> Result<()> {
        self.0.append(format!("{record}\n").as_bytes())?;
        Ok(self.0.sync()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Record for u64 {}
    impl Record for i32 {}
    impl Record for String {}

    /// A cell whose key had another name.
    #[derive(Serialize, serde::Deserialize)]
    struct Renamed {
        optimizer: String,
    }

    impl Record for Renamed {
        fn update(record: &mut Value, place: &str) -> imle_configs::Result<()> {
            imle_configs::renames::update_record(record, &json!({ "optimizer": "" }), place)
        }
    }

    #[test]
    fn a_cell_of_an_older_version_is_not_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = Output::new(false, true);
        let old = "{\"cell\":{\"planner\": \"cem\"}, \"result\": 1}\n";
        let new = old.replace("planner", "optimizer").replace('1', "2");
        std::fs::write(folder.path().join("r.jsonl"), format!("{old}{new}")).unwrap();
        let cells = [Renamed { optimizer: "cem".into() }];
        let results =
            run(&args(folder.path(), "0/1"), quiet, &cells, |_, _: &[Option<Value>]| panic!("measured again"));
        assert_eq!(results.unwrap(), [Some(json!(2))]);
    }

    fn args(folder: &Path, shard: &str) -> SweepArgs {
        SweepArgs { results: folder.join("r.jsonl"), shard: shard.parse().unwrap(), minutes: None, report: false }
    }

    #[test]
    fn what_was_found_is_found_once_and_for_one_thing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.json");
        assert_eq!(remembered(&path, &json!(1), || Ok(json!("a"))).unwrap(), "a");
        assert_eq!(remembered::<Value>(&path, &json!(1), || panic!("measured again")).unwrap(), "a");
        assert_eq!(remembered(&path, &json!(2), || Ok(json!("b"))).unwrap(), "b");
        std::fs::write(&path, "cut sho").unwrap();
        assert_eq!(remembered(&path, &json!(2), || Ok(json!("c"))).unwrap(), "c");
    }

    #[test]
    fn cells_are_measured_once_across_shards_kills_and_calls() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = Output::new(false, true);
        let cells = [0u64, 1, 2, 3, 4];
        let mut measured = Vec::new();
        let half = run(&args(folder.path(), "1/2"), quiet, &cells, |c, _| {
            measured.push(*c);
            Ok(json!(c * 10))
        });
        assert_eq!(half.unwrap(), [None, Some(json!(10)), None, Some(json!(30)), None]);
        // A kill in the middle of a write.
        let path = folder.path().join("r.jsonl");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.truncate(text.len() - 4);
        std::fs::write(&path, text).unwrap();
        let all = run(&args(folder.path(), "0/1"), quiet, &cells, |c, _| {
            measured.push(*c);
            Ok(json!(c * 10))
        });
        assert!(all.unwrap().iter().enumerate().all(|(i, r)| *r == Some(json!(i * 10))));
        assert_eq!(measured, [1, 3, 0, 2, 3, 4]);
        let again = run(&args(folder.path(), "0/1"), quiet, &cells, |_, _: &[Option<Value>]| panic!("measured again"));
        assert_eq!(again.unwrap().len(), 5);
    }

    #[test]
    fn minutes_stop_after_a_cell_and_a_report_measures_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = Output::new(false, true);
        let mut short = args(folder.path(), "0/1");
        short.minutes = Some(0.0);
        let results = run(&short, quiet, &[1, 2], |c, _| Ok(json!(c))).unwrap();
        assert_eq!(results.iter().flatten().count(), 0);
        let whole = args(folder.path(), "0/1");
        run(&whole, quiet, &[1, 2], |c, _| Ok(json!(c * 10))).unwrap();
        assert_eq!(kept::<u64, Value>(&whole, quiet).unwrap(), [(1, json!(10)), (2, json!(20))]);
        assert!(matches!(kept::<String, Value>(&whole, quiet), Err(Failure::Input(_))));
        let none = SweepArgs { results: folder.path().join("none"), ..whole };
        assert!(matches!(kept::<u64, Value>(&none, quiet), Err(Failure::Input(line)) if line.contains("found none")));
    }

    #[test]
    fn shards_outside_their_number_are_refused() {
        for text in ["1", "2/2", "a/b", "0/0", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = Output::new(false, true);
        std::fs::write(folder.path().join("r.jsonl"), "{\"step\": 1}\n").unwrap();
        let refused = run(&args(folder.path(), "0/1"), quiet, &[1], |c, _| Ok(json!(c)));
        assert!(matches!(refused, Err(Failure::Input(line)) if line.contains("r.jsonl: expected results of a sweep")));
        // Of another sweep.
        std::fs::write(folder.path().join("r.jsonl"), "{\"cell\":\"a\", \"result\": 1}\n").unwrap();
        let refused = run(&args(folder.path(), "0/1"), quiet, &[1], |c, _| Ok(json!(c)));
        assert!(matches!(refused, Err(Failure::Input(line)) if line.contains("cells of this sweep")));
    }
}
