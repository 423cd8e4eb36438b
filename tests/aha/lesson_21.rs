//! Three forms of one echo: what each costs, and what happens when a handler blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use course::programs::{DEADLINE, Program, example, python};
use socket2::SockRef;

#[path = "../../examples/21_limits/counts.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod counts;
#[path = "../course/mod.rs"]
mod course;

/// A test fails with whatever went wrong.
type Outcome = Result<(), Box<dyn std::error::Error>>;

const KINDS: [&str; 3] = ["threads", "poll", "tasks"];

/// The server of a kind, on a free port.
fn server(kind: &str, work: &str) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example("21_limits"));
    let args = ["serve", "--addr", "127.0.0.1:0", "--kind", kind, "--work", work];
    Program::server(command.args(args))
}

fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// This many clients, each of which has been served once.
fn crowd(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let come = |_| {
        let mut stream = connect(addr)?;
        echoes(&mut stream, b"x")?;
        Ok(stream)
    };
    (0..count).map(come).collect()
}

/// Sends, and checks that the same comes back.
fn echoes(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    let mut reply = vec![0; bytes.len()];
    stream.read_exact(&mut reply)?;
    assert_eq!(reply, bytes);
    Ok(())
}

// ---- What Linux counts ----------------------------------------------------------------

/// Switches for each request of this many clients: in each round, all ask, and then all
/// read.
#[cfg(target_os = "linux")]
fn switches(kind: &str, clients: usize) -> Result<f64, Box<dyn std::error::Error>> {
    const ROUNDS: usize = 10;
    let (server, addr) = server(kind, "0")?;
    let mut all = crowd(addr, clients)?;
    let count = || counts::switches(server.id()).ok_or("no switches in /proc");
    let before = count()?;
    for _ in 0..ROUNDS {
        for stream in &mut all {
            stream.write_all(&[b'x'; 64])?;
        }
        for stream in &mut all {
            stream.read_exact(&mut [0; 64])?;
        }
    }
    Ok((count()? - before) as f64 / (ROUNDS * clients) as f64)
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_for_each_client_costs_a_switch_for_each_request() -> Outcome {
    let each = switches("threads", 256)?;
    assert!(each > 0.8, "{each}");
    Ok(())
}

/// While the one thread serves some clients, others ask. It has slept less often than
/// they have asked.
#[cfg(target_os = "linux")]
#[test]
fn one_thread_for_256_clients_rarely_has_to_switch() -> Outcome {
    for kind in ["poll", "tasks"] {
        // A machine that is very busy may wake the server for each client: hence a
        // choice.
        let least =
            (0..3).map(|_| switches(kind, 256)).collect::<Result<Vec<_>, _>>()?;
        assert!(least.iter().any(|each| *each < 0.3), "{kind}: {least:?}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn with_one_client_every_kind_switches_for_each_request() -> Outcome {
    for kind in KINDS {
        let (server, addr) = server(kind, "0")?;
        let mut all = crowd(addr, 1)?;
        let before = counts::switches(server.id()).ok_or("no switches in /proc")?;
        for _ in 0..200 {
            echoes(&mut all[0], b"ping")?;
        }
        let after = counts::switches(server.id()).ok_or("no switches in /proc")?;
        assert!(after - before > 100, "{kind}: {}", after - before);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_silent_client_costs_a_thread_more_memory_than_a_task() -> Outcome {
    const SILENT: u64 = 300;
    let mut grown = Vec::new();
    for kind in ["threads", "tasks"] {
        let (server, addr) = server(kind, "0")?;
        let _first = crowd(addr, 20)?;
        let before = counts::resident(server.id()).ok_or("no memory in /proc")?;
        let _silent = crowd(addr, SILENT as usize)?;
        let after = counts::resident(server.id()).ok_or("no memory in /proc")?;
        grown.push(after.saturating_sub(before));
    }
    assert!(grown[0] > 2 * grown[1], "threads and tasks, KiB: {grown:?}");
    assert!(grown[0] < 40 * SILENT, "threads, KiB: {grown:?}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn each_thread_takes_maps_and_a_task_takes_none() -> Outcome {
    const MORE: u64 = 200;
    let mut grown = Vec::new();
    for kind in KINDS {
        let (server, addr) = server(kind, "0")?;
        let _first = crowd(addr, 20)?;
        let before = counts::maps(server.id()).ok_or("no maps in /proc")?;
        let _more = crowd(addr, MORE as usize)?;
        let after = counts::maps(server.id()).ok_or("no maps in /proc")?;
        grown.push(after.saturating_sub(before));
    }
    assert!(grown[0] >= 2 * MORE, "{grown:?}");
    assert!(grown[1] < MORE / 10 && grown[2] < MORE / 10, "{grown:?}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn only_the_threads_server_has_a_thread_for_each_client() -> Outcome {
    for (kind, least) in KINDS.into_iter().zip([41, 1, 1]) {
        let (server, addr) = server(kind, "0")?;
        let _all = crowd(addr, 40)?;
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id()))?.count();
        assert_eq!(tasks, least, "{kind}");
    }
    Ok(())
}

// ---- A handler that blocks ------------------------------------------------------------

/// Waits until a client's work has begun.
fn until_it_works(server: &mut Program) -> Outcome {
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("the server has ended")?.starts_with("works for ") {}
    Ok(())
}

/// Whether something is there to be read.
fn has_come(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let come = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(come.is_ok())
}

#[test]
fn a_thread_that_blocks_delays_only_its_own_client() -> Outcome {
    let (mut server, addr) = server("threads", "3000")?;
    let mut crowd = crowd(addr, 2)?;
    crowd[0].write_all(b"!")?;
    until_it_works(&mut server)?;
    echoes(&mut crowd[1], b"meanwhile")?;
    echoes(&mut connect(addr)?, b"a new one")?;
    assert!(!has_come(&crowd[0])?, "the work was over before the others were served");
    crowd[0].read_exact(&mut [0])?;
    Ok(())
}

#[test]
fn a_task_that_blocks_delays_everybody() -> Outcome {
    for kind in ["tasks", "poll"] {
        let (mut server, addr) = server(kind, "400")?;
        let mut crowd = crowd(addr, 2)?;
        crowd[0].write_all(b"!")?;
        until_it_works(&mut server)?;
        echoes(&mut crowd[1], b"meanwhile")?;
        // The work began first, so its reply is there before the other one.
        assert!(has_come(&crowd[0])?, "{kind}: somebody was served during the work");
    }
    Ok(())
}

/// Writes until neither the server nor the system takes any more. Returns how much they
/// took.
fn until_stuck(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let (mut taken, mut last) = (0, Instant::now());
    while taken < bytes.len() && last.elapsed() < Duration::from_millis(300) {
        match stream.write(&bytes[taken..]) {
            Ok(count) => (taken, last) = (taken + count, Instant::now()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
    stream.set_nonblocking(false)?;
    Ok(taken)
}

// ---- Odd clients ----------------------------------------------------------------------

#[test]
fn a_client_that_reads_late_stops_nobody_and_gets_everything() -> Outcome {
    for kind in KINDS {
        let (_server, addr) = server(kind, "0")?;
        let mut stalled = connect(addr)?;
        let mut writer = stalled.try_clone()?;
        let bytes: Vec<u8> = (0..30_000_000_u32).map(|n| (n % 251) as u8).collect();
        let taken = until_stuck(&mut writer, &bytes)?;
        assert!(
            taken < bytes.len(),
            "{kind}: the server keeps 30 megabytes for a client"
        );
        echoes(&mut connect(addr)?, b"served")?; // while the other one is stuck
        let rest = bytes[taken..].to_vec();
        let writes = thread::spawn(move || {
            writer.write_all(&rest)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut all = Vec::new();
        stalled.read_to_end(&mut all)?;
        writes.join().map_err(|_| "the writer panicked")??;
        assert!(all == bytes, "{kind}: {} of {} bytes", all.len(), bytes.len());
    }
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_any_of_the_three() -> Outcome {
    for kind in KINDS {
        let (mut server, addr) = server(kind, "0")?;
        let _silent = connect(addr)?;
        let mut slowly = connect(addr)?;
        for byte in *b"one byte at a time\xff\x00" {
            echoes(&mut slowly, &[byte])?;
        }
        let mut reset = connect(addr)?;
        echoes(&mut reset, b"first")?;
        SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
        drop(reset);
        let end = Instant::now() + DEADLINE;
        while !server.line(end)?.ok_or("it has ended")?.starts_with("error: ") {}
        echoes(&mut slowly, b"still here")?;
    }
    Ok(())
}

#[cfg(target_os = "linux")] // `ulimit` is a shell's
#[test]
fn a_server_without_descriptors_does_not_spin() -> Outcome {
    for kind in KINDS {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 16; exec \"$@\"", "sh"])
            .arg(example("21_limits"));
        let args = ["serve", "--addr", "127.0.0.1:0", "--kind", kind];
        let (mut server, addr) = Program::server(command.args(args))?;
        let mut all = (0..20).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
        let end = Instant::now() + DEADLINE;
        while !server.line(end)?.ok_or("it has ended")?.contains("; I keep trying") {}
        let busy = counts::processor_time(server.id()).ok_or("no time in /proc")?;
        thread::sleep(Duration::from_secs(1)); // a spinning server takes what it gets of it
        let used = counts::processor_time(server.id()).ok_or("no time in /proc")? - busy;
        assert!(used < Duration::from_millis(100), "{kind}: {used:?}");
        drop(all.drain(..16));
        for stream in &mut all {
            echoes(stream, b"there is room again")?;
        }
    }
    Ok(())
}

// ---- The program ----------------------------------------------------------------------

/// A server that a demonstration started ends with it, however the demonstration ends.
#[test]
fn a_server_ends_with_the_program_that_started_it() -> Outcome {
    let mut command = Command::new(example("21_limits"));
    let args = ["serve", "--addr", "127.0.0.1:0", "--until-eof"];
    let (mut server, _) = Program::server(command.args(args))?;
    assert!(!server.has_ended());
    server.close_input();
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn python_serves_the_same_in_three_forms() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    for kind in KINDS {
        let mut command = Command::new(python);
        command.args(["lessons/python/21_limits.py", "serve", "--addr", "127.0.0.1:0"]);
        let (mut server, addr) =
            Program::server(command.args(["--kind", kind, "--work", "400"]))?;
        let mut crowd = crowd(addr, 30)?;
        let mut stalled = connect(addr)?;
        let mut writer = stalled.try_clone()?;
        let writes = thread::spawn(move || {
            writer.write_all(&[b'x'; 2_000_000])?;
            writer.shutdown(Shutdown::Write)
        });
        crowd[0].write_all(b"!")?;
        until_it_works(&mut server)?;
        echoes(&mut crowd[1], b"meanwhile")?;
        if kind != "threads" {
            assert!(has_come(&crowd[0])?, "{kind}: somebody was served during the work");
        }
        let mut all = Vec::new();
        stalled.read_to_end(&mut all)?;
        writes.join().map_err(|_| "the writer panicked")??;
        assert_eq!(all.len(), 2_000_000, "{kind}");
    }
    Ok(())
}
