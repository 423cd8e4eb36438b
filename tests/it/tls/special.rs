//! What only encrypted connections have: a handshake, records, `close_notify`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::TcpRequest;

use crate::support::*;

/// Stands between a client and a server, and passes on what they say byte by byte.
fn relay(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(server).unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let pass = |mut from: TcpStream, mut to: TcpStream| {
            let mut byte = [0];
            while let Ok(1) = from.read(&mut byte) {
                if to.write_all(&byte).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        };
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let way_back = thread::spawn(move || pass(back.0, back.1));
        pass(client, server);
        let _ = way_back.join();
    });
    address
}

#[test]
fn a_client_silent_in_its_handshake_times_out_without_delaying_others() {
    let (options, errors) = noting_errors(options());
    let server = tcp(options.handshake_timeout(Duration::from_millis(300)), Echo);
    let mut silent = crate::plain::connect(server.local_addr());
    assert_echo(connect(server.local_addr()), b"hello");
    assert_eq!(silent.read(&mut [0; 100]).unwrap(), 0);
    wait_until("it is counted", || server.stats().timed_out == 1);
    let stats = stop(server);
    assert_eq!((stats.finished, stats.failed), (1, 0));
    assert_eq!(errors.len(), 0, "{:?}", errors.all());
}

/// Each byte arrives in time, but all of them together don't.
#[test]
fn a_client_that_trickles_its_handshake_times_out() {
    let server = tcp(options().handshake_timeout(Duration::from_millis(500)), Echo);
    let mut client = crate::plain::connect(server.local_addr());
    let begin = Instant::now();
    // A record of 512 bytes begins: a ClientHello.
    let mut hello = [22, 3, 1, 2, 0, 1].into_iter().chain(std::iter::repeat(0));
    while begin.elapsed() < PATIENCE
        && client.write_all(&[hello.next().unwrap_or_default()]).is_ok()
        && server.stats().timed_out + server.stats().disconnected == 0
    {
        thread::sleep(Duration::from_millis(20));
    }
    let stats = stop(server);
    assert_eq!(stats.timed_out, 1, "{stats}");
}

#[test]
fn what_is_not_tls_is_answered_with_an_alert_and_counted_not_reported() {
    let (options, errors) = noting_errors(options());
    let server = tcp(options, Echo);
    let address = server.local_addr();
    let noise: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff\xfe\n",
        &[0; 3000],
        b"hello\n",
    ];
    for bytes in noise {
        let mut client = crate::plain::connect(address);
        client.write_all(bytes).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let reply = read_all(client);
        // (Three bytes aren't a record yet: the client left in the middle of one.)
        assert!(
            reply.is_empty() || reply[0] == 21,
            "{bytes:?} is answered by {reply:?}"
        );
    }
    let mut client = crate::plain::connect(address);
    client.write_all(noise[0]).unwrap();
    assert_eq!(read_all(client)[0], 21, "an alert, though the client waits");
    wait_until("they are counted", || server.stats().disconnected == 5);
    assert_echo(connect(address), b"hello");
    let stats = stop(server);
    assert_eq!((stats.finished, stats.failed, stats.disconnected), (1, 0, 5));
    assert_eq!(errors.len(), 0, "{:?}", errors.all());
}

/// All places are taken by clients that never shake hands, three times over.
#[test]
fn clients_that_never_shake_hands_give_their_places_back() {
    const TIME: Duration = Duration::from_millis(300);
    let server = tcp(options().max_connections(4).handshake_timeout(TIME), Echo);
    let address = server.local_addr();
    let begin = Instant::now();
    let silent: Vec<_> = (0..12).map(|_| crate::plain::connect(address)).collect();
    wait_until("all places are taken", || server.stats().active == 4);
    assert_echo(connect(address), b"it is my turn");
    assert!(begin.elapsed() >= 3 * TIME, "it was served without a place");
    for client in silent {
        assert!(read_all(client).is_empty());
    }
    wait_until("all have left", || server.stats().active == 0);
    let stats = stop(server);
    assert_eq!(
        (stats.timed_out, stats.finished, stats.accepted),
        (12, 1, 13),
        "{stats}"
    );
}

