//! The timeline as a picture: an SVG file that any browser shows.

use std::fmt::Write;
use std::time::Duration;

use super::timeline::{Doing, Lane, moment, ticks, total, used};

/// The picture's width; an SVG has no unit but its own.
const WIDTH: f64 = 800.0;

/// The height of a lane, and of the bar in it.
const LANE: f64 = 30.0;
/// See [`LANE`].
const BAR: f64 = 20.0;

/// The height of the axis, above the lanes.
const TOP: f64 = 44.0;

/// The approximate width of a letter.
const LETTER: f64 = 7.2;

/// The lanes as an SVG picture.
pub(crate) fn picture(lanes: &[Lane]) -> String {
    let longest = lanes.iter().map(|lane| lane.name.chars().count()).max();
    let left = 24.0 + LETTER * longest.unwrap_or_default().min(24) as f64;
    let moments = ticks(total(lanes), 8);
    let end = moments[moments.len() - 1].max(Duration::from_micros(1));
    let right = WIDTH - 36.0;
    let x = |at: Duration| left + (right - left) * at.as_secs_f64() / end.as_secs_f64();
    let bottom = TOP + LANE * lanes.len() as f64;
    let height = bottom + 44.0;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"12\" \
         role=\"img\">\n<title>What each thread did, and when</title>\n<desc>{}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n",
        escaped(&in_words(lanes))
    );
    for &at in &moments {
        let place = x(at);
        let word = if at.is_zero() { "0".to_owned() } else { moment(at, end) };
        line(
            &mut svg,
            format_args!(
                "<line x1=\"{place:.1}\" y1=\"{:.1}\" x2=\"{place:.1}\" y2=\"{bottom:.1}\" \
                 stroke=\"#d0d7de\"/><text x=\"{place:.1}\" y=\"24\" \
                 text-anchor=\"middle\" fill=\"#57606a\">{word}</text>",
                TOP - 10.0
            ),
        );
    }
    for (index, lane) in lanes.iter().enumerate() {
        draw_lane(&mut svg, lane, TOP + LANE * index as f64, left, x);
    }
    draw_legend(&mut svg, &used(lanes), left, bottom + 16.0);
    svg + "</svg>\n"
}

/// One thread: its name, and its bars.
fn draw_lane(
    svg: &mut String,
    lane: &Lane,
    top: f64,
    left: f64,
    x: impl Fn(Duration) -> f64,
) {
    let name: String = lane.name.chars().take(24).collect();
    let (text_left, base) = (left - 10.0, top + LANE / 2.0 + 4.0);
    line(
        svg,
        format_args!(
            "<text x=\"{text_left:.1}\" y=\"{base:.1}\" text-anchor=\"end\" \
             fill=\"#1f2328\">{}</text>",
            escaped(&name)
        ),
    );
    for (bar, seen) in lane.bars.iter().zip(lane.visible()) {
        let from = x(bar.from);
        let width = (x(bar.to) - from).max(1.5); // even a short span must be visible
        let label = escaped(&bar.label);
        let tip = if label.is_empty() { String::new() } else { format!(": {label}") };
        let (fill, word) = (colour(bar.doing), bar.doing.word());
        let y = top + (LANE - BAR) / 2.0;
        line(
            svg,
            format_args!(
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                 height=\"{BAR}\" rx=\"2\" fill=\"{fill}\"><title>{word}{tip}</title></rect>"
            ),
        );
        let length = LETTER * bar.label.chars().count() as f64;
        let (from, to) = (x(seen.0), x(seen.1));
        if !label.is_empty() && from + length + 8.0 <= to {
            let (middle, ink) = (f64::midpoint(from, to), ink(bar.doing));
            line(
                svg,
                format_args!(
                    "<text x=\"{middle:.1}\" y=\"{base:.1}\" text-anchor=\"middle\" \
                     fill=\"{ink}\">{label}</text>"
                ),
            );
        }
    }
}

/// The legend: what each colour means.
fn draw_legend(svg: &mut String, used: &[Doing], left: f64, top: f64) {
    let mut x = left;
    for &doing in used {
        let (fill, word, text) = (colour(doing), doing.word(), x + 18.0);
        let base = top + 10.0;
        line(
            svg,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"12\" height=\"12\" rx=\"2\" \
                 fill=\"{fill}\"/><text x=\"{text:.1}\" y=\"{base:.1}\" \
                 fill=\"#1f2328\">{word}</text>"
            ),
        );
        x = text + LETTER * word.chars().count() as f64 + 20.0;
    }
}

/// The picture in one sentence, for readers who can't see it.
fn in_words(lanes: &[Lane]) -> String {
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    let millis = total(lanes).as_millis();
    format!("{} threads over {millis} ms: {}.", lanes.len(), names.join(", "))
}

/// The colour of a bar. The colours differ even for people who can't tell red from green.
fn colour(doing: Doing) -> &'static str {
    match doing {
        Doing::Working => "#4477aa",
        Doing::Waiting => "#f0c987",
        Doing::Holding => "#228833",
        Doing::Serving => "#9fd3e6",
        Doing::Idle => "#e6e8eb",
    }
}

/// The colour of letters on such a bar.
fn ink(doing: Doing) -> &'static str {
    match doing {
        Doing::Working | Doing::Holding => "#ffffff",
        Doing::Waiting | Doing::Serving | Doing::Idle => "#1f2328",
    }
}

/// Adds a line to the picture.
fn line(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(svg, "{text}");
}

/// `text` with the characters that mean something in SVG written out.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::timeline::Bar;

    fn lanes() -> Vec<Lane> {
        let bar = |doing, from, to, label: &str| Bar {
            doing,
            label: label.to_owned(),
            from: Duration::from_millis(from),
            to: Duration::from_millis(to),
        };
        let bars = vec![
            bar(Doing::Serving, 0, 400, "a client"),
            bar(Doing::Holding, 400, 400, "too short for this"),
        ];
        vec![Lane { name: "<&> \u{1b}".to_owned(), bars }]
    }

    #[test]
    fn a_picture_has_names_bars_an_axis_and_words() {
        let svg = picture(&lanes());
        for part in ["<svg ", "&lt;&amp;&gt;", ">400 ms<", "</svg>", ">serves<"] {
            assert!(svg.contains(part), "{part} is not in\n{svg}");
        }
        assert!(svg.contains(">a client</text>"), "{svg}");
        assert!(!svg.contains(">too short for this</text>"), "no room for this: {svg}");
        assert!(svg.contains("1 threads over 400 ms"), "{svg}");
        assert!(svg.contains("width=\"1.5\""), "a short span is seen: {svg}");
        assert!(!svg.contains('\u{1b}') && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn a_picture_of_nothing_is_a_picture() {
        let svg = picture(&[]);
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    }
}
