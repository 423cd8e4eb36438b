//! Faults: clients that break off, take too long, never send or never end, and storms.
//!
//! Each fault is a test with its name. What a single client can do wrong is beside the
//! promise that it threatens: lines in `lines`, timeouts in `limits`, panics in
//! `isolation`, datagrams in `udp`, the files of Unix sockets in `unix`, a lack of
//! descriptors or threads in `resources`. Here they come in crowds, or go on for long.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use socketserver::{TcpRequest, UdpRequest};

use crate::leaks::{Belongings, Random, memory};
use crate::process::in_own_process;
use crate::support::{
    Client, Echo, IS_PLAIN, Notes, PATIENCE, TempDir, ask_udp, assert_balanced,
    assert_echo, client, connect, connect_udp, connect_unix, in_time, noting_errors,
    options, read_all, run, stop, tcp, udp, wait_until,
};

/// Far more than the system buffers for one connection.
const LARGE: usize = 16 * 1024 * 1024;

/// Ends the connection the hard way.
fn reset(client: Client) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Forty of them, and one that reads its reply to the end among them.
#[test]
fn clients_that_reset_in_the_middle_of_a_large_reply() {
    let test = "faults::clients_that_reset_in_the_middle_of_a_large_reply";
    in_own_process(test, || {
        let before = Belongings::now();
        let (options, errors) = noting_errors(options());
        let server = tcp(options, |request: &mut TcpRequest| {
            request.write_all(&vec![b'r'; LARGE])
        });
        let good = connect(server.local_addr());
        for place in 0..40 {
            let mut client = connect(server.local_addr());
            client.read_exact(&mut vec![0; 1 + place * 5000]).unwrap();
            reset(client);
        }
        assert_eq!(read_all(good).len(), LARGE);
        let stats = stop(server);
        assert_eq!((stats.finished, stats.disconnected), (1, 40), "{stats}");
        assert!(errors.all().is_empty(), "{:?}", errors.all());
        before.assert_back("after forty resets");
    });
}

/// A client that sends a byte now and then isn't silent, so no read takes too long, but
/// the line does. The session timeout ends it, and no other client has to wait.
#[test]
fn a_client_that_sends_its_line_byte_by_byte() {
    const SILENCE: Duration = Duration::from_millis(800);
    let errors = Notes::new();
    let note = errors.clone();
    let options = options().read_timeout(SILENCE).session_timeout(2 * SILENCE);
    let server = tcp(options, move |request: &mut TcpRequest| {
        let read = request.read_line(&mut String::new());
        if let Err(error) = &read {
            note.add((Some(request.client_address()), error.to_string()));
        }
        read.map(drop)
    });
    let mut client = connect(server.local_addr());
    let until = Instant::now() + PATIENCE;
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    while client.write_all(b".").is_ok() {
        longest = longest.max(last.elapsed());
        last = Instant::now();
        assert!(last < until, "it is never disconnected");
        thread::sleep(Duration::from_millis(20));
        let mut other = connect(server.local_addr());
        other.write_all(b"a line\n").unwrap();
        assert!(read_all(other).is_empty());
    }
    let local = client.local_addr().ok();
    wait_until("it fails", || errors.all().iter().any(|error| error.0 == local));
    let errors = errors.all();
    let words: Vec<_> = errors.iter().filter(|error| error.0 == local).collect();
    // On a very busy machine a byte might come too late.
    let by_session = words[0].1.contains("session") || longest > SILENCE / 2;
    assert!(words.len() == 1 && by_session, "{errors:?}");
}

/// They cost little, they don't stop other clients, and they end well when the server
/// does.
#[test]
fn a_thousand_clients_that_never_send() {
    in_own_process("faults::a_thousand_clients_that_never_send", || {
        let server = tcp(options().drain_timeout(PATIENCE), Echo);
        assert_echo(connect(server.local_addr()), b"before");
        let empty = memory();
        let silent: Vec<_> = (0..1000).map(|_| connect(server.local_addr())).collect();
        wait_until("all are accepted", || server.stats().active == 1000);
        let each = memory().saturating_sub(empty) / 1000;
        // (Clients that encrypt need memory too, and they are ours.)
        let most = if IS_PLAIN { 64 * 1024 } else { 128 * 1024 };
        assert!(each < most, "{each} bytes for each");
        for _ in 0..10 {
            assert_echo(connect(server.local_addr()), b"I have something to say");
        }
        let stats = stop(server);
        assert_eq!((stats.finished, stats.cut_off), (1011, 0), "{stats}");
        for client in silent {
            assert!(read_all(client).is_empty());
        }
    });
}

