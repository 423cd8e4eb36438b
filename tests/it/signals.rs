//! Promise 2 with signals: the first Ctrl-C or SIGTERM drains, the second cuts off. In
//! processes of their own, for a signal is for the whole process.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;

use rustix::process::Signal;
use socketserver::{Stats, TcpRequest};

use crate::support::{
    Child, assert_echo, connect, has_ended, is_child, options, read_all, tcp, udp,
};

/// The child's part: serves without a limit on the drain, until signals have come.
///
/// An `L` is answered with more than a client that does not read can take.
fn serve_until_signals() -> Stats {
    let server = tcp(options().drain_timeout(None), |request: &mut TcpRequest| {
        let mut wish = [0];
        while request.read(&mut wish)? > 0 {
            request.write_all(&wish)?;
            if wish == *b"L" {
                request.write_all(&vec![0; 32 * 1024 * 1024])?;
            }
        }
        request.write_all(b"bye")
    });
    let other = udp(options(), crate::support::Echo);
    server.shutdown_on_ctrl_c().unwrap();
    other.shutdown_on_ctrl_c().unwrap();
    let handle = server.handle();
    eprintln!("listening on {}", server.local_addr());
    thread::spawn(move || {
        let _ = handle.stopping().recv();
        eprintln!("stopping");
    });
    let handle = server.handle();
    server.join().unwrap();
    other.join().unwrap(); // a signal is for all servers of a process
    eprintln!("ended");
    handle.stats()
}

/// The child, and where it listens.
fn start(test: &str) -> (Child, SocketAddr) {
    let child = Child::start(test);
    let address = child.wait_for("listening on ").parse().unwrap();
    (child, address)
}

fn one_signal_drains(test: &str, signal: Signal) {
    if is_child() {
        let stats = serve_until_signals();
        assert_eq!((stats.finished, stats.cut_off), (1, 0));
        return;
    }
    let (child, address) = start(test);
    let client = connect(address);
    assert_echo(&client, b"hello");
    child.signal(signal);
    assert_eq!(read_all(client), b"bye");
    child.wait_for("ended");
    child.assert_success();
}

fn two_signals_cut_off(test: &str, signal: Signal) {
    if is_child() {
        let stats = serve_until_signals();
        assert_eq!((stats.finished, stats.cut_off), (1, 1));
        return;
    }
    let (child, address) = start(test);
    let (busy, idle) = (connect(address), connect(address));
    assert_echo(&busy, b"L");
    assert_echo(&idle, b"hello");
    child.signal(signal);
    assert_eq!(read_all(idle), b"bye");
    child.wait_for("stopping");
    assert_eq!((&busy).read(&mut [1]).unwrap(), 1, "it is still being served");
    child.signal(signal);
    child.wait_for("ended");
    child.assert_success();
    assert!(has_ended(&busy));
}

#[test]
fn ctrl_c_drains() {
    one_signal_drains("signals::ctrl_c_drains", Signal::INT);
}

#[test]
fn sigterm_drains() {
    one_signal_drains("signals::sigterm_drains", Signal::TERM);
}

#[test]
fn a_second_ctrl_c_cuts_off() {
    two_signals_cut_off("signals::a_second_ctrl_c_cuts_off", Signal::INT);
}

#[test]
fn a_second_sigterm_cuts_off() {
    two_signals_cut_off("signals::a_second_sigterm_cuts_off", Signal::TERM);
}
