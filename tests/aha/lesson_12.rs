//! Lesson 12: a handler for each datagram.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};

use crossbeam_channel::{Receiver, bounded};
use parking_lot::Mutex;
use socketserver::{RequestHandler, ThreadedServer, UdpRequest};

use super::*;
use crate::course::programs::{python, run};

const LESSON: &str = "12_threaded_udp";

/// Sends a datagram from a socket and receives the reply.
fn asked(client: &UdpSocket, server: SocketAddr, data: &[u8]) -> io::Result<Vec<u8>> {
    client.send_to(data, server)?;
    let mut answer = vec![0; 65_535];
    let count = client.recv(&mut answer)?;
    answer.truncate(count);
    Ok(answer)
}

// ---- Handlers ---------------------------------------------------------------------------

#[test]
fn a_slow_datagram_does_not_delay_the_others() -> Outcome {
    let (open, gate): (_, Receiver<()>) = bounded(0);
    let (arrived, arrivals) = mpsc::channel();
    let handler = move |request: &mut UdpRequest| {
        if request.data() == b"slow" {
            let _ = arrived.send(());
            let _ = gate.recv_timeout(DEADLINE); // until the gate is opened
        }
        request.reply(request.data())
    };
    let server = ThreadedServer::udp("127.0.0.1:0", handler)?.spawn()?;
    let slow = (0..8).map(|_| datagrams()).collect::<io::Result<Vec<_>>>()?;
    for client in &slow {
        client.send_to(b"slow", server.local_addr())?;
        arrivals.recv_timeout(DEADLINE)?;
    }
    // Eight handlers are at work, and won't end before the ninth has replied.
    assert_eq!(asked(&datagrams()?, server.local_addr(), b"quick")?, b"quick");
    assert!(server.stats().active >= 8);
    drop(open);
    for client in &slow {
        assert_eq!(client.recv(&mut [0; 64])?, 4);
    }
    Ok(())
}

#[test]
fn the_slow_answer_takes_as_long_as_its_handler() -> Outcome {
    let (output, _) =
        run(&mut Command::new(example(LESSON)), Instant::now() + DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let (_, rest) =
        printed.split_once("\"SLOW AND STEADY\" after ").ok_or("no answer")?;
    let ms: u64 = rest.split_whitespace().next().ok_or("no time")?.parse()?;
    assert!(ms >= 300, "{printed}");
    Ok(())
}

/// Counts in a field of its own.
#[derive(Clone, Default)]
struct Counter {
    count: u8,
}

impl RequestHandler<UdpRequest> for Counter {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        self.count += 1;
        request.reply(&[self.count])
    }
}

#[test]
fn nothing_is_kept_from_one_datagram_to_the_next() -> Outcome {
    let server = ThreadedServer::udp("127.0.0.1:0", Counter::default())?.spawn()?;
    let client = datagrams()?;
    for _ in 0..3 {
        assert_eq!(asked(&client, server.local_addr(), b"count")?, [1]);
    }
    Ok(())
}

// [by_address]
#[derive(Clone, Default)]
struct Counts {
    counts: Arc<Mutex<HashMap<SocketAddr, u8>>>,
}

impl RequestHandler<UdpRequest> for Counts {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let count = {
            let mut counts = self.counts.lock();
            let count = counts.entry(request.client_address()).or_default();
            *count += 1;
            *count
        }; // the lock is free again
        request.reply(&[count])
    }
}
// [/by_address]

#[test]
fn a_map_by_address_remembers() -> Outcome {
    let server = ThreadedServer::udp("127.0.0.1:0", Counts::default())?.spawn()?;
    let (ada, bob) = (datagrams()?, datagrams()?);
    for count in 1..=3 {
        assert_eq!(asked(&ada, server.local_addr(), b"count")?, [count]);
        assert_eq!(asked(&bob, server.local_addr(), b"count")?, [count]);
    }
    Ok(())
}

#[test]
fn a_reply_is_sent_only_when_the_handler_sends_one() -> Outcome {
    let handler = |request: &mut UdpRequest| match request.data() {
        b"hush" => Ok(()),
        data => request.reply(data),
    };
    let server = ThreadedServer::udp("127.0.0.1:0", handler)?.spawn()?;
    let client = datagrams()?;
    client.send_to(b"hush", server.local_addr())?;
    let end = Instant::now() + DEADLINE;
    while server.stats().finished < 1 && Instant::now() < end {
        thread::yield_now(); // until it has been handled
    }
    assert_eq!(asked(&client, server.local_addr(), b"speak")?, b"speak");
    Ok(())
}

