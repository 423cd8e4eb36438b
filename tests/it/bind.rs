//! Promise 1: `bind` errors name the address, port 0 works, `local_addr()` is the real
//! address. Also: options that make no sense, addresses of every family, and sockets
//! that are already bound.

use std::io::{self, ErrorKind};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::time::Duration;

use socketserver::{ServerBuilder, TcpRequest, ThreadedServer};

use crate::support::{
    Echo, Notes, Server, ask_udp, assert_echo, connect, connect_udp, options, run, stop,
    tcp,
};

#[test]
fn port_zero_becomes_a_real_port() {
    let tcp = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let udp = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    for server in [tcp, udp] {
        assert_eq!(server.local_addr().ip(), Ipv4Addr::LOCALHOST);
        assert_ne!(server.local_addr().port(), 0);
        assert_eq!(server.handle().local_addr(), server.local_addr());
        let address = server.local_addr();
        let server = run(server);
        assert_eq!(server.local_addr(), address);
    }
}

#[test]
fn a_server_listens_as_soon_as_it_is_made() {
    let server = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let client = connect(server.local_addr());
    let _server = run(server);
    assert_echo(client, b"I was here before it served");
}

#[test]
fn an_address_in_use_is_named() {
    let first = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let address = first.local_addr();
    let error = ThreadedServer::tcp(address, Echo).unwrap_err();
    assert_names(&error, ErrorKind::AddrInUse, &address.to_string());

    let first = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    let address = first.local_addr();
    let error = ThreadedServer::udp(address, Echo).unwrap_err();
    assert_names(&error, ErrorKind::AddrInUse, &address.to_string());
}

#[test]
fn an_invalid_address_is_named() {
    let error = ThreadedServer::tcp("there is no port", Echo).unwrap_err();
    assert_names(&error, ErrorKind::InvalidInput, "there is no port");
    let error = ThreadedServer::udp("127.0.0.1:99999", Echo).unwrap_err();
    assert_names(&error, ErrorKind::InvalidInput, "127.0.0.1:99999");
    let nowhere: &[SocketAddr] = &[];
    let error = ThreadedServer::tcp(nowhere, Echo).unwrap_err();
    assert_names(&error, ErrorKind::InvalidInput, "[]");
}

#[test]
fn an_address_of_another_machine_is_named() {
    // Set aside for documentation, so no machine has it.
    let error = ThreadedServer::tcp("192.0.2.1:0", Echo).unwrap_err();
    assert_names(&error, ErrorKind::AddrNotAvailable, "192.0.2.1:0");
}

#[test]
fn of_several_addresses_the_first_that_is_free_is_used() {
    let taken = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap().local_addr();
    let holder = TcpListener::bind(taken).unwrap();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = ThreadedServer::tcp(&[taken, free][..], Echo).unwrap();
    assert_ne!(server.local_addr(), taken);
    drop(holder);
}

/// A connection that the server closed first stays known to the system for a minute.
/// That must not keep the port from the next server.
#[test]
fn the_port_can_be_bound_again_right_after_the_end() {
    let again = || {
        let server = tcp(options(), |_: &mut TcpRequest| Ok(()));
        let address = server.local_addr();
        let client = connect(address);
        assert!(crate::support::read_all(&client).is_empty());
        stop(server);
        ThreadedServer::tcp(address, Echo).map(drop)
    };
    // Another test might get the same port in between, but not every time.
    let results: Vec<_> = (0..5).map(|_| again()).collect();
    assert!(results.iter().any(io::Result::is_ok), "{results:?}");
}

#[test]
fn servers_can_share_a_port_if_they_ask_for_it() {
    let share = || options().reuse_port(true);
    let first = share().tcp("127.0.0.1:0", Echo).unwrap();
    drop(share().tcp(first.local_addr(), Echo).expect("a second one on the same port"));
    options().tcp(first.local_addr(), Echo).expect_err("one that does not share");
}

