//! Report of a sweep: its tables printed, and with `--out` written beside the plots.

use imle_cli::failure::Result;
use imle_cli::output::Output;
use imle_cli::report;
use imle_cli::sweep::{self, Record, SweepArgs};
use imle_cli::table::Table;
use imle_configs::files;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;

/// The list called `key` of a TOML file of this crate, which the tests read; empty if it is not what is expected.
pub fn listed<T: DeserializeOwned>(text: &str, key: &str) -> Vec<T> {
    let list = text.parse::<toml::Table>().ok().and_then(|mut table| table.remove(key));
    list.and_then(|list| list.try_into().ok()).unwrap_or_default()
}

/// A plot: the name of its file, and its SVG.
pub type Plot = (String, String);

/// Cells of a sweep and their results, in the same order; those that are open have none.
pub type Measured<C, R> = (Vec<C>, Vec<Option<R>>);

/// With `--report` all that is in the file of results; otherwise what `cells` lists, measured now if it is not there.
/// `measure` gets a cell, all cells, and the results so far.
///
/// # Errors
/// As [`sweep::kept`] and [`sweep::run`]; errors of `cells`.
pub fn measured<C: Record, R: Record>(
    args: &SweepArgs,
    output: Output,
    cells: impl FnOnce() -> Result<Vec<C>>,
    mut measure: impl FnMut(&C, &[C], &[Option<R>]) -> Result<R>,
) -> Result<Measured<C, R>> {
    if args.report {
        return Ok(sweep::kept(args, output)?.into_iter().map(|(cell, result)| (cell, Some(result))).unzip());
    }
    let cells = cells()?;
    let results = sweep::run(args, output, &cells, |cell, results| measure(cell, &cells, results))?;
    Ok((cells, results))
}

/// Cells that were measured with their results, as the JSON of a sweep lists them.
pub fn entries<C: Record, R: Record>(cells: &[C], results: &[Option<R>]) -> Vec<Value> {
    let done = cells.iter().zip(results).filter_map(|(cell, result)| Some((cell, result.as_ref()?)));
    done.map(|(cell, result)| json!({ "cell": cell, "result": result })).collect()
}

/// Prints the lines of the tables; with `out` writes `tables.md`, the plots that `draw` makes for documents, and
/// `report.html` of the file of `results`, if it holds any. Returns the names of the plots.
///
/// # Errors
/// A plot that cannot be drawn, a file that cannot be written.
pub fn publish(
    output: Output,
    out: Option<&Path>,
    results: &Path,
    lines: &[String],
    draw: impl FnOnce() -> Result<Vec<Plot>>,
) -> Result<Vec<String>> {
    lines.iter().for_each(|line| output.say(line));
    let Some(out) = out else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for (name, svg) in draw()? {
        files::write_text(&out.join(&name), &svg)?;
        names.push(name);
    }
    files::write_text(&out.join("tables.md"), &(lines.join("\n") + "\n"))?;
    let mut written = format!("tables.md and {} plots", names.len());
    if std::fs::metadata(results).is_ok_and(|file| file.len() > 0) {
        report::write(&[results.to_path_buf()], &out.join("report.html"), output)?;
        written = format!("report.html, {written}");
    }
    output.say(format!("{written} in {}", out.display()));
    Ok(names)
}

/// The table of `rows` under the columns that `header` names, as `task | success`.
pub fn table(title: &str, header: &str, rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let columns: Vec<&str> = header.split(" | ").collect();
    Table { rows: rows.into_iter().collect(), ..Table::new(title, &columns) }
}

/// The values of each key, keys in the order in which each first comes.
pub fn grouped<K: PartialEq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// The values in the order in which each first comes.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    grouped(values.into_iter().map(|value| (value, ()))).into_iter().map(|(value, _)| value).collect()
}

#[cfg(test)]
pub mod tests {
    use imle_cli::sweep::Record;
    use serde_json::Value;

    /// Cells and results of a file in `benches/results`, each result with the JSON that it was read from.
    pub fn kept<C: Record, R: Record>(file: &str) -> Vec<(C, R, Value)> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let read = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let (cell, result) = (line["cell"].take(), line["result"].take());
            let (mut updated, mut today) = (cell.clone(), result.clone());
            C::update(&mut updated, file).unwrap();
            R::update(&mut today, file).unwrap();
            assert!((&updated, &today) == (&cell, &result), "{file}: old names in {cell}");
            // The key by which a sweep finds the cell.
            let again = serde_json::to_value(serde_json::from_value::<C>(cell.clone()).unwrap()).unwrap();
            assert_eq!(again, cell, "{file}");
            let typed = serde_json::from_value(result.clone()).unwrap_or_else(|e| panic!("{file}: {e}: {result}"));
            (serde_json::from_value(cell).unwrap(), typed, result)
        };
        text.lines().map(read).collect()
    }

    /// The same, where nothing of a result may be lost.
    pub fn kept_whole<C: Record, R: Record>(file: &str) {
        for (_, typed, mut json) in kept::<C, R>(file) {
            // What is not known is left out.
            json.as_object_mut().unwrap().retain(|_, v| !v.is_null());
            let mut again = serde_json::to_value(typed).unwrap();
            again.as_object_mut().unwrap().retain(|_, v| !v.is_null());
            again.sort_all_objects();
            json.sort_all_objects();
            assert_eq!(again, json, "{file}");
        }
    }
}
