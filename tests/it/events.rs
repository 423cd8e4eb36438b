//! What hooks are called with, and options that can be seen at the socket.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use socketserver::{
    ClientAddress, Event, Outcome, ServerBuilder, TcpRequest, ThreadedServer,
};

use crate::support::{
    Client, Echo, IS_PLAIN, Notes, assert_echo, client, connect, connect_to_trouble,
    ended, gate, has_ended, options, stop, tcp, wait_until,
};

/// A builder that writes down what happens.
fn listening() -> (ServerBuilder, Notes<Event>) {
    let events = Notes::new();
    let note = events.clone();
    (options().on_event(move |event| note.add(event.clone())), events)
}

/// It came while the server stopped: between the accept and the registry.
#[test]
fn a_client_that_comes_as_the_server_stops_is_rejected_and_the_hook_is_called() {
    let (key, gate) = gate();
    let asked = Notes::new();
    let note = asked.clone();
    let (options, events) = listening();
    let options = options.verify_request(move |client| {
        note.add(client.clone());
        gate.pass();
        true
    });
    let server = tcp(options, Echo);
    let client = connect(server.local_addr());
    let address = ClientAddress::from(client.local_addr().unwrap());
    assert_eq!(asked.wait_for(1)[0], address);
    server.shutdown();
    drop(key);
    let stats = ended(server);
    assert_eq!((stats.accepted, stats.rejected, stats.finished), (1, 1, 0));
    let draining = Event::Draining { active: 0 };
    assert_eq!(events.all(), [draining, Event::Rejected { number: 1, client: address }]);
    assert!(has_ended(client));
}

