//! The receivers of datagrams: the turn goes round, and every datagram is handled once.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::{ThreadedServer, UdpRequest};

use crate::{FEW, MILLION, PATIENCE, Random, wait_until};

#[test]
fn every_datagram_is_handled_once() {
    every_datagram(FEW);
}

#[test]
#[ignore = "takes long"]
fn every_datagram_is_handled_once_a_million_times() {
    every_datagram(MILLION);
}

/// Six clients ask and wait for the reply. Some replies take longer than the supervisor
/// waits, so receivers come and go all the time.
fn every_datagram(count: usize) {
    const CLIENTS: usize = 6;
    let most = Arc::new(AtomicUsize::new(0));
    let now = Arc::new(AtomicUsize::new(0));
    let (max, inside) = (most.clone(), now.clone());
    let server = ThreadedServer::builder()
        .max_connections(4)
        .idle_thread_timeout(Duration::from_micros(500))
        .udp("127.0.0.1:0", move |request: &mut UdpRequest| {
            max.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let micros = u64::from(request.data()[0]);
            if micros > 250 {
                thread::sleep(Duration::from_micros(8 * micros));
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            request.reply(request.data())
        })
        .unwrap()
        .spawn()
        .unwrap();
    let address = server.local_addr();
    let slowest = thread::scope(|scope| {
        let clients = [1, 2, 3, 4, 5, 6].map(|seed| {
            scope.spawn(move || {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                client.connect(address).unwrap();
                client.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut random = Random(seed);
                let mut slowest = Duration::ZERO;
                for number in 0..count / CLIENTS {
                    let mut data = [random.below(256) as u8; 9];
                    data[1..].copy_from_slice(&number.to_be_bytes());
                    let begin = Instant::now();
                    client.send(&data).unwrap();
                    let mut answer = [0; 10];
                    let length = client.recv(&mut answer).expect("stuck");
                    assert_eq!(answer[..length], data);
                    slowest = slowest.max(begin.elapsed());
                }
                slowest
            })
        });
        clients.map(|client| client.join().unwrap()).into_iter().max()
    });
    let handle = server.handle();
    handle.shutdown();
    server.join().unwrap();
    let stats = handle.stats();
    let sent = (count / CLIENTS * CLIENTS) as u64;
    assert_eq!((stats.accepted, stats.finished), (sent, sent));
    wait_until("the threads leave", || handle.stats().threads == 0);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 4, "{most} at once");
    println!("{sent} datagrams, up to {most} at once, the slowest took {slowest:?}");
}
