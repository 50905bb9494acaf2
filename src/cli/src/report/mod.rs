//! The report: one HTML file that shows runs, trainings, fine-tunings, sweeps and datasets side by side.
//!
//! | module | holds |
//! |---|---|
//! | `input` | kinds of inputs |
//! | `reported` | what is shown of an input, whatever it is |
//! | `run`, `learning`, `sweep`, `dataset` | reading each kind |
//! | `clips` | pictures of the worst episodes, drawn again |
//! | `commands`, `differences` | how to repeat it; settings that differ |
//! | `chart`, `sections` | charts as data, and which there are |
//! | `page` | the file: template, style and script in it |
//!
//! The same inputs give the same file to the byte, on machines that draw the same pictures.

mod chart;
mod clips;
mod commands;
mod dataset;
mod differences;
mod input;
mod learning;
mod page;
mod reported;
mod run;
mod sections;
mod sweep;

use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::place::Place;
use imle_configs::files;
use input::InputKind;
use reported::Reported;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes the report of `inputs` to `out`. Returns what it shows: `file`, `bytes`, `inputs` with their notes.
///
/// # Errors
/// A bad input that is none of what can be shown, or if nothing is left to show; a file that cannot be written.
pub fn write(inputs: &[PathBuf], out: &Path, output: Output) -> Result<Value> {
    let kinds = inputs.iter().map(|path| InputKind::of(path)).collect::<Result<Vec<_>>>()?;
    let _place = Place::file(out)?;
    let (mut shown, mut left_out) = (Vec::new(), Vec::new());
    for (path, kind) in inputs.iter().zip(kinds) {
        match kind.map_or_else(|| Err(format!("{}: an empty folder", path.display())), |kind| read(path, kind)) {
            Ok(one) => shown.push(one),
            Err(line) => left_out.push(line),
        }
    }
    if shown.is_empty() {
        return Err(Failure::Input(left_out.join("; ")));
    }
    reported::name_apart(&mut shown);
    clips::draw(&mut shown, output);
    let notes = shown.iter().flat_map(|one| one.notes.iter().map(move |note| format!("{}: {note}", one.name)));
    let notes: Vec<String> = left_out.into_iter().chain(notes).collect();
    notes.iter().for_each(|note| output.note(note));
    let html = page::render(&shown, &notes)?;
    files::write_text(out, &html)?;
    let of = |one: &Reported| json!({ "path": one.path, "kind": one.kind, "notes": one.notes });
    let inputs: Vec<Value> = shown.iter().map(of).collect();
    Ok(json!({ "file": out.display().to_string(), "bytes": html.len(), "inputs": inputs, "notes": notes }))
}

/// The command that reports `folder` into itself.
pub fn command(folder: &Path) -> String {
    let [folder, file] = [folder.to_path_buf(), folder.join("report.html")].map(|p| p.display().to_string());
    format!("planner report {} --out {}", commands::quoted(&folder), commands::quoted(&file))
}

/// Reads one input; a line on why it cannot be shown.
fn read(path: &Path, kind: InputKind) -> std::result::Result<Reported, String> {
    let mut one = Reported { path: path.display().to_string(), kind: kind.name(), ..Reported::default() };
    let read = match kind {
        InputKind::Run => run::read(path, &mut one),
        InputKind::Training => learning::training(path, &mut one),
        InputKind::FineTuning => learning::fine_tuning(path, &mut one),
        InputKind::Sweep => sweep::read(path, &mut one),
        InputKind::Dataset => dataset::read(path, &mut one),
    };
    read.map(|()| one).map_err(|failure| failure.line())
}
