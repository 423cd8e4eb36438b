//! CPython's tests of its own `socketserver`, for ours.
//!
//! CPython keeps those tests in `Lib/test/test_socketserver.py`. Each test here mirrors
//! one of them, in words of our own, and names it. These have no mirror:
//!
//! - `test_ForkingTCPServer`, `test_ForkingUDPServer`, `test_ForkingUnixStreamServer`,
//!   `test_ForkingUnixDatagramServer`, `test_forking_handled` and
//!   `test_forking_not_handled`: there are no forking servers here. After a fork, a
//!   program with threads can call only a few functions of the system.
//!
//! CPython does not test the following; we do:
//!
//! | what | where |
//! |---|---|
//! | `handle_request` with a timeout | `one_request.rs` |
//! | serving again after the end | nowhere: `serve_forever` consumes the server, so it does not compile |
//! | `shutdown` twice, before serving, from a handler | `stopping.rs` |
//! | stopping with idle, half-sent and half-answered clients | `drain.rs`, and below |
//! | a datagram that is too long | `udp.rs` |
//! | a client that resets while it is answered | `isolation.rs` |
//! | hooks that fail; panics in `setup`, `handle`, `finish` | `isolation.rs` |
//! | no thread, no descriptor left | `resources.rs` |
//! | input that is still unread when the connection closes | `requests.rs` |
//! | the port is free again at once | `bind.rs` |

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::thread;

use crossbeam_channel::bounded;
use rustix::process::{Pid, Signal, kill_process};
use socketserver::{
    Address, ClientAddress, Event, Handled, HandlerError, LineError, Outcome,
    RequestHandler, RunningServer, ServerBuilder, ServerHandle, Stats, StreamRequest,
    StreamWriter, TcpRequest, TcpWriter, ThreadedServer, UdpRequest,
    UnixDatagramRequest, UnixRequest,
};

use crate::process::in_own_process;
use crate::support::{
    Echo, Notes, PATIENCE, TempDir, ask_udp, connect, connect_udp, gate, has_ended,
    in_time, options, read_all, receive, run, stop, tcp, udp, wait_until,
};

/// What CPython's clients send.
const TEST_STRING: &[u8] = b"hello world\n";

/// Sends back one line, as CPython's `MyStreamHandler` does.
#[derive(Clone)]
struct OneLine;

impl<A: Address> RequestHandler<StreamRequest<A>> for OneLine {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        let mut line = String::new();
        request.read_line(&mut line)?;
        request.write_all(line.as_bytes())
    }
}

/// Sends a line and reads until the whole line has come back.
fn stream_examine(mut client: impl Read + Write) {
    client.write_all(TEST_STRING).unwrap();
    let mut answer = vec![0; TEST_STRING.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, TEST_STRING);
}

/// One client at a time, like Python's servers without threads.
fn sequential() -> ServerBuilder {
    options().max_connections(1)
}

/// Three clients, one after the other; then the server stops.
fn serve_three_streams(options: ServerBuilder) {
    let server = tcp(options, OneLine);
    assert_ne!(server.local_addr().port(), 0);
    for _ in 0..3 {
        stream_examine(connect(server.local_addr()));
    }
    assert_eq!(stop(server).accepted, 3);
}

fn serve_three_datagrams(options: ServerBuilder) {
    let server = udp(options, Echo);
    for _ in 0..3 {
        let client = connect_udp(server.local_addr());
        assert_eq!(ask_udp(&client, TEST_STRING), TEST_STRING);
    }
    assert_eq!(stop(server).finished, 3);
}

fn serve_three_unix_streams(options: ServerBuilder) {
    let dir = TempDir::new();
    let server = run(options.unix(dir.path("server"), OneLine).unwrap());
    for _ in 0..3 {
        let client = UnixStream::connect(server.local_addr()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        stream_examine(client);
    }
    assert_eq!(stop(server).accepted, 3);
}

fn serve_three_unix_datagrams(options: ServerBuilder) {
    let dir = TempDir::new();
    let server = run(options.unix_datagram(dir.path("server"), Echo).unwrap());
    for number in 0..3 {
        // Without a path of its own, a client cannot be answered.
        let client = UnixDatagram::bind(dir.path(&format!("client-{number}"))).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send_to(TEST_STRING, server.local_addr()).unwrap();
        let mut answer = [0; 100];
        let count = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..count], TEST_STRING);
    }
    assert_eq!(stop(server).finished, 3);
}

/// Mirrors `test_TCPServer`.
#[test]
fn tcp_server() {
    serve_three_streams(sequential());
}

/// Mirrors `test_ThreadingTCPServer`.
#[test]
fn threading_tcp_server() {
    serve_three_streams(options());
}

/// Mirrors `test_UDPServer`.
#[test]
fn udp_server() {
    serve_three_datagrams(sequential());
}

/// Mirrors `test_ThreadingUDPServer`.
#[test]
fn threading_udp_server() {
    serve_three_datagrams(options());
}

