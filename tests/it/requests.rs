//! Promise 13, a reply that is not reset, and what a handler can do with a request.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use socketserver::{RequestHandler, StreamWriter, TcpRequest, UdpRequest};

use crate::support::{
    Echo, IS_PLAIN, PATIENCE, ask, ask_udp, assert_echo, connect, connect_udp, gate,
    has_ended, options, read_all, stop, tcp, udp, wait_until,
};

/// The request has arrived, and the handler reads one byte of it. Closing the socket
/// then would reset the connection.
#[test]
fn a_request_that_was_not_read_to_its_end_gets_its_reply() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.read_exact(&mut [0])?;
        request.write_all(b"enough")
    });
    for _ in 0..20 {
        assert_eq!(ask(server.local_addr(), &[b'x'; 1000]), b"enough");
    }
    assert_eq!(stop(server).finished, 20);
}

/// The client is still sending when the reply is written, and far from its end.
#[test]
fn a_request_that_is_still_being_sent_gets_its_reply() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.read_exact(&mut [0])?;
        request.write_all(b"too large")
    });
    assert_eq!(ask(server.local_addr(), &vec![b'x'; 8 * 1024 * 1024]), b"too large");
}

/// The reply ends with end of file, so the client need not close first.
#[test]
fn the_client_sees_the_end_while_the_server_still_listens_to_it() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.read_exact(&mut [0])?;
        request.write_all(b"reply")
    });
    // Under heavy load it might have stopped listening by then, but not every time.
    let was_there = (0..5).any(|_| {
        let mut client = connect(server.local_addr());
        client.write_all(&[b'x'; 1000]).unwrap();
        assert_eq!(read_all(&client), b"reply");
        // A closed socket answers the first of these with a reset, and the rest fail.
        (0..20).all(|_| {
            thread::sleep(Duration::from_millis(1));
            client.write_all(b"more").is_ok()
        })
    });
    assert!(was_there, "the end comes only when the server has closed the socket");
}

#[test]
fn a_request_knows_its_client_and_its_server() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let server = tcp(options(), |request: &mut TcpRequest| {
        assert_eq!(request.server().stats().active, 1);
        let server = request.server().local_addr();
        let client = request.client_address();
        write!(request, "{client} {server}")
    });
    let client = connect(server.local_addr());
    let expected = format!("{} {}", client.local_addr().unwrap(), server.local_addr());
    assert_eq!(read_all(client), expected.as_bytes());

    let server = udp(options(), |request: &mut UdpRequest| {
        let (client, server) = (request.client_address(), request.server().local_addr());
        request.reply(format!("{client} {server}").as_bytes())
    });
    let client = connect_udp(server.local_addr());
    let expected = format!("{} {}", client.local_addr().unwrap(), server.local_addr());
    assert_eq!(ask_udp(&client, b""), expected.as_bytes());
}

/// One client is silent, and another one gets its reply: that's what threads are for.
#[test]
fn a_silent_client_does_not_hold_up_the_others() {
    let server = tcp(options(), Echo);
    let first = connect(server.local_addr());
    assert_echo(&first, b"I am here");
    let second = connect(server.local_addr());
    assert_echo(&second, b"and so am I");
    assert_echo(&first, b"still");
    assert_echo(&second, b"still");
    drop((first, second));
    assert_eq!(stop(server).finished, 2);
}

/// None of them goes on before all of them are there.
#[test]
fn eight_handlers_run_at_the_same_time() {
    let (key, gate) = gate();
    let (arriving, arrived) = unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        arriving.send(thread::current().id()).unwrap();
        gate.pass();
        request.write_all(b"!")
    });
    let clients: Vec<_> = (0..8).map(|_| connect(server.local_addr())).collect();
    let threads: HashSet<_> =
        (0..8).map(|_| arrived.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(threads.len(), 8);
    drop(key);
    for client in clients {
        assert_eq!(read_all(client), b"!");
    }
}