/// Handshakes fail in four ways, thousands of times.
#[cfg(unix)]
#[test]
fn thousands_of_failed_handshakes_leave_nothing_behind() {
    use crate::leaks::{Belongings, memory};
    use crate::process::in_own_process;

    let test = "special::thousands_of_failed_handshakes_leave_nothing_behind";
    in_own_process(test, || {
        let idle = Duration::from_millis(50);
        let server = tcp(options().max_connections(8).idle_thread_timeout(idle), Echo);
        let before = Belongings::now();
        let address = server.local_addr();
        // Trusts nobody.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let suspicious = rustls::ClientConfig::builder_with_provider(provider);
        let suspicious = suspicious.with_safe_default_protocol_versions().unwrap();
        let suspicious =
            suspicious.with_root_certificates(rustls::RootCertStore::empty());
        let suspicious = Arc::new(suspicious.with_no_client_auth());
        let fail = |times: u64| {
            let before = server.stats().disconnected;
            for number in 0..times {
                let mut client = crate::plain::connect(address);
                match number % 4 {
                    0 => {} // it says nothing
                    1 => client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
                    2 => drop(Client::half(client)),
                    _ => drop(Client::with(client, Arc::clone(&suspicious))),
                }
            }
            wait_until("all have failed", || {
                let stats = server.stats();
                stats.active == 0 && stats.disconnected == before + times
            });
        };
        fail(400);
        let used = memory();
        fail(4000);
        before.assert_back("after failed handshakes");
        let grown = memory().saturating_sub(used);
        assert!(grown < 1024 * 1024, "{grown} bytes more for 4000 failed handshakes");
        assert_echo(connect(address), b"hello");
        assert_eq!(stop(server).finished, 1);
    });
}

#[test]
fn byte_by_byte_is_as_good_as_any_other_way() {
    let server = tcp(options(), Echo);
    let client = connect(relay(server.local_addr()));
    let text: Vec<u8> = (0..5000_u32).map(|number| number as u8).collect();
    assert_echo(&client, &text);
    for byte in &text[..50] {
        assert_echo(&client, &[*byte]);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&client).is_empty());
    assert_eq!(stop(server).finished, 1);
}

#[test]
fn an_end_that_was_not_announced_is_a_disconnect() {
    let (asking, kinds) = crossbeam_channel::unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        let result = request.read_to_end(&mut Vec::new());
        asking.send(result.as_ref().map_err(io::Error::kind).copied()).unwrap();
        result.map(drop)
    });
    let mut announced = connect(server.local_addr());
    announced.write_all(b"whole").unwrap();
    announced.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Ok(5)));
    assert!(read_all(announced).is_empty());

    let mut cut = connect(server.local_addr());
    cut.write_all(b"who").unwrap();
    TcpStream::shutdown(&cut, Shutdown::Write).unwrap();
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Err(ErrorKind::UnexpectedEof)));
    assert!(
        cut.read_to_end(&mut Vec::new()).is_err(),
        "it ends badly for the client, too"
    );
    wait_until("they have left", || server.stats().active == 0);
    let stats = stop(server);
    assert_eq!((stats.finished, stats.disconnected), (1, 1));
}

/// The last words and the end in one packet: the socket tells the server only once.
#[test]
fn last_bytes_and_end_of_file_can_arrive_together() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut small = [0; 3];
        request.read_exact(&mut small)?;
        while request.read(&mut small)? > 0 {}
        request.write_all(b"that was all")
    });
    for size in [3, 4, 5000] {
        let client = connect(server.local_addr());
        client.send_last(&vec![b'x'; size]).unwrap();
        assert_eq!(read_all(client), b"that was all", "{size} bytes");
    }
    assert_eq!(stop(server).finished, 3);
}

#[test]
fn new_keys_can_come_in_the_middle_of_a_conversation() {
    let server = tcp(options(), Echo);
    let client = connect(server.local_addr());
    for round in 0..20 {
        client.refresh_keys();
        assert_echo(&client, format!("round {round}").as_bytes());
    }
    drop(client);
    assert_eq!(stop(server).finished, 1);
}

#[test]
fn old_clients_with_tls_1_2_are_served() {
    let server = tcp(options(), Echo);
    let config = config_for(&[&rustls::version::TLS12]);
    let stream = crate::plain::connect(server.local_addr());
    let client = Client::with(stream, Arc::new(config));
    assert_echo(&client, &[b'x'; 40_000]);
    client.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(client).is_empty());
    assert_eq!(stop(server).finished, 1);
}