/// Mirrors `test_UnixStreamServer`.
#[test]
fn unix_stream_server() {
    serve_three_unix_streams(sequential());
}

/// Mirrors `test_ThreadingUnixStreamServer`.
#[test]
fn threading_unix_stream_server() {
    serve_three_unix_streams(options());
}

/// Mirrors `test_UnixDatagramServer`.
#[test]
fn unix_datagram_server() {
    serve_three_unix_datagrams(sequential());
}

/// Mirrors `test_ThreadingUnixDatagramServer`.
#[test]
fn threading_unix_datagram_server() {
    serve_three_unix_datagrams(options());
}

/// Mirrors `test_shutdown`: a shutdown that overtakes the start of serving is not lost.
#[test]
fn shutdown_can_win_the_race_against_serving() {
    for _ in 0..20 {
        let server = ThreadedServer::tcp("127.0.0.1:0", OneLine).unwrap();
        let handle = server.handle();
        let serving = thread::spawn(move || server.serve_forever());
        handle.shutdown();
        in_time("the serving thread ends", move || serving.join()).unwrap().unwrap();
    }
}

/// Mirrors `test_close_immediately`.
#[test]
fn a_server_can_be_dropped_before_it_serves() {
    let server = ThreadedServer::tcp("127.0.0.1:0", OneLine).unwrap();
    let address = server.local_addr();
    in_time("it is dropped", move || drop(server));
    // A process that another test starts has the socket too, until it becomes another
    // program.
    wait_until("nobody listens", || TcpStream::connect(address).is_err());
}

/// Mirrors `test_tcpserver_bind_leak`: a failed bind leaves no descriptor behind.
#[test]
fn failing_binds_leave_nothing_behind() {
    in_own_process("cpython::failing_binds_leave_nothing_behind", || {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = descriptors();
        for _ in 0..1024 {
            let error = ThreadedServer::tcp(address, OneLine).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
        assert_eq!(descriptors(), before);
    });
}

/// Mirrors `test_context_manager`: leaving the block closes the listening socket.
#[test]
fn at_the_end_of_its_scope_a_server_is_closed() {
    let address = {
        let server = tcp(options(), OneLine);
        server.local_addr()
    };
    // A process that another test starts has the socket too, for a moment.
    wait_until("the address is free", || TcpListener::bind(address).is_ok());
}

/// What `handle_error` is given for one connection.
fn report_of(
    handler: impl RequestHandler<TcpRequest>,
) -> (Handled, Vec<String>, TcpStream) {
    let heard = Notes::new();
    let notes = heard.clone();
    let mut server = options()
        .handle_error(move |_, error| notes.add(error.to_string()))
        .tcp("127.0.0.1:0", handler)
        .unwrap();
    let client = connect(server.local_addr());
    let handled = server.handle_request(PATIENCE).unwrap();
    (handled, heard.all(), client)
}

/// Mirrors `test_sync_handled` and `test_threading_handled`: an error in the handler is
/// reported once, the connection is closed, and the server goes on.
#[test]
fn an_error_in_a_handler_is_handled() {
    let (handled, heard, client) =
        report_of(|_: &mut TcpRequest| Err(io::Error::other("a bad day")));
    assert_eq!(handled, Handled::Served);
    assert_eq!(heard, ["a bad day"]);
    assert!(has_ended(client));
}

/// Mirrors `test_sync_not_handled` and `test_threading_not_handled`. There, `SystemExit`
/// goes through the server to the caller, or ends the thread. The nearest thing
/// here is a panic: it is reported, it ends the connection, and it goes no further.
#[test]
fn a_panic_in_a_handler_is_handled() {
    let (handled, heard, client) = report_of(|request: &mut TcpRequest| {
        panic!("no more of {:?}", request.client_address().ip())
    });
    assert_eq!(handled, Handled::Served);
    assert_eq!(heard, ["panicked: no more of 127.0.0.1"]);
    assert!(has_ended(client));
}

/// Mirrors `SocketWriterTest.test_basics`: a handler writes to the connection itself.
#[test]
fn request_and_writer_write_to_the_same_connection() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.write_all(b"one ")?;
        request.writer().write_all(b"two ")?;
        request.write_all(b"three")
    });
    assert_eq!(read_all(connect(server.local_addr())), b"one two three");
}

/// Mirrors the first half of `test_write`: a reply goes out without a flush, and while
/// the client reads it the handler goes on to read.
#[test]
fn writing_needs_no_flush_and_hinders_no_reading() {
    let lines = Notes::new();
    let notes = lines.clone();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        request.write_all(b"write me back\n")?;
        let mut line = String::new();
        request.read_line(&mut line)?;
        notes.add(line);
        Ok(())
    });
    let mut client = connect(server.local_addr());
    let mut question = String::new();
    io::BufReader::new(&client).read_line(&mut question).unwrap();
    client.write_all(question.as_bytes()).unwrap();
    assert_eq!(lines.wait_for(1), ["write me back\n"]);
}

