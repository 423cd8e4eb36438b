//! Promise 20: when a server has ended, nothing of it goes on: no thread, no descriptor,
//! no hook, no port. And it does end, whatever hook blocks and whatever the network
//! does.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, TryRecvError};
use rustix::time::{ClockId, clock_gettime};
use socketserver::{
    Event, Handled, ServerHandle, TcpRequest, ThreadedServer, UdpRequest,
};

use crate::leaks::Belongings;
use crate::process::{Child, in_own_process, is_child};
use crate::support::{
    Client, Echo, IS_PLAIN, Notes, PATIENCE, TempDir, ask_udp, assert_echo, connect,
    connect_udp, connect_unix, ended, gate, has_ended, in_time, options, read_all,
    receive, run, stop, tcp, udp, wait_until,
};

/// Far less time than a server would need that waits without a reason.
const SOON: Duration = Duration::from_millis(1500);

/// Sends 10,000 datagrams in a second, until it is dropped.
struct Hail {
    is_over: Arc<AtomicBool>,
    sender: Option<thread::JoinHandle<()>>,
}

impl Hail {
    fn on(server: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    let _ = client.send_to(b"x", server);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { is_over, sender: Some(sender) }
    }
}

impl Drop for Hail {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.sender.take().map(|sender| sender.join());
    }
}

#[test]
fn datagrams_that_come_faster_than_they_are_refused_do_not_keep_a_server() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    for answer in [false, true] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let options = options().verify_request(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(200));
            answer
        });
        let server = udp(options, Echo);
        let address = server.local_addr();
        let hail = Hail::on(address);
        wait_until("it is asked", || asked.load(Ordering::SeqCst) > 100);
        let begin = Instant::now();
        stop(server);
        let took = begin.elapsed();
        let now = asked.load(Ordering::SeqCst);
        UdpSocket::bind(address).expect("the port is free");
        thread::sleep(Duration::from_millis(100)); // in which it could be asked again
        assert_eq!(asked.load(Ordering::SeqCst), now, "a hook is still asked");
        assert!(took < SOON, "it took {took:?}");
        drop(hail);
    }
}

#[test]
fn datagrams_that_are_all_refused_do_not_keep_handle_request() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let options = options().verify_request(|_| {
        thread::sleep(Duration::from_micros(200));
        false
    });
    let mut server = options.udp("127.0.0.1:0", Echo).unwrap();
    let hail = Hail::on(server.local_addr());
    let handled = in_time("it times out", move || {
        let handled = server.handle_request(Duration::from_millis(300)).unwrap();
        drop(server);
        handled
    });
    assert_eq!(handled, Handled::TimedOut);
    drop(hail);
}

/// Waits until the system lists no thread whose name begins like this. (It lists one for a
/// moment longer than the thread exists.)
fn wait_until_none_is_called(prefix: &str) {
    wait_until("its threads are gone", || {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
        let mut names = tasks
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.all(|name| !name.starts_with(prefix))
    });
}

/// Counts when its thread ends.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(1)); // in which the server could end before it
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts too, but takes longer.
struct SlowToLeave(Arc<AtomicUsize>);

impl Drop for SlowToLeave {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(50));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static SLOW: RefCell<Option<SlowToLeave>> = const { RefCell::new(None) };
    static LEAVING: RefCell<Option<Leaving>> = const { RefCell::new(None) };
}

/// Notes that this thread will end. Returns whether that's new.
fn will_leave(left: &Arc<AtomicUsize>) -> bool {
    LEAVING.with_borrow_mut(|leaving| {
        leaving.replace(Leaving(left.clone())).map(std::mem::forget).is_none()
    })
}

/// A hundred times a hundred.
#[test]
fn when_a_server_has_ended_its_threads_are_gone() {
    in_own_process(
        "nothing_goes_on::when_a_server_has_ended_its_threads_are_gone",
        || {
            for round in 0..100 {
                let (came, left) = (Arc::new(AtomicUsize::new(0)), Arc::default());
                let (coming, leaving) = (came.clone(), Arc::clone(&left));
                let options = options().thread_name("mine");
                let server = tcp(options, move |request: &mut TcpRequest| {
                    if will_leave(&leaving) {
                        coming.fetch_add(1, Ordering::SeqCst);
                    }
                    request.read_line(&mut String::new()).map(drop)
                });
                let clients: Vec<_> =
                    (0..round % 15 + 1).map(|_| connect(server.local_addr())).collect();
                wait_until("all are here", || server.stats().active == clients.len());
                drop(clients);
                wait_until("all have left", || server.stats().active == 0);
                stop(server);
                let (came, left) =
                    (came.load(Ordering::SeqCst), left.load(Ordering::SeqCst));
                assert_eq!(came, left, "in round {round}");
                wait_until_none_is_called("mine");
            }
        },
    );
}

