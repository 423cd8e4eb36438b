//! How much one room can handle, with one, two and four servers: `cargo run --release --example
//! 22_load`. It starts a broker and the servers of lesson 22 by itself, takes ten seconds,
//! and prints a table.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Client, InfoDict, cmd};
use tied::Tied;

mod tied;

/// How many people are in the room, and how many of them speak.
const CLIENTS: [usize; 2] = [16, 64];
const SPEAKERS: usize = 8;

/// How long each measurement takes.
const TIME: Duration = Duration::from_millis(1500);

/// How long anybody waits for a line.
const PATIENCE: Duration = Duration::from_secs(10);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    println!("clients  servers  lines/s  deliveries/s  p50 ms  p99 ms  broker's CPU");
    for clients in CLIENTS {
        for servers in [1, 2, 4] {
            measure(clients, servers)?;
        }
    }
    Ok(())
}

/// Measures one room, with a broker and servers of its own.
fn measure(clients: usize, servers: usize) -> Outcome<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut broker = Command::new("redis-server");
    broker.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
    let _broker = Tied::start(&broker, Stdio::null())
        .map_err(|_| "There is no redis-server here: install it.")?;
    let url = format!("redis://127.0.0.1:{port}");
    let started = (0..servers).map(|_| serve(&url)).collect::<Outcome<Vec<_>>>()?;
    let seats = (0..clients).map(|at| started[at % servers].1);
    let seats = seats.map(enter).collect::<Outcome<Vec<_>>>()?;

    let (before, begin) = (cpu(&url)?, Instant::now());
    let people: Vec<_> = seats
        .into_iter()
        .enumerate()
        .map(|(at, seat)| thread::spawn(move || visit(seat, at < SPEAKERS, begin)))
        .collect();
    let mut times = Vec::new();
    for person in people {
        times.extend(person.join().map_err(|_| "somebody panicked")??);
    }
    let (took, used) = (begin.elapsed().as_secs_f64(), cpu(&url)? - before);
    times.sort();
    let rate = times.len() as f64 / took;
    let part = |part: usize| {
        let at = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(0.0, |time: &Duration| time.as_secs_f64() * 1e3)
    };
    println!(
        "{clients:7}  {servers:7}  {rate:7.0}  {:12.0}  {:6.2}  {:6.2}  {:11.0} %",
        rate * clients as f64,
        part(50),
        part(99),
        used / took * 100.0
    );
    Ok(())
}

/// A server of lesson 22, and where it listens.
fn serve(url: &str) -> Outcome<(Tied, SocketAddr)> {
    let program = std::env::current_exe()?.with_file_name("22_many_machines");
    let mut command = Command::new(program);
    command.args(["serve", "--addr", "127.0.0.1:0", "--broker", url]);
    let mut server = Tied::start(&command, Stdio::piped())
        .map_err(|_| "Build it first: cargo build --examples")?;
    let mut printed = BufReader::new(server.0.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    printed.read_line(&mut line)?;
    let addr = line.split(' ').nth(2).ok_or("it does not listen")?.parse()?;
    thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
    Ok((server, addr))
}

/// Enters, as soon as the server has found the broker.
fn enter(addr: SocketAddr) -> Outcome<(BufReader<TcpStream>, String)> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (mut stream, mut line) = (BufReader::new(stream), String::new());
        stream.read_line(&mut line)?;
        if let Some(name) = line.strip_prefix("-- you are ") {
            let name = name.split(':').next().unwrap_or_default().to_owned();
            return Ok((stream, name));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err("nobody is accepted".into())
}

/// Reads all lines. A speaker sends a line as soon as its last one has come back. Returns
/// how long each of them took.
fn visit(
    seat: (BufReader<TcpStream>, String),
    speaks: bool,
    begin: Instant,
) -> Outcome<Vec<Duration>> {
    let (mut stream, name) = seat;
    let (mut times, mut line, mut number) = (Vec::new(), String::new(), 0);
    if !speaks {
        stream.get_ref().set_read_timeout(Some(Duration::from_millis(500)))?;
        while begin.elapsed() < TIME
            && stream.read_line(&mut line).is_ok_and(|it| it > 0)
        {
            line.clear();
        }
        return Ok(times);
    }
    while begin.elapsed() < TIME {
        number += 1;
        let (said, wanted) = (Instant::now(), format!("{name}: line {number}\n"));
        stream.get_mut().write_all(format!("line {number}\n").as_bytes())?;
        while line != wanted {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err("the server has ended".into());
            }
        }
        times.push(said.elapsed());
    }
    Ok(times)
}

/// How many seconds of a processor the broker has used.
fn cpu(url: &str) -> Outcome<f64> {
    let info: InfoDict =
        cmd("INFO").arg("cpu").query(&mut Client::open(url)?.get_connection()?)?;
    let seconds = |name: &str| info.get::<f64>(name).unwrap_or_default();
    Ok(seconds("used_cpu_sys") + seconds("used_cpu_user"))
}
