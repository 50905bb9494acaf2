//! Shared parts of the plots: SVG, a percent axis, a legend, and curves.

use imle_cli::failure::{Failure, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (900, 480);
/// From here on to the right stands the legend.
pub const LEGEND_AT: i32 = 660;
pub const FONT: (&str, u32) = ("sans-serif", 17);
pub const TITLE: (&str, u32) = ("sans-serif", 21);

/// A drawing that failed.
pub fn failed(e: impl std::fmt::Display) -> Failure {
    Failure::Run(format!("plot: {e}"))
}

/// Drawing area.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The SVG that `draw` draws.
///
/// # Errors
/// Errors of `draw`; [`Failure::Run`] if it cannot be drawn.
pub fn svg(draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    svg_of(SIZE, draw)
}

fn svg_of(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// The text of a tick, without the zeros and rests of its arithmetic.
pub fn tick(value: &f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

/// Draws a mesh in the style of all plots.
macro_rules! mesh {
    ($mesh:expr) => {
        $mesh
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_label_formatter(&tick)
            .label_style(FONT)
            .axis_desc_style(FONT)
            .draw()
            .map_err(failed)?
    };
}
pub(crate) use mesh;

/// A chart with percent on the vertical axis.
macro_rules! percent_chart {
    ($area:expr, $title:expr, $x:expr, $across:expr, $up:expr) => {{
        let mut chart = ChartBuilder::on($area)
            .caption($title, TITLE)
            .margin(14)
            .margin_right(24)
            .x_label_area_size(50)
            .y_label_area_size(64)
            .build_cartesian_2d($x, 0.0..102.0)
            .map_err(failed)?;
        mesh!(chart.configure_mesh().x_desc($across).y_desc($up).y_label_formatter(&tick));
        chart
    }};
}
pub(crate) use percent_chart;

/// The legend: its top, the characters of a line, and how far lines and names are apart.
const LEGEND_TOP: i32 = 60;
const LEGEND_WIDTH: usize = 26;
const LINE: i32 = 19;
const NAME_GAP: i32 = 7;

/// Names with their colours, and whether their mark is a circle, from the top down.
pub fn legend(side: &Area<'_>, rows: &[(String, RGBColor, bool)]) -> Result<()> {
    let mut y = LEGEND_TOP;
    for (name, colour, circle) in rows {
        let style = colour.stroke_width(2);
        side.draw(&PathElement::new(vec![(6, y), (30, y)], style)).map_err(failed)?;
        side.draw(&mark((18, y), *colour, *circle)).map_err(failed)?;
        for line in textwrap::wrap(name, LEGEND_WIDTH) {
            side.draw(&Text::new(line.into_owned(), (38, y - 8), FONT)).map_err(failed)?;
            y += LINE;
        }
        y += NAME_GAP;
    }
    Ok(())
}

/// A circle, or a triangle.
pub fn mark<'a, C: Clone + 'static>(at: C, colour: RGBColor, circle: bool) -> DynElement<'static, SVGBackend<'a>, C> {
    match circle {
        true => Circle::new(at, 4, colour.filled()).into_dyn(),
        false => TriangleMarker::new(at, 6, colour.filled()).into_dyn(),
    }
}

/// The style of a name that ends where an axis begins.
pub fn left_of_axis() -> TextStyle<'static> {
    TextStyle::from(FONT.into_font()).pos(Pos::new(HPos::Right, VPos::Center))
}

/// A vertical interval about a point.
pub fn error_bar(
    x: f64,
    [low, rate, high]: [f64; 3],
    colour: RGBColor,
) -> ErrorBar<f64, f64, plotters::element::ErrorBarOrientV<f64, f64>> {
    ErrorBar::new_vertical(x, low, rate, high, colour.filled(), 6)
}

/// A curve of success: its name, and at each x its rate with its interval, in percent.
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, [f64; 3])>,
}

/// A curve's colour, and whether its mark is a circle.
pub type Style = (RGBColor, bool);

const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 128, 96),
    RGBColor(153, 79, 0),
    RGBColor(120, 60, 160),
    RGBColor(240, 130, 120),
    RGBColor(110, 180, 80),
    RGBColor(110, 110, 110),
];

/// A style for each of many curves.
fn styles(curves: &[Curve]) -> Vec<Style> {
    let all = [true, false].into_iter().flat_map(|circle| COLOURS.map(|colour| (colour, circle))).cycle();
    all.take(curves.len()).collect()
}

