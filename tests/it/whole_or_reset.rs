//! Promises 18 and 19: what was written arrives whole, or the client can tell; and no
//! half line is handed over because the server stops. (`lossy` has promise 18 on a bad
//! network.)

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use socket2::{Domain, Socket, Type};
use socketserver::{RequestHandler, Stats, TcpRequest, TcpWriter};

use crate::support::{
    Client, Notes, PATIENCE, Server, client, connect, ended, gate, in_time,
    noting_errors, options, read_all, stop, tcp, wait_until,
};

/// Far more than the system buffers for one connection.
const LARGE: usize = 32 * 1024 * 1024;

fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place / 1000) as u8).collect()
}

/// Goes on sending until it can't any more.
fn keep_talking(client: &Client) -> thread::JoinHandle<()> {
    let mut client = client.try_clone().unwrap();
    thread::spawn(move || {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && client.write_all(b"and another thing\n").is_ok()
        {
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// Reads to a clean end, this many bytes in each millisecond.
fn read_slowly(mut client: &Client, pace: usize) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; pace]);
    loop {
        match client.read(&mut piece).expect("a clean end") {
            0 => return bytes,
            count => bytes.extend_from_slice(&piece[..count]),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends a client, and its talker with it.
fn end(client: &Client, talker: thread::JoinHandle<()>) {
    let _ = client.shutdown(Shutdown::Both); // the server may have closed long ago
    talker.join().unwrap();
}

/// What comes before the connection is reset. A clean end fails the test.
fn read_to_reset(mut client: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let error = client.read_to_end(&mut bytes).expect_err("a reset, and no clean end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    bytes
}

/// Waits until no client is served, stops the server, and returns its statistics.
fn served(server: Server) -> Stats {
    wait_until("all have been served", || {
        server.stats().accepted > 0 && server.stats().active == 0
    });
    stop(server)
}

#[test]
fn a_slow_client_that_goes_on_sending_gets_all_and_a_clean_end() {
    const REPLY: usize = 12 * 1024 * 1024;
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.read_line(&mut String::new())?;
        request.write_all(&numbered(REPLY))
    });
    let client = connect(server.local_addr());
    let talker = keep_talking(&client);
    let reply = read_slowly(&client, 4096); // that takes longer than a server lingers
    assert!(reply == numbered(REPLY), "{} bytes", reply.len());
    end(&client, talker);
    assert_eq!(served(server).finished, 1);
}

#[test]
fn a_slow_client_that_goes_on_sending_gets_all_from_a_stopping_server() {
    const REPLY: usize = 12 * 1024 * 1024;
    let server = tcp(options().drain_timeout(None), |request: &mut TcpRequest| {
        request.read_line(&mut String::new())?;
        request.server().shutdown();
        request.write_all(&numbered(REPLY))
    });
    let client = connect(server.local_addr());
    let talker = keep_talking(&client);
    let reply = read_slowly(&client, 4096);
    assert!(reply == numbered(REPLY), "{} bytes", reply.len());
    end(&client, talker);
    assert_eq!(ended(server).finished, 1);
}

/// A writer's `shutdown` throws nothing away, though its client hasn't finished.
#[test]
fn what_a_writer_wrote_before_it_hung_up_arrives() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut writer = request.writer();
        let other = thread::spawn(move || {
            writer.write_all(&numbered(100_000))?;
            writer.shutdown();
            io::Result::Ok(())
        });
        while request.next_line()?.is_some() {}
        other.join().expect("no panic")
    });
    let client = connect(server.local_addr());
    let talker = keep_talking(&client);
    let reply = read_slowly(&client, 1000);
    assert!(reply == numbered(100_000), "{} bytes", reply.len());
    end(&client, talker);
    assert_eq!(served(server).finished, 1);
}

/// A chat: a guest who says goodbye and types on gets everything that was said before.
#[test]
fn a_client_that_says_goodbye_and_types_on_gets_everything() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let writer: TcpWriter = request.writer();
        let others: Vec<_> = (0..3)
            .map(|_| {
                let mut writer = writer.clone();
                thread::spawn(move || {
                    (0..100).try_for_each(|n| writeln!(writer, "someone: line {n}"))
                })
            })
            .collect();
        while let Some(line) = request.next_line()? {
            if line == "/quit" {
                break;
            }
        }
        others.into_iter().try_for_each(|other| other.join().expect("no panic"))?;
        writeln!(request, "-- goodbye")
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"hello\n/quit\n").unwrap();
    let talker = keep_talking(&client);
    let lines = read_slowly(&client, 100);
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), 301);
    assert!(lines.ends_with("-- goodbye\n"));
    end(&client, talker);
}

