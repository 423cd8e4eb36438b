//! Lesson 17: sockets that never wait.

use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::course::programs::{python, run};

/// More than the buffers of a connection hold.
const MUCH: usize = 16_000_000;

/// Whether an error says "not now".
fn not_now<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// How much of a processor this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The next line that contains `words`.
fn line_with(server: &mut Program, words: &str) -> Result<String, String> {
    let end = Instant::now() + DEADLINE;
    while let Some(line) = server.line(end)? {
        if line.contains(words) {
            return Ok(line);
        }
    }
    Err(format!("the server has ended before it said `{words}`"))
}

#[test]
fn would_block_is_an_answer() -> Outcome {
    let (mut client, mut server) = connected()?;
    server.set_nonblocking(true)?;
    let mut data = [0; 10];
    assert!(not_now(&server.read(&mut data)), "nothing has come");
    client.write_all(b"Hello")?;
    let mut wasted = 0;
    let end = Instant::now() + DEADLINE;
    let count = loop {
        match server.read(&mut data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => wasted += 1,
            result => break result?,
        }
        assert!(Instant::now() < end, "{wasted} reads did nothing");
    };
    assert_eq!(&data[..count], b"Hello");
    assert!(not_now(&server.read(&mut data)), "and nothing more");
    drop(client);
    while not_now(&server.read(&mut data)) {
        assert!(Instant::now() < end, "no end of file");
    }
    assert_eq!(server.read(&mut data)?, 0, "end of file is another result");
    Ok(())
}

#[test]
fn a_large_write_takes_a_part_and_leaves_the_rest() -> Outcome {
    let (client, server) = connected()?;
    client.set_nonblocking(true)?;
    let message = vec![7; MUCH];
    let mut rest = &message[..];
    let first = (&client).write(rest)?;
    assert!(0 < first && first < MUCH, "{first}");
    rest = &rest[first..];
    while let Ok(count) = (&client).write(rest) {
        rest = &rest[count..];
    }
    assert!(not_now(&(&client).write(rest)), "there is no room");
    // As soon as the other end reads, there is space again.
    thread::scope(|scope| {
        let reader = scope.spawn(|| io::copy(&mut &server, &mut io::sink()));
        let end = Instant::now() + DEADLINE;
        while !rest.is_empty() && Instant::now() < end {
            match (&client).write(rest) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::yield_now()
                }
                result => rest = &rest[result?..],
            }
        }
        client.shutdown(Shutdown::Write)?;
        let came =
            reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
        assert_eq!(came, MUCH as u64);
        Ok(())
    })
}

#[cfg(target_os = "linux")]
#[test]
fn a_blocking_write_takes_all() -> Outcome {
    let (mut client, server) = connected()?; // with a timeout, but still blocking
    let reader = thread::spawn(move || io::copy(&mut &server, &mut io::sink()));
    assert_eq!(client.write(&vec![7; MUCH])?, MUCH);
    drop(client);
    assert_eq!(reader.join().map_err(|_| "the reader panicked")??, MUCH as u64);
    Ok(())
}

#[test]
fn a_busy_loop_burns_a_processor_and_a_blocking_read_does_not() -> Outcome {
    let (_silent, mut server) = connected()?;
    let mut data = [0; 10];
    let some = Duration::from_millis(50);

    let before = processor_time();
    server.set_read_timeout(Some(Duration::from_millis(200)))?;
    assert!(server.read(&mut data).is_err(), "the other end is silent");
    assert!(processor_time() - before < some, "a blocking read sleeps");

    server.set_nonblocking(true)?;
    let before = processor_time();
    let (mut wasted, end) = (0, Instant::now() + DEADLINE);
    while processor_time() - before < some {
        assert!(not_now(&server.read(&mut data)));
        wasted += 1;
        assert!(Instant::now() < end, "the loop got no processor");
    }
    assert!(wasted > 100, "{wasted} reads for nothing in 50 ms of processor time");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn an_accepted_socket_blocks_whatever_the_listener_does() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    assert!(not_now(&listener.accept()), "nobody has come");
    let _client = connect(listener.local_addr()?)?;
    let end = Instant::now() + DEADLINE;
    let (mut accepted, _) = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            result => break result?,
        }
        assert!(Instant::now() < end, "nobody could be accepted");
    };
    let begin = Instant::now();
    accepted.set_read_timeout(Some(Duration::from_millis(50)))?;
    assert!(not_now(&accepted.read(&mut [0; 10])));
    assert!(begin.elapsed() >= Duration::from_millis(40), "it did wait");
    Ok(())
}

#[test]
fn a_python_socket_with_a_timeout_sends_a_part() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let script = "import socket\n\
        listener = socket.create_server(('127.0.0.1', 0))\n\
        client = socket.create_connection(listener.getsockname(), timeout=5)\n\
        count = client.send(bytes(16_000_000))\n\
        print(client.gettimeout(), 0 < count < 16_000_000)\n";
    let mut command = Command::new(python);
    let (output, _) = run(command.args(["-c", script]), Instant::now() + DEADLINE)?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "5.0 True");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_counting_server() -> Outcome {
    for mode in [&[][..], &["--blocking"]] {
        let mut command = Command::new(example("17_nonblocking"));
        let command = command.args(["serve", "--addr", "127.0.0.1:0"]).args(mode);
        let (mut server, addr) = Program::server(command)?;

        let mut slowly = connect(addr)?;
        slowly.set_nodelay(true)?;
        for byte in *b"slow\xff" {
            slowly.write_all(&[byte])?;
        }
        drop(slowly);
        line_with(&mut server, "5 bytes came")?;

        drop(connect(addr)?); // never a byte
        line_with(&mut server, "0 bytes came")?;

        let mut reset = connect(addr)?;
        reset.write_all(b"Hello")?;
        socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
        drop(reset);
        line_with(&mut server, "error: Connection reset")?;

        let mut much = connect(addr)?;
        much.write_all(&vec![0xff; 10_000_000])?;
        much.shutdown(Shutdown::Write)?; // and stays
        line_with(&mut server, "10000000 bytes came")?;

        let _silent = connect(addr)?; // the server waits for it, one way or the other
        server.interrupt()?;
        server.status(Instant::now() + DEADLINE)?;
    }
    Ok(())
}

#[test]
fn reads_that_did_nothing_are_counted() -> Outcome {
    let (mut program, addr) = server("17_nonblocking")?;
    let mut client = connect(addr)?;
    client.write_all(b"Hello")?;
    // While nothing comes, the server reads again and again.
    thread::sleep(Duration::from_millis(100));
    drop(client);
    let line = line_with(&mut program, " did nothing")?;
    let count = line.split(", ").find_map(|part| part.strip_suffix(" did nothing"));
    let count: u32 = count.ok_or("no number")?.parse()?;
    assert!(count > 10, "{line}");
    Ok(())
}

#[test]
fn a_timeout_means_nothing_to_a_non_blocking_socket() -> Outcome {
    let (client, mut server) = connected()?; // both have a read timeout of ten seconds
    server.set_nonblocking(true)?;
    let begin = Instant::now();
    assert!(not_now(&server.read(&mut [0; 10])));
    assert!(begin.elapsed() < DEADLINE / 2);
    drop(client);
    Ok(())
}
