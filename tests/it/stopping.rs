//! Promises 2, 3 and 4: `shutdown()` can be called from anywhere and never blocks, the
//! server is woken instead of polling, and accepts no new clients once it has begun to
//! stop.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{never, select, unbounded};
use parking_lot::Mutex;
use socketserver::{Event, ServerHandle, TcpRequest, ThreadedServer, UdpRequest};

use crate::support::{
    Echo, IS_PLAIN, Notes, PATIENCE, ask, ask_udp, assert_echo, connect, connect_udp,
    cpu_time, ended, gate, has_ended, in_time, options, read_all, run, stop, tcp, udp,
    wait_until,
};

#[test]
fn shutdown_from_a_handler_returns_while_the_handler_goes_on() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.server().shutdown();
        request.server().shutdown();
        request.write_all(b"still here")
    });
    assert_eq!(ask(server.local_addr(), b""), b"still here");
    assert_eq!(ended(server).finished, 1);
}

#[test]
fn shutdown_from_a_udp_handler_returns_while_the_handler_goes_on() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let server = udp(options(), |request: &mut UdpRequest| {
        request.server().shutdown();
        request.reply(b"still here")
    });
    let client = connect_udp(server.local_addr());
    assert_eq!(ask_udp(&client, b"stop"), b"still here");
    assert_eq!(ended(server).finished, 1);
}

/// The hooks run on the serving thread, on the handlers' threads, and on whatever
/// thread calls `shutdown`.
#[test]
fn shutdown_from_any_hook_stops_the_server() {
    if !IS_PLAIN {
        return; // its client connects before there is anybody to shake hands with
    }
    type Slot = Arc<Mutex<Option<ServerHandle>>>;
    let slot = Slot::default();
    let stop = {
        let slot = slot.clone();
        move || {
            // Not under the lock: `shutdown` may call one of these hooks again.
            let server = slot.lock().clone();
            server.as_ref().map_or((), ServerHandle::shutdown)
        }
    };
    let (in_verify, in_error, in_event) = (stop.clone(), stop.clone(), stop.clone());
    let cases = [
        options().verify_request(move |_| {
            in_verify();
            true
        }),
        options().handle_error(move |_, _| in_error()),
        options().on_event(move |_| in_event()),
        options().service_actions(Duration::from_millis(1), stop),
    ];
    for options in cases {
        let fails = |_: &mut TcpRequest| Err(io::Error::other("for the hook"));
        let server = options.tcp("127.0.0.1:0", fails).unwrap();
        *slot.lock() = Some(server.handle());
        let client = connect(server.local_addr());
        ended(run(server));
        assert!(has_ended(client));
    }
}

#[test]
fn shutdown_before_serving_is_not_forgotten() {
    for server in [
        ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap(),
        ThreadedServer::udp("127.0.0.1:0", Echo).unwrap(),
    ] {
        let handle = server.handle();
        handle.shutdown();
        handle.shutdown();
        assert!(handle.is_shutting_down());
        in_time("a server that was stopped before", || server.serve_forever()).unwrap();
        handle.shutdown(); // after the end is fine too
    }
}

#[test]
fn many_threads_can_shut_down_at_once_and_draining_is_reported_once() {
    let events = Notes::new();
    let note = events.clone();
    let server = tcp(options().on_event(move |event| note.add(event.clone())), Echo);
    let client = connect(server.local_addr());
    assert_echo(&client, b"hello");
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| server.shutdown());
        }
    });
    ended(server);
    let draining = Event::Draining { active: 1 };
    assert_eq!(events.all().iter().filter(|event| **event == draining).count(), 1);
}