#[test]
fn every_client_that_is_rejected_raises_an_event() {
    let (options, events) = listening();
    let server = tcp(options.verify_request(|_| false), Echo);
    for _ in 0..3 {
        assert!(has_ended(connect_to_trouble(server.local_addr()).0));
    }
    assert_eq!(stop(server).rejected, 3);
    let numbers = events.all().into_iter().filter_map(|event| match event {
        Event::Rejected { number, .. } => Some(number),
        _ => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn numbers_tell_apart_clients_without_an_address() {
    if !IS_PLAIN {
        return; // its clients don't encrypt
    }
    use crate::support::{TempDir, run};
    use std::os::unix::net::UnixStream;

    let dir = TempDir::new();
    let (options, events) = listening();
    let server = run(options.unix(dir.path("socket"), Echo).unwrap());
    let [first, second] =
        [(); 2].map(|()| UnixStream::connect(dir.path("socket")).unwrap());
    assert_echo(&first, b"hello");
    assert_echo(&second, b"hello");
    drop(second);
    let ends = || {
        let ends = events.all().into_iter().filter_map(|event| match event {
            Event::Ended { number, outcome: Outcome::Finished, .. } => Some(number),
            _ => None,
        });
        ends.collect::<Vec<_>>()
    };
    wait_until("one has ended", || ends() == [2]);
    drop(first);
    wait_until("both have ended", || ends() == [2, 1]);
    let of = |wanted: u64| {
        let numbers = events.all().into_iter().filter(|event| match event {
            Event::Accepted { number, client }
            | Event::Started { number, client }
            | Event::Ended { number, client, .. } => {
                assert_eq!(*client, ClientAddress::Unix(None));
                *number == wanted
            }
            _ => false,
        });
        numbers.count()
    };
    assert_eq!((of(1), of(2)), (3, 3));
    stop(server);
}

/// A client that connects from this address.
fn connect_from(from: [u8; 4], server: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let mine = TcpStream::from(socket);
    mine.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    client(mine)
}

/// Linux has the whole of 127.0.0.0/8; other systems have one address of it.
#[cfg(target_os = "linux")]
#[test]
fn one_address_can_have_this_many_connections_and_no_more() {
    let (options, events) = listening();
    let server = tcp(options.max_connections_per_address(2), Echo);
    let address = server.local_addr();
    let mine = [(); 2].map(|()| connect_from([127, 0, 0, 1], address));
    mine.iter().for_each(|client| assert_echo(client, b"hello"));
    for _ in 0..3 {
        assert!(has_ended(connect_from([127, 0, 0, 1], address)), "one too many");
    }
    let other = connect_from([127, 0, 0, 2], address);
    assert_echo(&other, b"hello");
    let [first, second] = mine;
    drop(first);
    wait_until("there is space again", || server.stats().active == 2);
    wait_until("another one is accepted", || {
        let mut client = connect_from([127, 0, 0, 1], address);
        client.write_all(b"x").is_ok() && client.read_exact(&mut [0]).is_ok()
    });
    drop((second, other));
    wait_until("all have left", || server.stats().active == 0);
    wait_until("there is space for two again", || {
        let both = [(); 2].map(|()| connect_from([127, 0, 0, 1], address));
        both.iter().all(|mut client| {
            client.write_all(b"x").is_ok() && client.read_exact(&mut [0]).is_ok()
        })
    });
    let rejected = events.all().into_iter().filter_map(|event| match event {
        Event::Rejected { number, .. } => Some(number),
        _ => None,
    });
    assert!(rejected.collect::<HashSet<_>>().is_superset(&[3, 4, 5].into()));
    assert!(stop(server).rejected >= 3);
}

/// What a handler sees when it looks at its socket.
fn look<T: Clone + Send + 'static>(
    options: ServerBuilder,
    at: fn(SockRef<'_>) -> std::io::Result<T>,
) -> T {
    let notes = Notes::new();
    let note = notes.clone();
    let server = tcp(options, move |request: &mut TcpRequest| {
        note.add(at(SockRef::from(&*request))?);
        Ok(())
    });
    assert!(has_ended(connect_to_trouble(server.local_addr()).0));
    notes.wait_for(1)[0].clone()
}

#[cfg(unix)]
#[test]
fn a_handler_can_look_at_its_socket() {
    let (mine, peer) = look(options(), |socket| {
        let mine = socket.local_addr()?.as_socket();
        Ok((mine, socket.peer_addr()?.as_socket()))
    });
    assert!(mine.is_some() && peer.is_some());
    assert!(look(options(), |socket| socket.tcp_nodelay()), "the default");
    assert!(!look(options().nodelay(false), |socket| socket.tcp_nodelay()));
}

#[cfg(target_os = "linux")]
#[test]
fn socket_options_set_what_they_say() {
    assert!(!look(options(), |socket| socket.keepalive()), "the default");
    let kept = options().keepalive(Duration::from_secs(77));
    let (is_kept, time) =
        look(kept, |socket| Ok((socket.keepalive()?, socket.tcp_keepalive_time()?)));
    assert_eq!((is_kept, time), (true, Duration::from_secs(77)));
    // Linux doubles them.
    let receive =
        look(options().receive_buffer(50_000), |socket| socket.recv_buffer_size());
    assert_eq!(receive, 100_000);
    let send = look(options().send_buffer(60_000), |socket| socket.send_buffer_size());
    assert_eq!(send, 120_000);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_the_mode_that_was_asked_for() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    use crate::support::TempDir;
    use std::os::unix::fs::MetadataExt;

    let dir = TempDir::new();
    for mode in [0o600, 0o660, 0o777] {
        let path = dir.path("stream");
        let stream = options().file_mode(mode).unix(&path, Echo).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, mode);
        drop(stream);
        let datagram = options().file_mode(mode).unix_datagram(&path, Echo).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, mode);
        drop(datagram);
    }
}

/// Which process the client is.
#[cfg(target_os = "linux")]
#[test]
fn a_unix_handler_can_ask_who_its_client_is() {
    use crate::support::{TempDir, run};
    use socketserver::UnixRequest;
    use std::os::unix::net::UnixStream;

    let dir = TempDir::new();
    let processes = Notes::new();
    let note = processes.clone();
    let server =
        ThreadedServer::unix(dir.path("socket"), move |request: &mut UnixRequest| {
            let client = rustix::net::sockopt::socket_peercred(&*request)?;
            note.add(client.pid);
            Ok(())
        });
    let server = run(server.unwrap());
    let client = UnixStream::connect(dir.path("socket")).unwrap();
    assert_eq!(processes.wait_for(1), [rustix::process::getpid()]);
    assert!(has_ended(client));
    stop(server);
}