/// Many at once, whose thread-local values take long to drop.
#[test]
fn threads_that_are_slow_to_leave_are_waited_for() {
    let test = "nothing_goes_on::threads_that_are_slow_to_leave_are_waited_for";
    in_own_process(test, || {
        let left = Arc::new(AtomicUsize::new(0));
        let leaving = Arc::clone(&left);
        let server =
            tcp(options().thread_name("mine"), move |request: &mut TcpRequest| {
                will_leave(&leaving);
                let leaving = Arc::clone(&leaving);
                // One that takes longer than the others.
                SLOW.with_borrow_mut(|slow| *slow = Some(SlowToLeave(leaving)));
                request.read_line(&mut String::new()).map(drop)
            });
        let clients: Vec<_> = (0..50).map(|_| connect(server.local_addr())).collect();
        wait_until("all are here", || server.stats().active == clients.len());
        stop(server);
        assert_eq!(left.load(Ordering::SeqCst), 100);
        wait_until_none_is_called("mine");
    });
}

#[test]
fn when_a_datagram_server_has_ended_its_threads_are_gone() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let test = "nothing_goes_on::when_a_datagram_server_has_ended_its_threads_are_gone";
    in_own_process(test, || {
        for round in 0..100 {
            let (came, left) = (Arc::new(AtomicUsize::new(0)), Arc::default());
            let (coming, leaving) = (came.clone(), Arc::clone(&left));
            let options = options().thread_name("mine");
            let server = udp(options, move |request: &mut UdpRequest| {
                if will_leave(&leaving) {
                    coming.fetch_add(1, Ordering::SeqCst);
                }
                request.reply(b"")
            });
            let client = connect_udp(server.local_addr());
            for _ in 0..20 {
                ask_udp(&client, b"");
            }
            stop(server);
            let (came, left) =
                (came.load(Ordering::SeqCst), left.load(Ordering::SeqCst));
            assert_eq!(came, left, "in round {round}");
            wait_until_none_is_called("mine");
        }
    });
}

#[test]
fn a_datagram_handler_that_outlives_its_server_can_not_answer() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let (key, gate) = gate();
    let results = Notes::new();
    let (note, reads_on) = (results.clone(), gate.clone());
    let options = options().drain_timeout(Duration::from_millis(50));
    let server = udp(options, move |request: &mut UdpRequest| {
        reads_on.pass();
        note.add(request.reply(b"too late").map_err(|error| error.kind()));
        Ok(())
    });
    let address = server.local_addr();
    let client = connect_udp(address);
    client.send(b"question").unwrap();
    wait_until("it is handled", || server.stats().active == 1);
    assert_eq!(stop(server).cut_off, 1);
    let next = UdpSocket::bind(address).expect("the port is free");
    drop(key);
    assert_eq!(results.wait_for(1), [Err(io::ErrorKind::ConnectionAborted)]);
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    client.recv(&mut [0]).expect_err("nobody answers");
    drop((next, gate));
}

/// A hook that never returns, while the server is stopped in several ways.
#[test]
fn a_hook_that_blocks_at_the_stop_does_not_hold_up_the_server() {
    let stops: [fn(&ServerHandle); 3] =
        [ServerHandle::shutdown, ServerHandle::shutdown_now, |handle| {
            handle.shutdown();
            handle.shutdown_now();
        }];
    for (number, stop) in stops.into_iter().enumerate() {
        let (key, gate) = gate();
        let options = options().drain_timeout(Duration::from_millis(100)).on_event({
            let gate = gate.clone();
            move |event| {
                if matches!(event, Event::Draining { .. }) {
                    gate.pass();
                    gate.pass();
                }
            }
        });
        let server = tcp(options, Echo);
        let client = connect(server.local_addr());
        assert_echo(&client, b"hello");
        let handle = server.handle();
        let stopper = thread::spawn(move || stop(&handle));
        wait_until("it stops", || server.is_shutting_down());
        server.shutdown(); // once more, for somebody else
        // The echo was written just now, so closing may linger for two seconds.
        let begin = Instant::now();
        ended(server);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(5), "stop {number} took {took:?}");
        assert!(has_ended(client), "stop {number}");
        drop(key);
        stopper.join().unwrap();
    }
}

