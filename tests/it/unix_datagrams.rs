//! Promise 22: Unix datagram sockets keep what UDP promises, whoever the client is and
//! whatever it does. And promise 15, for sockets that aren't ours.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};
use socketserver::{ServerBuilder, ThreadedServer, UnixDatagramRequest};

use crate::process::in_own_process;
use crate::support::{
    Echo, Notes, PATIENCE, Server, TempDir, assert_echo, ended, gate, in_time,
    noting_errors, options, run, stop, wait_until,
};
use crate::unix::{ask, bind_client};

/// A client that never reads. The system lets only a few datagrams wait for it, because
/// it isn't connected.
fn stalled_client(own: &Path, server: &Path) -> UnixDatagram {
    let client = UnixDatagram::bind(own).unwrap();
    client.send_to(b"flood", server).unwrap();
    client
}

/// The reply to `flood` never ends; anything else is sent back.
fn start(options: ServerBuilder, path: &Path) -> Server<PathBuf> {
    let handler = |request: &mut UnixDatagramRequest| {
        while request.data() == b"flood" {
            request.reply(&[0; 10])?;
        }
        request.reply(request.data())
    };
    run(options.unix_datagram(path, handler).unwrap())
}

fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("never negative")
}

#[test]
fn a_client_that_never_reads_holds_its_handler_for_the_write_timeout() {
    let test = "unix_datagrams::a_client_that_never_reads_holds_its_handler_for_the_write_timeout";
    in_own_process(test, || {
        let dir = TempDir::new();
        let path = dir.path("server");
        let (options, errors) =
            noting_errors(options().write_timeout(Duration::from_secs(1)));
        let server = start(options, &path);
        let other = bind_client(&dir.path("other"), &path);
        assert_eq!(ask(&other, b"hello"), b"hello");
        let stalled = stalled_client(&dir.path("stalled"), &path);
        wait_until("it is handled", || server.stats().active == 1);
        let (begin, before) = (Instant::now(), process_time());
        wait_until("it has timed out", || server.stats().timed_out == 1);
        let (took, busy) = (begin.elapsed(), process_time() - before);
        assert!(took > Duration::from_millis(500), "after {took:?} only");
        assert!(busy < Duration::from_millis(250), "busy for {busy:?} of {took:?}");
        assert_eq!(ask(&other, b"hello"), b"hello");
        let stats = stop(server);
        assert_eq!((stats.timed_out, stats.finished, stats.failed), (1, 2, 0));
        assert!(errors.all().is_empty(), "reported: {:?}", errors.all());
        drop(stalled);
    });
}

fn others_are_served_beside(
    count: usize,
    stalled: impl Fn(&Path, &Path) -> UnixDatagram,
) {
    let dir = TempDir::new();
    let path = dir.path("server");
    let server = start(options().drain_timeout(Duration::ZERO), &path);
    let other = bind_client(&dir.path("other"), &path);
    assert_eq!(ask(&other, b"hello"), b"hello");
    let stalled: Vec<_> = (0..count)
        .map(|number| stalled(&dir.path(&format!("stalled-{number}")), &path))
        .collect();
    wait_until("they are handled", || server.stats().active == count);
    thread::sleep(Duration::from_millis(100)); // in which all that can be full is full
    other.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for _ in 0..20 {
        assert_eq!(ask(&other, b"hello"), b"hello");
    }
    wait_until("the echoes are done", || server.stats().finished == 21);
    let stats = stop(server);
    assert_eq!(stats.cut_off, count as u64, "{stats}");
    drop(stalled);
}

#[test]
fn others_are_served_beside_clients_that_never_read() {
    others_are_served_beside(1, stalled_client);
    others_are_served_beside(10, stalled_client);
}

#[test]
#[ignore = "known limit of Linux: what a connected client doesn't read fills our send buffer"]
fn others_are_served_beside_a_connected_client_that_never_reads() {
    others_are_served_beside(1, |own, server| {
        let client = bind_client(own, server);
        client.send(b"flood").unwrap();
        client
    });
}