#[test]
fn options_that_make_no_sense_are_rejected_by_name() {
    let zero = Duration::ZERO;
    let cases: [(&str, ServerBuilder); 7] = [
        ("read_timeout", options().read_timeout(zero)),
        ("write_timeout", options().write_timeout(zero)),
        ("session_timeout", options().session_timeout(zero)),
        ("max_connections", options().max_connections(0)),
        ("max_line", options().max_line(0)),
        ("max_packet_size", options().max_packet_size(0)),
        ("thread_name", options().thread_name("a\0b")),
    ];
    for (name, options) in cases {
        let error = options.tcp("127.0.0.1:0", Echo).expect_err(name);
        assert_names(&error, ErrorKind::InvalidInput, name);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = options().max_line(0).from_socket(socket, Echo).unwrap_err();
    assert_names(&error, ErrorKind::InvalidInput, "max_line");
}

/// `Duration::MAX` is a way to say "never". Nothing must overflow.
#[test]
fn the_longest_of_all_durations_is_fine() {
    let longest = Duration::MAX;
    let all = || {
        options()
            .read_timeout(longest)
            .write_timeout(longest)
            .session_timeout(longest)
            .drain_timeout(longest)
            .idle_thread_timeout(longest)
            .service_actions(longest, || ())
    };
    let server = tcp(all(), Echo);
    assert_echo(connect(server.local_addr()), b"hello");
    assert_eq!(stop(server).finished, 1);

    let server = crate::support::udp(all(), Echo);
    assert_eq!(ask_udp(&connect_udp(server.local_addr()), b"hello"), b"hello");
    assert_eq!(stop(server).finished, 1);

    let mut server = all().tcp("127.0.0.1:0", Echo).unwrap();
    drop(connect(server.local_addr()));
    let _ = server.handle_request(longest).unwrap();
}

#[test]
fn the_defaults_are_as_documented() {
    assert_eq!(ServerBuilder::DEFAULT_MAX_CONNECTIONS, 1024);
    assert_eq!(ServerBuilder::DEFAULT_BACKLOG, 1024);
    assert_eq!(ServerBuilder::DEFAULT_MAX_LINE, 64 * 1024);
    assert_eq!(ServerBuilder::DEFAULT_MAX_PACKET_SIZE, 65_535);
    assert_eq!(ServerBuilder::DEFAULT_READ_TIMEOUT, Duration::from_secs(5 * 60));
    assert_eq!(ServerBuilder::DEFAULT_WRITE_TIMEOUT, Duration::from_secs(30));
    assert_eq!(ServerBuilder::DEFAULT_DRAIN_TIMEOUT, Duration::from_secs(5));
    assert_eq!(ServerBuilder::DEFAULT_IDLE_THREAD_TIMEOUT, Duration::from_secs(5));
}

#[test]
fn a_server_on_ipv6_serves_ipv6() {
    let Some(server) = on_ipv6(options(), "[::1]:0") else { return };
    assert_echo(connect(server.local_addr()), b"six");
    assert!(server.local_addr().is_ipv6());

    let server = run(ThreadedServer::udp("[::1]:0", Echo).unwrap());
    let client = UdpSocket::bind("[::1]:0").unwrap();
    client.connect(server.local_addr()).unwrap();
    client.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    assert_eq!(ask_udp(&client, b"six"), b"six");
}

/// So that `verify_request(|client| client.ip().is_loopback())` means what it says.
#[test]
fn an_ipv4_client_of_a_server_for_both_has_its_ipv4_address() {
    let seen = Notes::new();
    let note = seen.clone();
    let both = options().only_v6(false).verify_request(move |client| {
        note.add(client.clone());
        client.ip().is_loopback()
    });
    let Some(server) = on_ipv6(both, "[::]:0") else { return };
    let port = server.local_addr().port();
    assert_echo(connect((Ipv4Addr::LOCALHOST, port).into()), b"four");
    assert_echo(connect((Ipv6Addr::LOCALHOST, port).into()), b"six");
    let seen = seen.all();
    let ips: Vec<IpAddr> = seen.iter().map(|client| client.ip()).collect();
    assert_eq!(ips, [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
    let mapped = seen[0].socket_addr().expect("it came by IP").ip();
    assert_eq!(mapped, Ipv4Addr::LOCALHOST.to_ipv6_mapped());
}

#[test]
fn a_server_for_ipv6_only_leaves_ipv4_alone() {
    let Some(server) = on_ipv6(options().only_v6(true), "[::]:0") else { return };
    let port = server.local_addr().port();
    assert_echo(connect((Ipv6Addr::LOCALHOST, port).into()), b"six");
    // Another program might have the port on IPv4, but then the echo is not ours.
    if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        assert_eq!(server.stats().accepted, 1);
    }
}

#[test]
fn a_socket_that_is_bound_already_will_do() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let server = run(options().from_socket(socket, Echo).unwrap());
    assert_eq!(server.local_addr(), address);
    assert_echo(connect(address), b"inherited");
    assert_eq!(stop(server).finished, 1);

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let server = run(options().from_socket(socket, Echo).unwrap());
    assert_eq!(server.local_addr(), address);
    assert_eq!(ask_udp(&connect_udp(address), b"inherited"), b"inherited");
    assert_eq!(stop(server).finished, 1);
}

/// A server on an IPv6 address; `None`, with a message, where there is no IPv6.
fn on_ipv6(options: ServerBuilder, address: &str) -> Option<Server> {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return None;
    }
    Some(run(options.tcp(address, Echo).unwrap()))
}

fn assert_names(error: &io::Error, kind: ErrorKind, what: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(what), "{what} is not named: {error}");
}

/// Linux would say "invalid argument", and on a socket from elsewhere nothing would happen.
#[test]
fn a_keepalive_out_of_range_is_an_error_that_names_it() {
    let beyond = [
        Duration::from_nanos(1),
        Duration::from_millis(999),
        Duration::from_secs(32_768),
        Duration::MAX,
    ];
    for time in beyond {
        let error = options().keepalive(time).tcp("127.0.0.1:0", Echo).unwrap_err();
        assert_names(&error, ErrorKind::InvalidInput, "keepalive");
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = options().keepalive(time).from_socket(socket, Echo).unwrap_err();
        assert_names(&error, ErrorKind::InvalidInput, "keepalive");
    }
    for time in [Duration::from_secs(1), Duration::from_secs(32_767)] {
        drop(options().keepalive(time).tcp("127.0.0.1:0", Echo).unwrap());
    }
}