/// Plain fields belong to the connection; what is in an `Arc` is shared.
#[test]
fn each_connection_has_a_handler_of_its_own() {
    #[derive(Clone, Default)]
    struct Counter {
        mine: usize,
        everybodys: Arc<AtomicUsize>,
    }
    impl RequestHandler for Counter {
        fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
            while request.read(&mut [0])? > 0 {
                self.mine += 1;
                let all = self.everybodys.fetch_add(1, Ordering::SeqCst) + 1;
                write!(request, "{}{all}", self.mine)?;
            }
            Ok(())
        }
    }
    let server = tcp(options(), Counter::default());
    let (mut first, mut second) =
        (connect(server.local_addr()), connect(server.local_addr()));
    for (is_first, expected) in
        [(true, b"11"), (true, b"22"), (false, b"13"), (true, b"34"), (false, b"25")]
    {
        let client = if is_first { &mut first } else { &mut second };
        client.write_all(b"?").unwrap();
        let mut answer = [0; 2];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, expected);
    }
}

/// So do the values that a closure captures.
#[test]
fn each_connection_has_a_closure_of_its_own() {
    let mut count = 0;
    let server = tcp(options(), move |request: &mut TcpRequest| {
        while request.read(&mut [0])? > 0 {
            count += 1;
            write!(request, "{count}")?;
        }
        Ok(())
    });
    for _ in 0..2 {
        let mut client = connect(server.local_addr());
        for expected in [b"1", b"2"] {
            client.write_all(b"?").unwrap();
            let mut answer = [0];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, expected);
        }
    }
}

#[test]
fn one_type_can_handle_both_tcp_and_udp() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    #[derive(Clone)]
    struct Both {
        name: &'static str,
    }
    impl RequestHandler for Both {
        fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
            write!(request, "{} by TCP", self.name)
        }
    }
    impl RequestHandler<UdpRequest> for Both {
        fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
            request.reply(format!("{} by UDP", self.name).as_bytes())
        }
    }
    let both = Both { name: "hello" };
    let (stream, datagrams) = (tcp(options(), both.clone()), udp(options(), both));
    assert_eq!(ask(stream.local_addr(), b""), b"hello by TCP");
    let client = connect_udp(datagrams.local_addr());
    assert_eq!(ask_udp(&client, b""), b"hello by UDP");
}

/// The handler waits for the client, and other threads write to it meanwhile.
#[test]
fn another_thread_can_write_while_the_handler_reads() {
    let (giving, writers) = unbounded::<StreamWriter>();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        giving.send(request.writer()).unwrap();
        while request.read(&mut [0; 16])? > 0 {}
        request.write_all(b"bye")
    });
    let mut client = connect(server.local_addr());
    let mut writer = writers.recv_timeout(PATIENCE).unwrap();
    for number in 0..10 {
        let mut writer = writer.clone();
        thread::spawn(move || write!(writer, "{number}")).join().unwrap().unwrap();
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [b'0' + number]);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(client), b"bye");
    wait_until("it has left", || server.stats().active == 0);
    let error = writer.write_all(b"too late").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    writer.shutdown(); // nothing happens
}

/// A chat that forgets to remove a writer must not keep its client waiting.
#[test]
fn a_writer_that_is_kept_does_not_keep_the_connection() {
    let (giving, writers) = unbounded::<StreamWriter>();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        giving.send(request.writer()).unwrap();
        Ok(())
    });
    let client = connect(server.local_addr());
    let writer = writers.recv_timeout(PATIENCE).unwrap();
    assert!(read_all(client).is_empty());
    assert_eq!(stop(server).finished, 1);
    drop(writer);
}

#[test]
fn a_writer_can_end_the_connection() {
    let (giving, writers) = unbounded::<StreamWriter>();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        giving.send(request.writer()).unwrap();
        while request.read(&mut [0; 16])? > 0 {}
        Ok(())
    });
    let client = connect(server.local_addr());
    assert!(!server.is_shutting_down());
    writers.recv_timeout(PATIENCE).unwrap().shutdown();
    assert!(has_ended(client));
    assert_eq!(stop(server).finished, 1);
}

/// Python clients read once, so what belongs together must travel together.
#[test]
fn a_formatted_text_is_one_write() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let (one, two) = ("one", 2);
        writeln!(request, "{one} {two} {:>3}", '|')?;
        request.read(&mut [0]).map(drop)
    });
    for _ in 0..20 {
        let mut client = connect(server.local_addr());
        let mut answer = [0; 100];
        let count = client.read(&mut answer).unwrap();
        assert_eq!(&answer[..count], b"one 2   |\n");
    }
}

/// The compiler keeps promise 17: it rejects `unsafe` as long as this line is there.
#[test]
fn unsafe_code_is_forbidden() {
    let manifest = include_str!("../../Cargo.toml");
    assert!(manifest.lines().any(|line| line == "unsafe_code = \"forbid\""));
}
