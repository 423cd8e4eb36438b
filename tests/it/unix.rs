//! Promise 15: a Unix socket's own file is removed at the end, and a live server's file
//! is never stolen.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crossbeam_channel::unbounded;
use socket2::{Domain, SockAddr, Socket, Type};
use socketserver::{
    ClientAddress, ServerBuilder, ThreadedServer, UnixDatagramRequest, UnixRequest,
};

use crate::support::{
    Echo, Notes, PATIENCE, Server, TempDir, assert_echo, connect_unix, gate, has_ended,
    options, read_all, run, stop, wait_until,
};

/// Both kinds of Unix server, for tests that hold for both.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Stream,
    Datagram,
}

const KINDS: [Kind; 2] = [Kind::Stream, Kind::Datagram];

impl Kind {
    /// An echo server at `path`.
    fn server(self, path: &Path) -> io::Result<ThreadedServer<PathBuf>> {
        match self {
            Self::Stream => options().unix(path, Echo),
            Self::Datagram => ThreadedServer::unix_datagram(path, Echo),
        }
    }

    /// Leaves a socket's file behind, as a server that was killed does.
    fn leave_behind(self, path: &Path) {
        match self {
            Self::Stream => drop(UnixListener::bind(path).unwrap()),
            Self::Datagram => drop(UnixDatagram::bind(path).unwrap()),
        }
        assert!(path.exists());
        // A process that another test starts has the socket too, for the moment before
        // it becomes another program.
        wait_until("nobody has it open", || {
            let error = match self {
                Self::Stream => UnixStream::connect(path).err(),
                Self::Datagram => UnixDatagram::unbound().unwrap().connect(path).err(),
            };
            error.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        });
    }

    /// Asks the server at `path` and expects an echo.
    fn assert_serves(self, path: &Path) {
        match self {
            Self::Stream => assert_echo(connect_unix(path), b"hello"),
            Self::Datagram => {
                let dir = TempDir::new();
                let client = bind_client(&dir.path("client"), path);
                assert_eq!(ask(&client, b"hello"), b"hello");
            }
        }
    }
}

/// A datagram client with a path of its own, so that it can be answered.
pub(crate) fn bind_client(own: &Path, server: &Path) -> UnixDatagram {
    let client = UnixDatagram::bind(own).unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

pub(crate) fn ask(client: &UnixDatagram, question: &[u8]) -> Vec<u8> {
    client.send(question).unwrap();
    let mut answer = vec![0; 65_536];
    let count = client.recv(&mut answer).expect("an answer in time");
    answer.truncate(count);
    answer
}

fn start(
    options: ServerBuilder,
    path: &Path,
    handler: impl FnMut(&mut UnixRequest) -> io::Result<()> + Clone + Send + 'static,
) -> Server<PathBuf> {
    run(options.unix(path, handler).unwrap())
}

#[test]
fn the_file_is_there_while_the_server_is_and_no_longer() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    for kind in KINDS {
        let server = run(kind.server(&path).unwrap());
        assert_eq!(server.local_addr(), path);
        kind.assert_serves(&path);
        assert_eq!(stop(server).finished, 1);
        assert!(!path.exists(), "{kind:?} left its file behind");
    }
}

#[test]
fn a_server_that_never_serves_removes_its_file_too() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    for kind in KINDS {
        let server = kind.server(&path).unwrap();
        assert!(path.exists());
        drop(server);
        assert!(!path.exists(), "{kind:?} left its file behind");
    }
}

#[test]
fn a_file_that_a_dead_server_left_behind_is_replaced() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    for kind in KINDS {
        kind.leave_behind(&path);
        let server = run(kind.server(&path).unwrap());
        kind.assert_serves(&path);
        stop(server);
        assert!(!path.exists());
    }
}

/// Whichever kind of server listens there, and whichever kind wants to.
#[test]
fn the_file_of_a_live_server_is_not_stolen() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    for kind in KINDS {
        let server = run(kind.server(&path).unwrap());
        for second in KINDS {
            let error = second.server(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            let named = error.to_string().contains(path.to_str().unwrap());
            assert!(named, "the path is not named: {error}");
        }
        kind.assert_serves(&path);
        stop(server);
    }
}

/// A server that is too busy to accept a client does not answer, but is alive all the
/// same.
#[test]
fn the_file_of_a_server_with_a_full_queue_is_not_stolen() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let busy = options().backlog(0).unix(&path, Echo).unwrap();
    let address = SockAddr::unix(&path).unwrap();
    let mut queue = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        if let Err(error) = client.connect(&address) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
            break;
        }
        queue.push(client);
        assert!(queue.len() < 100, "the queue has no end");
    }
    let error = options().unix(&path, Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(path.exists());
    drop(busy);
}

/// Another program has removed our file and put its own there. We must not remove that.
#[test]
fn a_file_that_has_been_replaced_meanwhile_is_not_removed() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    for kind in KINDS {
        let server = run(kind.server(&path).unwrap());
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        stop(server);
        assert!(path.exists(), "{kind:?} removed somebody else's file");
        drop(UnixStream::connect(&path).expect("the other server is there"));
        drop(other);
        fs::remove_file(&path).unwrap();
    }
}