/// The serving thread reports it, and must not wait for it.
#[test]
fn a_hook_that_blocks_at_the_drains_end_does_not_hold_up_the_server() {
    let (key, gate) = gate();
    let options = options().drain_timeout(Duration::from_millis(100));
    let server = tcp(
        options.on_event({
            let gate = gate.clone();
            move |event| {
                if matches!(event, Event::CutOff { .. }) {
                    gate.pass();
                    gate.pass();
                }
            }
        }),
        move |_: &mut TcpRequest| {
            gate.pass();
            gate.pass();
            Ok(())
        },
    );
    let client = connect(server.local_addr());
    wait_until("it is served", || server.stats().active == 1);
    assert_eq!(stop(server).cut_off, 1);
    assert!(has_ended(client));
    drop(key);
}

/// A server, its client and a hook that blocks when the handler starts, beyond the end
/// of the server.
fn ended_while_a_hook_blocks() -> (ServerHandle, crate::support::Key, Notes<Event>) {
    let (key, gate) = gate();
    let told = Notes::new();
    let note = told.clone();
    let options = options().drain_timeout(Duration::from_millis(50)).on_event({
        move |event| {
            note.add(event.clone());
            if matches!(event, Event::Started { .. }) {
                gate.pass();
                gate.pass();
            }
        }
    });
    let server = tcp(options, Echo);
    let client = connect(server.local_addr());
    wait_until("the hook blocks", || {
        told.all().iter().any(|event| matches!(event, Event::Started { .. }))
    });
    let handle = server.handle();
    stop(server);
    assert!(has_ended(client));
    (handle, key, told)
}

#[test]
fn a_hook_that_blocks_is_told_nothing_more_when_its_server_has_ended() {
    let (handle, key, told) = ended_while_a_hook_blocks();
    let before = told.len();
    drop(key);
    wait_until("the thread leaves", || handle.stats().threads == 0);
    let after: Vec<_> = told.all().split_off(before);
    assert!(after.is_empty(), "told after the end: {after:?}");
}

#[test]
fn a_hook_that_blocks_is_dropped_when_it_has_come_to_its_end() {
    let (handle, key, told) = ended_while_a_hook_blocks();
    drop(key);
    wait_until("the thread leaves", || handle.stats().threads == 0);
    wait_until("the hook is dropped", || told.is_mine_alone());
}

#[test]
fn handles_that_are_kept_hold_no_descriptor() {
    in_own_process("nothing_goes_on::handles_that_are_kept_hold_no_descriptor", || {
        let dir = TempDir::new();
        let before = Belongings::now();
        let mut handles = Vec::new();
        let mut unix_handles = Vec::new();
        for round in 0..500 {
            let server = if round % 2 == 0 {
                let server = tcp(options(), Echo);
                assert_eq!(connect(server.local_addr()).write(b"x").unwrap(), 1);
                server
            } else {
                let server = udp(ThreadedServer::builder(), Echo);
                ask_udp(&connect_udp(server.local_addr()), b"x");
                server
            };
            handles.push(server.handle());
            stop(server);
            // And one that never serves.
            let server = options().unix(dir.path("socket"), Echo).unwrap();
            unix_handles.push((server.handle(), server.handle().stopping()));
        }
        before.assert_back("500 servers, whose handles are kept");
        drop((handles, unix_handles));
    });
}

/// A hook has no handle, unless it is given one. Then it owns the server that owns it.
#[test]
fn a_hook_that_holds_a_handle_is_dropped_when_the_server_ends() {
    let handle = Arc::new(OnceLock::<ServerHandle>::new());
    let weak = Arc::downgrade(&handle);
    let mine = || handle.clone();
    let (verifying, telling, reporting) = (mine(), mine(), mine());
    let options = options()
        .verify_request(move |_| !verifying.get().unwrap().is_shutting_down())
        .on_event(move |_| assert!(telling.get().is_some()))
        .handle_error(move |_, _| assert!(reporting.get().is_some()));
    let server = tcp(options, Echo);
    handle.set(server.handle()).unwrap();
    assert_echo(connect(server.local_addr()), b"hello");
    stop(server);
    drop(handle);
    assert!(weak.upgrade().is_none(), "a hook is still there");
}

#[test]
fn a_server_that_is_dropped_without_serving_says_that_it_stops() {
    let server = options().tcp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let stopping = handle.stopping();
    assert_eq!(stopping.try_recv(), Err(TryRecvError::Empty));
    drop(server);
    let received = stopping.recv_timeout(PATIENCE);
    assert_eq!(received, Err(RecvTimeoutError::Disconnected));
    assert!(handle.is_shutting_down());
}