/// With no timeout except the drain's.
#[test]
fn a_client_that_never_reads_does_not_keep_the_server() {
    let test = "unix_datagrams::a_client_that_never_reads_does_not_keep_the_server";
    in_own_process(test, || {
        for is_now in [false, true] {
            let dir = TempDir::new();
            let path = dir.path("server");
            let drain = if is_now { None } else { Some(Duration::from_millis(100)) };
            let options = options().write_timeout(None).drain_timeout(drain);
            let server = start(options, &path);
            let stalled = stalled_client(&dir.path("stalled"), &path);
            wait_until("it is handled", || server.stats().active == 1);
            thread::sleep(Duration::from_millis(100)); // until its queue is full
            if is_now {
                server.shutdown_now();
            } else {
                server.shutdown();
            }
            let (begin, handle) = (Instant::now(), server.handle());
            let stats = ended(server);
            let took = begin.elapsed();
            assert_eq!((stats.cut_off, handle.stats().threads), (1, 0));
            assert!(took < Duration::from_millis(1500), "it took {took:?}");
            let before = process_time();
            thread::sleep(Duration::from_millis(300)); // in which it could go on
            let busy = process_time() - before;
            assert!(busy < Duration::from_millis(50), "busy for {busy:?} after the end");
            drop(stalled);
        }
    });
}

/// A name that no other test has.
fn abstract_name(name: &str) -> Vec<u8> {
    format!("socketserver-{}-{name}", std::process::id()).into_bytes()
}

#[test]
fn a_client_with_an_abstract_address_is_answered() {
    let dir = TempDir::new();
    let seen = Notes::new();
    let note = seen.clone();
    let handler = move |request: &mut UnixDatagramRequest| {
        note.add(request.client_address().map(Path::to_owned));
        request.reply(request.data())
    };
    let server = ThreadedServer::unix_datagram(dir.path("server"), handler).unwrap();
    let server = run(server);
    let name = abstract_name("client");
    let own = SocketAddr::from_abstract_name(&name).unwrap();
    let client = UnixDatagram::bind_addr(&own).unwrap();
    client.connect(dir.path("server")).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(ask(&client, b"hello"), b"hello");
    assert_eq!(ask(&client, b""), b"");
    let shown = format!("\0{}", String::from_utf8(name).unwrap());
    assert_eq!(seen.all(), [(); 2].map(|()| Some(PathBuf::from(&shown))));
    assert_eq!(stop(server).finished, 2);
}

/// An abstract name is any bytes.
#[test]
fn a_client_with_zero_bytes_in_its_name_is_answered() {
    let dir = TempDir::new();
    let path = dir.path("server");
    let server = start(options(), &path);
    for end in [&b"\0"[..], b"x\0y", b"\xff\xfe", b"\0\0\0"] {
        let name = [abstract_name("strange"), end.to_vec()].concat();
        let own = SocketAddr::from_abstract_name(&name).unwrap();
        let client = UnixDatagram::bind_addr(&own).unwrap();
        client.connect(&path).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask(&client, b"hello"), b"hello", "{end:?}");
    }
    assert_eq!(stop(server).finished, 4);
}

/// One that lets the system choose its address.
#[test]
fn a_client_with_an_automatic_address_is_answered() {
    let dir = TempDir::new();
    let path = dir.path("server");
    let server = start(options(), &path);
    for _ in 0..3 {
        let client = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        client.bind(&SockAddr::unix("").unwrap()).unwrap();
        client.connect(&SockAddr::unix(&path).unwrap()).unwrap();
        let client = UnixDatagram::from(std::os::fd::OwnedFd::from(client));
        assert!(client.local_addr().unwrap().as_abstract_name().is_some());
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask(&client, b"hello"), b"hello");
    }
    assert_eq!(stop(server).finished, 3);
}

/// A server on an abstract address: there is no file, and the address is free again.
#[test]
fn a_server_can_have_an_abstract_address() {
    let dir = TempDir::new();
    let name = abstract_name("server");
    let path = PathBuf::from(format!("\0{}", String::from_utf8(name.clone()).unwrap()));
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    for round in 0..3 {
        let server = start(options(), &path);
        assert_eq!(server.local_addr(), path);
        let client = UnixDatagram::bind(dir.path(&format!("client-{round}"))).unwrap();
        client.connect_addr(&address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask(&client, b"hello"), b"hello");
        let taken = ThreadedServer::unix_datagram(&path, Echo).map(drop).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        stop(server);

        let server = run(ThreadedServer::unix(&path, Echo).unwrap());
        assert_echo(UnixStream::connect_addr(&address).unwrap(), b"hello");
        stop(server);
    }
}

