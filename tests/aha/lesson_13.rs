//! Lesson 13: how a server stops.

use std::io::{BufRead, BufReader};
use std::sync::mpsc;

use crossbeam_channel::bounded;
use socketserver::{TcpRequest, ThreadedServer};

use super::*;
use crate::course::programs::{lanes, python, run};

const LESSON: &str = "13_graceful_shutdown";

/// The lesson's server, with options.
fn serving(options: &[&str]) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example(LESSON));
    Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]).args(options))
}

/// Waits until a program prints this line.
fn prints(program: &mut Program, wanted: &str) -> Outcome {
    let end = Instant::now() + DEADLINE;
    while program.line(end)?.ok_or(format!("the end, and no `{wanted}`"))? != wanted {}
    Ok(())
}

/// A client that has received the first word of its sentence, so its handler works.
fn talking(addr: SocketAddr, sentence: &str) -> io::Result<BufReader<TcpStream>> {
    let mut stream = connect(addr)?;
    stream.write_all(format!("{sentence}\n").as_bytes())?;
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut String::new())?;
    Ok(stream)
}

// ---- Threads that wait ------------------------------------------------------------------

#[test]
fn closing_a_clone_does_not_wake_a_thread_in_accept() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (addr, clone) = (listener.local_addr()?, listener.try_clone()?);
    let (accepted, news) = mpsc::channel();
    let waits = thread::spawn(move || accepted.send(listener.accept().map(drop)));
    drop(clone);
    // It goes on waiting, as if nothing had happened. Only a client ends the wait.
    assert_eq!(news.try_recv().err(), Some(mpsc::TryRecvError::Empty));
    connect(addr)?;
    news.recv_timeout(DEADLINE)??;
    waits.join().map_err(|_| "it panicked")??;
    Ok(())
}

#[cfg(target_os = "linux")] // no other system promises it
#[test]
fn shutting_a_listener_down_wakes_accept() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (addr, clone) = (listener.local_addr()?, listener.try_clone()?);
    let (accepted, news) = mpsc::channel();
    thread::spawn(move || accepted.send(listener.accept().map(drop)));
    socket2::SockRef::from(&clone).shutdown(Shutdown::Both)?;
    let error = news.recv_timeout(DEADLINE)?.err().ok_or("a client came")?;
    assert_eq!(error.kind(), ErrorKind::InvalidInput); // it doesn't listen any more
    let refused = connect(addr).err().ok_or("it still accepts clients")?;
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

#[cfg(not(windows))] // there, the read goes on waiting
#[test]
fn shutting_the_read_half_wakes_a_read() -> Outcome {
    let (_client, server) = connected()?;
    server.set_read_timeout(None)?; // or it would end by itself
    let (read, news) = mpsc::channel();
    let mut clone = server.try_clone()?;
    thread::spawn(move || read.send(clone.read(&mut [0; 64])));
    server.shutdown(Shutdown::Read)?;
    assert_eq!(news.recv_timeout(DEADLINE)??, 0); // end of file
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_wake_socket_wakes_every_thread_now_and_later() -> Outcome {
    use rustix::event::{PollFd, PollFlags, poll};
    use std::sync::Arc;

    let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
    let wake = Arc::new(datagrams()?);
    wake.connect(wake.local_addr()?)?; // to itself
    let (woken, news) = mpsc::channel();
    let wait = || {
        let (listener, wake, woken) =
            (Arc::clone(&listener), Arc::clone(&wake), woken.clone());
        thread::spawn(move || {
            let mut sockets = [
                PollFd::new(&*listener, PollFlags::IN),
                PollFd::new(&*wake, PollFlags::IN),
            ];
            let polled = poll(&mut sockets, None);
            let which = sockets.each_ref().map(|socket| !socket.revents().is_empty());
            let _ = woken.send((polled, which));
        });
    };
    wait();
    wait();
    wake.send(&[1])?; // once, and no thread ever receives it
    wait(); // even after the wake-up
    for _ in 0..3 {
        assert_eq!(news.recv_timeout(DEADLINE)?, (Ok(1), [false, true]));
    }
    Ok(())
}

// ---- The drain --------------------------------------------------------------------------

#[test]
fn a_handler_that_waits_in_a_read_ends_at_once() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "60000"])?;
    let mut silent = talking(addr, "hello")?;
    server.interrupt()?;
    assert_eq!(silent.read_line(&mut String::new())?, 0); // the server says goodbye
    assert!(server.status(Instant::now() + DEADLINE)?.success()); // long before a minute
    Ok(())
}

