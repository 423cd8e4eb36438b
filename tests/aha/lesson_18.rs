//! Lesson 18: waiting for many sockets at once.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::*;
use crate::course::programs::{python, run};

/// Which of `asked` a socket is ready for; waits at most `ms` milliseconds.
fn ready(socket: &TcpStream, asked: PollFlags, ms: i64) -> io::Result<PollFlags> {
    let mut sockets = [PollFd::new(socket, asked)];
    poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: ms * 1_000_000 }))?;
    Ok(sockets[0].revents())
}

/// The same, for as long as a test can wait.
fn soon(socket: &TcpStream, asked: PollFlags) -> io::Result<PollFlags> {
    let mut sockets = [PollFd::new(socket, asked)];
    let time = Timespec { tv_sec: DEADLINE.as_secs() as _, tv_nsec: 0 };
    poll(&mut sockets, Some(&time))?;
    Ok(sockets[0].revents())
}

#[test]
fn a_timeout_is_zero_or_something_or_forever() -> Outcome {
    let (mut client, server) = connected()?;
    assert!(ready(&server, PollFlags::IN, 0)?.is_empty(), "zero: look, and do not wait");
    let begin = Instant::now();
    assert!(ready(&server, PollFlags::IN, 50)?.is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(50), "something: wait so long");
    thread::scope(|scope| {
        scope.spawn(|| client.write_all(b"x"));
        let mut sockets = [PollFd::new(&server, PollFlags::IN)];
        assert_eq!(poll(&mut sockets, None)?, 1, "forever: until there is one");
        Ok(())
    })
}

#[test]
fn the_end_of_file_is_something_to_read() -> Outcome {
    let (client, mut server) = connected()?;
    drop(client);
    assert!(soon(&server, PollFlags::IN)?.contains(PollFlags::IN));
    assert_eq!(server.read(&mut [0; 10])?, 0);
    Ok(())
}

#[test]
fn a_waiting_client_makes_the_listener_readable() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sockets = [PollFd::new(&listener, PollFlags::IN)];
    let no_time = Timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(poll(&mut sockets, Some(&no_time))?, 0);
    let _client = connect(listener.local_addr()?)?;
    let time = Timespec { tv_sec: DEADLINE.as_secs() as _, tv_nsec: 0 };
    assert_eq!(poll(&mut sockets, Some(&time))?, 1);
    assert!(sockets[0].revents().contains(PollFlags::IN));
    Ok(())
}

#[test]
fn a_full_socket_is_not_ready_for_writing() -> Outcome {
    let (mut client, mut server) = connected()?;
    assert!(ready(&client, PollFlags::OUT, 0)?.contains(PollFlags::OUT));
    client.set_nonblocking(true)?;
    // Bytes that arrive leave space behind them, so fill until it stays full.
    while soon_full(&mut client)? {}
    let mut data = vec![0; 1_000_000];
    let end = Instant::now() + DEADLINE;
    while ready(&client, PollFlags::OUT, 0)?.is_empty() && Instant::now() < end {
        let _ = server.read(&mut data)?; // the other end makes space
    }
    assert!(ready(&client, PollFlags::OUT, 0)?.contains(PollFlags::OUT));
    Ok(())
}

/// Writes until there is no space. Returns whether space came back within a moment.
fn soon_full(client: &mut TcpStream) -> io::Result<bool> {
    while client.write(&[0; 65_536]).is_ok() {}
    Ok(!ready(client, PollFlags::OUT, 50)?.is_empty())
}

#[cfg(target_os = "linux")]
#[test]
fn an_urgent_byte_is_an_exceptional_condition() -> Outcome {
    let (client, mut server) = connected()?;
    SockRef::from(&server).set_out_of_band_inline(true)?;
    SockRef::from(&client).send_out_of_band(b"!")?;
    assert!(soon(&server, PollFlags::PRI)?.contains(PollFlags::PRI));
    let mut data = [0; 10];
    assert_eq!((server.read(&mut data)?, data[0]), (1, b'!'), "it is in the stream");
    assert!(ready(&server, PollFlags::PRI, 0)?.is_empty(), "and is urgent no more");
    Ok(())
}

#[test]
fn a_silent_client_does_not_delay_the_others() -> Outcome {
    let (_server, addr) = server("18_select")?;
    let _silent = connect(addr)?;
    let mut early = connect(addr)?;
    let mut late = connect(addr)?;
    assert_eq!(echoed(&mut late, b"late")?, b"late");
    assert_eq!(echoed(&mut early, b"early")?, b"early");
    assert_eq!(echoed(&mut late, b"late again")?, b"late again");
    Ok(())
}