/// Reads a little at a time.
struct Slow<'a>(&'a Client);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_micros(100));
        self.0.read(buffer)
    }
}

/// What one call sends arrives in one piece, though all buffers are full.
#[test]
fn the_lines_of_twenty_threads_are_not_torn() {
    const THREADS: usize = 20;
    for (length, lines) in [(200, 1000), (5000, 100)] {
        let options = options().send_buffer(10_000);
        let server = tcp(options, move |request: &mut TcpRequest| {
            let writers: Vec<_> = (0..THREADS)
                .map(|number| {
                    let mut writer = request.writer();
                    let letter = char::from(b'a' + number as u8);
                    thread::spawn(move || {
                        let line = String::from(letter).repeat(length);
                        (0..lines).try_for_each(|_| writeln!(writer, "{line}"))
                    })
                })
                .collect();
            // The handler writes too, byte strings instead of texts.
            for _ in 0..lines {
                request.write_all(&[vec![b'A'; length], b"\n".to_vec()].concat())?;
            }
            writers.into_iter().try_for_each(|writer| writer.join().expect("no panic"))
        });
        let client = connect(server.local_addr());
        thread::sleep(Duration::from_millis(100)); // until all buffers are full
        let mut count = 0;
        for line in io::BufReader::new(Slow(&client)).split(b'\n') {
            let line = line.unwrap();
            assert!(line.len() == length, "a line of {} bytes", line.len());
            assert!(line.iter().all(|byte| *byte == line[0]), "a line is torn");
            count += 1;
        }
        assert_eq!(count, (THREADS + 1) * lines);
        assert_eq!(served(server).finished, 1);
    }
}

/// Reads to the end. A clean one must come behind a whole line.
fn assert_ends_with_a_line(client: &Client, length: usize) {
    let mut bytes = Vec::new();
    let end = Slow(client).read_to_end(&mut bytes);
    let rest = bytes.len() % (length + 1);
    assert!(end.is_err() || rest == 0, "{rest} bytes of a line, and a clean end");
}

/// Writes lines until that isn't possible any more.
fn write_lines(mut writer: TcpWriter, length: usize) {
    let line = "x".repeat(length);
    while writeln!(writer, "{line}").is_ok() {}
}

/// The handler ends while others are in the middle of a line.
#[test]
fn a_handler_that_ends_while_others_write_does_not_tear_a_line() {
    for _ in 0..20 {
        let options = options().send_buffer(10_000);
        let server = tcp(options, |request: &mut TcpRequest| {
            for _ in 0..4 {
                let writer = request.writer();
                thread::spawn(|| write_lines(writer, 5000));
            }
            request.next_line().map(drop)
        });
        let mut client = connect(server.local_addr());
        client.read_exact(&mut [0; 5001]).unwrap();
        thread::sleep(Duration::from_millis(50)); // until all buffers are full
        client.write_all(b"/quit\n").unwrap();
        assert_ends_with_a_line(&client, 5000);
        drop(client);
        served(server);
    }
}

/// One writer hangs up while another is in the middle of a line.
#[test]
fn a_writer_that_hangs_up_while_others_write_does_not_tear_a_line() {
    for _ in 0..20 {
        let (key, gate) = gate();
        let options = options().send_buffer(10_000);
        let server = tcp(options, move |request: &mut TcpRequest| {
            for _ in 0..4 {
                let writer = request.writer();
                thread::spawn(|| write_lines(writer, 5000));
            }
            let (writer, gate) = (request.writer(), gate.clone());
            thread::spawn(move || {
                gate.pass();
                writer.shutdown();
            });
            request.next_line().map(drop)
        });
        let mut client = connect(server.local_addr());
        client.read_exact(&mut [0; 5001]).unwrap();
        thread::sleep(Duration::from_millis(50)); // until all buffers are full
        drop(key);
        assert_ends_with_a_line(&client, 5000);
        drop(client);
        served(server);
    }
}

/// How a handler can fail in the middle of its reply.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Error,
    Panic,
    ErrorInFinish,
    /// It wanted more from the client than came.
    LooksLikeADisconnect,
}

const TROUBLE: [Trouble; 4] = [
    Trouble::Error,
    Trouble::Panic,
    Trouble::ErrorInFinish,
    Trouble::LooksLikeADisconnect,
];

