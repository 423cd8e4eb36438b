//! What a server does not do: work while nothing happens, or delay small writes.

use std::thread;
use std::time::Duration;

use socketserver::{ServerHandle, ThreadedServer, UdpRequest};

use crate::stopping::effort_of;
use crate::support::{
    Echo, ask_udp, connect_udp, gate, in_time, options, receive, wait_until,
};

/// Serves on a thread of its own, which reports its effort: processor time, and how many
/// times it went to sleep.
fn serve(server: ThreadedServer) -> thread::JoinHandle<(Duration, u64)> {
    thread::spawn(move || effort_of(|| server.serve_forever()))
}

fn stop(
    handle: &ServerHandle,
    serving: thread::JoinHandle<(Duration, u64)>,
) -> (Duration, u64) {
    handle.shutdown();
    in_time("the end", move || serving.join().unwrap())
}

/// The supervisor of a datagram server watches while there is traffic, and no longer.
#[test]
fn after_some_datagrams_a_server_sleeps_again() {
    let server = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let serving = serve(server);
    let client = connect_udp(handle.local_addr());
    for _ in 0..3 {
        assert_eq!(ask_udp(&client, b"hello"), b"hello");
    }
    thread::sleep(Duration::from_secs(2)); // if it looked on, it would look 2000 times
    let (cpu, sleeps) = stop(&handle, serving);
    assert!(sleeps < 500, "it went to sleep {sleeps} times");
    assert!(cpu < Duration::from_millis(100), "it was busy for {cpu:?}");
}

/// All receivers are busy, datagrams wait, and no receiver can be added. The server
/// waits until one is done; it does not ask again and again without a pause.
#[test]
fn a_server_without_room_for_a_datagram_does_not_spin() {
    let (key, gate) = gate();
    let server = options().max_connections(1).udp("127.0.0.1:0", {
        move |request: &mut UdpRequest| {
            gate.pass();
            request.reply(request.data())
        }
    });
    let server = server.unwrap();
    let handle = server.handle();
    let serving = serve(server);
    let client = connect_udp(handle.local_addr());
    client.send(b"first").unwrap();
    wait_until("it is served", || handle.stats().active == 1);
    client.send(b"second").unwrap();
    thread::sleep(Duration::from_millis(700));
    drop(key);
    assert_eq!(receive(&client), b"first");
    assert_eq!(receive(&client), b"second");
    let (cpu, _) = stop(&handle, serving);
    assert!(cpu < Duration::from_millis(250), "it was busy for {cpu:?}");
}

/// The server's end of the connection of the client at `address`, among all sockets of
/// this process. `None` where the system does not show them.
#[cfg(target_os = "linux")]
fn servers_end(address: std::net::SocketAddr) -> Option<socket2::Socket> {
    use rustix::process::{
        PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open,
    };
    let process = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let numbers = std::fs::read_dir("/proc/self/fd").ok()?;
    let numbers =
        numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.into_iter().find_map(|number: i32| {
        let copy = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok()?;
        let socket = socket2::Socket::from(copy);
        let peer = socket.peer_addr().ok()?.as_socket()?;
        (peer == address).then_some(socket)
    })
}

#[cfg(target_os = "linux")]
#[test]
fn small_writes_go_out_at_once_unless_told_otherwise() {
    use crate::support::{connect, tcp};
    use std::io::{Read, Write};

    for (options, expected) in [(options(), true), (options().nodelay(false), false)] {
        let server = tcp(options, |request: &mut socketserver::TcpRequest| {
            request.write_all(b"!")?;
            request.read(&mut [0]).map(drop)
        });
        let mut client = connect(server.local_addr());
        client.read_exact(&mut [0]).unwrap();
        match servers_end(client.local_addr().unwrap()) {
            Some(socket) => assert_eq!(socket.tcp_nodelay().unwrap(), expected),
            None => eprintln!("skipped: the system does not let us look"),
        }
    }
}