#[test]
fn a_busy_client_can_finish() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "60000"])?;
    let talks = talking(addr, "one two three four")?;
    server.interrupt()?;
    prints(&mut server, "draining: 1 may finish")?;
    let rest = talks.lines().collect::<io::Result<Vec<_>>>()?;
    assert_eq!(rest, ["two", "three", "four"]);
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_byte_after_both_ends_is_answered_with_a_reset() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    server.shutdown(Shutdown::Read)?;
    server.shutdown(Shutdown::Write)?;
    assert_eq!(client.read(&mut [0])?, 0); // so far it looks like a normal end
    client.write_all(b"one more byte")?;
    let end = Instant::now() + DEADLINE;
    while client
        .take_error()?
        .is_none_or(|error| error.kind() != ErrorKind::ConnectionReset)
    {
        if client.write(b"!").is_err() {
            break; // this write reported the error
        }
        assert!(Instant::now() < end, "no reset comes");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn what_has_arrived_is_still_read() -> Outcome {
    let (open, gate) = bounded::<()>(0);
    let (arrived, arrivals) = mpsc::channel();
    let handler = move |request: &mut TcpRequest| {
        let _ = arrived.send(());
        let _ = gate.recv_timeout(DEADLINE); // does not read yet
        let mut text = String::new();
        while request.read_line(&mut text)? > 0 {
            text.push('|');
        }
        request.write_all(text.as_bytes())
    };
    let server = ThreadedServer::tcp("127.0.0.1:0", handler)?.spawn()?;
    let mut client = connect(server.local_addr())?;
    client.write_all(b"in time\nin ti")?;
    arrivals.recv_timeout(DEADLINE)?;
    server.shutdown();
    drop(open);
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert_eq!(answer, "in time\n|", "whole lines: the other half might never come");
    Ok(())
}

#[test]
fn no_client_is_accepted_while_the_server_drains() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "60000"])?;
    let _talks = talking(addr, &"word ".repeat(1000))?;
    server.interrupt()?;
    prints(&mut server, "draining: 1 may finish")?;
    // Refused, or (at first) connected by the system, but never served.
    if let Ok(mut late) = connect(addr) {
        let _ = late.write_all(b"hello\n");
        assert!(!matches!(late.read(&mut [0; 64]), Ok(1..)), "it was served");
    }
    server.interrupt()?;
    prints(&mut server, "cut off: 1")?;
    Ok(())
}

#[test]
fn a_client_still_busy_at_the_deadline_is_cut_off() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "300"])?;
    let talks = talking(addr, &"word ".repeat(1000))?;
    server.interrupt()?;
    prints(&mut server, "draining: 1 may finish")?;
    assert!(talks.lines().map_while(Result::ok).count() < 999);
    prints(&mut server, "cut off: 1")?;
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn a_client_that_does_not_read_is_cut_off() -> Outcome {
    let handler = |request: &mut TcpRequest| {
        loop {
            request.write_all(&[b'x'; 100_000])?; // soon this waits for the client
        }
    };
    let builder = ThreadedServer::builder().drain_timeout(Duration::from_millis(200));
    let server = builder.tcp("127.0.0.1:0", handler)?.spawn()?;
    let handle = server.handle();
    let mut client = connect(server.local_addr())?;
    client.read_exact(&mut [0])?; // and not one byte more
    server.shutdown();
    server.join()?;
    let stats = handle.stats();
    assert_eq!((stats.finished, stats.cut_off, stats.active), (0, 1, 0));
    Ok(())
}

#[test]
fn a_second_ctrl_c_cuts_every_client_off() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "60000"])?;
    let _talks = talking(addr, &"word ".repeat(1000))?;
    server.interrupt()?;
    prints(&mut server, "draining: 1 may finish")?;
    server.interrupt()?;
    prints(&mut server, "cut off: 1")?; // in far less than a minute
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn drop_does_not_run_when_a_signal_kills() -> Outcome {
    for (options, log) in [(&[][..], 1), (&["--careless"], 0)] {
        let (mut server, addr) = serving(options)?;
        drop(talking(addr, "hello")?);
        server.interrupt()?;
        let end = Instant::now() + DEADLINE;
        let status = server.status(end)?;
        let printed = server.rest(end)?;
        let is_log = |line: &&String| line.starts_with("the log of ");
        assert_eq!(
            printed.iter().filter(is_log).count(),
            log,
            "{options:?} {printed:?}"
        );
        assert_eq!(status.success(), log == 1, "{options:?} {status}");
    }
    Ok(())
}

