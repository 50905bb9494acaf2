//! The report's plots, as SVG: success against demonstrations, latency, recall against precision, networks.

use super::args::Protocol;
use super::cell::What;
use super::gather::{ClaimResult, DataCurve, PooledSuccess, Rows, curves, figure, frames, name, rows_of};
use crate::chart::{
    Area, Curve, FONT, LEGEND_AT, TITLE, draw_curves, error_bar, failed, left_of_axis, legend, mark, mesh,
    percent_chart, svg, tick,
};
use crate::publish::{Plot, distinct};
use imle_cli::failure::Result;
use plotters::prelude::*;
use serde_json::Value;

/// The colour of a row, the same in every plot.
fn colour(name: &str) -> RGBColor {
    match name {
        "imle" | "student" => RGBColor(0, 90, 181),
        "ddim-10" | "teacher" => RGBColor(220, 50, 32),
        "ddpm-100" => RGBColor(153, 79, 0),
        "diffusion" => RGBColor(240, 130, 120),
        "flow-1" => RGBColor(0, 128, 96),
        "flow" => RGBColor(110, 180, 80),
        "mean-flow" | "mean-flow-1" => RGBColor(120, 60, 160),
        _ => RGBColor(110, 110, 110),
    }
}

/// Plots by their file names; those of a second frame and later are numbered.
///
/// # Errors
/// [`imle_cli::failure::Failure::Run`] if one cannot be drawn.
pub fn all(done: &[ClaimResult]) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for (number, (_, done)) in frames(done).iter().enumerate() {
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        let mut add = |name: String, svg: String| plots.push((format!("{name}{suffix}.svg"), svg));
        let curves = curves(done);
        for task in distinct(curves.iter().map(|c| c.task.as_str())) {
            let of: Vec<&DataCurve> = curves.iter().filter(|c| c.task == task).collect();
            add(format!("data-{task}"), svg(|area| success(area, task, &of))?);
        }
        for (title, bars) in latencies(done) {
            add(format!("latency-{}", title.replace([' ', ',', '='], "")), svg(|area| latency(area, &title, &bars))?);
        }
        for task in tasks(done, |what| matches!(what, What::Modes { .. })) {
            add(format!("fidelity-{task}"), svg(|area| fidelity(area, task, done))?);
        }
        for task in tasks(done, |what| matches!(what, What::Networks { .. })) {
            add(format!("networks-{task}"), svg(|area| networks(area, task, done))?);
        }
    }
    Ok(plots)
}

fn tasks(done: &[ClaimResult], part: fn(&What) -> bool) -> Vec<&str> {
    distinct(done.iter().filter(|(cell, _)| part(&cell.what)).map(|(cell, _)| cell.task.as_str()))
}

/// Success against demonstrations, with Wilson intervals. Circles are trained for equal steps; triangles otherwise, as
/// the legend says.
fn success(area: &Area<'_>, task: &str, curves: &[&DataCurve]) -> Result<()> {
    let (area, side) = area.split_horizontally(LEGEND_AT);
    let most = curves.iter().map(|c| c.demos).max().unwrap_or(1);
    let title = format!("{task}: success in held-out episodes");
    let across = 0.0..f64::from(most) * 1.08;
    let mut chart = percent_chart!(&area, title.as_str(), across, "demonstrations", "success, % (95 % Wilson)");
    let styles = curves.iter().map(|c| (colour(&c.name), c.protocol == Protocol::EqualSteps));
    let shown = |(index, curve): (usize, &&DataCurve)| {
        let plain = curve.protocol == Protocol::EqualSteps;
        let protocol = if plain { String::new() } else { format!(", {}", curve.protocol.text()) };
        // Beside each other where they would cover each other.
        let aside = (index as f64 - curves.len() as f64 / 2.0) * f64::from(most) * 0.008;
        let points =
            curve.points.iter().filter_map(|(n, runs)| Some((f64::from(*n) + aside, PooledSuccess::of(runs)?.bar())));
        Curve { name: format!("{}{protocol}", curve.name), points: points.collect() }
    };
    let shown: Vec<Curve> = curves.iter().enumerate().map(shown).collect();
    draw_curves!(chart, &side, shown, styles)
}

/// Title, and for each sampler its median and 95th percentile.
type Bars = (String, Vec<(String, f64, f64)>);

fn latencies(done: &[ClaimResult]) -> Vec<Bars> {
    let bars = |(cell, result): &ClaimResult| {
        let What::Latency { network, device, candidates } = &cell.what else { return None };
        let of = |(name, figures): (&String, &Value)| {
            Some((name.clone(), figure(figures, "p50_ms")?, figure(figures, "p95_ms")?))
        };
        let mut bars: Vec<_> = result["samplers"].as_object()?.iter().filter_map(of).collect();
        bars.sort_by(|a, b| a.1.total_cmp(&b.1));
        Some((format!("{network}, {device}, N = {candidates}"), bars))
    };
    done.iter().filter_map(bars).filter(|(_, bars)| !bars.is_empty()).collect()
}

