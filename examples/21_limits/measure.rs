//! The longer run: it takes about a minute. Use a release build, on a machine that has
//! nothing else to do.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{net::TcpStream, thread};

use crate::demonstration::{NOT_HERE, all_switches, in_words, memory_of_one, table};
use crate::picture::{Bar, Chart, svg};
use crate::server::Server;
use crate::support::{PATIENCE, mistake, show, stage};
use crate::{KINDS, counts, crowd};

/// The silent clients that surround 16 busy ones.
const SILENT: [usize; 3] = [0, 1000, 4000];

/// How long a handler blocks, in ms.
const WORK: usize = 50;

pub(crate) fn measure(file: &str) -> io::Result<()> {
    if !file.to_lowercase().ends_with(".svg") {
        let file = if file.is_empty() { "limits" } else { file };
        return Err(mistake(format!(
            "The picture is an SVG file, so its name ends in .svg.\n\
             Write --measure {file}.svg."
        )));
    }
    let mut picture = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)
        .map_err(|error| {
            mistake(format!("`{file}` can't be written: {error}.\nChoose another file."))
        })?;
    stage::takes_longer();
    crowd::allow(SILENT[2] + 200);
    let Some(switches) = all_switches()? else {
        show!("{NOT_HERE}");
        return Ok(());
    };
    show!("Context switches for each request:");
    table(&switches);

    show!("\np99 of 1000 busy clients, in ms (the middle one of three runs):");
    let tails = tails()?;
    table(&tails);

    show!("\nmemory of a silent client, in KiB:");
    let memory =
        each(
            &in_words(1000),
            |kind| Ok(memory_of_one(kind, 1000)?.unwrap_or_default()),
        )?;
    table(&memory);
    maps()?;

    show!("\nthe server's processor time for a request of 16 busy clients, in µs:");
    let mut cost = Vec::new();
    for silent in SILENT {
        cost.extend(each(&format!("{silent} silent"), |kind| {
            time_beside(kind, silent)
        })?);
    }
    table(&cost);

    show!("\np99 of 16 clients beside one whose handler blocks for {WORK} ms, in ms:");
    let blocked = each(&in_words(16), beside_work)?;
    table(&blocked);

    let chart = |title, bars, digits| Chart { title, bars, digits };
    picture.set_len(0)?; // only now: an older picture stays until there's a new one
    picture.write_all(
        svg(&[
            chart("context switches for each request", switches, 2),
            chart("99 of 100 replies take at most, in ms", tails, 1),
            chart("memory of a silent client, in KiB", memory, 1),
            chart("processor time for a request beside silent clients, in µs", cost, 1),
            chart("99 of 100 replies beside a handler that blocks, in ms", blocked, 1),
        ])
        .as_bytes(),
    )?;
    show!("\nThe picture is in {file}.");
    Ok(())
}

/// A figure for each kind.
fn each(
    group: &str,
    mut figure: impl FnMut(&str) -> io::Result<f64>,
) -> io::Result<Vec<Bar>> {
    let bar = |name: &'static str| {
        Ok(Bar { group: group.to_owned(), name, value: figure(name)? })
    };
    KINDS.into_iter().map(bar).collect()
}

/// The p99 of many busy clients. A time depends on what else the machine does, so the kinds
/// take turns. Each kind has three runs, and their median counts.
fn tails() -> io::Result<Vec<Bar>> {
    let mut runs = [const { Vec::new() }; KINDS.len()];
    for _ in 0..3 {
        for (kind, runs) in KINDS.iter().zip(&mut runs) {
            let server = Server::start(kind, 0)?;
            runs.push(crowd::p99(&crowd::come_and_ask(&server.addr, 1000, 60)?));
        }
    }
    let middle = |(name, mut runs): (_, Vec<f64>)| {
        runs.sort_by(f64::total_cmp);
        Bar { group: in_words(1000), name, value: runs[1] }
    };
    Ok(KINDS.into_iter().zip(runs).map(middle).collect())
}

/// How many memory maps a thread takes, and how many threads fit.
fn maps() -> io::Result<()> {
    let server = Server::start("threads", 0)?;
    let _first = crowd::come(&server.addr, 20)?;
    let before = counts::maps(server.id()).unwrap_or_default();
    let _clients = crowd::come(&server.addr, 1000)?;
    let after = counts::maps(server.id()).unwrap_or_default();
    let each = after.saturating_sub(before) as f64 / 1000.0;
    let most = counts::most_maps().unwrap_or_default() as f64;
    show!("\nmemory maps: {each:.1} for each thread, {most} allowed");
    show!("so there can be about {:.0} threads", most / each.max(1.0));
    Ok(())
}

/// The server's processor time for a request, beside this many silent clients.
fn time_beside(kind: &str, silent: usize) -> io::Result<f64> {
    let server = Server::start(kind, 0)?;
    let _silent = crowd::come(&server.addr, silent)?;
    let busy = crowd::come(&server.addr, 16)?;
    let before = counts::processor_time(server.id());
    let replies = crowd::talk(&busy, 2000)?.len();
    let after = counts::processor_time(server.id());
    let time = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(time.unwrap_or_default().as_secs_f64() * 1e6 / replies as f64)
}

/// The p99 of 16 clients, while another one asks for work again and again.
fn beside_work(kind: &str) -> io::Result<f64> {
    let server = Server::start(kind, WORK)?;
    let mut client = TcpStream::connect(&server.addr)?;
    client.set_read_timeout(Some(PATIENCE))?;
    let clients = crowd::come(&server.addr, 16)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let works = scope.spawn(|| -> io::Result<()> {
            while !is_over.load(Ordering::Relaxed) {
                client.write_all(b"!")?;
                io::Read::read_exact(&mut client, &mut [0])?;
            }
            Ok(())
        });
        let (begin, mut took) = (Instant::now(), Vec::new());
        while begin.elapsed() < Duration::from_secs(2) {
            match crowd::talk(&clients, 5) {
                Ok(more) => took.extend(more),
                Err(error) => {
                    is_over.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        works.join().map_err(|_| io::Error::other("a client panicked"))??;
        Ok(crowd::p99(&took))
    })
}