/// It has removed its file, or left it behind, before the reply comes.
#[test]
fn a_client_that_has_left_is_a_disconnect() {
    for leaves_its_file in [false, true] {
        let dir = TempDir::new();
        let (key, gate) = gate();
        let (options, errors) = noting_errors(options());
        let results = Notes::new();
        let kinds = results.clone();
        let handler = move |request: &mut UnixDatagramRequest| {
            gate.pass();
            let result = request.reply(b"too late");
            kinds.add(result.as_ref().map_err(io::Error::kind).copied());
            result
        };
        let server = run(options.unix_datagram(dir.path("server"), handler).unwrap());
        let client = bind_client(&dir.path("client"), &dir.path("server"));
        client.send(b"question").unwrap();
        wait_until("it is handled", || server.stats().active == 1);
        drop(client);
        let expected = if leaves_its_file {
            ErrorKind::ConnectionRefused
        } else {
            fs::remove_file(dir.path("client")).unwrap();
            ErrorKind::NotFound
        };
        drop(key);
        assert_eq!(results.wait_for(1), [Err(expected)]);
        let stats = stop(server);
        assert_eq!((stats.disconnected, stats.failed), (1, 0));
        assert!(errors.all().is_empty(), "reported: {:?}", errors.all());
    }
}

#[test]
fn a_path_with_a_zero_byte_fails_and_leaves_no_file() {
    let dir = TempDir::new();
    let path = dir.path("before\0behind");
    let stream = ThreadedServer::unix(&path, Echo).map(drop).unwrap_err();
    let datagram = ThreadedServer::unix_datagram(&path, Echo).map(drop).unwrap_err();
    for error in [stream, datagram] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("before@behind"), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path("")).unwrap().count(), 0, "a file is left");
    ThreadedServer::unix("", Echo).map(drop).expect_err("an empty path");
}

/// A client's socket, for example, or that of a server which will listen in a moment.
#[test]
fn the_file_of_a_living_socket_that_does_not_listen_is_not_removed() {
    let dir = TempDir::new();
    let path = dir.path("theirs");
    for kind in [Type::STREAM, Type::DGRAM, Type::SEQPACKET] {
        let theirs = Socket::new(Domain::UNIX, kind, None).unwrap();
        theirs.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        let file = fs::symlink_metadata(&path).unwrap().ino();
        let stream = ThreadedServer::unix(&path, Echo).map(drop).unwrap_err();
        let datagram = ThreadedServer::unix_datagram(&path, Echo).map(drop).unwrap_err();
        for error in [stream, datagram] {
            assert_eq!(error.kind(), ErrorKind::AddrInUse, "{kind:?}: {error}");
        }
        assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), file, "{kind:?}");
        drop(theirs);
        fs::remove_file(&path).unwrap();
    }
}

/// One server stops while the next starts on the same path, until it can. The file of
/// the second is never removed by the first.
#[test]
fn a_server_that_stops_does_not_take_its_successors_file() {
    let dir = TempDir::new();
    let path = dir.path("server");
    let mut server = run(ThreadedServer::unix(&path, Echo).unwrap());
    for round in 0..300 {
        let barrier = Barrier::new(2);
        let next = thread::scope(|scope| {
            let starting = scope.spawn(|| {
                barrier.wait();
                let until = Instant::now() + PATIENCE;
                loop {
                    match ThreadedServer::unix(&path, Echo) {
                        Ok(next) => return next,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
                    }
                    assert!(Instant::now() < until, "it never can start");
                }
            });
            barrier.wait();
            stop(server);
            starting.join().unwrap()
        });
        server = run(next);
        let client = UnixStream::connect(&path);
        let client = client.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_echo(client, b"hello");
    }
    in_time("the last server's end", || stop(server));
    assert!(!path.exists());
}
