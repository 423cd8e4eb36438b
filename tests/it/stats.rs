//! `stats()` gives one consistent picture at any moment.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use socketserver::{TcpRequest, UdpRequest};

use crate::support::{
    IS_PLAIN, ask_udp, assert_balanced, connect, connect_udp, ended, has_ended, options,
    stop, tcp, udp,
};

/// Clients come and go in every possible way. Whenever you look, each client that was
/// accepted is counted in exactly one other place.
#[test]
fn the_counts_agree_at_any_moment() {
    let turn = AtomicUsize::new(0);
    let options = options()
        .max_connections(4)
        .drain_timeout(Duration::from_millis(100))
        .handle_error(|_, _| ())
        .verify_request(move |_| turn.fetch_add(1, Ordering::SeqCst) % 5 > 0);
    let server = tcp(options, |request: &mut TcpRequest| {
        let mut wish = [0];
        request.read_exact(&mut wish)?; // fails for who has left
        match &wish {
            b"p" => panic!("as it was asked to"),
            b"e" => Err(io::Error::other("as it was asked to")),
            b"L" => request.write_all(&vec![0; 32 * 1024 * 1024]),
            _ => request.write_all(b"!"),
        }
    });
    let address = server.local_addr();
    thread::scope(|scope| {
        let visitors = ["p", "e", "?", ""].map(|wish| {
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut client = connect(address);
                    // A client that is rejected might notice it here.
                    let _ = client.write_all(wish.as_bytes());
                    let _ = client.shutdown(Shutdown::Write);
                    assert!(has_ended(client));
                }
            })
        });
        let mut last = server.stats();
        while !visitors.iter().all(ScopedJoinHandle::is_finished) {
            let stats = server.stats();
            assert_balanced(&stats);
            assert!(stats.accepted >= last.accepted && stats.active <= 4);
            last = stats;
        }
    });
    // One of these two is rejected. The other one is served, and will be cut off.
    let _stay = [(); 2].map(|()| {
        let mut client = connect(address);
        let _ = client.write_all(b"L");
        let _ = client.read(&mut [0]);
        client
    });
    let stats = stop(server);
    assert_eq!(stats.accepted, 202);
    let fates = [
        stats.rejected,
        stats.finished,
        stats.failed,
        stats.panicked,
        stats.disconnected,
    ];
    assert!(fates.iter().all(|fate| *fate > 10), "{stats}");
    assert!(stats.cut_off >= 1 && stats.active == 0, "{stats}");
}

#[test]
fn a_datagram_counts_as_a_client() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let server = udp(options(), |request: &mut UdpRequest| {
        request.reply(request.server().stats().to_string().as_bytes())
    });
    let client = connect_udp(server.local_addr());
    let text = String::from_utf8(ask_udp(&client, b"")).unwrap();
    assert_eq!(text, "1 accepted: 1 active");
    server.shutdown();
    assert_eq!(ended(server).finished, 1);
}