/// In both directions at once, from several threads on each side.
#[test]
fn sixty_four_megabytes_each_way_arrive_unharmed() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 256;
    let server = tcp(options(), |request: &mut TcpRequest| {
        let writers: Vec<_> = (0..4_u8)
            .map(|number| {
                let mut writer = request.writer();
                thread::spawn(move || {
                    (0..PIECES).try_for_each(|_| writer.write_all(&[number; PIECE]))
                })
            })
            .collect();
        let mut sums = [0_u64; 4];
        let mut piece = vec![0; PIECE];
        for _ in 0..4 * PIECES {
            request.read_exact(&mut piece)?;
            assert!(
                piece.iter().all(|byte| *byte == piece[0]),
                "a piece is in one piece"
            );
            sums[usize::from(piece[0])] += 1;
        }
        for writer in writers {
            writer.join().unwrap()?;
        }
        assert_eq!(sums, [PIECES as u64; 4]);
        request.write_all(b"well")
    });
    let client = connect(server.local_addr());
    let whole = Arc::new(parking_lot::Mutex::new(())); // our client has no such lock
    let writers: Vec<_> = (0..4_u8)
        .map(|number| {
            let (mut client, whole) = (client.clone(), Arc::clone(&whole));
            thread::spawn(move || {
                for _ in 0..PIECES {
                    let _whole = whole.lock();
                    client.write_all(&[number; PIECE]).unwrap();
                }
            })
        })
        .collect();
    let mut sums = [0; 4];
    let mut piece = vec![0; PIECE];
    for _ in 0..4 * PIECES {
        (&client).read_exact(&mut piece).unwrap();
        assert!(piece.iter().all(|byte| *byte == piece[0]), "a piece is in one piece");
        sums[usize::from(piece[0])] += 1;
    }
    assert_eq!(sums, [PIECES; 4]);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(read_all(client), b"well");
    assert_eq!(stop(server).finished, 1);
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_client_that_never_began() {
    let server = tcp(options().drain_timeout(PATIENCE).handshake_timeout(None), Echo);
    let mut silent = crate::plain::connect(server.local_addr());
    wait_until("it is there", || server.stats().active == 1);
    let stats = stop(server);
    assert_eq!((stats.disconnected, stats.cut_off), (1, 0), "{stats}");
    let _ = silent.read(&mut [0]); // an end, or a reset
}

/// A client that was in the middle of its handshake when the server stopped gets its
/// reply.
#[test]
fn a_handshake_that_has_begun_can_end_although_the_server_stops() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let line = request.next_line()?.unwrap_or_default();
        request.write_all(line.to_uppercase().as_bytes())
    });
    let stream = crate::plain::connect(server.local_addr());
    let half = Client::half(stream); // has sent its hello, and read the server's
    server.shutdown();
    wait_until("it stops", || server.is_shutting_down());
    thread::sleep(Duration::from_millis(50)); // in which it could give up
    half.send_with_handshake(b"hello\n").unwrap();
    assert_eq!(read_all(half), b"HELLO");
    assert_eq!(ended(server).finished, 1);
}

/// A Unix socket has no reset. But here the client can tell.
#[cfg(unix)]
#[test]
fn a_reply_that_breaks_off_on_a_unix_socket_is_seen_to_break_off() {
    use socketserver::UnixRequest;

    let dir = TempDir::new();
    for fails in [true, false] {
        let path = dir.path("socket");
        let server = options().handle_error(|_, _| ());
        let server = server.unix(&path, move |request: &mut UnixRequest| {
            request.write_all(b"half a re")?;
            if fails {
                Err(io::Error::other("no more"))
            } else {
                request.write_all(b"ply")
            }
        });
        let server = run(server.unwrap());
        let read = connect_unix(&path).read_to_end(&mut Vec::new());
        assert_eq!(read.is_err(), fails, "{read:?}");
        assert_eq!(stop(server).finished, u64::from(!fails));
    }
}

/// A Unix socket says at once that nobody is there for our own `close_notify`. That does no
/// harm, unless the client has left something else unread.
#[cfg(unix)]
#[test]
fn a_client_of_a_unix_socket_may_say_its_end_and_go() {
    use socketserver::UnixRequest;

    let dir = TempDir::new();
    for reads in [true, false] {
        let (key, gate) = gate();
        let written = Notes::new();
        let note = written.clone();
        let path = dir.path("socket");
        let server = options().unix(&path, move |request: &mut UnixRequest| {
            request.write_all(b"!")?;
            note.add(());
            gate.pass();
            request.read_to_end(&mut Vec::new()).map(drop)
        });
        let server = run(server.unwrap());
        let mut client = connect_unix(&path);
        written.wait_for(1);
        if reads {
            client.read_exact(&mut [0]).unwrap();
        }
        drop(client);
        drop(key);
        wait_until("it has left", || server.stats().active == 0);
        let stats = stop(server);
        assert_eq!(
            (stats.finished == 1, stats.disconnected == 0),
            (reads, reads),
            "{stats}"
        );
    }
}

/// A server that sends something unasked, such as tickets, has it lying unread in its client's
/// socket. Then the system resets the connection when the client closes it, and what was
/// still on its way to the server is gone.
#[test]
fn what_a_client_sent_before_it_left_without_reading_arrives() {
    const SIZE: usize = 500_000;
    let has_left = Arc::new(Barrier::new(2));
    let (wait, received) = (has_left.clone(), Notes::new());
    let note = received.clone();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        wait.wait();
        let (mut count, mut buffer) = (0, [0; 4096]);
        while let Ok(more @ 1..) = request.read(&mut buffer) {
            count += more;
        }
        note.add(count);
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.write_all(&vec![b'x'; SIZE]).unwrap();
    drop(client);
    has_left.wait();
    assert_eq!(received.wait_for(1), [SIZE]);
    stop(server);
}
