//! Bars: in the terminal, and as an SVG file.

use std::fmt::Write;

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    /// The group that it's in, such as `256 clients`.
    pub(crate) group: String,
    /// The kind of server.
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

/// The longest bar in the terminal.
const COLUMNS: f64 = 40.0;

/// Bars made of blocks, one on each line; the longest has the value `most`.
pub(crate) fn in_terminal(bars: &[Bar], most: f64) -> Vec<String> {
    let line = |Bar { group, name, value }: &Bar| {
        let length = (value / most * COLUMNS).round().clamp(0.0, COLUMNS) as usize;
        format!("{group:>11}  {name:7}  {} {value:.2}", "█".repeat(length))
    };
    bars.iter().map(line).collect()
}

/// A title, and its bars; the longest fills the width.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) bars: Vec<Bar>,
    /// How many digits after the point.
    pub(crate) digits: usize,
}

/// The picture's width, and the space for names and values in it.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 90.0;
/// The height of a line.
const LINE: f64 = 22.0;

/// All charts, one below the other.
pub(crate) fn svg(charts: &[Chart]) -> String {
    let lines = charts.iter().map(|chart| chart.bars.len() + 2).sum::<usize>();
    let height = LINE * lines as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"12\" \
         role=\"img\">\n<title>What threads, poll and tasks cost</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n"
    );
    let mut y = 10.0;
    for chart in charts {
        y += 1.5 * LINE;
        text(&mut svg, 16.0, y - 8.0, "bold", chart.title);
        let most = chart.bars.iter().map(|bar| bar.value).fold(0.001, f64::max);
        let mut group = "";
        for bar in &chart.bars {
            y += LINE;
            if group != bar.group {
                group = &bar.group;
                text(&mut svg, 16.0, y - 8.0, "normal", group);
            }
            text(&mut svg, LEFT - 70.0, y - 8.0, "normal", bar.name);
            let width = (bar.value / most * (WIDTH - LEFT - RIGHT)).max(1.0);
            let (top, fill) = (y - 20.0, colour(bar.name));
            // Writing to a `String` can't fail.
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" rx=\"2\" \
                 fill=\"{fill}\"/>"
            );
            let value = format!("{:.*}", chart.digits, bar.value);
            text(&mut svg, LEFT + width + 8.0, y - 8.0, "normal", &value);
        }
        y += LINE / 2.0;
    }
    svg + "</svg>\n"
}

/// Adds some words.
fn text(svg: &mut String, x: f64, y: f64, weight: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-weight=\"{weight}\" \
         fill=\"#1f2328\">{words}</text>"
    );
}

/// The colours differ even for people who can't tell red from green.
fn colour(name: &str) -> &'static str {
    match name {
        "threads" => "#4477aa",
        "poll" => "#f0c987",
        _ => "#228833",
    }
}
