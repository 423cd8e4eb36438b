//! The report, as Markdown.

use std::fmt::Write;

use crate::bars;
use crate::machine;
use crate::results::{Results, number};
use crate::sample::Metric;
use crate::setup::Peer;
use crate::work::{self, Work};

/// The whole report.
pub fn markdown(results: &Results, rounds: usize) -> String {
    let mut text = String::from(HEAD);
    for line in machine::describe() {
        let _ = writeln!(text, "- {line}");
    }
    let (runs, disturbed) = results.disturbed();
    let _ = writeln!(
        text,
        "- {rounds} rounds; {disturbed} of {runs} runs had more than a tenth of the \
         machine taken by others\n"
    );
    text += "## The bars\n\n";
    text += &bars::table(results);
    for work in work::ALL {
        if work.peers().iter().any(|peer| results.has(work, *peer)) {
            let _ = write!(text, "\n## {}\n\n", capitalised(&work.name()));
            text += &table(results, work);
        }
    }
    text
}

const HEAD: &str = "\
# Results

Written by `cargo run --release -p socketserver-benches -- --full`. The method is described
at the top of `src/main.rs`.

A cell is the median of all rounds. *To the baseline* is the median of the ratios to the
first row, each taken within its round, and in brackets the smallest and the largest. The
second row is the first server once more, and its distance from 1 is the noise. Server CPU
is the least of all rounds, because that varies least. Replies that came whole, were reset
or were cut short are counted in all rounds together.

";

/// The table of one kind of work.
fn table(results: &Results, work: Work) -> String {
    let has_ratio = work.metrics()[0] == Metric::Rate;
    let mut heads = vec!["server".to_owned()];
    for metric in work.metrics() {
        heads.push(metric.head().to_owned());
        match metric {
            Metric::Rate => heads.push("to the baseline".to_owned()),
            Metric::StopTime => heads.extend(["p99".to_owned(), "runs".to_owned()]),
            _ => {}
        }
    }
    let mut text = row(&heads);
    text += "|---|";
    text += &"---:|".repeat(heads.len() - 1);
    text += "\n";
    for peer in work.peers().iter().copied().filter(|peer| results.has(work, *peer)) {
        text += &row(&cells(results, work, peer, has_ratio));
    }
    text
}

fn cells(results: &Results, work: Work, peer: Peer, has_ratio: bool) -> Vec<String> {
    let mut label = peer.label.to_owned();
    if work.peers().len() > 3 && label == "socketserver" {
        label = format!("**{label}**");
    }
    let failures = results.failures(work, peer);
    if failures > 0 {
        let _ = write!(label, " ({failures} runs were no result)");
    }
    let mut cells = vec![label];
    for metric in work.metrics().iter().copied() {
        let values = results.values(work, peer, metric);
        let value = match metric {
            Metric::Cpu => values.min(),
            Metric::Whole | Metric::Reset | Metric::Cut => values.sum(),
            _ => values.median(),
        };
        cells.push(value.map_or_else(|| "–".to_owned(), number));
        match metric {
            Metric::Rate if has_ratio => {
                let ratios = results.ratios(work, peer, work.peers()[0], metric);
                cells.push(ratios.with_range());
            }
            Metric::StopTime => {
                let worst = values.percentile(99);
                cells.push(worst.map_or_else(|| "–".to_owned(), number));
                cells.push(values.count().to_string());
            }
            _ => {}
        }
    }
    cells
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn capitalised(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}
