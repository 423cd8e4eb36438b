//! Everything together: servers that run only briefly, and are stopped at any moment.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use socketserver::{TcpRequest, ThreadedServer};

use crate::{FEW, MILLION, PATIENCE, Random, wait_until};

#[test]
fn a_server_can_be_stopped_at_any_moment() {
    lives(FEW / 100);
}

#[test]
#[ignore = "takes long"]
fn a_server_can_be_stopped_at_any_moment_often() {
    lives(MILLION / 100);
}

/// Each server has a few clients, which connect at any moment, and is stopped at any
/// moment. A client that gets a reply gets the right one.
fn lives(rounds: usize) {
    let mut random = Random(1);
    let mut answered = 0;
    for _ in 0..rounds {
        let server = ThreadedServer::builder()
            .max_connections(1 + random.below(3) as usize)
            .drain_timeout(PATIENCE)
            .tcp("127.0.0.1:0", |request: &mut TcpRequest| {
                let mut data = [0; 100];
                loop {
                    let count = request.read(&mut data)?;
                    if count == 0 {
                        return Ok(());
                    }
                    request.write_all(&data[..count])?;
                }
            })
            .unwrap()
            .spawn()
            .unwrap();
        let address = server.local_addr();
        let handle = server.handle();
        let replies: u64 = thread::scope(|scope| {
            let clients = [(); 3].map(|()| {
                let mut random = Random(random.below(u64::MAX));
                scope.spawn(move || {
                    random.dawdle();
                    let client = TcpStream::connect_timeout(&address, PATIENCE);
                    client.map_or(0, |client| talk(client, &mut random))
                })
            });
            for _ in 0..random.below(30) {
                random.dawdle();
            }
            handle.shutdown();
            server.join().unwrap();
            clients.map(|client| client.join().unwrap()).iter().sum()
        });
        let stats = handle.stats();
        assert_eq!((stats.active, stats.cut_off), (0, 0), "{stats}");
        wait_until("the threads leave", || handle.stats().threads == 0);
        assert_eq!(stats.finished + stats.rejected, stats.accepted, "{stats}");
        answered += replies;
    }
    println!("{rounds} servers, {answered} replies");
}

/// Asks until the end. A reset is fine only for a client that never got a reply, because
/// it might have been in the queue.
fn talk(mut client: TcpStream, random: &mut Random) -> u64 {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut replies = 0;
    loop {
        let question = [b'?'; 10];
        let sent = client.write_all(&question);
        let mut answer = [0; 10];
        match client.read_exact(&mut answer) {
            Ok(()) if sent.is_ok() => assert_eq!(answer, question),
            Ok(()) => panic!("an answer to nothing"),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return replies,
            Err(error) if error.kind() == ErrorKind::ConnectionReset && replies == 0 => {
                return 0;
            }
            Err(error) => panic!("after {replies} replies: {error}"),
        }
        replies += 1;
        if random.below(10) == 0 {
            thread::sleep(Duration::from_micros(random.below(100)));
        }
    }
}