/// No client connects and nothing happens, so the serving threads must sleep. They do
/// not even wake up, and use next to no processor time. But then they must wake at once.
#[test]
fn a_server_sleeps_until_it_is_woken() {
    let (to_begin, begun) = unbounded();
    let (to_end, efforts) = unbounded();
    let tcp = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let udp = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    let handles = [tcp.handle(), udp.handle()];
    for server in [tcp, udp] {
        let (to_begin, to_end) = (to_begin.clone(), to_end.clone());
        thread::spawn(move || {
            to_begin.send(fs::canonicalize("/proc/thread-self").ok()).unwrap();
            to_end.send(effort_of(|| server.serve_forever())).unwrap();
        });
    }
    let threads = [(); 2].map(|()| begun.recv_timeout(PATIENCE).expect("it begins"));
    let sleeps =
        || threads.clone().map(|thread| thread.map_or(0, |path| sleeps_of(&path)));
    thread::sleep(Duration::from_millis(500)); // time to fall asleep
    let before = sleeps();
    thread::sleep(Duration::from_secs(2)); // time in which a poller would poll
    for (before, after) in before.into_iter().zip(sleeps()) {
        assert!(after <= before + 1, "it woke up {} times", after - before);
    }
    handles.iter().for_each(ServerHandle::shutdown);
    for _ in handles {
        let (cpu, _) = efforts.recv_timeout(PATIENCE).expect("it is woken");
        assert!(cpu < Duration::from_millis(50), "it was busy for {cpu:?}");
    }
}

/// The processor time that `serve` takes, and how often it goes to sleep (0 where the
/// system doesn't show it).
pub(crate) fn effort_of(serve: impl FnOnce() -> io::Result<()>) -> (Duration, u64) {
    let sleeps = || sleeps_of(Path::new("/proc/thread-self"));
    let (cpu_before, sleeps_before) = (cpu_time(), sleeps());
    serve().unwrap();
    (cpu_time() - cpu_before, sleeps() - sleeps_before)
}

/// How often a thread, known by its directory in `/proc`, has gone to sleep.
fn sleeps_of(thread: &Path) -> u64 {
    let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.map_or(0, |count| count.trim().parse().unwrap())
}

/// A server that checks twice a second whether it should stop needs a quarter of a
/// second for each of these on average.
#[test]
fn stopping_a_hundred_servers_takes_hardly_any_time() {
    in_time("a hundred servers", || {
        for _ in 0..100 {
            let server = tcp(options(), Echo);
            assert_echo(connect(server.local_addr()), b"hello");
            stop(server);
        }
    });
}

/// The client has been accepted, and the `verify_request` hook is still thinking about
/// it when the shutdown begins: it is too late then.
#[test]
fn no_client_is_accepted_after_shutdown_began() {
    let (key, gate) = gate();
    let (asking, asked) = unbounded();
    let served = Notes::new();
    let note = served.clone();
    let options = options().verify_request(move |_| {
        asking.send(()).unwrap();
        gate.pass();
        true
    });
    let server = tcp(options, move |_: &mut TcpRequest| {
        note.add(());
        Ok(())
    });
    let first = connect(server.local_addr());
    asked.recv_timeout(PATIENCE).unwrap();
    let second = connect(server.local_addr()); // it waits in the queue
    server.shutdown();
    drop(key);
    let stats = ended(server);
    assert_eq!((stats.accepted, stats.rejected, served.len()), (1, 1, 0));
    assert!(has_ended(first));
    assert!(has_ended(second));
}

#[test]
fn no_datagram_is_handled_after_shutdown_began() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let (key, gate) = gate();
    let (asking, asked) = unbounded();
    let served = Notes::new();
    let note = served.clone();
    let options = options().verify_request(move |_| {
        asking.send(()).unwrap();
        gate.pass();
        true
    });
    let server = udp(options, move |_: &mut UdpRequest| {
        note.add(());
        Ok(())
    });
    let client = connect_udp(server.local_addr());
    client.send(b"first").unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    server.shutdown();
    client.send(b"second").unwrap();
    drop(key);
    let stats = ended(server);
    assert_eq!(stats.rejected, stats.accepted);
    assert_eq!(served.len(), 0);
}

#[test]
fn clients_in_the_queue_are_not_served_by_a_server_that_was_stopped() {
    let server = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let clients: Vec<_> = (0..5).map(|_| connect(server.local_addr())).collect();
    handle.shutdown();
    in_time("the server ends", || server.serve_forever()).unwrap();
    assert_eq!(handle.stats().accepted, 0);
    assert!(clients.iter().all(has_ended));
}