#[derive(Clone)]
struct Fails(Trouble);

impl RequestHandler for Fails {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        request.read_line(&mut String::new())?;
        request.write_all(b"half a re")?;
        match self.0 {
            Trouble::Error => Err(io::Error::other("no more")),
            Trouble::Panic => panic!("no more"),
            Trouble::LooksLikeADisconnect => Err(ErrorKind::UnexpectedEof.into()),
            Trouble::ErrorInFinish => Ok(()),
        }
    }

    fn finish(&mut self, _: &mut TcpRequest) -> io::Result<()> {
        match self.0 {
            Trouble::ErrorInFinish => Err(io::Error::other("no more")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_reply_that_breaks_off_ends_with_a_reset() {
    for trouble in TROUBLE {
        for has_ended in [false, true] {
            let server = tcp(options(), Fails(trouble));
            let mut client = connect(server.local_addr());
            client.write_all(b"question\n").unwrap();
            if has_ended {
                client.shutdown(Shutdown::Write).unwrap();
            }
            assert_eq!(read_to_reset(client), b"half a re", "{trouble:?} {has_ended}");
            let stats = served(server);
            assert_eq!(stats.finished, 0, "{trouble:?} {has_ended}: {stats}");
        }
    }
}

/// Cut off at the drain's end, and by `shutdown_now`.
#[test]
fn a_client_that_is_cut_off_finds_a_reset() {
    for is_now in [false, true] {
        let (key, gate) = gate();
        let options = options().drain_timeout(Duration::from_millis(100));
        let server = tcp(options, move |request: &mut TcpRequest| {
            request.write_all(b"half a re")?;
            gate.pass();
            request.write_all(b"ply")
        });
        let mut client = connect(server.local_addr());
        client.read_exact(&mut [0; 9]).unwrap();
        if is_now {
            server.shutdown_now();
        } else {
            server.shutdown();
        }
        assert!(read_to_reset(client).is_empty());
        let stats = ended(server);
        assert_eq!((stats.cut_off, stats.finished), (1, 0));
        drop(key);
    }
}

/// A client whose system buffers little for it. By default, a system might buffer many
/// megabytes for a client.
fn connect_narrowly(address: SocketAddr) -> Client {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    let narrow = TcpStream::from(socket);
    narrow.set_read_timeout(Some(PATIENCE)).unwrap();
    client(narrow)
}

/// The handler has ended, but the client hasn't read its reply when the drain ends.
#[test]
fn a_reply_that_was_not_read_before_the_drains_end_breaks_off_visibly() {
    let options =
        options().send_buffer(8 << 20).drain_timeout(Duration::from_millis(200));
    let (ending, handler_ended) = unbounded();
    let server = tcp(options, move |request: &mut TcpRequest| {
        request.write_all(&numbered(6 << 20))?;
        ending.send(()).unwrap();
        Ok(())
    });
    let mut client = connect_narrowly(server.local_addr());
    // Enough that the rest fits into the server's buffer, but not into the client's.
    let mut first = vec![0; 3 << 20];
    client.read_exact(&mut first).unwrap();
    let handler_is_done = handler_ended.recv_timeout(Duration::from_secs(1)).is_ok();
    let stats = stop(server);
    assert_eq!((stats.cut_off, stats.finished), (1, 0), "{handler_is_done}: {stats}");
    assert!(read_to_reset(client).len() < 3 << 20);
}

/// A server that has sent all it can to a client that doesn't read, and such a client.
/// All of the reply fits into the server's buffer (where the system allows one so
/// large), or it doesn't.
fn unread(size: usize, has_ended: bool) -> (Client, Stats) {
    let options =
        options().send_buffer(2 << 20).write_timeout(Duration::from_millis(200));
    let server = tcp(options, move |request: &mut TcpRequest| {
        request.read_line(&mut String::new())?;
        if has_ended {
            request.read_to_end(&mut Vec::new())?;
        }
        request.write_all(&numbered(size))
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"question\n").unwrap();
    if has_ended {
        client.shutdown(Shutdown::Write).unwrap();
    }
    let stats = served(server);
    (client, stats)
}

#[test]
fn a_client_that_does_not_read_is_not_finished() {
    for size in [2 << 20, LARGE] {
        let (client, stats) = unread(size, false);
        assert_eq!((stats.timed_out, stats.finished), (1, 0), "{stats}");
        assert!(read_to_reset(client).len() < size);
    }
}

/// It has closed its half, so nothing more can come from it. But it hasn't got its
/// reply.
#[test]
fn a_client_that_has_ended_and_does_not_read_finds_a_reset() {
    let (client, stats) = unread(LARGE, true);
    assert_eq!((stats.timed_out, stats.finished), (1, 0), "{stats}");
    assert!(read_to_reset(client).len() < LARGE);
}

#[test]
fn a_client_that_has_ended_and_does_not_read_is_not_finished() {
    let (client, stats) = unread(2 << 20, true);
    assert_eq!((stats.timed_out, stats.finished), (1, 0), "{stats}");
    assert!(read_to_reset(client).len() < 2 << 20);
}

/// A silent client doesn't make the reply incomplete.
#[test]
fn a_read_timeout_ends_cleanly() {
    let (options, errors) =
        noting_errors(options().read_timeout(Duration::from_millis(50)));
    let server = tcp(options, |request: &mut TcpRequest| {
        request.write_all(b"What can I do for you?")?;
        request.next_line().map(drop)
    });
    let client = connect(server.local_addr());
    assert_eq!(read_all(client), b"What can I do for you?");
    let stats = served(server);
    assert_eq!((stats.timed_out, stats.failed), (1, 0));
    assert!(errors.all().is_empty(), "{:?}", errors.all());
}

/// Writes its reply piece by piece, and is too late for the last.
fn too_late(request: &mut TcpRequest) -> io::Result<()> {
    request.write_all(b"one ")?;
    request.set_deadline(Duration::from_millis(50));
    thread::sleep(Duration::from_millis(100));
    request.write_all(b"two")
}

/// No byte of the last piece was sent, and the server didn't wait for a client.
#[test]
fn a_reply_that_a_deadline_breaks_off_ends_with_a_reset() {
    let handlers: [fn(&mut TcpRequest) -> io::Result<()>; 2] = [too_late, |request| {
        let _ = too_late(request);
        Ok(())
    }];
    for (number, handler) in handlers.into_iter().enumerate() {
        let server = tcp(options(), handler);
        let client = connect(server.local_addr());
        assert_eq!(read_to_reset(client), b"one ", "handler {number}");
        assert_eq!(served(server).finished, 0, "handler {number}");
    }
}

/// The handler returns `Ok`, but not all is well.
#[test]
fn a_write_that_failed_is_not_forgotten() {
    let options = || options().write_timeout(Duration::from_millis(100));
    let handlers: [fn(&mut TcpRequest) -> io::Result<()>; 4] = [
        |request| {
            let _ = request.write_all(&numbered(LARGE));
            Ok(())
        },
        // A farewell after half a reply would look like a part of it.
        |request| {
            let _ = request.write_all(&numbered(LARGE));
            let _ = request.write_all(b"bye");
            Ok(())
        },
        |request| {
            let bytes = numbered(LARGE);
            let mut rest = bytes.as_slice();
            while let Ok(count) = request.write(rest) {
                rest = &rest[count..];
            }
            Ok(())
        },
        |request| {
            let mut writer = request.writer();
            let other = thread::spawn(move || writer.write_all(&numbered(LARGE)));
            let _ = other.join().expect("no panic");
            Ok(())
        },
    ];
    for (number, handler) in handlers.into_iter().enumerate() {
        let server = tcp(options(), handler);
        let client = connect(server.local_addr());
        let stats = served(server);
        assert_eq!(stats.finished, 0, "handler {number}: {stats}");
        let reply = read_to_reset(client);
        assert!(reply == numbered(reply.len()), "handler {number}");
    }
}

/// The client reads on when half a message has failed: nothing must follow it.
#[test]
fn nothing_follows_half_a_message() {
    let (key, gate) = gate();
    let options = options().write_timeout(Duration::from_millis(100));
    let results = Notes::new();
    let note = results.clone();
    let server = tcp(options, move |request: &mut TcpRequest| {
        let first = request.write_all(&numbered(LARGE)).map_err(|error| error.kind());
        note.add(first);
        gate.pass();
        note.add(request.write_all(b"bye").map_err(|error| error.kind()));
        Ok(())
    });
    let client = connect(server.local_addr());
    assert_eq!(results.wait_for(1), [Err(ErrorKind::TimedOut)]);
    let reader = thread::spawn(move || read_to_reset(client));
    thread::sleep(Duration::from_millis(200)); // there is space again
    drop(key);
    let reply = in_time("the reply", || reader.join().unwrap());
    assert!(reply == numbered(reply.len()), "something came after it");
    assert_eq!(results.wait_for(2)[1], Err(ErrorKind::BrokenPipe));
    assert_eq!(served(server).finished, 0);
}

/// How a handler can read a line.
type ReadLine = fn(&mut TcpRequest) -> io::Result<Option<String>>;

fn text(bytes: Vec<u8>) -> Option<String> {
    Some(String::from_utf8(bytes).unwrap()).filter(|text| !text.is_empty())
}

/// `BufRead`'s own, as generic code calls it.
fn generic_line(mut input: impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(text(line.into_bytes()))
}

const WAYS: [(&str, ReadLine); 7] = [
    ("next_line", |request| request.next_line()),
    ("read_line", |request| {
        let mut line = String::new();
        request.read_line(&mut line)?;
        Ok(text(line.into_bytes()))
    }),
    ("read_until", |request| {
        let mut line = Vec::new();
        request.read_until(b'\n', &mut line)?;
        Ok(text(line))
    }),
    ("BufRead::read_line", |request| generic_line(request)),
    ("BufRead::read_until", |request| {
        let mut line = Vec::new();
        BufRead::read_until(request, b'\n', &mut line)?;
        Ok(text(line))
    }),
    ("BufRead::lines", |request| BufRead::lines(request).next().transpose()),
    ("BufRead::split", |request| {
        let line = BufRead::split(request, b'\n').next().transpose()?;
        Ok(line.and_then(text))
    }),
];

/// What a handler gets after its first line. `before_the_second` happens when it has got
/// that.
fn second_line(
    read_line: ReadLine,
    sent: &[u8],
    before_the_second: impl FnOnce(&Server, &Client),
) -> Option<String> {
    let (key, gate) = gate();
    let notes = Notes::new();
    let note = notes.clone();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        let first = read_line(request)?;
        assert_eq!(first.as_deref().map(str::trim_end), Some("whole"));
        request.write_all(b"!")?;
        gate.pass();
        note.add(read_line(request)?);
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.write_all(sent).unwrap();
    client.read_exact(&mut [0]).unwrap();
    before_the_second(&server, &client);
    drop(key);
    let second = notes.wait_for(1)[0].clone();
    assert!(read_all(client).is_empty());
    assert_eq!(served(server).finished, 1);
    second
}

#[test]
fn no_half_line_is_handed_over_because_the_server_stops() {
    for (way, read_line) in WAYS {
        let line = second_line(read_line, b"whole\nDELETE /tmp", |server, _| {
            server.shutdown();
        });
        assert_eq!(line, None, "{way}");
    }
}

/// It has come before the stop, so it is read.
#[test]
fn a_whole_line_is_handed_over_though_the_server_stops() {
    for (way, read_line) in WAYS {
        let line = second_line(read_line, b"whole\nsecond\nthird", |server, _| {
            server.shutdown();
        });
        assert_eq!(line.as_deref().map(str::trim_end), Some("second"), "{way}");
    }
}

#[test]
fn a_clients_last_line_needs_no_newline() {
    for (way, read_line) in WAYS {
        let line = second_line(read_line, b"whole\nlast", |_, client| {
            client.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(line.as_deref(), Some("last"), "{way}");
        let line = second_line(read_line, b"whole\nlast", |server, client| {
            client.shutdown(Shutdown::Write).unwrap();
            server.shutdown();
        });
        assert_eq!(line.as_deref(), Some("last"), "{way}, and the server stops");
    }
}

/// A writer that hangs up ends the conversation as a stop does.
#[test]
fn no_half_line_is_handed_over_because_a_writer_hangs_up() {
    for (way, read_line) in WAYS {
        let (key, gate) = gate();
        let notes = Notes::new();
        let note = notes.clone();
        let server = tcp(options(), move |request: &mut TcpRequest| {
            let writer = request.writer();
            request.write_all(b"!")?;
            let gate = gate.clone();
            thread::spawn(move || {
                gate.pass();
                writer.shutdown();
            });
            note.add(read_line(request)?);
            Ok(())
        });
        let mut client = connect(server.local_addr());
        client.write_all(b"DELETE /tmp").unwrap();
        client.read_exact(&mut [0]).unwrap();
        drop(key);
        assert_eq!(notes.wait_for(1), [None], "{way}");
        assert!(read_all(client).is_empty());
    }
}