/// Mirrors the second half of `test_write`: one write of more than 16 MiB arrives whole,
/// although signals interrupt the thread that writes.
#[test]
fn a_large_write_survives_signals() {
    in_own_process("cpython::a_large_write_survives_signals", || {
        ctrlc::set_handler(|| {}).unwrap();
        let reply: Vec<u8> =
            (0..16 * 1024 * 1024 + 1).map(|n| (n % 251) as u8).collect();
        let expected = reply.clone();
        let (sender, writer_thread) = bounded(1);
        let server = tcp(options(), move |request: &mut TcpRequest| {
            // The link says `PROCESS/task/THREAD`.
            let thread = fs::read_link("/proc/thread-self")?;
            let number = thread.file_name().and_then(|name| name.to_str()?.parse().ok());
            let _ = sender.send(number.ok_or(io::ErrorKind::InvalidData)?);
            request.write_all(&reply)
        });
        let mut client = connect(server.local_addr());
        let thread =
            Pid::from_raw(writer_thread.recv_timeout(PATIENCE).unwrap()).unwrap();
        let mut received = Vec::new();
        for _ in 0..20 {
            // The buffers are full, so it is in the middle of its write. Sent to a
            // thread, a signal is for its process; but that thread gets it first.
            kill_process(thread, Signal::INT).unwrap();
            let mut part = vec![0; 400_000];
            client.read_exact(&mut part).unwrap();
            received.extend(part);
        }
        client.read_to_end(&mut received).unwrap();
        assert!(received == expected, "{} bytes came", received.len());
        assert_eq!(stop(server).finished, 1);
    });
}

/// Mirrors `test_all`: all public names are there. (It need only compile.)
#[test]
fn all_names_are_public() {
    type Servers = (ThreadedServer, RunningServer, ServerBuilder, ServerHandle, Handled);
    type Requests = (TcpRequest, UdpRequest, UnixRequest, UnixDatagramRequest);
    type Helpers = (StreamWriter, TcpWriter);
    type Reports = (ClientAddress, Event, HandlerError, LineError, Outcome, Stats);
    fn size<T>() -> usize {
        size_of::<T>()
    }
    assert!(size::<Servers>() + size::<Requests>() > 0);
    assert!(size::<Helpers>() + size::<Reports>() > 0);
}

/// Mirrors `test_shutdown_request_called_if_verify_request_false`.
#[test]
fn a_client_that_is_turned_away_sees_the_end() {
    let server = tcp(options().verify_request(|_| false), OneLine);
    assert_eq!(read_all(connect(server.local_addr())), b"");
    let stats = stop(server);
    assert_eq!((stats.rejected, stats.finished), (1, 0));
}

/// Mirrors `test_threads_reaped`: ten short connections don't leave ten threads behind.
#[test]
fn threads_of_finished_connections_are_not_kept() {
    let server = tcp(options(), OneLine);
    for _ in 0..10 {
        stream_examine(connect(server.local_addr()));
        wait_until("the client has left", || server.stats().active == 0);
    }
    assert!(server.stats().threads < 10, "{:?}", server.stats());
}

/// No mirror. Idle, half-sent and half-answered clients when the server stops.
#[test]
fn a_stop_finds_clients_in_every_state() {
    let (key, gate) = gate();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        let mut line = String::new();
        while request.read_line(&mut line)? > 0 && line.ends_with('\n') {
            request.write_all(b"the first half, ")?;
            gate.pass();
            request.write_all(b"the second half")?;
            line.clear();
        }
        Ok(())
    });
    let idle = connect(server.local_addr());
    let mut half_sent = connect(server.local_addr());
    half_sent.write_all(b"hel").unwrap();
    let mut half_answered = connect(server.local_addr());
    half_answered.write_all(b"hello\n").unwrap();
    let mut answer = vec![0; 16];
    half_answered.read_exact(&mut answer).unwrap();
    wait_until("all are in", || server.stats().active == 3);

    server.shutdown();
    assert_eq!(read_all(idle), b"");
    assert_eq!(read_all(half_sent), b"");
    drop(key);
    assert_eq!(read_all(half_answered), b"the second half");
    assert_eq!(stop(server).finished, 3);
}

/// No mirror. A client that shuts its write half still gets all replies.
#[test]
fn the_end_of_the_questions_is_not_the_end_of_the_answers() {
    let server = tcp(options(), Echo);
    let mut client = connect(server.local_addr());
    client.write_all(TEST_STRING).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(client), TEST_STRING);
}

/// No mirror. Python's datagram handler always replies; ours replies when it wants to.
#[test]
fn a_datagram_handler_need_not_reply() {
    let server = udp(options(), |request: &mut UdpRequest| match request.data() {
        b"quiet" => Ok(()),
        data => request.reply(data),
    });
    let client = connect_udp(server.local_addr());
    client.send(b"quiet").unwrap();
    client.send(b"loud").unwrap();
    assert_eq!(receive(&client), b"loud");
    assert_eq!(stop(server).finished, 2);
}