/// A mistyped path must not cost anybody their thesis.
#[test]
fn a_file_that_is_not_a_socket_is_never_touched() {
    let dir = TempDir::new();
    let path = dir.path("thesis");
    fs::write(&path, "forty pages").unwrap();
    fs::create_dir(dir.path("directory")).unwrap();
    for kind in KINDS {
        let error = kind.server(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        // Nobody should look for another server.
        assert!(error.to_string().contains("isn't a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "forty pages");
        kind.server(&dir.path("directory")).unwrap_err();
        assert!(dir.path("directory").is_dir());
    }
}

#[test]
fn a_path_that_cannot_be_bound_is_named() {
    let dir = TempDir::new();
    let missing = dir.path("missing/socket");
    let too_long = dir.path(&"x".repeat(200));
    for path in [missing, too_long] {
        let error = options().unix(&path, Echo).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

/// The program that bound a socket has to remove its file.
#[test]
fn a_socket_that_is_bound_already_will_do() {
    let dir = TempDir::new();
    let path = dir.path("stream");
    let socket = UnixListener::bind(&path).unwrap();
    let server = run(options().from_socket(socket, Echo).unwrap());
    assert_eq!(server.local_addr(), path);
    Kind::Stream.assert_serves(&path);
    stop(server);
    assert!(path.exists());

    let path = dir.path("datagram");
    let socket = UnixDatagram::bind(&path).unwrap();
    let server = ThreadedServer::builder().from_socket(socket, Echo);
    let server = run(server.unwrap());
    assert_eq!(server.local_addr(), path);
    Kind::Datagram.assert_serves(&path);
    stop(server);
    assert!(path.exists());
}

#[test]
fn idle_clients_see_a_clean_end_when_the_server_stops() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let server = run(options().unix(&path, Echo).unwrap());
    let client = connect_unix(&path);
    assert_echo(&client, b"hello");
    assert_eq!(stop(server).finished, 1);
    assert!(read_all(client).is_empty());
}

#[test]
fn a_request_that_was_not_read_to_its_end_gets_its_reply() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let server = start(options(), &path, |request| {
        io::Read::read_exact(request, &mut [0])?;
        request.write_all(b"enough")
    });
    let mut client = connect_unix(&path);
    client.write_all(&[b'x'; 1000]).unwrap();
    assert_eq!(read_all(client), b"enough");
    stop(server);
}

#[test]
fn lines_writers_and_hooks_work_as_with_tcp() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let seen = Notes::new();
    let note = seen.clone();
    let options = options().verify_request(move |client| {
        note.add(client.clone());
        client.ip().is_loopback() && client.socket_addr().is_none()
    });
    let server = start(options, &path, |request| {
        assert_eq!(request.client_address(), None);
        let mut writer = request.writer();
        let mut line = String::new();
        request.read_line(&mut line)?;
        writer.write_all(line.to_uppercase().as_bytes())
    });
    let mut client = connect_unix(&path);
    client.write_all(b"hello\n").unwrap();
    assert_eq!(read_all(client), b"HELLO\n");
    assert_eq!(seen.all(), [ClientAddress::Unix(None)]);
    stop(server);
}

#[test]
fn a_datagram_client_with_a_path_is_known_by_it() {
    let dir = TempDir::new();
    let (path, own) = (dir.path("server"), dir.path("client"));
    let handler = |request: &mut UnixDatagramRequest| {
        let client = request.client_address().expect("it has a path");
        request.reply(client.as_os_str().as_encoded_bytes())
    };
    let server = run(ThreadedServer::unix_datagram(&path, handler).unwrap());
    let client = bind_client(&own, &path);
    assert_eq!(ask(&client, b"who am I?"), own.as_os_str().as_encoded_bytes());
    stop(server);
}

/// It has no address, so there is nowhere to send the reply. That is an error of the
/// handler that tries, and of no other.
#[test]
fn a_datagram_client_without_a_path_cannot_be_answered() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let errors = Notes::new();
    let note = errors.clone();
    let options = ThreadedServer::builder().handle_error(move |client, error| {
        note.add((client.clone(), error.to_string()));
    });
    let server = run(options.unix_datagram(&path, Echo).unwrap());
    UnixDatagram::unbound().unwrap().send_to(b"hello", &path).unwrap();
    let errors = errors.wait_for(1);
    assert_eq!(errors[0].0, ClientAddress::Unix(None));
    assert!(errors[0].1.contains("no address"), "{errors:?}");
    Kind::Datagram.assert_serves(&path);
    let stats = stop(server);
    assert_eq!((stats.failed, stats.finished), (1, 1));
}

/// The file is removed before the drain, so a client that connects then finds no server.
#[test]
fn a_draining_server_has_removed_its_file() {
    let dir = TempDir::new();
    let path = dir.path("socket");
    let (key, gate) = gate();
    let (starting, started) = unbounded();
    let server = start(options().drain_timeout(None), &path, move |_| {
        starting.send(()).unwrap();
        gate.pass();
        Ok(())
    });
    let client = connect_unix(&path);
    started.recv_timeout(PATIENCE).unwrap();
    server.shutdown();
    wait_until("the file is removed", || !path.exists());
    drop(key);
    assert_eq!(stop(server).finished, 1);
    assert!(has_ended(client));
}
