//! The bars: what the library has to reach.

use crate::results::{Results, number};
use crate::sample::Metric;
use crate::setup::*;
use crate::work::Work::{self, *};

/// One bar.
struct Bar {
    what: String,
    bar: String,
    measured: Option<f64>,
    is_met: bool,
    /// What the baseline achieves compared with itself, or something else to compare
    /// with.
    beside: String,
}

/// A row for each bar: what it demands, what was measured, and whether the bar is met.
pub fn table(results: &Results) -> String {
    let mut text = String::from("| work | bar | measured | | beside it |\n");
    text += "|---|---|---:|---|---|\n";
    for bar in bars(results) {
        let Some(measured) = bar.measured else { continue };
        let verdict = if bar.is_met { "met" } else { "**not met**" };
        text += &format!(
            "| {} | {} | {} | {verdict} | {} |\n",
            bar.what,
            bar.bar,
            number(measured),
            bar.beside
        );
    }
    text
}

/// Which way a bar has to be passed.
#[derive(Clone, Copy)]
enum Side {
    AtLeast,
    AtMost,
}
use Side::{AtLeast, AtMost};

fn bars(results: &Results) -> Vec<Bar> {
    let mut bars = Bars { results, bars: Vec::new() };
    let pinned = RequestResponse { connections: 64, pinned: true };
    for connections in [1, 16, 64, 256, 1000] {
        let work = RequestResponse { connections, pinned: false };
        bars.ratio(work, STD, Metric::Rate, AtLeast, 0.90);
    }
    bars.ratio(pinned, STD, Metric::Rate, AtLeast, 0.90);
    bars.least_cpu(pinned, 1.15);
    for (loops, least) in [(1, 1.3), (8, 1.9), (32, 2.4)] {
        let work = Churn { loops };
        bars.ratio(work, STD, Metric::Rate, AtLeast, least);
        bars.ratio(work, TOKIO, Metric::Rate, AtLeast, 0.95);
        bars.ratio(work, PYTHON, Metric::Rate, AtLeast, 4.0);
    }
    bars.ratio(Churn { loops: 8 }, STD, Metric::P99, AtMost, 0.5);
    for loops in [8, 32] {
        bars.ratio(Churn { loops }, TOKIO, Metric::P99, AtMost, 1.0);
    }
    bars.value(Burst { connects: 1000 }, OURS, Metric::Seconds, 0.15);
    for connections in [1000, 10_000] {
        let work = Idle { connections };
        bars.value(work, OURS, Metric::Memory, 10.0);
        bars.value(work, OURS, Metric::Descriptors, 1.0);
        bars.value(work, OURS, Metric::Threads, 1.0);
    }
    bars.beside_idle(Idle { connections: 10_000 }, 1.05);
    for in_flight in [1, 16] {
        let udp = Udp { clients: 16, in_flight };
        bars.ratio(udp, UDP_STD, Metric::Rate, AtLeast, 0.95);
        bars.ratio(udp, UDP_PYTHON_THREADS, Metric::Rate, AtLeast, 20.0);
        bars.ratio(udp, UDP_PYTHON, Metric::Rate, AtLeast, 1.8);
    }
    let burst = UdpBurst { datagrams: 2000 };
    bars.ratio(burst, UDP_STD, Metric::Served, AtLeast, 0.95);
    for handlers in [8, 50, 500] {
        let slow = UdpSlow { handlers };
        // The next datagram waits until there are enough threads, and none of the others.
        let (most, first) = if handlers > 50 { (150.0, 40.0) } else { (75.0, 20.0) };
        bars.value(slow, UDP_OURS, Metric::SlowTime, most);
        bars.value(slow, UDP_OURS, Metric::FirstWait, first);
        bars.value(slow, UDP_OURS, Metric::NextWait, 1.0);
    }
    for work in [
        TlsVisits { loops: 1 },
        TlsVisits { loops: 8 },
        TlsTalk { connections: 1, is_long: false },
        TlsTalk { connections: 16, is_long: false },
        TlsTalk { connections: 4, is_long: true },
    ] {
        bars.ratio(work, TLS_STD, Metric::Rate, AtLeast, 0.95);
    }
    bars.value(TlsIdle { connections: 1000 }, TLS_OURS, Metric::Memory, 60.0);
    for (talks, stops) in [(false, false), (true, false), (true, true)] {
        let lossy = Lossy { talks, stops };
        bars.share(lossy, Metric::Cut, 0.0);
        bars.share(lossy, Metric::Reset, 0.1);
    }
    let waiting = Lossy { talks: false, stops: false };
    bars.ratio(waiting, STD, Metric::ReplyTime, AtMost, 1.1);
    // The five seconds of `drain_timeout`, and the time that cutting off takes.
    bars.worst(Lossy { talks: true, stops: true }, 5_100.0);
    bars.worst(Stop { connections: 0 }, 1.0);
    bars.worst(Stop { connections: 1000 }, 50.0);
    bars.bars
}

