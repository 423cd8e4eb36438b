//! Measures `socketserver` beside what you could use instead.
//!
//! ```text
//! cargo run --release -p socketserver-benches [-- OPTIONS]
//!
//!   --quick        three short rounds of most work, under two minutes (the default)
//!   --full         five rounds of all, in half an hour; writes benches/RESULTS.md and
//!                  lessons/performance.svg
//!   --only WORK    only the work whose name contains this; may be repeated
//!   --peer SERVER  only the servers whose name contains this; may be repeated
//!   --rounds N     N rounds
//!   --patience N   repeats a run that another program disturbed up to N times (3)
//!   --other PATH   another build of this program: its socketserver takes part too
//!   --again        prints the last run's report once more; with --full, writes it
//! ```
//!
//! # Method
//!
//! Each server is a separate process, started again for each run. One load generator
//! drives them all. A round runs every server once, in a different order each round, and
//! compares each server with the baseline of the same round. The baseline runs twice, and
//! the difference between the two is the noise. Every reply is checked; a run with a
//! wrong reply doesn't count.
//!
//! # Layout
//!
//! - `work`: the kinds of work, and which servers take part. `setup`: the available
//!   servers.
//! - `network`: runs in a network that loses packets.
//! - `servers`: the servers. `server`: a server process, seen from here.
//! - `load`: the clients.
//! - `sample`, `results`: what was measured. `bars`, `report`, `plot`: what it says.

mod bars;
mod load;
mod machine;
mod network;
mod plot;
mod report;
mod results;
mod sample;
mod server;
mod servers;
mod setup;
mod work;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use load::Timing;
use results::Results;
use sample::{Metric, Sample};
use server::Server;
use setup::{Peer, Program, Setup};
use work::Work;

