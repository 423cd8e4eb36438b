//! The plots: a group of bars for each kind of work, and a line over each bar from the
//! smallest to the largest value of all rounds.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::results::Results;
use crate::sample::Metric;
use crate::setup::*;
use crate::work::Work::{self, *};

/// The size of a plot, in pixels.
const SIZE: (u32, u32) = (860, 280);

/// How much of its width the bars take. The rest says what they are.
const BARS: u32 = 660;

/// A plot.
struct Plot {
    title: &'static str,
    metric: Metric,
    servers: &'static [Peer],
    groups: Vec<(String, Work)>,
}

/// The bars' colours. Even people who don't see all colours can tell them apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x9a, 0x9a, 0x9a),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xd5, 0x5e, 0x00),
];

const TCP: &[Peer] = &[STD, OURS, TOKIO, MIO, POOL, PYTHON];
const UDP: &[Peer] =
    &[UDP_STD, UDP_OURS, UDP_TOKIO, UDP_SPAWN, UDP_PYTHON, UDP_PYTHON_THREADS];

fn plots() -> [Plot; 4] {
    let request_response = |connections: usize| {
        let work = RequestResponse { connections, pinned: false };
        (connections.to_string(), work)
    };
    let churn = |loops: usize| (loops.to_string(), Churn { loops });
    let idle = |connections: usize| (connections.to_string(), Idle { connections });
    let udp = |(clients, in_flight)| {
        (format!("{clients} × {in_flight}"), Udp { clients, in_flight })
    };
    [
        Plot {
            title: "Requests a second, by number of connections that stay open",
            metric: Metric::Rate,
            servers: TCP,
            groups: [1, 16, 64, 256, 1000].map(request_response).into(),
        },
        Plot {
            title: "Connections a second, by number of clients: connect, echo, close",
            metric: Metric::Rate,
            servers: TCP,
            groups: [1, 8, 32].map(churn).into(),
        },
        Plot {
            title: "Memory of each idle connection in KiB, by number of connections",
            metric: Metric::Memory,
            servers: TCP,
            groups: [1000, 10_000].map(idle).into(),
        },
        Plot {
            title: "Datagrams a second, by number of clients × datagrams in flight",
            metric: Metric::Rate,
            servers: UDP,
            groups: [(1, 1), (16, 1), (16, 16)].map(udp).into(),
        },
    ]
}

/// All plots, one below the other.
pub fn svg(results: &Results) -> Result<String, Box<dyn Error>> {
    let plots = plots();
    let mut svg = String::new();
    let (width, height) = SIZE;
    let size = (width, height * plots.len() as u32);
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (plot, area) in plots.iter().zip(root.split_evenly((plots.len(), 1))) {
        plot.draw(results, &area)?;
    }
    root.present()?;
    drop(root);
    // On the documentation site it's inside Markdown, where an empty line would end it.
    Ok(svg.replace("\n\n", "\n"))
}

impl Plot {
    fn draw(
        &self,
        results: &Results,
        area: &DrawingArea<SVGBackend, Shift>,
    ) -> Result<(), Box<dyn Error>> {
        let values = |work, peer| results.values(work, peer, self.metric);
        let of_all = self.groups.iter().flat_map(|(_, work)| {
            self.servers.iter().filter_map(|peer| values(*work, *peer).max())
        });
        let highest = of_all.fold(1.0, f64::max);
        let groups = self.groups.len();
        let (left, right) = area.split_horizontally(BARS);
        self.legend(&right)?;
        let mut chart = ChartBuilder::on(&left)
            .caption(self.title, ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..groups as f64, 0.0..highest * 1.05)?;
        let name = |place: &f64| match self.groups.get(*place as usize) {
            Some((name, _)) if place.fract() == 0.5 => name.clone(),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_labels(groups * 2 + 1) // so that there is one in each middle
            .x_label_formatter(&name)
            .y_label_formatter(&|value| format!("{value}"))
            .draw()?;

        let width = 0.8 / self.servers.len() as f64;
        for (turn, (peer, colour)) in self.servers.iter().zip(COLOURS).enumerate() {
            let bars =
                self.groups.iter().enumerate().filter_map(|(place, (_, work))| {
                    let left = place as f64 + 0.1 + width * turn as f64;
                    let height = values(*work, *peer).median()?;
                    let corners = [(left, 0.0), (left + width * 0.9, height)];
                    Some(Rectangle::new(corners, colour.filled()))
                });
            chart.draw_series(bars)?;
            let ranges =
                self.groups.iter().enumerate().filter_map(|(place, (_, work))| {
                    let middle = place as f64 + 0.1 + width * (turn as f64 + 0.45);
                    let values = values(*work, *peer);
                    let ends = [(middle, values.min()?), (middle, values.max()?)];
                    Some(PathElement::new(ends, BLACK))
                });
            chart.draw_series(ranges)?;
        }
        Ok(())
    }

    /// Says which bar is whose, and how to read them.
    fn legend(
        &self,
        area: &DrawingArea<SVGBackend, Shift>,
    ) -> Result<(), Box<dyn Error>> {
        let style = ("sans-serif", 11);
        let mut y = 40;
        for (peer, colour) in self.servers.iter().zip(COLOURS) {
            let square = [(4, y), (14, y + 10)];
            area.draw(&Rectangle::new(square, colour.filled()))?;
            area.draw(&Text::new(peer.label, (22, y), style))?;
            y += 18;
        }
        let better = match self.metric {
            Metric::Rate => "higher is better",
            _ => "lower is better",
        };
        for line in
            [better, "the line on a bar: from the", "lowest round to the highest"]
        {
            y += 16;
            area.draw(&Text::new(line, (4, y), style))?;
        }
        Ok(())
    }
}