/// The same, but here it is the read timeout that ends them.
#[test]
fn a_thousand_clients_that_never_send_are_sent_away() {
    let options = options()
        .max_connections(100)
        .read_timeout(Duration::from_millis(100))
        .handle_error(|_, _| ());
    let server = tcp(options, Echo);
    let silent: Vec<_> = (0..1000).map(|_| connect(server.local_addr())).collect();
    for client in silent {
        assert!(read_all(client).is_empty());
    }
    let stats = stop(server);
    assert_eq!((stats.timed_out, stats.finished), (1000, 0), "{stats}");
}

/// The handler reads on after the error, and still the memory doesn't grow.
#[test]
fn a_line_without_an_end_takes_no_memory() {
    in_own_process("faults::a_line_without_an_end_takes_no_memory", || {
        let server = tcp(options(), |request: &mut TcpRequest| {
            let mut errors = 0;
            loop {
                match request.next_line() {
                    Ok(None) => break,
                    Ok(Some(line)) => assert_eq!(line, "at last"),
                    Err(error) if error.kind() == ErrorKind::InvalidData => errors += 1,
                    Err(error) => return Err(error),
                }
            }
            write!(request, "{errors}")
        });
        let mut client = connect(server.local_addr());
        let piece = vec![b'x'; 64 * 1024];
        client.write_all(&piece).unwrap();
        let before = memory();
        for _ in 0..1000 {
            client.write_all(&piece).unwrap();
        }
        let grown = memory().saturating_sub(before);
        assert!(grown < 1024 * 1024, "{grown} bytes for 64 MB");
        client.write_all(b"\nat last\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(client), b"1");
        assert_eq!(stop(server).finished, 1);
    });
}

/// None of the bytes is UTF-8, and there are many lines of them. Each is one error.
#[test]
fn bytes_that_are_no_text() {
    let mut random = Random(1);
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut count = 0;
        while let Some(line) = request.next_line().transpose() {
            count += usize::from(
                line.is_err_and(|error| error.kind() == ErrorKind::InvalidData),
            );
        }
        write!(request, "{count}")
    });
    let mut garbage = Vec::new();
    for _ in 0..1000 {
        let length = 1 + random.below(300);
        garbage.extend((0..length).map(|_| 128 + random.below(64) as u8));
        garbage.push(b'\n');
    }
    let mut client = connect(server.local_addr());
    client.write_all(&garbage).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(client), b"1000");
    assert_eq!(stop(server).finished, 1);
}

/// Eight threads connect as fast as they can while the server stops. A client that is
/// served gets the whole reply; the others see an end or can't connect; and no client
/// hangs.
#[test]
fn a_storm_of_connections_during_shutdown() {
    const REPLY: usize = 2000;
    in_own_process("faults::a_storm_of_connections_during_shutdown", || {
        let mut random = Random(2);
        let mut sum = (0, 0);
        let before = Belongings::now();
        for _ in 0..25 {
            let replies = Arc::new(AtomicU64::new(0));
            let count = replies.clone();
            let options = options()
                .max_connections(1 + random.below(6) as usize)
                .drain_timeout(PATIENCE);
            let server = tcp(options, move |request: &mut TcpRequest| {
                if request.read(&mut [0])? > 0 {
                    count.fetch_add(1, Ordering::SeqCst);
                    request.write_all(&[b'r'; REPLY])?;
                }
                Ok(())
            });
            let address = server.local_addr();
            let storm: Vec<_> = (0..8)
                .map(|_| thread::spawn(move || storm_of_connections(address, REPLY)))
                .collect();
            // (To shake hands takes a while.)
            let most = if IS_PLAIN { 10_000 } else { 200_000 };
            thread::sleep(Duration::from_micros(random.below(most)));
            let stats = stop(server);
            let seen: u64 = storm.into_iter().map(|storm| storm.join().unwrap()).sum();
            assert_eq!(seen, replies.load(Ordering::SeqCst), "{stats}");
            assert_eq!((stats.failed, stats.cut_off), (0, 0), "{stats}");
            before.assert_back("after a storm");
            sum = (sum.0 + stats.finished, sum.1 + seen);
        }
        assert!(sum.1 > 100, "hardly a storm: {sum:?}");
    });
}

