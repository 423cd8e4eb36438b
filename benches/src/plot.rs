//! The plots, as one SVG: groups of bars, and a line over each from the least to the
//! most of all rounds.

use std::fmt::Write;

use crate::report::number;
use crate::results::{Results, Values};
use crate::sample::Metric;
use crate::setup::*;
use crate::work::Work::{self, *};

const WIDTH: f64 = 800.0;
/// Where the bars of a panel stand.
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 16.0;
const HEIGHT: f64 = 170.0;

/// A plot: a group of bars for each kind of work, a bar for each server.
struct Panel {
    title: &'static str,
    metric: Metric,
    servers: &'static [Peer],
    groups: Vec<(String, Work)>,
}

/// The bars' colours, which those who do not see all colours can tell apart.
const COLOURS: [&str; 6] =
    ["#9a9a9a", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"];

const TCP: &[Peer] = &[STD, OURS, TOKIO, MIO, POOL, PYTHON];
const UDP: &[Peer] =
    &[UDP_STD, UDP_OURS, UDP_TOKIO, UDP_SPAWN, UDP_PYTHON, UDP_PYTHON_THREADS];

fn panels() -> [Panel; 4] {
    let request_response = |connections| {
        let work = RequestResponse { connections, pinned: false };
        (format!("{connections} connections"), work)
    };
    let churn = |loops| (format!("{loops} clients"), Churn { loops });
    let idle =
        |connections| (format!("{connections} connections"), Idle { connections });
    let udp = |clients, in_flight| {
        let name = format!("{clients} clients, {in_flight} in flight");
        (name, Udp { clients, in_flight })
    };
    [
        Panel {
            title: "Requests a second, on connections that stay open",
            metric: Metric::Rate,
            servers: TCP,
            groups: [1, 16, 64, 256, 1000].map(request_response).into(),
        },
        Panel {
            title: "Connections a second: connect, echo, close",
            metric: Metric::Rate,
            servers: TCP,
            groups: [1, 8, 32].map(churn).into(),
        },
        Panel {
            title: "Memory of an idle connection in KiB",
            metric: Metric::Memory,
            servers: TCP,
            groups: [1000, 10_000].map(idle).into(),
        },
        Panel {
            title: "Datagrams a second",
            metric: Metric::Rate,
            servers: UDP,
            groups: [(1, 1), (16, 1), (16, 16)].map(|(a, b)| udp(a, b)).into(),
        },
    ]
}

/// All panels, one below the other.
pub fn svg(results: &Results) -> String {
    let mut body = String::new();
    let mut top = 0.0;
    for panel in panels() {
        top = panel.draw(results, top, &mut body);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{top}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

impl Panel {
    /// Draws itself below `top`, and returns where it ends.
    fn draw(&self, results: &Results, top: f64, svg: &mut String) -> f64 {
        let top = top + 28.0;
        let _ = writeln!(
            svg,
            "<text x=\"16\" y=\"{top}\" font-size=\"15\" font-weight=\"bold\">{}</text>",
            self.title
        );
        let base = self.draw_legend(top + 22.0, svg) + HEIGHT + 14.0;
        let values = |work, peer| results.values(work, peer, self.metric);
        let highest = self
            .groups
            .iter()
            .flat_map(|(_, work)| self.servers.iter().map(|peer| values(*work, *peer)))
            .filter_map(|values| values.max())
            .fold(0.0, f64::max);
        let step = round_step(highest / 4.0);
        let scale = HEIGHT / highest.max(step);
        draw_axis(highest, step, scale, base, svg);

        let group_width = (RIGHT - LEFT) / self.groups.len() as f64;
        let bar_width = group_width * 0.8 / self.servers.len() as f64;
        for (place, (name, work)) in self.groups.iter().enumerate() {
            let left = LEFT + group_width * place as f64;
            let (middle, below) = (left + group_width / 2.0, base + 18.0);
            let _ = writeln!(
                svg,
                "<text x=\"{middle:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">\
                 {name}</text>"
            );
            for (turn, peer) in self.servers.iter().enumerate() {
                let left = left + group_width * 0.1 + bar_width * turn as f64;
                let values = values(*work, *peer);
                draw_bar(&values, COLOURS[turn], left, bar_width, scale, base, svg);
            }
        }
        base + 36.0
    }

    /// Says which colour is which server; returns where it ends.
    fn draw_legend(&self, top: f64, svg: &mut String) -> f64 {
        let (mut left, mut top) = (16.0, top);
        for (peer, colour) in self.servers.iter().zip(COLOURS) {
            let width = 30.0 + 6.5 * peer.label.len() as f64;
            if left + width > RIGHT {
                (left, top) = (16.0, top + 18.0);
            }
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" \
                 fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{top:.1}\">{}</text>",
                top - 9.0,
                left + 15.0,
                peer.label
            );
            left += width;
        }
        top
    }
}

/// A bar as high as the median, and a line from the least to the most.
fn draw_bar(
    values: &Values,
    colour: &str,
    left: f64,
    width: f64,
    scale: f64,
    base: f64,
    svg: &mut String,
) {
    let (Some(median), Some(min), Some(max)) =
        (values.median(), values.min(), values.max())
    else {
        return;
    };
    let height = median * scale;
    let _ = writeln!(
        svg,
        "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" \
         fill=\"{colour}\"/>",
        base - height,
        width - 1.0,
    );
    let middle = left + (width - 1.0) / 2.0;
    let _ = writeln!(
        svg,
        "<path d=\"M{middle:.1} {:.1}V{:.1}\" stroke=\"#222\"/>",
        base - min * scale,
        base - max * scale,
    );
}

/// Lines across, each with its number.
fn draw_axis(highest: f64, step: f64, scale: f64, base: f64, svg: &mut String) {
    let mut value = 0.0;
    while value <= highest {
        let height = base - value * scale;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {height:.1}H{RIGHT}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            height + 4.0,
            number(value)
        );
        value += step;
    }
}

/// A step of 1, 2 or 5 times a power of ten, not less than `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(0.01).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= least)
        .unwrap_or(power * 10.0)
}
