//! Report of a sweep: its tables printed, and with `--out` written beside the plots.

use imle_cli::failure::Result;
use imle_cli::output::Output;
use imle_configs::files;
use std::path::Path;

/// A plot: the name of its file, and its SVG.
pub type Plot = (String, String);

/// Prints the lines of the tables; with `out` writes `tables.md` and the plots that `draw` makes. Returns their names.
///
/// # Errors
/// A plot that cannot be drawn, a file that cannot be written.
pub fn publish(
    output: Output,
    out: Option<&Path>,
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
    output.say(format!("tables.md and {} plots in {}", names.len(), out.display()));
    Ok(names)
}

/// The values in the order in which each first comes.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
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