#[test]
fn a_server_with_a_thousand_quiet_clients_stops_at_once() {
    in_own_process(
        "nothing_goes_on::a_server_with_a_thousand_quiet_clients_stops_at_once",
        || {
            let server = tcp(options(), |request: &mut TcpRequest| {
                request.write_all(b"!")?;
                while request.read(&mut [0])? > 0 {}
                Ok(())
            });
            let greeted = |_| {
                let mut client = connect(server.local_addr());
                client.read_exact(&mut [0]).unwrap();
                client
            };
            let clients: Vec<_> = (0..1000).map(greeted).collect();
            thread::sleep(Duration::from_millis(2100)); // since the last greeting
            let begin = Instant::now();
            let stats = stop(server);
            let took = begin.elapsed();
            assert!(took < SOON, "it took {took:?}");
            assert_eq!(stats.finished, 1000);
            clients.iter().for_each(|client| assert!(read_all(client).is_empty()));
        },
    );
}

/// Goes on sending until it can't any more, whatever it is told.
fn talk(mut client: Client) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && client.write_all(b"and").is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn clients_that_go_on_sending_do_not_hold_up_the_server() {
    let limits = [(None, 5000), (Some(Duration::from_millis(300)), 1500)];
    for (drain_timeout, most) in limits {
        let server =
            tcp(options().drain_timeout(drain_timeout), |request: &mut TcpRequest| {
                request.write_all(b"!")?;
                while request.read(&mut [0; 100])? > 0 {}
                request.write_all(b"bye")
            });
        let clients: Vec<_> = (0..10).map(|_| connect(server.local_addr())).collect();
        clients.iter().for_each(|mut client| client.read_exact(&mut [0]).unwrap());
        let talkers: Vec<_> =
            clients.iter().map(|client| talk(client.try_clone().unwrap())).collect();
        let begin = Instant::now();
        let stats = stop(server);
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(most), "{drain_timeout:?}: {took:?}");
        assert_eq!(stats.finished + stats.cut_off, 10);
        for client in &clients {
            let mut bye = [0; 3];
            (&*client).read_exact(&mut bye).unwrap();
            assert_eq!(bye, *b"bye");
        }
        in_time("the talkers", || {
            talkers.into_iter().for_each(|talker| talker.join().unwrap())
        });
    }
}

/// There is always something more to read from them.
#[test]
fn clients_that_never_pause_are_not_listened_to_after_the_end() {
    let options = options().drain_timeout(Duration::from_millis(200));
    let server = tcp(options, |request: &mut TcpRequest| {
        request.write_all(b"!")?;
        while !request.server().is_shutting_down() {
            let _ = request.read(&mut [0; 4096])?;
        }
        request.write_all(b"bye")
    });
    let clients: Vec<_> = (0..3).map(|_| connect(server.local_addr())).collect();
    clients.iter().for_each(|mut client| client.read_exact(&mut [0]).unwrap());
    for client in &clients {
        let mut client = client.try_clone().unwrap();
        thread::spawn(move || while client.write_all(&[0; 65_536]).is_ok() {});
    }
    let handle = server.handle();
    stop(server);
    assert_eq!(handle.stats().threads, 0, "a thread still listens");
}

fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("never negative")
}

/// A server that ends when a client says so, and answers who it is.
fn serve_shared(listener: TcpListener, who: &'static str) -> crate::support::Server {
    let server = options().from_socket(listener, move |request: &mut TcpRequest| {
        request.write_all(who.as_bytes())?;
        if request.next_line()?.as_deref() == Some("stop") {
            request.server().shutdown();
        }
        Ok(())
    });
    run(server.unwrap())
}

