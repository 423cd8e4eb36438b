//! Promise 2 with signals: the first Ctrl-C or SIGTERM drains, the second cuts off. The
//! tests run in processes of their own, because a signal is for the whole process.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;

use rustix::process::Signal;
use socketserver::{Stats, TcpRequest};

use crate::process::{Child, is_child};
use crate::support::{
    Echo, assert_echo, connect, ended, has_ended, options, read_all, tcp, udp,
    wait_until,
};

/// The child's part: serves without a limit on the drain, until signals have come.
///
/// The reply to an `L` is more than a client that does not read can take.
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
    let other = udp(options(), Echo);
    server.shutdown_on_ctrl_c().unwrap();
    other.shutdown_on_ctrl_c().unwrap();
    let handle = server.handle();
    eprintln!("listening on {}", server.local_addr());
    thread::spawn(move || {
        let _ = handle.stopping().recv();
        wait_until("the idle client has left", || handle.stats().active <= 1);
        eprintln!("stopping");
    });
    let stats = ended(server);
    ended(other); // a signal is for all servers of a process
    eprintln!("ended");
    stats
}

fn listens_at(child: &Child) -> SocketAddr {
    child.wait_for("listening on ").parse().unwrap()
}

fn one_signal_drains(start: fn(&str) -> Child, test: &str, signal: Signal) {
    if is_child() {
        let stats = serve_until_signals();
        assert_eq!((stats.finished, stats.cut_off), (1, 0));
        return;
    }
    let child = start(test);
    let client = connect(listens_at(&child));
    assert_echo(&client, b"hello");
    child.signal(signal);
    assert_eq!(read_all(client), b"bye");
    child.wait_for("ended");
    child.assert_success();
}

fn two_signals_cut_off(test: &str, signal: Signal) {
    if is_child() {
        let stats = serve_until_signals();
        // The idle one has got everything by then, but its thread might not have ended
        // yet.
        assert_eq!(stats.finished + stats.cut_off, 2, "{stats}");
        assert!(stats.cut_off >= 1, "{stats}");
        return;
    }
    let child = Child::start(test);
    let address = listens_at(&child);
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
    one_signal_drains(Child::start, "signals::ctrl_c_drains", Signal::INT);
}

#[test]
fn sigterm_drains() {
    one_signal_drains(Child::start, "signals::sigterm_drains", Signal::TERM);
}

#[test]
fn a_second_ctrl_c_cuts_off() {
    two_signals_cut_off("signals::a_second_ctrl_c_cuts_off", Signal::INT);
}

#[test]
fn a_second_sigterm_cuts_off() {
    two_signals_cut_off("signals::a_second_sigterm_cuts_off", Signal::TERM);
}

/// The shell lets programs in the background ignore Ctrl-C. A server that asks for it
/// gets it anyway, because an ignored signal isn't a handler of the program's own.
#[test]
fn a_server_that_was_started_in_the_background_drains() {
    let test = "signals::a_server_that_was_started_in_the_background_drains";
    one_signal_drains(Child::start_in_background, test, Signal::TERM);
}
