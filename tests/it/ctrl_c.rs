//! Promise 24: the first Ctrl-C drains and the second cuts off, however often that was
//! asked for, whatever a hook does, and even if the server was stopped before. When the
//! last server has ended, a signal ends the program.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socketserver::{Event, ServerBuilder, TcpRequest};

use crate::process::{Child, is_child};
use crate::support::{
    Echo, PATIENCE, Server, assert_echo, connect, ended, gate, has_ended, options,
    read_all, tcp, udp, wait_until,
};

/// Sends back what it reads, and a farewell. The reply to an `E` never ends.
fn echo_and_bye(request: &mut TcpRequest) -> io::Result<()> {
    let mut wish = [0];
    while request.read(&mut wish)? > 0 {
        request.write_all(&wish)?;
        if wish == *b"E" {
            loop {
                request.write_all(&[0; 4096])?;
            }
        }
    }
    request.write_all(b"bye")
}

fn serve(options: ServerBuilder) -> Server {
    let server = tcp(options.drain_timeout(None), echo_and_bye);
    server.shutdown_on_ctrl_c().unwrap();
    eprintln!("listening on {}", server.local_addr());
    server
}

/// Reports when the server stops.
fn announce_the_stop(server: &Server) {
    let handle = server.handle();
    thread::spawn(move || {
        let _ = handle.stopping().recv();
        eprintln!("stopping");
    });
}

fn start(test: &str) -> (Child, SocketAddr) {
    let child = Child::start(test);
    let address = child.wait_for("listening on ").parse().unwrap();
    (child, address)
}

#[test]
fn asked_for_three_times_the_first_signal_drains_and_the_second_cuts() {
    let test =
        "ctrl_c::asked_for_three_times_the_first_signal_drains_and_the_second_cuts";
    if is_child() {
        let server = serve(options());
        server.shutdown_on_ctrl_c().unwrap();
        server.handle().shutdown_on_ctrl_c().unwrap();
        announce_the_stop(&server);
        eprintln!("ready");
        let stats = ended(server);
        assert_eq!((stats.finished, stats.cut_off), (1, 1));
        eprintln!("ended");
        return;
    }
    let (child, address) = start(test);
    child.wait_for("ready");
    let (idle, busy) = (connect(address), connect(address));
    assert_echo(&idle, b"hello");
    assert_echo(&busy, b"E");
    child.signal(Signal::INT);
    assert_eq!(read_all(idle), b"bye");
    child.wait_for("stopping");
    assert_eq!((&busy).read(&mut [1]).unwrap(), 1, "it is still being served");
    child.signal(Signal::INT);
    child.wait_for("ended");
    child.assert_success();
    assert!(has_ended(&busy));
}

#[test]
fn after_the_programs_own_shutdown_the_first_signal_does_not_cut() {
    let test = "ctrl_c::after_the_programs_own_shutdown_the_first_signal_does_not_cut";
    if is_child() {
        let server = serve(options());
        wait_until("a client is here", || server.stats().active == 1);
        server.shutdown();
        eprintln!("stopping");
        let stats = ended(server);
        assert_eq!(stats.cut_off, 1);
        eprintln!("ended");
        return;
    }
    let (child, address) = start(test);
    let mut busy = connect(address);
    busy.write_all(b"E").unwrap();
    child.wait_for("stopping");
    child.signal(Signal::INT);
    // Far more than all buffers hold, so it is being served for all that time.
    let mut much = vec![0; 1 << 20];
    for _ in 0..64 {
        busy.read_exact(&mut much).expect("it isn't cut off");
    }
    child.signal(Signal::INT);
    child.wait_for("ended");
    child.assert_success();
    assert!(has_ended(&busy));
}

#[test]
fn when_the_last_server_has_ended_a_signal_ends_the_program() {
    let test = "ctrl_c::when_the_last_server_has_ended_a_signal_ends_the_program";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        if is_child() {
            let (first, second) = (serve(options()), udp(options(), Echo));
            second.shutdown_on_ctrl_c().unwrap();
            let handles = (first.handle(), second.handle()); // which are kept
            first.shutdown();
            ended(first);
            second.shutdown();
            ended(second);
            eprintln!("ended");
            thread::sleep(PATIENCE);
            panic!("the signal did nothing to {handles:?}");
        }
        let child = Child::start(test);
        child.wait_for("ended");
        child.signal(signal);
        assert_eq!(child.exit_code(), Some(130), "{signal:?}");
    }
}

/// One of two has ended: the signal is for the other.
#[test]
fn a_signal_is_for_the_servers_that_are_left() {
    let test = "ctrl_c::a_signal_is_for_the_servers_that_are_left";
    if is_child() {
        let first = serve(options());
        let second = serve(options());
        first.shutdown();
        ended(first);
        eprintln!("one has ended");
        let stats = ended(second);
        assert_eq!((stats.finished, stats.cut_off), (1, 0));
        eprintln!("ended");
        return;
    }
    let (child, _) = start(test);
    let address = child.wait_for("listening on ").parse().unwrap();
    child.wait_for("one has ended");
    let client = connect(address);
    assert_echo(&client, b"hello");
    child.signal(Signal::INT);
    assert_eq!(read_all(client), b"bye");
    child.wait_for("ended");
    child.assert_success();
}

#[test]
fn a_hook_that_blocks_does_not_keep_the_second_signal_from_cutting() {
    let test = "ctrl_c::a_hook_that_blocks_does_not_keep_the_second_signal_from_cutting";
    if is_child() {
        let (_key, gate) = gate();
        let server = serve(options().on_event(move |event| {
            if matches!(event, Event::Draining { .. }) {
                eprintln!("hook blocks");
                gate.pass();
                gate.pass();
            }
        }));
        let stats = ended(server);
        assert_eq!(stats.cut_off, 1);
        eprintln!("ended");
        return;
    }
    let (child, address) = start(test);
    let busy = connect(address);
    assert_echo(&busy, b"E");
    child.signal(Signal::INT);
    child.wait_for("hook blocks");
    child.signal(Signal::INT);
    child.wait_for("ended");
    child.assert_success();
    assert!(has_ended(&busy));
}

/// A hook that never returns doesn't keep the program running, either.
#[test]
fn a_hook_that_blocks_does_not_keep_the_last_signal_from_ending_the_program() {
    let test = "ctrl_c::a_hook_that_blocks_does_not_keep_the_last_signal_from_ending_the_program";
    if is_child() {
        let (_key, gate) = gate();
        let options = options().drain_timeout(Duration::from_millis(100));
        let server = serve(options.on_event(move |event| {
            if matches!(event, Event::Draining { .. }) {
                gate.pass();
                gate.pass();
            }
        }));
        let handle = server.handle();
        thread::spawn(move || handle.shutdown());
        ended(server);
        eprintln!("ended");
        thread::sleep(PATIENCE);
        panic!("the signal did nothing");
    }
    let child = Child::start(test);
    child.wait_for("ended");
    child.signal(Signal::INT);
    assert_eq!(child.exit_code(), Some(130));
}
