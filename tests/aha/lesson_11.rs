//! Lesson 11: a handler for each client, and odd clients.

use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::sync::mpsc;

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

use super::*;
use crate::course::programs::{python, run};

const LESSON: &str = "11_threaded_server";

// ---- The life of a handler --------------------------------------------------------------

#[test]
fn a_panic_ends_only_its_own_connection() -> Outcome {
    let mut command = Command::new(example(LESSON));
    let (mut server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0", "--fragile"]))?;
    let mut ada = connect(addr)?;
    assert_eq!(echoed(&mut ada, b"hello\n")?, b"HELLO\n");

    let mut question = connect(addr)?;
    question.write_all(b"how are you?\n")?;
    let mut answer = Vec::new();
    let end = question.read_to_end(&mut answer);
    assert!(end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert_eq!(answer, b"");

    assert_eq!(echoed(&mut ada, b"still here\n")?, b"STILL HERE\n");
    let end = Instant::now() + DEADLINE;
    let mut printed = Vec::new();
    while !printed.iter().any(|line: &String| line.ends_with("panicked: a question!")) {
        printed.push(server.line(end)?.ok_or("the server has ended")?);
    }
    assert_eq!(echoed(&mut connect(addr)?, b"and so am i\n")?, b"AND SO AM I\n");
    Ok(())
}

/// Notes which of its methods are called, and fails in a chosen one.
#[derive(Clone)]
struct Diary {
    fails_in: &'static str,
    calls: mpsc::Sender<&'static str>,
}

impl Diary {
    fn note(&self, call: &'static str) -> io::Result<()> {
        let _ = self.calls.send(call);
        if self.fails_in == call { Err(io::Error::other("told to")) } else { Ok(()) }
    }
}

impl RequestHandler for Diary {
    fn setup(&mut self, _: &mut TcpRequest) -> io::Result<()> {
        self.note("setup")
    }

    fn handle(&mut self, _: &mut TcpRequest) -> io::Result<()> {
        if self.fails_in == "handle, by a panic" {
            let _ = self.calls.send("handle");
            resume_unwind(Box::new("told to")); // a panic that prints nothing
        }
        self.note("handle")
    }

    fn finish(&mut self, _: &mut TcpRequest) -> io::Result<()> {
        self.note("finish")
    }
}

#[test]
fn finish_runs_whenever_setup_succeeded() -> Outcome {
    for (fails_in, expected) in [
        ("nothing", &["setup", "handle", "finish"][..]),
        ("setup", &["setup"]),
        ("handle", &["setup", "handle", "finish"]),
        ("handle, by a panic", &["setup", "handle", "finish"]),
    ] {
        let (calls, heard) = mpsc::channel();
        let builder = ThreadedServer::builder().handle_error(|_, _| {});
        let server = builder.tcp("127.0.0.1:0", Diary { fails_in, calls })?.spawn()?;
        // The reset can come before `connect` returns.
        let client = connect(server.local_addr());
        let end = client.and_then(|mut client| client.read_to_end(&mut Vec::new()));
        assert_eq!(end.is_err(), fails_in != "nothing", "a reset, if something fails");
        drop(server); // and the prototype, so that the channel ends
        assert_eq!(heard.iter().collect::<Vec<_>>(), expected, "fails in {fails_in}");
    }
    Ok(())
}

// ---- Clients ----------------------------------------------------------------------------

#[test]
fn a_client_that_sends_no_newline_is_answered() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    for number in 1..=3 {
        let mut client = connect(addr)?;
        client.write_all(format!("Hello World {number}").as_bytes())?;
        let mut data = [0; 1024];
        let count = client.read(&mut data)?; // once, and the connection stays open
        assert_eq!(&data[..count], format!("HELLO WORLD {number}").as_bytes());
    }
    Ok(())
}

#[test]
fn a_client_that_sends_twice_and_reads_once_is_answered() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    let mut client = connect(addr)?;
    client.write_all(b"hello world with tcp")?;
    client.write_all(b"\n")?;
    let mut data = [0; 1024];
    let count = client.read(&mut data)?;
    let answer = &data[..count]; // the newline might come in a reply of its own
    assert_eq!(answer.trim_ascii_end(), b"HELLO WORLD WITH TCP");
    Ok(())
}

#[test]
fn a_python_client_that_reads_once_is_answered() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let (_server, addr) = server(LESSON)?;
    let program = "
import socket, sys
for pieces in ([b'two ', b'pieces', b'\\n'], [b'no newline'], [b'one line\\n']):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(('127.0.0.1', int(sys.argv[1])))
        client.sendall(pieces[0])
        for piece in pieces[1:]:
            client.sendall(piece)
        print(client.recv(1024).split()[0].decode())
";
    let mut command = Command::new(python);
    command.args(["-c", program, &addr.port().to_string()]);
    let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.split_whitespace().collect::<Vec<_>>(), ["TWO", "NO", "ONE"]);
    Ok(())
}

#[test]
fn one_byte_at_a_time_is_answered_byte_by_byte() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    for byte in "one byte at a time, h\u{e9}".bytes() {
        assert_eq!(echoed(&mut slowly, &[byte])?, [byte.to_ascii_uppercase()]);
    }
    Ok(())
}

#[test]
fn a_client_can_close_its_half_and_read() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    let mut half = connect(addr)?;
    half.write_all(b"\xff\xfe\x00 not UTF-8")?;
    half.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    half.read_to_end(&mut answer)?;
    assert_eq!(answer, b"\xff\xfe\x00 NOT UTF-8");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_threaded_server() -> Outcome {
    let (mut server, addr) = server(LESSON)?;
    let _silent = connect(addr)?; // never a byte, and it stays
    let mut stuck = connect(addr)?; // sends and sends, and does not read
    stuck.set_write_timeout(Some(Duration::from_millis(100)))?;
    assert!(stuck.write_all(&vec![b'x'; 100_000_000]).is_err());

    let mut reset = connect(addr)?;
    assert_eq!(echoed(&mut reset, b"first")?, b"FIRST");
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset

    comes_back(addr, vec![0xff; 10_000_000])?;
    assert!(!server.has_ended());
    Ok(())
}

#[test]
fn two_hundred_clients_are_served_at_once() -> Outcome {
    let (_server, addr) = server(LESSON)?;
    let mut clients = (0..200).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for _ in 0..2 {
        for client in clients.iter_mut().rev() {
            assert_eq!(echoed(client, b"hello")?, b"HELLO"); // and the others are open
        }
    }
    Ok(())
}

#[test]
fn ctrl_c_ends_the_threaded_server() -> Outcome {
    let (mut idle, _) = server(LESSON)?;
    idle.interrupt()?;
    assert!(idle.status(Instant::now() + DEADLINE)?.success());

    let (mut busy, addr) = server(LESSON)?;
    let mut talks = connect(addr)?;
    let mut stuck = connect(addr)?;
    assert_eq!(echoed(&mut talks, b"hello")?, b"HELLO");
    stuck.set_write_timeout(Some(Duration::from_millis(100)))?;
    assert!(stuck.write_all(&vec![b'x'; 100_000_000]).is_err());
    busy.interrupt()?;
    assert_eq!(talks.read(&mut [0; 64])?, 0); // a waiting handler ends at once
    busy.interrupt()?; // a client that doesn't read is cut off
    assert!(busy.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}