/// Connects and asks until the server is gone. Returns how many replies came, all of
/// them whole.
fn storm_of_connections(address: SocketAddr, size: usize) -> u64 {
    let mut replies = 0;
    let mut refusals = 0;
    while refusals < 3 {
        let Ok(socket) = TcpStream::connect_timeout(&address, PATIENCE) else {
            refusals += 1;
            continue;
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = client(socket);
        let _ = client.write_all(b"?");
        let mut reply = Vec::new();
        let end = client.read_to_end(&mut reply);
        match (reply.len(), end) {
            (0, Ok(_)) => {}
            (0, Err(error)) if error.kind() == ErrorKind::ConnectionReset => {}
            // It came too late to shake hands.
            (0, Err(error)) if !IS_PLAIN && error.kind() == ErrorKind::UnexpectedEof => {
            }
            (length, Ok(_)) if length == size => replies += 1,
            (length, end) => panic!("{length} bytes, then {end:?}"),
        }
    }
    replies
}

/// Datagrams pour in while the server stops. They don't hold it up.
#[test]
fn a_storm_of_datagrams_during_shutdown() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let mut random = Random(3);
    for round in 0..20 {
        let handled = Arc::new(AtomicUsize::new(0));
        let count = handled.clone();
        let server =
            udp(options().max_connections(4), move |request: &mut UdpRequest| {
                if count.fetch_add(1, Ordering::SeqCst) % 50 == 0 {
                    thread::sleep(Duration::from_millis(2)); // so that receivers are added
                }
                request.reply(request.data())
            });
        let address = server.local_addr();
        let handle = server.handle();
        let storm: Vec<_> = (0..4)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    let client = connect_udp(address);
                    while !handle.is_shutting_down() {
                        let _ = client.send(b"another one"); // nobody may be there
                    }
                    for _ in 0..100 {
                        let _ = client.send(b"too late");
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_micros(random.below(8000)));
        let stats = stop(server);
        assert_eq!(stats.finished, handled.load(Ordering::SeqCst) as u64, "{stats}");
        assert_eq!((stats.failed, stats.cut_off), (0, 0), "round {round}: {stats}");
        wait_until("the threads leave", || handle.stats().threads == 0);
        storm.into_iter().for_each(|storm| storm.join().unwrap());
    }
}

/// A server for IPv6 and IPv4 answers an IPv4 client at the address it came from.
#[test]
fn an_ipv4_datagram_for_a_server_of_both_families() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let seen = Notes::new();
    let note = seen.clone();
    let options = options().only_v6(false).verify_request(move |client| {
        note.add(client.clone());
        client.ip().is_loopback()
    });
    let server = run(options.udp("[::]:0", Echo).unwrap());
    let port = server.local_addr().port();
    let four = connect_udp(SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!(ask_udp(&four, b"four"), b"four");
    let six = UdpSocket::bind("[::1]:0").unwrap();
    six.connect((Ipv6Addr::LOCALHOST, port)).unwrap();
    six.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(ask_udp(&six, b"six"), b"six");
    let ips: Vec<_> = seen.all().iter().map(|client| client.ip()).collect();
    assert_eq!(ips, [four.local_addr().unwrap().ip(), six.local_addr().unwrap().ip()]);
}

/// An IPv4 address that is written as IPv6, `::ffff:127.0.0.1`, works as well.
#[test]
fn a_server_on_a_mapped_address() {
    let Ok(server) = options().tcp("[::ffff:127.0.0.1]:0", Echo) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let port = server.local_addr().port();
    let server = run(server);
    assert_echo(connect(SocketAddr::from(([127, 0, 0, 1], port))), b"four");
    assert_eq!(stop(server).finished, 1);
}