struct Options {
    is_full: bool,
    only: Vec<String>,
    peers: Vec<String>,
    rounds: usize,
    patience: usize,
    other: Option<PathBuf>,
    again: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let result = match args.split_first() {
        Some((word, [name, setup @ ..])) if word == "server" => {
            Setup::from_args(setup).map_or_else(usage, |setup| servers::run(name, setup))
        }
        Some((word, [work, peer, other @ ..])) if word == "run" => {
            print_run(work, peer, other.first().map(Path::new))
        }
        _ => Options::parse(args).map_or_else(usage, |options| harness(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> io::Result<()> {
    let text = "usage: [--quick|--full] [--only WORK]… [--peer SERVER]… [--rounds N] [--patience N] [--other PATH] [--again]";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

impl Options {
    fn parse(args: Vec<String>) -> Option<Self> {
        let (mut is_full, mut again) = (false, false);
        let (mut only, mut peers) = (Vec::new(), Vec::new());
        let (mut rounds, mut patience, mut other) = (None, 3, None);
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => is_full = false,
                "--full" => is_full = true,
                "--again" => again = true,
                "--only" => only.push(args.next()?),
                "--peer" => peers.push(args.next()?),
                "--rounds" => rounds = Some(args.next()?.parse().ok()?),
                "--patience" => patience = args.next()?.parse().ok()?,
                "--other" => other = Some(PathBuf::from(args.next()?)),
                _ => return None,
            }
        }
        let rounds = rounds.unwrap_or(if is_full { 5 } else { 3 });
        Some(Self { is_full, only, peers, rounds, patience, other, again })
    }

    /// What to do.
    fn work(&self) -> Vec<Work> {
        let is_wanted = |work: &Work| {
            let is_named = !self.only.is_empty();
            is_asked(&self.only, &work.name())
                && (self.is_full || is_named || !work.is_for_full_runs())
        };
        work::ALL.into_iter().filter(is_wanted).collect()
    }

    /// Which servers take part in it.
    fn peers(&self, work: Work, has_python: bool) -> Vec<Peer> {
        let takes_part = |peer: &Peer| {
            let is_there = match peer.program {
                Program::This(_) => true,
                Program::Other(_) => self.other.is_some(),
                Program::Python(..) => has_python,
            };
            is_there && is_asked(&self.peers, peer.label)
        };
        work.peers().iter().copied().filter(takes_part).collect()
    }

    fn timing(&self) -> Timing {
        let millis = Duration::from_millis;
        if self.is_full {
            Timing { warm_up: millis(200), measure: millis(800) }
        } else {
            Timing { warm_up: millis(50), measure: millis(200) }
        }
    }
}

/// Whether `name` contains one of `parts`, or everything is asked for.
fn is_asked(parts: &[String], name: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
}

fn harness(options: &Options) -> io::Result<()> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    let samples = benches.join("../target/benches.tsv");
    let results = if options.again {
        Results::load(&samples)?
    } else {
        let results = run_all(options);
        results.save(&samples)?;
        results
    };
    let report = report::markdown(&results, options.rounds);
    println!("{report}");
    if options.is_full && options.only.is_empty() && options.peers.is_empty() {
        fs::write(benches.join("RESULTS.md"), report)?;
        let plots =
            plot::svg(&results).map_err(|error| io::Error::other(error.to_string()))?;
        fs::write(benches.join("../lessons/performance.svg"), plots)?;
    }
    Ok(())
}

/// Does all the work, in rounds.
fn run_all(options: &Options) -> Results {
    let begin = Instant::now();
    let mut results = Results::default();
    let mut progress = Progress::new(io::stderr().is_terminal());
    let has_python = machine::has_python();
    if !has_python {
        progress.note("there is no python3: Python's servers are skipped");
    }
    let mut works = options.work();
    if works.iter().any(|work| work.is_lossy()) && !network::is_available() {
        progress.note("no network of its own (unshare, ip, tc): lossy ones are skipped");
        works.retain(|work| !work.is_lossy());
    }
    for (number, work) in works.iter().copied().enumerate() {
        let peers = options.peers(work, has_python);
        let rounds = peers.iter().map(|peer| work.rounds(*peer, options.rounds));
        for round in 0..rounds.max().unwrap_or(0) {
            for turn in 0..peers.len() {
                let peer = peers[(round + turn) % peers.len()];
                if round >= work.rounds(peer, options.rounds) {
                    continue;
                }
                let done = number * 100 / works.len();
                let name = work.name();
                progress.show(&format!("{done:3} % {name}, round {}", round + 1), peer);
                let sample = run_undisturbed(work, peer, options);
                if let Err(error) = &sample {
                    progress.note(&format!("{name}, {}: {error}", peer.label));
                }
                progress.result(sample.as_ref().ok());
                results.add(work, peer, round, sample.ok());
            }
        }
    }
    progress.note(&format!("done in {} s", begin.elapsed().as_secs()));
    results
}

/// One run of one server. If another program was busy meanwhile, waits for a quiet moment
/// and tries again.
fn run_undisturbed(work: Work, peer: Peer, options: &Options) -> io::Result<Sample> {
    let mut patience = options.patience;
    loop {
        let sample = run_once(work, peer, options)?;
        let others = sample.get(Metric::Others).unwrap_or(0.0);
        if others <= results::DISTURBED || patience == 0 {
            return Ok(sample);
        }
        patience -= 1;
        wait_for_quiet();
    }
}

/// Waits until the machine has nothing to do for a moment, but not forever.
fn wait_for_quiet() {
    let moment = Duration::from_millis(200);
    for _ in 0..50 {
        let busy = machine::busy_time();
        thread::sleep(moment);
        let most = moment.as_secs_f64() * machine::cores() as f64;
        if machine::busy_time() - busy < most * results::DISTURBED {
            return;
        }
    }
}

/// One run of one server, and in the network that the work needs.
fn run_once(work: Work, peer: Peer, options: &Options) -> io::Result<Sample> {
    let other = options.other.as_deref();
    if work.is_lossy() {
        network::run(work, peer, other)
    } else {
        run_here(work, peer, other, options.timing())
    }
}

/// One run in this process, for one that [`network::run`] has put into its network.
fn print_run(work: &str, peer: &str, other: Option<&Path>) -> io::Result<()> {
    let Some(work) = Work::from_name(work) else { return usage() };
    let named = work.peers().iter().find(|named| named.label == peer);
    let Some(peer) = named else { return usage() };
    for (metric, value) in run_here(work, *peer, other, Timing::default())?.iter() {
        println!("{}\t{value}", metric.head());
    }
    Ok(())
}

fn run_here(
    work: Work,
    peer: Peer,
    other: Option<&Path>,
    timing: Timing,
) -> io::Result<Sample> {
    let mut server = Server::start(peer, work.setup(), other)?;
    // A separate thread, because a pinned thread stays pinned.
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            if let Some(core) = work.client_core() {
                machine::pin_to(core)?;
            }
            work.run(&mut server, timing)
        });
        client.join().unwrap_or_else(|_| Err(io::Error::other("the client panicked")))
    })
}

/// Shows what is going on: in place on a terminal, a line for each round in a file.
struct Progress {
    is_terminal: bool,
    round: String,
}

impl Progress {
    fn new(is_terminal: bool) -> Self {
        Self { is_terminal, round: String::new() }
    }

    fn show(&mut self, round: &str, peer: Peer) {
        if self.is_terminal {
            eprint!("\r\x1b[K{round}: {}", peer.label);
        } else if self.round != round {
            eprint!("\n{round}:");
        }
        round.clone_into(&mut self.round);
        let _ = io::stderr().flush();
    }

    fn result(&self, sample: Option<&Sample>) {
        let rate = sample.and_then(|sample| sample.get(Metric::Rate));
        if let (false, Some(rate)) = (self.is_terminal, rate) {
            eprint!(" {rate:.0}");
        }
    }

    fn note(&self, text: &str) {
        eprintln!("{}{text}", if self.is_terminal { "\r\x1b[K" } else { "\n" });
    }
}