/// Bars on a logarithmic axis, with the figures beside them.
fn latency(area: &Area<'_>, title: &str, bars: &[(String, f64, f64)]) -> Result<()> {
    let least = bars.iter().map(|b| b.1).fold(f64::INFINITY, f64::min) / 2.0;
    let most = bars.iter().map(|b| b.2).fold(0.0, f64::max) * 4.0;
    let count = bars.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("One decision: {title}"), TITLE)
        .margin(14)
        .margin_right(24)
        .x_label_area_size(50)
        .y_label_area_size(110)
        .build_cartesian_2d((least.max(1e-6)..most).log_scale(), 0.0..count)
        .map_err(failed)?;
    mesh!(chart.configure_mesh().disable_y_mesh().x_desc("ms, median and 95th percentile").y_labels(0));
    for (row, (name, p50, p95)) in bars.iter().enumerate() {
        let y = count - row as f64;
        let style = colour(name);
        let bar = Rectangle::new([(least, y - 0.25), (*p50, y - 0.75)], style.filled());
        chart.draw_series([bar]).map_err(failed)?;
        let tail = PathElement::new(vec![(*p50, y - 0.5), (*p95, y - 0.5)], style.stroke_width(2));
        chart.draw_series([tail]).map_err(failed)?;
        let text = Text::new(format!("{p50:.2} ms"), (*p95 * 1.08, y - 0.42), FONT);
        chart.draw_series([text]).map_err(failed)?;
        let (_, pixel) = chart.backend_coord(&(least, y - 0.5));
        area.draw(&Text::new(name.clone(), (116, pixel), left_of_axis())).map_err(failed)?;
    }
    Ok(())
}

/// Recall against precision as the radius grows; the mark is at the radius of the tables.
fn fidelity(area: &Area<'_>, task: &str, done: &[ClaimResult]) -> Result<()> {
    let (area, side) = area.split_horizontally(LEGEND_AT);
    let title = format!("{task}: 32 samples in held-out states, rising radius");
    let mut chart = percent_chart!(&area, title.as_str(), 0.0..102.0, "recall, %", "precision, %");
    let groups = rows_of(done, |what| matches!(what, What::Modes { .. }));
    let mut legends = Vec::new();
    for ((_, name), rows) in groups.into_iter().filter(|((of, _), _)| *of == task) {
        let Some(points) = mean_curve(&rows) else { continue };
        let colour = colour(name);
        let marked = |path| rows.mean(path).map(|x| 100.0 * x);
        if let (Some(recall), Some(precision)) = (marked("fidelity.recall"), marked("fidelity.precision")) {
            chart.draw_series([mark((recall, precision), colour, true)]).map_err(failed)?;
        }
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(failed)?;
        legends.push((name.to_string(), colour, true));
    }
    legend(&side, &legends)
}

/// `[recall, precision]` in percent at each radius, means over the trainings.
fn mean_curve(rows: &Rows<'_>) -> Option<Vec<(f64, f64)>> {
    let curves: Vec<&Vec<Value>> = rows.0.iter().filter_map(|row| row["fidelity"]["curve"].as_array()).collect();
    let length = curves.iter().map(|c| c.len()).min()?;
    let mean = |point: usize, index: usize| {
        let values = curves.iter().filter_map(|c| c[point][index].as_f64());
        100.0 * values.sum::<f64>() / curves.len() as f64
    };
    Some((0..length).map(|point| (mean(point, 1), mean(point, 2))).collect())
}

/// Success against the latency of one sample, logarithmic, with the network and its parameters beside each point.
fn networks(area: &Area<'_>, task: &str, done: &[ClaimResult]) -> Result<()> {
    let mut points: Vec<(f64, PooledSuccess, String, RGBColor)> = Vec::new();
    for (cell, result) in done {
        let What::Networks { network, .. } = &cell.what else { continue };
        for row in Rows::of(result).0.into_iter().filter(|_| cell.task == task) {
            let ms = figure(&result["latency_1"]["samplers"], &format!("{}.p50_ms", name(row)));
            let success = PooledSuccess::of(&Rows(vec![row]).tallies());
            if let (Some(ms), Some(success)) = (ms, success) {
                let millions = figure(row, "train.parameters").unwrap_or(0.0) / 1e6;
                points.push((ms, success, format!("{network}, {} ({millions:.1} M)", name(row)), colour(name(row))));
            }
        }
    }
    let least = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min).clamp(1e-6, 1e6) / 2.0;
    let most = points.iter().map(|p| p.0).fold(0.0, f64::max).max(least * 2.0) * 12.0;
    let title = format!("{task}: networks");
    let mut chart =
        percent_chart!(area, title.as_str(), (least..most).log_scale(), "one sample, ms", "success, % (95 % Wilson)");
    for (ms, s, legends, colour) in points {
        chart.draw_series([error_bar(ms, s.bar(), colour)]).map_err(failed)?;
        chart.draw_series([mark((ms, 100.0 * s.rate), colour, true)]).map_err(failed)?;
        chart
            .draw_series([Text::new(legends, (ms * 1.12, 100.0 * s.rate + 2.0), ("sans-serif", 15))])
            .map_err(failed)?;
    }
    Ok(())
}