struct Bars<'a> {
    results: &'a Results,
    bars: Vec<Bar>,
}

impl Bars<'_> {
    fn add(
        &mut self,
        what: String,
        side: Side,
        bar: f64,
        of: &str,
        measured: Option<f64>,
        beside: String,
    ) {
        let (sign, is_met) = match side {
            AtLeast => ("≥", measured.is_some_and(|value| value >= bar)),
            AtMost => ("≤", measured.is_some_and(|value| value <= bar)),
        };
        let bar = format!("{sign} {}{of}", number(bar));
        self.bars.push(Bar { what, bar, measured, is_met, beside });
    }

    /// Our values divided by another's.
    fn ratio(&mut self, work: Work, other: Peer, metric: Metric, side: Side, bar: f64) {
        let ours = match other {
            TLS_STD => TLS_OURS,
            other if other.is_udp() => UDP_OURS,
            _ => OURS,
        };
        let measured = self.results.ratios(work, ours, other, metric).median();
        let again =
            [(STD, STD_AGAIN), (UDP_STD, UDP_STD_AGAIN), (TLS_STD, TLS_STD_AGAIN)]
                .into_iter()
                .find(|(baseline, _)| *baseline == other);
        let beside = again.map_or_else(String::new, |(baseline, again)| {
            let ratios = self.results.ratios(work, again, baseline, metric);
            format!("A/A {}", ratios.with_range())
        });
        let of = format!(" of {}", other.label);
        let what = match metric {
            Metric::Rate => work.name(),
            _ => format!("{}: {}", work.name(), metric.head()),
        };
        self.add(what, side, bar, &of, measured, beside);
    }

    /// The least processor time per operation, ours divided by the baseline's.
    fn least_cpu(&mut self, work: Work, bar: f64) {
        let least = |peer| self.results.values(work, peer, Metric::Cpu).min();
        let ratio = |peer| Some(least(peer)? / least(STD)?);
        let beside = ratio(STD_AGAIN).map(|ratio| format!("A/A {ratio:.2}"));
        let what = format!("{}: {}", work.name(), Metric::Cpu.head());
        let of = format!(" of {}", STD.label);
        self.add(what, AtMost, bar, &of, ratio(OURS), beside.unwrap_or_default());
    }

    /// A value that must not be more than the bar.
    fn value(&mut self, work: Work, ours: Peer, metric: Metric, bar: f64) {
        let measured = self.results.values(work, ours, metric).median();
        let first = work.peers()[0];
        let beside = self.results.values(work, first, metric).median();
        let beside = beside.map(|value| format!("{}: {}", first.label, number(value)));
        let what = format!("{}: {}", work.name(), metric.head());
        self.add(what, AtMost, bar, "", measured, beside.unwrap_or_default());
    }

    /// The share of all replies that end in this way, in all rounds taken together.
    fn share(&mut self, work: Work, metric: Metric, bar: f64) {
        let sum = |peer, metric| self.results.values(work, peer, metric).sum();
        let share = |peer| {
            let all = sum(peer, Metric::Whole)?
                + sum(peer, Metric::Reset)?
                + sum(peer, Metric::Cut)?;
            Some(sum(peer, metric)? / all)
        };
        let first = work.peers()[0];
        let beside =
            share(first).map(|share| format!("{}: {}", first.label, number(share)));
        let what = format!("{}: {}", work.name(), metric.head());
        self.add(what, AtMost, bar, " of all", share(OURS), beside.unwrap_or_default());
    }

    /// How much slower an active client is beside idle ones.
    fn beside_idle(&mut self, work: Work, bar: f64) {
        let slower = |peer| {
            let quotients =
                self.results.quotients(work, peer, Metric::P50Beside, Metric::P50Alone);
            quotients.median()
        };
        let beside = slower(STD).map(|ratio| format!("{}: {ratio:.2}", STD.label));
        let what = format!("{}: an active client's p50", work.name());
        let of = " of alone";
        self.add(what, AtMost, bar, of, slower(OURS), beside.unwrap_or_default());
    }

    /// The 99th percentile of the time to stop, in milliseconds.
    fn worst(&mut self, work: Work, bar: f64) {
        let values = self.results.values(work, OURS, Metric::StopTime);
        let mut beside = match values.median() {
            Some(median) => {
                format!("median {}, {} runs", number(median), values.count())
            }
            None => String::new(),
        };
        let first = work.peers()[0];
        let by_hand = self.results.values(work, first, Metric::StopTime).median();
        if let (Some(median), false) = (by_hand, first == OURS) {
            beside += &format!("; {}: median {}", first.label, number(median));
        }
        let what = format!("{}: p99, ms", work.name());
        self.add(what, AtMost, bar, "", values.percentile(99), beside);
    }
}