/// All kinds of trouble at once, in a crowd. Clients that behave are served as always.
#[test]
fn a_crowd_of_bad_clients_and_a_few_good_ones() {
    let options = options().max_connections(64).max_line(1000).handle_error(|_, _| ());
    let server = tcp(options, |request: &mut TcpRequest| {
        let mut line = String::new();
        while request.read_line(&mut line)? > 0 {
            assert_ne!(line, "panic\n");
            let size = if line == "large\n" { LARGE } else { 0 };
            request.write_all(&vec![b'r'; size])?;
            request.write_all(line.as_bytes())?;
            line.clear();
        }
        Ok(())
    });
    let address = server.local_addr();
    let trouble = move |seed| {
        let mut random = Random(seed);
        for _ in 0..12 {
            let mut client = connect(address);
            let _ = match random.below(6) {
                0 => client.write_all(b"panic\n"),
                1 => client.write_all(&[b'x'; 5000]),
                2 => client.write_all(b"\xff\xfe\n"),
                3 => client.write_all(b"large\n"), // and does not read it
                4 => client.write_all(b"no end"),
                _ => Ok(()),
            };
            if random.below(2) == 0 {
                reset(client);
            } else {
                drop(client);
            }
        }
    };
    thread::scope(|scope| {
        for seed in 0..6 {
            scope.spawn(move || trouble(seed));
        }
        for _ in 0..3 {
            scope.spawn(move || {
                let client = connect(address);
                for _ in 0..100 {
                    assert_echo(&client, b"a good line\n");
                }
            });
        }
    });
    wait_until("all have come and left", || {
        let stats = server.stats();
        assert_balanced(&stats);
        stats.accepted == 6 * 12 + 3 && stats.active == 0
    });
    let stats = stop(server);
    assert!(stats.finished >= 3 && stats.cut_off == 0, "{stats}");
}

/// Many servers come and go at once, in one process, and none takes another's clients.
#[test]
fn many_servers_at_once() {
    in_time("all of them", || {
        thread::scope(|scope| {
            for number in 0..8_u8 {
                scope.spawn(move || {
                    for _ in 0..10 {
                        let server = tcp(options(), move |request: &mut TcpRequest| {
                            request.write_all(&[number])
                        });
                        let client = connect(server.local_addr());
                        assert_eq!(read_all(client), [number]);
                        assert_eq!(stop(server).finished, 1);
                    }
                });
            }
        });
    });
}

/// It connects and is gone before it is accepted.
#[test]
fn clients_that_leave_while_they_wait_in_the_queue() {
    if !IS_PLAIN {
        return; // in the queue, nobody shakes hands
    }
    let server = options().tcp("127.0.0.1:0", Echo).unwrap();
    for _ in 0..50 {
        reset(connect(server.local_addr()));
        drop(connect(server.local_addr()));
    }
    let server = run(server);
    assert_echo(connect(server.local_addr()), b"I am still here");
    let handle = server.handle();
    wait_until("they are gone", || handle.stats().active == 0);
    let stats = stop(server);
    assert_eq!((stats.failed, stats.panicked, stats.cut_off), (0, 0, 0), "{stats}");
    assert!(stats.finished >= 51, "{stats}");
}

/// A dead server has left its file behind, and eight start at the same moment. One of
/// them gets the path, and keeps it.
#[test]
fn servers_that_race_for_a_file_left_behind() {
    in_own_process("faults::servers_that_race_for_a_file_left_behind", || {
        let dir = TempDir::new();
        let path = dir.path("socket");
        for round in 0..100 {
            drop(UnixListener::bind(&path).unwrap()); // its file stays
            let barrier = Barrier::new(8);
            let start = || {
                barrier.wait();
                options().unix(&path, Echo)
            };
            let servers: Vec<_> = thread::scope(|scope| {
                let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                starts.into_iter().map(|start| start.join().unwrap()).collect()
            });
            let mut winners: Vec<_> =
                servers.into_iter().filter_map(io::Result::ok).collect();
            assert_eq!(winners.len(), 1, "round {round}");
            let server = run(winners.remove(0));
            assert_echo(connect_unix(&path), b"hello");
            stop(server);
            assert!(!path.exists());
        }
    });
}
