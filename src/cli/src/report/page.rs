//! The file: a template with style, script and data in it, so that it opens without a network.

use super::differences;
use super::reported::Reported;
use super::sections;
use crate::failure::{Failure, Result};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("page/report.html");
const STYLE: &str = include_str!("page/report.css");
const SCRIPT: &str = include_str!("page/report.js");
/// Chart.js: see THIRD_PARTY.md.
const CHARTS: &str = include_str!("page/chart.umd.min.js");

/// The HTML of a report. Every text of an input is escaped.
pub(super) fn render(inputs: &[Reported], notes: &[String]) -> Result<String> {
    let failed = |e: minijinja::Error| Failure::Run(format!("report: {e}"));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template = environment.template_from_str(TEMPLATE).map_err(failed)?;
    let sections = sections::all(inputs);
    let charts: Vec<_> = sections.iter().flat_map(|section| section.charts.iter().chain(&section.more)).collect();
    let shown: Vec<Value> = inputs.iter().map(described).collect();
    let columns = cost_columns(inputs);
    let values = json!({
        "title": title(inputs), "version": imle_configs::VERSION, "style": STYLE, "script": SCRIPT, "charts": CHARTS,
        "inputs": shown, "notes": notes, "sections": sections, "data": charts, "columns": columns,
        "differences": differences::all(inputs),
    });
    template.render(Serde(&values)).map_err(failed)
}

fn title(inputs: &[Reported]) -> String {
    let names: Vec<&str> = inputs.iter().map(|one| one.name.as_str()).collect();
    match names.as_slice() {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        all => all.join(", "),
    }
}

/// The figures of cost and time that any input has.
fn cost_columns(inputs: &[Reported]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for (label, _) in inputs.iter().flat_map(|one| &one.costs) {
        if !columns.contains(label) {
            columns.push(label.clone());
        }
    }
    columns
}

/// An input as the template shows it.
fn described(one: &Reported) -> Value {
    let costs: serde_json::Map<String, Value> =
        one.costs.iter().map(|(label, value)| (label.clone(), json!(value))).collect();
    json!({
        "name": one.name, "path": one.path, "kind": one.kind, "facts": one.facts, "costs": costs,
        "success": one.success.map(|share| json!({
            "text": share.text(), "solved": share.solved, "episodes": share.episodes,
        })),
        "worst": one.worst, "ranges": one.ranges, "settings": one.settings, "commands": one.commands,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_never_markup() {
        let evil = "<img src=x onerror=alert(1)>\"'&</script>";
        let one = Reported {
            name: evil.into(),
            path: evil.into(),
            kind: "run",
            facts: vec![(evil.into(), evil.into())],
            sources: vec![(evil.into(), 1.0)],
            settings: vec![(evil.into(), evil.into())],
            commands: vec![evil.into()],
            ..Reported::default()
        };
        let html = render(&[one.clone(), one], &[evil.into()]).unwrap();
        assert!(!html.contains("<img src=x") && !html.contains("&</script>"));
        assert!(html.contains("&lt;img src=x"));
    }
}