#[test]
fn a_draining_server_refuses_new_clients() {
    let (key, gate) = gate();
    let server = tcp(options().drain_timeout(None), move |request: &mut TcpRequest| {
        request.write_all(b"!")?;
        gate.pass();
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.read_exact(&mut [0]).unwrap();
    server.shutdown();
    wait_until("new clients are refused", || {
        let refusal = TcpStream::connect(server.local_addr()).err();
        refusal.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert_eq!(server.stats().active, 1);
    drop(key);
    assert_eq!(ended(server).finished, 1);
}

#[test]
fn dropping_a_running_server_stops_it_and_waits_for_its_handlers() {
    let (key, gate) = gate();
    let finished = Arc::new(AtomicBool::new(false));
    let flag = finished.clone();
    let handler = move |request: &mut TcpRequest| {
        assert_eq!(request.read(&mut [0])?, 0, "the end comes with the drop");
        gate.pass();
        flag.store(true, Ordering::SeqCst);
        Ok(())
    };
    let server = options().tcp("127.0.0.1:0", handler).unwrap().spawn().unwrap();
    let client = connect(server.local_addr());
    wait_until("it is served", || server.stats().active == 1);
    let handle = server.handle();
    let opener = thread::spawn(move || {
        wait_until("the drop stops it", || handle.is_shutting_down());
        thread::sleep(Duration::from_millis(50)); // in which it must not return
        drop(key);
    });
    in_time("the drop", move || drop(server));
    assert!(finished.load(Ordering::SeqCst), "the drop did not wait");
    assert!(read_all(client).is_empty());
    opener.join().unwrap();
}

#[test]
fn a_handler_that_waits_for_something_else_learns_that_the_server_stops() {
    let (starting, started) = unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        starting.send(()).unwrap();
        select! {
            recv(request.server().stopping()) -> _ => request.write_all(b"stopping"),
            recv(never::<()>()) -> _ => unreachable!(),
        }
    });
    let client = connect(server.local_addr());
    started.recv_timeout(PATIENCE).unwrap();
    let stopping = server.stopping();
    assert!(stopping.try_recv().is_err_and(|error| error.is_empty()));
    server.shutdown();
    assert!(stopping.try_recv().is_err_and(|error| error.is_disconnected()));
    assert_eq!(read_all(client), b"stopping");
    assert_eq!(ended(server).finished, 1);
}

#[test]
fn a_handle_outlives_its_server() {
    let server = tcp(options(), Echo);
    let handle = server.handle();
    assert_echo(connect(handle.local_addr()), b"hello");
    drop(server);
    handle.shutdown();
    handle.shutdown_now();
    assert!(handle.is_shutting_down());
    assert_eq!(handle.stats().finished, 1);
    wait_until("its threads leave", || handle.stats().threads == 0);
}

/// `service_actions` is called now and then, even if no client connects.
#[test]
fn service_actions_are_called_while_the_server_is_idle() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    for kind in ["tcp", "udp"] {
        let calls = Notes::new();
        let note = calls.clone();
        let period = Duration::from_millis(20);
        let options = options().service_actions(period, move || note.add(cpu_time()));
        let server = if kind == "tcp" { tcp(options, Echo) } else { udp(options, Echo) };
        let busy = calls.wait_for(5);
        assert!(busy[4] - busy[0] < Duration::from_millis(15), "it spins: {busy:?}");
        stop(server);
    }
}

/// Clients that are rejected, one after another, don't keep it from being called.
#[test]
fn service_actions_are_called_while_clients_are_turned_away() {
    let calls = Notes::new();
    let (in_verify, in_actions) = (calls.clone(), calls.clone());
    let address = Arc::new(OnceLock::new());
    let to_connect_to = address.clone();
    let client = Mutex::new(None);
    let options = options()
        .verify_request(move |_| {
            if in_verify.len() < 5 {
                // So there is always another.
                let address = *to_connect_to.get().unwrap();
                *client.lock() = Some(connect(address));
            }
            false
        })
        .service_actions(Duration::from_millis(1), move || in_actions.add(()));
    let server = tcp(options, Echo);
    address.set(server.local_addr()).unwrap();
    let _first = connect(server.local_addr());
    calls.wait_for(5);
    stop(server);
}
