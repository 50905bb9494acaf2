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