/// Two processes share a listener, as after a fork.
#[test]
fn of_two_processes_that_share_a_listener_one_may_stop() {
    if !IS_PLAIN {
        return; // each of them would have a certificate of its own
    }
    let test = "nothing_goes_on::of_two_processes_that_share_a_listener_one_may_stop";
    if is_child() {
        let listener =
            TcpListener::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
        ended(serve_shared(listener, "child"));
        eprintln!("ended");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let copy = OwnedFd::from(listener.try_clone().unwrap());
    let child = Child::start_with_input(test, Stdio::from(copy));
    let server = serve_shared(listener, "other");
    let visit = || {
        let mut client = connect(address);
        let mut who = [0; 5];
        client.read_exact(&mut who).unwrap();
        (client, who)
    };
    wait_until("the child has been asked to stop", || {
        let (mut client, who) = visit();
        let is_child = who == *b"child";
        client.write_all(if is_child { b"stop\n" } else { b"go on\n" }).unwrap();
        is_child
    });
    child.wait_for("ended");
    child.assert_success();
    for _ in 0..100 {
        let (mut client, who) = visit();
        assert_eq!(who, *b"other");
        client.write_all(b"go on\n").unwrap();
    }
    assert!(!server.is_shutting_down());
    stop(server);
}

/// The other of the two doesn't spin, either.
#[test]
fn of_two_servers_that_share_a_listener_the_other_sleeps_on() {
    let test =
        "nothing_goes_on::of_two_servers_that_share_a_listener_the_other_sleeps_on";
    in_own_process(test, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let copy = listener.try_clone().unwrap();
        let (first, second) =
            (serve_shared(copy, "first"), serve_shared(listener, "other"));
        stop(first);
        let before = process_time();
        thread::sleep(Duration::from_millis(500)); // in which it could spin
        let busy = process_time() - before;
        assert!(busy < Duration::from_millis(100), "busy for {busy:?}");
        let mut client = connect(second.local_addr());
        client.read_exact(&mut [0; 5]).unwrap();
        stop(second);
    });
}

/// The library needs no network of its own.
#[cfg(target_os = "linux")]
#[test]
fn without_any_network_servers_serve_and_stop() {
    let test = "nothing_goes_on::without_any_network_servers_serve_and_stop";
    crate::process::in_own_network(test, "", || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let myself = ("127.0.0.1", socket.local_addr().unwrap().port());
        socket.send_to(b"hello", myself).expect_err("there is no network");
        let dir = TempDir::new();
        let path = dir.path("socket");
        let unix = run(options().unix(&path, Echo).unwrap());
        let tcp = run(options().tcp("0.0.0.0:0", Echo).unwrap());
        let udp = run(ThreadedServer::udp("0.0.0.0:0", Echo).unwrap());
        assert_echo(connect_unix(&path), b"hello");
        stop(unix);
        stop(tcp);
        stop(udp);
    });
}

/// Sets the loopback interface of this network up or down.
#[cfg(target_os = "linux")]
fn set_loopback(state: &str) {
    let ip =
        std::process::Command::new("ip").args(["link", "set", "lo", state]).status();
    assert!(ip.unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_network_that_goes_away_does_not_hold_up_the_server() {
    let test = "nothing_goes_on::a_network_that_goes_away_does_not_hold_up_the_server";
    crate::process::in_own_network(test, "ip link set lo up", || {
        for is_now in [false, true] {
            let tcp_server = tcp(options(), Echo);
            let udp_server = udp(ThreadedServer::builder(), Echo);
            let client = connect(tcp_server.local_addr());
            assert_echo(&client, b"hello");
            let datagrams = connect_udp(udp_server.local_addr());
            assert_eq!(ask_udp(&datagrams, b"hello"), b"hello");
            set_loopback("down");
            for handle in [tcp_server.handle(), udp_server.handle()] {
                if is_now { handle.shutdown_now() } else { handle.shutdown() }
            }
            let begin = Instant::now();
            ended(tcp_server);
            ended(udp_server);
            let took = begin.elapsed();
            // Two seconds in which the client could have told us that it has the reply,
            // and never beyond the drain.
            assert!(took < Duration::from_secs(7), "it took {took:?}");
            set_loopback("up");
        }
    });
}

/// If the network is gone, the system gives up on a client. That counts as a disconnect.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_works_when_the_network_has_gone() {
    use rustix::process::{Signal, getpid, kill_process};

    let test = "nothing_goes_on::ctrl_c_works_when_the_network_has_gone";
    crate::process::in_own_network(test, "ip link set lo up", || {
        let server = tcp(options(), Echo);
        server.shutdown_on_ctrl_c().unwrap();
        let client = connect(server.local_addr());
        assert_echo(&client, b"hello");
        set_loopback("down");
        kill_process(getpid(), Signal::INT).unwrap();
        ended(server);
    });
}

#[test]
fn a_datagram_that_is_being_handled_is_answered_and_the_next_is_not() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let (key, gate) = gate();
    let server = udp(options(), move |request: &mut UdpRequest| {
        gate.pass();
        request.reply(request.data())
    });
    let client = connect_udp(server.local_addr());
    client.send(b"first").unwrap();
    wait_until("it is handled", || server.stats().active == 1);
    server.shutdown();
    client.send(b"second").unwrap();
    thread::sleep(Duration::from_millis(50)); // in which it could be handled
    drop(key);
    assert_eq!(receive(&client), b"first");
    ended(server);
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.recv(&mut [0; 10]).expect_err("nobody answers");
}
