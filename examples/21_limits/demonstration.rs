//! A few seconds: what each of the three servers costs.

use std::io;

use crate::picture::{Bar, in_terminal};
use crate::server::Server;
use crate::support::show;
use crate::{KINDS, counts, crowd};

/// How many clients talk at once.
pub(crate) const CROWDS: [usize; 3] = [1, 16, 256];

/// About how many requests each crowd sends to each server.
const REQUESTS: usize = 1000;

/// The clients that say nothing.
const SILENT: usize = 200;

/// The message if this system counts nothing.
pub(crate) const NOT_HERE: &str = "This system has no /proc, so there's nothing to count here. The three servers work \
     all the same: see --help for `serve` and `client`. Linux counts.";

// [count]
/// How many times a server's threads go to sleep or are interrupted, for each request.
pub(crate) fn switches_per_request(
    kind: &str,
    clients: usize,
) -> io::Result<Option<f64>> {
    let server = Server::start(kind, 0)?; // another process
    let streams = crowd::come(&server.addr, clients)?;
    let before = counts::switches(server.id());
    let replies = crowd::talk(&streams, (REQUESTS / clients).max(1))?;
    let after = counts::switches(server.id()); // all its threads are still there
    let switches = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(switches.map(|switches| switches as f64 / replies.len() as f64))
}
// [/count]

/// The memory of a silent client, in KiB, in the server.
pub(crate) fn memory_of_one(kind: &str, clients: usize) -> io::Result<Option<f64>> {
    let server = Server::start(kind, 0)?;
    let _first = crowd::come(&server.addr, 20)?; // what's needed only once
    let before = counts::resident(server.id());
    let _silent = crowd::come(&server.addr, clients)?;
    let after = counts::resident(server.id());
    let grown = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(grown.map(|kib| kib as f64 / clients as f64))
}

/// The switches of all servers for all crowds: a bar each.
pub(crate) fn all_switches() -> io::Result<Option<Vec<Bar>>> {
    let mut bars = Vec::new();
    for clients in CROWDS {
        for name in KINDS {
            let Some(value) = switches_per_request(name, clients)? else {
                return Ok(None);
            };
            bars.push(Bar { group: in_words(clients), name, value });
        }
    }
    Ok(Some(bars))
}

pub(crate) fn in_words(clients: usize) -> String {
    format!("{clients} client{}", if clients == 1 { "" } else { "s" })
}

pub(crate) fn show_all() -> io::Result<()> {
    crowd::allow(SILENT + 100);
    let Some(bars) = all_switches()? else {
        show!("{NOT_HERE}");
        return Ok(());
    };
    show!("Context switches for each request:");
    table(&bars);
    show!("");
    in_terminal(&bars, 1.1).iter().for_each(|line| show!("{line}"));
    show!("");
    for kind in KINDS {
        let Some(kib) = memory_of_one(kind, SILENT)? else { continue };
        show!("{kind:7} a silent client takes {kib:.1} KiB");
    }
    Ok(())
}

/// A line for each crowd, and a column for each kind.
pub(crate) fn table(bars: &[Bar]) {
    show!("{:>11} {:>9} {:>9} {:>9}", "", KINDS[0], KINDS[1], KINDS[2]);
    for row in bars.chunks(KINDS.len()) {
        let cells: String =
            row.iter().map(|bar| format!(" {:>9.2}", bar.value)).collect();
        show!("{:>11}{cells}", row[0].group);
    }
}