/// Draws curves with their marks and intervals on `chart`, and their names on `side`.
macro_rules! draw_curves {
    ($chart:expr, $side:expr, $curves:expr, $styles:expr) => {{
        let mut names = Vec::new();
        for (curve, (colour, circle)) in $curves.iter().zip($styles) {
            let at = |(x, [_, rate, _]): &(f64, [f64; 3])| (*x, *rate);
            let line = LineSeries::new(curve.points.iter().map(at), colour.stroke_width(2));
            $chart.draw_series(line).map_err(failed)?;
            let bars = curve.points.iter().map(|(x, rate)| error_bar(*x, *rate, colour));
            $chart.draw_series(bars).map_err(failed)?;
            $chart.draw_series(curve.points.iter().map(|p| mark(at(p), colour, circle))).map_err(failed)?;
            names.push((curve.name.clone(), colour, circle));
        }
        legend($side, &names)
    }};
}
pub(crate) use draw_curves;

/// Curves of success over what `across` says, on a logarithmic axis if `logarithmic`.
///
/// # Errors
/// [`Failure::Run`] if it cannot be drawn.
pub fn curves(title: &str, across: &str, logarithmic: bool, curves: &[Curve]) -> Result<String> {
    let xs = || curves.iter().flat_map(|c| &c.points).map(|(x, _)| *x);
    let (least, most) = (xs().fold(f64::INFINITY, f64::min), xs().fold(0.0, f64::max));
    let lines = |c: &Curve| LINE * textwrap::wrap(&c.name, LEGEND_WIDTH).len() as i32 + NAME_GAP;
    let named = LEGEND_TOP + curves.iter().map(lines).sum::<i32>();
    svg_of((SIZE.0, SIZE.1.max(named as u32)), |area| {
        let (area, side) = area.split_horizontally(LEGEND_AT);
        macro_rules! draw {
            ($x:expr) => {{
                let mut chart = percent_chart!(&area, title, $x, across, "success, % (95 % Wilson)");
                draw_curves!(chart, &side, curves, styles(curves))
            }};
        }
        if logarithmic {
            draw!((least.max(1e-6) * 0.8..most.max(1e-6) * 1.25).log_scale())
        } else {
            draw!(0.0..most.max(1.0) * 1.05)
        }
    })
}

/// A contender's success with its interval, in percent.
pub struct SuccessRow {
    pub name: String,
    pub rate: [f64; 3],
}

/// Contenders under each other, each with its success and its interval.
///
/// # Errors
/// [`Failure::Run`] if it cannot be drawn.
pub fn rows(title: &str, rows: &[SuccessRow]) -> Result<String> {
    let count = rows.len().max(1);
    let height = 110 + 26 * count as u32;
    svg_of((SIZE.0, height), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(title, TITLE)
            .margin(14)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(250)
            .build_cartesian_2d(0.0..102.0, (count as f64 - 0.4)..-0.6)
            .map_err(failed)?;
        mesh!(chart.configure_mesh().disable_y_mesh().disable_y_axis().x_desc("success, % (95 % Wilson)"));
        let names = area.strip_coord_spec();
        for (at, row) in rows.iter().enumerate() {
            let ([low, rate, high], y) = (row.rate, at as f64);
            let colour = if at == 0 { COLOURS[0] } else { COLOURS[7] };
            let whisker = PathElement::new(vec![(low, y), (high, y)], colour.stroke_width(2));
            chart.draw_series([whisker]).map_err(failed)?;
            chart.draw_series([mark((rate, y), colour, true)]).map_err(failed)?;
            let (_, pixel) = chart.backend_coord(&(0.0, y));
            names.draw(&Text::new(row.name.clone(), (252, pixel), left_of_axis())).map_err(failed)?;
        }
        Ok(())
    })
}

/// Observed frequency over predicted probability, with the line where both agree.
///
/// # Errors
/// [`Failure::Run`] if it cannot be drawn.
pub fn calibration(title: &str, curves: &[Curve]) -> Result<String> {
    svg(|area| {
        let (area, side) = area.split_horizontally(LEGEND_AT);
        let mut chart = percent_chart!(&area, title, 0.0..102.0, "predicted, %", "observed, % (95 % Wilson)");
        let equal = LineSeries::new([(0.0, 0.0), (100.0, 100.0)], RGBColor(160, 160, 160).stroke_width(1));
        chart.draw_series(equal).map_err(failed)?;
        draw_curves!(chart, &side, curves, styles(curves))
    })
}