#[test]
fn the_timeline_shows_the_drain() -> Outcome {
    let mut command = Command::new(example(LESSON));
    let (output, _) = run(command.arg("--timeline"), Instant::now() + DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
    let (mut served, mut drains) = (Vec::new(), String::new());
    for (name, bars) in lanes(&lines) {
        match name.as_str() {
            "main" => drains = bars,
            _ => served.push(bars.chars().filter(|bar| *bar == '▒').count()),
        }
    }
    served.sort_unstable();
    let (begin, end) = (drains.find('▓'), drains.chars().count());
    let begin = begin.map(|at| drains[..at].chars().count()).ok_or("no drain")?;
    let [silent, short, long] = served[..] else { Err(format!("not 3:\n{printed}"))? };
    assert!(silent < short && short < long, "{printed}");
    // The silent one leaves when the drain begins, and the long one when it ends (more or
    // less, because a busy machine is late with everything).
    let middle = usize::midpoint(begin, end);
    assert!(silent < middle && middle < long, "{printed}");
    Ok(())
}

#[test]
fn python_waits_for_a_silent_client() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    let script = format!("lessons/python/{LESSON}.py");
    let (mut server, addr) =
        Program::server(command.args([&script, "serve", "--addr", "127.0.0.1:0"]))?;
    let silent = talking(addr, "hello")?;
    server.interrupt()?;
    prints(&mut server, "stopping: waiting for all clients")?;
    let soon = Instant::now() + Duration::from_millis(700); // a poll takes half a second
    assert!(server.status(soon).is_err(), "it did not wait");
    drop(silent);
    prints(&mut server, "all clients have left")?;
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

// ---- Clients ----------------------------------------------------------------------------

#[test]
fn an_odd_client_does_not_disturb_the_graceful_server() -> Outcome {
    let (mut server, addr) = serving(&[])?;
    let _never_a_byte = connect(addr)?;
    let mut long = connect(addr)?;
    let _ = long.write_all(&vec![b'x'; 10_000_000]); // a line of 10 MB
    connect(addr)?.write_all(b"\xff\xfe not UTF-8\n")?;

    let reset = talking(addr, "hello")?;
    socket2::SockRef::from(reset.get_ref()).set_linger(Some(Duration::ZERO))?;
    drop(reset);

    let mut half = connect(addr)?;
    for byte in b"no newline" {
        half.write_all(&[*byte])?;
    }
    half.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    half.read_to_string(&mut answer)?;
    assert_eq!(answer, "no\nnewline\n");
    assert!(!server.has_ended());
    Ok(())
}

#[test]
fn two_hundred_clients_drain_at_once() -> Outcome {
    let (mut server, addr) = serving(&["--deadline", "60000"])?;
    let mut clients = (0..200).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for client in &mut clients {
        client.write_all(b"hello\n")?;
    }
    for client in &mut clients {
        client.read_exact(&mut [0; 6])?;
    }
    server.interrupt()?;
    let end = Instant::now() + DEADLINE;
    assert!(server.status(end)?.success());
    let printed = server.rest(end)?.join("\n");
    assert!(
        printed.contains("200 finished") && !printed.contains("cut off"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn draining_is_reported_before_any_client_leaves() -> Outcome {
    let (left, news) = bounded(1);
    let told = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let hook_told = std::sync::Arc::clone(&told);
    let builder = ThreadedServer::builder().on_event(move |event| {
        if matches!(event, socketserver::Event::Draining { .. }) {
            // As long as this hook runs, `serve_forever` must not have returned.
            let early = news.recv_timeout(Duration::from_millis(100)).is_ok();
            hook_told.store(!early, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let server = builder.tcp("127.0.0.1:0", |_: &mut TcpRequest| Ok(()))?;
    let handle = server.handle();
    let serves = thread::spawn(move || {
        let served = server.serve_forever();
        let _ = left.try_send(());
        served
    });
    handle.shutdown();
    serves.join().map_err(|_| "it panicked")??;
    assert!(told.load(std::sync::atomic::Ordering::SeqCst), "the server ended first");
    Ok(())
}

/// A program that is started in the background (`&` in a script, `nohup`) begins with
/// Ctrl-C ignored. It must serve even so.
#[cfg(unix)]
#[test]
fn a_server_in_the_background_of_a_script_starts() -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" serve --addr 127.0.0.1:0"]);
    let (_server, addr) = Program::server(command.arg(example(LESSON)))?;
    talking(addr, "hello")?;
    Ok(())
}

#[test]
fn half_a_line_is_not_handed_over() -> Outcome {
    let (mut server, addr) = serving(&[])?;
    let mut client = BufReader::new(connect(addr)?);
    client.get_mut().write_all(b"one\nthree fo")?;
    client.read_line(&mut String::new())?;
    let begin = Instant::now();
    server.interrupt()?;
    let mut rest = String::new();
    client.read_to_string(&mut rest)?; // end of file, without a word of the half line
    assert_eq!(rest, "");
    assert!(begin.elapsed() < DEADLINE / 2, "the server waited for the other half");
    Ok(())
}