#[test]
fn a_stalled_client_does_not_delay_the_others_and_gets_everything_later() -> Outcome {
    let (_server, addr) = server("18_select")?;
    let slow = connect(addr)?;
    let message: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            (&slow).write_all(&message)?;
            slow.shutdown(Shutdown::Write)
        });
        // The server has a part of it, can't send it back, and answers the others.
        let mut quick = connect(addr)?;
        for _ in 0..100 {
            assert_eq!(echoed(&mut quick, b"quick")?, b"quick");
        }
        assert!(
            !writer.is_finished(),
            "nobody holds 20 MB for a client that reads nothing"
        );
        let mut answer = Vec::new();
        (&slow).read_to_end(&mut answer)?;
        assert!(answer == message, "{} bytes came back, or other ones", answer.len());
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn two_hundred_clients_need_one_thread() -> Outcome {
    let (mut program, addr) = server("18_select")?;
    let mut all = (0..200).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for (number, stream) in all.iter_mut().enumerate().rev() {
        let message = format!("client {number}");
        assert_eq!(echoed(stream, message.as_bytes())?, message.as_bytes());
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    assert!(status.contains("Threads:\t1\n"), "{status}");
    program.interrupt()?; // with all of them connected
    program.status(Instant::now() + DEADLINE)?;
    Ok(())
}

#[test]
fn the_client_that_is_too_many_waits_until_one_leaves() -> Outcome {
    let (_server, addr) = server("18_select")?;
    let mut all = (0..240).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for stream in &mut all {
        assert_eq!(echoed(stream, b"here")?, b"here");
    }
    let mut late = connect(addr)?;
    late.write_all(b"and me")?;
    assert!(ready(&late, PollFlags::IN, 100)?.is_empty(), "it waits in the queue");
    assert_eq!(echoed(&mut all[7], b"still here")?, b"still here");
    all.pop();
    let mut answer = [0; 6];
    late.read_exact(&mut answer)?;
    assert_eq!(&answer, b"and me");
    Ok(())
}

#[cfg(target_os = "linux")] // `ulimit` belongs to the shell
#[test]
fn a_server_out_of_descriptors_does_not_spin() -> Outcome {
    // Three descriptors are for the terminal, one is for the listener, four for clients.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 8; exec \"$@\"", "sh"]).arg(example("18_select"));
    let (mut server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let mut all = (0..5).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    let end = Instant::now() + DEADLINE;
    let is_error = |line: &str| line.starts_with("error: Too many open files");
    while !server.line(end)?.is_some_and(|line| is_error(&line)) {}
    let begin = Instant::now();
    thread::sleep(Duration::from_millis(300));
    let errors = server.lines_now().iter().filter(|line| is_error(line)).count();
    let most = begin.elapsed().as_millis() as usize / 50 + 1;
    assert!(errors <= most, "{errors} attempts in {:?}", begin.elapsed());
    drop(all.remove(0)); // and there is room for the fifth
    for stream in &mut all {
        assert_eq!(echoed(stream, b"here")?, b"here");
    }
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_select_server() -> Outcome {
    let (mut server, addr) = server("18_select")?;
    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    for byte in *b"one byte at a time\xff\x00" {
        assert_eq!(echoed(&mut slowly, &[byte])?, [byte]);
    }

    let mut half = connect(addr)?; // closes its half, then reads
    half.write_all(&vec![0xfe; 50_000])?;
    half.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    half.read_to_end(&mut answer)?;
    assert_eq!(answer, vec![0xfe; 50_000]);

    let mut reset = connect(addr)?;
    assert_eq!(echoed(&mut reset, b"first")?, b"first");
    SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset);
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("the server has ended")?.starts_with("error: ") {}

    assert_eq!(echoed(&mut slowly, b"still here")?, b"still here");
    Ok(())
}

#[test]
fn pythons_select_takes_no_number_above_1023() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let script = "import select\n\
        for number in 1023, 1024:\n    \
            try:\n        select.select([number], [], [], 0)\n    \
            except (OSError, ValueError) as error:\n        print(number, error)\n";
    let mut command = Command::new(python);
    let (output, _) = run(command.args(["-c", script]), Instant::now() + DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if cfg!(target_os = "linux") {
        assert_eq!(printed.trim(), "1024 filedescriptor out of range in select()");
    }
    Ok(())
}