#[test]
fn a_panic_loses_only_one_datagram() -> Outcome {
    let handler = |request: &mut UdpRequest| {
        if request.data() == b"bad" {
            resume_unwind(Box::new("told to")); // a panic that prints nothing
        }
        request.reply(request.data())
    };
    let builder = ThreadedServer::builder().handle_error(|_, _| {});
    let server = builder.udp("127.0.0.1:0", handler)?.spawn()?;
    let client = datagrams()?;
    client.send_to(b"bad", server.local_addr())?;
    assert_eq!(asked(&client, server.local_addr(), b"good")?, b"good");
    drop(client);
    let handle = server.handle();
    drop(server);
    assert_eq!((handle.stats().panicked, handle.stats().finished), (1, 1));
    Ok(())
}

// ---- Clients ----------------------------------------------------------------------------

#[test]
fn white_space_goes_as_with_strip() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    let client = datagrams()?;
    for (sent, answer) in [
        (&b"hello udp\n"[..], &b"HELLO UDP"[..]),
        (b" \t\n\r\x0b\x0cin the  middle\x0c\x0b\r\n\t ", b"IN THE  MIDDLE"),
        (b"\x0b", b""),
        (b"", b""),
        (b"\x1c\x00\xff\xa0", b"\x1c\x00\xff\xa0"), // not white space for `bytes.strip`
    ] {
        assert_eq!(asked(&client, addr, sent)?, answer, "{}", sent.escape_ascii());
    }
    Ok(())
}

#[test]
fn a_python_client_is_answered() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let (_server, addr) = server(LESSON)?;
    let program = "
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
for data in (b'hello udp\\n', b' \\t\\x0b\\n'):
    client.sendto(data, ('127.0.0.1', int(sys.argv[1])))
    print(client.recv(1024) == data.strip().upper())
";
    let mut command = Command::new(python);
    command.args(["-c", program, &addr.port().to_string()]);
    let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "True\nTrue");
    Ok(())
}

#[test]
fn python_truncates_a_long_datagram_silently() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let program = "
import socket, socketserver
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        print(len(self.request[0]))
with socketserver.UDPServer(('127.0.0.1', 0), Handler) as server:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(bytes(9000), server.server_address)
        server.timeout = 5
        server.handle_request()
";
    let mut command = Command::new(python);
    let (output, _) = run(command.args(["-c", program]), Instant::now() + DEADLINE)?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "8192");
    Ok(())
}

#[test]
fn one_type_can_serve_tcp_and_udp_on_one_port() -> Outcome {
    use socketserver::TcpRequest;

    #[derive(Clone)]
    struct Both;
    impl RequestHandler for Both {
        fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
            request.write_all(b"tcp")
        }
    }
    impl RequestHandler<UdpRequest> for Both {
        fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
            request.reply(b"udp")
        }
    }
    let tcp = ThreadedServer::tcp("127.0.0.1:0", Both)?.spawn()?;
    // (If another program has this port for UDP, there is nothing to test.)
    let Ok(udp) = ThreadedServer::udp(tcp.local_addr(), Both) else { return Ok(()) };
    let udp = udp.spawn()?;
    assert_eq!(udp.local_addr(), tcp.local_addr());
    let mut text = String::new();
    connect(tcp.local_addr())?.read_to_string(&mut text)?;
    assert_eq!(
        (text.as_str(), asked(&datagrams()?, udp.local_addr(), b"")?),
        ("tcp", b"udp".to_vec())
    );
    Ok(())
}

#[test]
fn an_odd_datagram_does_not_disturb_the_threaded_server() -> Outcome {
    let (mut server, addr) = server(LESSON)?;
    datagrams()?.send_to(b"does not wait for its answer", addr)?;
    let client = datagrams()?;
    let longest = vec![b'x'; 65_507];
    assert_eq!(asked(&client, addr, &longest)?, longest.to_ascii_uppercase());
    assert_eq!(asked(&client, addr, b"\xff\xfe")?, b"\xff\xfe");

    let clients = (0..200).map(|_| datagrams()).collect::<io::Result<Vec<_>>>()?;
    for client in &clients {
        assert_eq!(asked(client, addr, b"hello")?, b"HELLO");
    }
    assert!(!server.has_ended());
    Ok(())
}

#[test]
fn ctrl_c_ends_the_threaded_udp_server() -> Outcome {
    let (mut idle, _) = server(LESSON)?;
    idle.interrupt()?;
    assert!(idle.status(Instant::now() + DEADLINE)?.success());

    let mut command = Command::new(example(LESSON));
    command.args(["serve", "--addr", "127.0.0.1:0", "--nap", "60000"]);
    let (mut busy, addr) = Program::server(&mut command)?;
    datagrams()?.send_to(b"slow", addr)?;
    let end = Instant::now() + DEADLINE;
    while !busy.line(end)?.ok_or("the server has ended")?.ends_with("sent 4 bytes") {}
    let status = loop {
        busy.interrupt()?; // two of them close together might count as one
        match busy.status(Instant::now() + Duration::from_millis(500)) {
            Err(_) if Instant::now() < end => {}
            status => break status?,
        }
    };
    assert!(status.success());
    Ok(())
}
