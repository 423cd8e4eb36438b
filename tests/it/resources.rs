//! Promises 6 and 11: nothing of a finished connection is kept, and a server that is out
//! of descriptors or threads says so, backs off and serves again. Also: threads are
//! reused, and time out.
//!
//! Most of these tests run in a process of their own: they count, or use up, what all
//! tests of a process share.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use socketserver::{
    Event, HandlerError, ServerBuilder, ServerHandle, Stats, TcpRequest, ThreadedServer,
    UdpRequest,
};

use crate::process::in_own_process;
use crate::support::{
    Echo, Notes, ask, ask_udp, assert_balanced, assert_echo, connect,
    connect_to_trouble, connect_udp, cpu_time, gate, has_ended, in_time, options,
    read_all, receive, stop, tcp, udp, wait_until,
};

/// In a debug build each connection takes longer.
const MANY: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn many_short_connections_leave_nothing_behind() {
    in_own_process("resources::many_short_connections_leave_nothing_behind", || {
        let server = tcp(options(), |request: &mut TcpRequest| {
            let mut line = String::new();
            request.read_line(&mut line)?;
            request.write_all(line.as_bytes())
        });
        let address = server.local_addr();
        visit(address, 2000); // after these, all has the size that it will have
        let before = Usage::now();
        visit(address, MANY - 2000);
        wait_until("all have left", || server.stats().active == 0);
        let after = Usage::now();

        assert!(after.memory <= before.memory + 512 * 1024, "{before:?}, {after:?}");
        assert!(after.descriptors <= before.descriptors + 4, "{before:?}, {after:?}");
        assert!(after.threads <= before.threads + 32, "{before:?}, {after:?}");
        assert!(server.stats().threads <= 40, "{:?}", server.stats());
        assert_eq!(server.stats().finished, MANY as u64);
        drop(server);
        let end = Usage::now();
        assert!(end.descriptors < before.descriptors && end.threads < before.threads);
    });
}

/// `count` short connections, two at a time.
fn visit(address: SocketAddr, count: usize) {
    let visitor = move || {
        for _ in 0..count / 2 {
            let mut client = connect(address);
            client.write_all(b"hello\n").unwrap();
            assert_eq!(read_all(&client), b"hello\n");
            // Goes without a goodbye, so that the system need not remember its port.
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        }
    };
    let visitors = [(); 2].map(|()| thread::spawn(visitor));
    visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
}

/// What this process has; nothing where the system doesn't show it.
#[derive(Debug)]
struct Usage {
    /// In bytes.
    memory: usize,
    descriptors: usize,
    threads: usize,
}

impl Usage {
    fn now() -> Self {
        let count = |dir| fs::read_dir(dir).map_or(0, Iterator::count);
        Self {
            memory: pages(1) * rustix::param::page_size(),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

/// The number at `place` in `statm`: 0 is the address space, 1 the memory in use.
fn pages(place: usize) -> usize {
    let numbers = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let number = numbers.split(' ').nth(place);
    number.map_or(0, |number| number.parse().unwrap())
}

/// How long the server has to do without, so that we see what it does.
const WITHOUT: Duration = Duration::from_millis(700);

/// The longest pause of a server that backs off is a second, so in this time it tries
/// only a few times. One that didn't back off would be busy all the time. (What a virtual
/// machine's host takes away counts as busy too, so a little is no proof.)
fn assert_backs_off(busy: Duration, said: usize) {
    assert!(busy < WITHOUT / 2, "it was busy for {busy:?}");
    assert!((1..20).contains(&said), "it said so {said} times");
}

/// Options with hooks that write down when the system runs out, and what is reported as
/// an error.
fn listening() -> (ServerBuilder, Notes<String>, Notes<String>) {
    let (exhausted, errors) = (Notes::new(), Notes::new());
    let (note, note_error) = (exhausted.clone(), errors.clone());
    let options = options()
        .on_event(move |event| {
            if let Event::Exhausted { error, retry_in } = event {
                assert!(*retry_in > Duration::ZERO && *retry_in <= LONGEST);
                note.add(error.clone());
            }
        })
        .handle_error(move |_, error| {
            let kind =
                if matches!(error, HandlerError::Spawn(_)) { "spawn" } else { "" };
            note_error.add(format!("{kind}: {error}"));
        });
    (options, exhausted, errors)
}

const LONGEST: Duration = Duration::from_secs(1);

/// Serves on a thread of its own, which reports how much processor time it took.
fn serve(
    server: ThreadedServer,
) -> thread::JoinHandle<Result<Duration, std::io::Error>> {
    thread::spawn(move || server.serve_forever().map(|()| cpu_time()))
}

/// Takes all descriptors, and sends clients until the server has none for the last of
/// them. (A server that sleeps in `accept` has one for the next client already.) Returns
/// what holds the descriptors, and the clients.
fn use_up_descriptors(
    handle: &ServerHandle,
    exhausted: &Notes<String>,
) -> (Vec<File>, Vec<TcpStream>) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..limit }).unwrap();
    let mut all: Vec<File> =
        std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(all.len() > 3, "the limit is too low for this test");
    let before = handle.stats().accepted;
    let mut clients = Vec::new();
    loop {
        // (Perhaps the server tried before any client came, and said so.)
        let said = exhausted.len();
        all.pop(); // for the client's own end, and nothing for the server's
        clients.push(connect(handle.local_addr()));
        let accepted = before + clients.len() as u64;
        wait_until("it is accepted, or waits", || {
            exhausted.len() > said || handle.stats().accepted == accepted
        });
        if handle.stats().accepted < accepted {
            return (all, clients);
        }
    }
}

/// A connected client goes on. A new one waits, and is served when there is a descriptor
/// again.
#[test]
fn without_file_descriptors_the_server_waits_and_then_serves_again() {
    let test =
        "resources::without_file_descriptors_the_server_waits_and_then_serves_again";
    in_own_process(test, || {
        let (options, exhausted, errors) = listening();
        let server = options.tcp("127.0.0.1:0", Echo).unwrap();
        let handle = server.handle();
        let serving = serve(server);
        let first = connect(handle.local_addr());
        assert_echo(&first, b"while there are enough");

        let (mut all, clients) = use_up_descriptors(&handle, &exhausted);
        thread::sleep(WITHOUT);
        assert_echo(&first, b"while there is none");
        assert_eq!(handle.stats().accepted, clients.len() as u64);

        all.truncate(1);
        for client in &clients {
            assert_echo(client, b"now there is one again");
        }
        assert_echo(connect(handle.local_addr()), b"and another one");
        let said = exhausted.all();
        handle.shutdown();
        let busy = in_time("the end", move || serving.join().unwrap()).unwrap();
        assert_backs_off(busy, said.len());
        assert!(said[0].contains("os error 24"), "{said:?}");
        assert!(errors.all().is_empty(), "{:?}", errors.all());
        assert_eq!(handle.stats().finished, 2 + clients.len() as u64);
    });
}

/// It does not wait for its whole pause, because a connection that ends frees a
/// descriptor.
#[test]
fn a_connection_that_ends_makes_room_for_the_next_one() {
    let test = "resources::a_connection_that_ends_makes_room_for_the_next_one";
    in_own_process(test, || {
        let (options, exhausted, _) = listening();
        let server = tcp(options, Echo);
        let leaving = connect(server.local_addr());
        assert_echo(&leaving, b"hello");
        let (_all, mut clients) = use_up_descriptors(&server, &exhausted);
        let waiting = clients.pop().unwrap();
        exhausted.wait_for(5); // its pauses are 80 milliseconds and more from here
        leaving.shutdown(std::net::Shutdown::Write).unwrap();
        assert_echo(&waiting, b"thank you");
    });
}

/// A server that is out of descriptors can be stopped, and does not wait for a free one.
#[test]
fn without_descriptors_the_server_can_be_stopped() {
    let test = "resources::without_descriptors_the_server_can_be_stopped";
    in_own_process(test, || {
        let (options, exhausted, _) = listening();
        let server = tcp(options, Echo);
        let (_all, clients) = use_up_descriptors(&server, &exhausted);
        exhausted.wait_for(3);
        assert_eq!(stop(server).accepted, clients.len() as u64 - 1);
    });
}

/// A stack so large that no system can start a thread with it.
const TOO_LARGE: usize = 1 << 46;

/// Each client sees its connection end, and `handle_error` is called once for each.
#[test]
fn without_threads_clients_are_rejected_one_by_one() {
    let (options, exhausted, errors) = listening();
    let server = options.stack_size(TOO_LARGE).tcp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let serving = serve(server);
    for _ in 0..4 {
        assert!(has_ended(connect_to_trouble(handle.local_addr()).0));
    }
    assert_eq!(errors.wait_for(4).len(), 4);
    assert!(errors.all().iter().all(|error| error.starts_with("spawn: no thread")));
    assert_eq!(exhausted.len(), 4);
    handle.shutdown();
    let busy = in_time("the end", move || serving.join().unwrap()).unwrap();
    assert_backs_off(busy, exhausted.len());
    let Stats { accepted, failed, threads, .. } = handle.stats();
    assert_eq!((accepted, failed, threads), (4, 4, 0));
}

#[test]
fn without_threads_a_udp_server_waits_and_can_be_stopped() {
    let (options, exhausted, _) = listening();
    let server = options.stack_size(TOO_LARGE).udp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let client = connect_udp(handle.local_addr());
    client.send(b"is anybody there?").unwrap();
    let serving = serve(server);
    thread::sleep(WITHOUT);
    let said = exhausted.wait_for(1).len();
    handle.shutdown();
    let busy = in_time("the end", move || serving.join().unwrap()).unwrap();
    assert_backs_off(busy, said);
}

/// Leaves this process no space for a stack of `STACK` bytes, until the limit is set
/// back to the value that this returns.
fn leave_no_room_for_a_thread() -> Rlimit {
    let limit = getrlimit(Resource::As);
    let now = pages(0) * rustix::param::page_size();
    let current = Some((now + STACK / 2) as u64);
    setrlimit(Resource::As, Rlimit { current, ..limit }).unwrap();
    limit
}

/// Large enough that everything else still fits when it doesn't.
const STACK: usize = 512 * 1024 * 1024;

/// This time for real: the process can't get any more memory.
#[test]
#[cfg(target_os = "linux")]
fn without_threads_the_server_goes_on_and_then_serves_again() {
    let test = "resources::without_threads_the_server_goes_on_and_then_serves_again";
    in_own_process(test, || {
        let (options, exhausted, errors) = listening();
        let server = options.stack_size(STACK).tcp("127.0.0.1:0", Echo).unwrap();
        let handle = server.handle();
        let serving = serve(server);
        let first = connect(handle.local_addr());
        assert_echo(&first, b"while there is room");

        let limit = leave_no_room_for_a_thread();
        assert!(has_ended(connect_to_trouble(handle.local_addr()).0));
        assert!(errors.wait_for(1)[0].starts_with("spawn"));
        assert_echo(&first, b"while there is none");

        setrlimit(Resource::As, limit).unwrap();
        assert_echo(connect(handle.local_addr()), b"there is room again");
        let said = exhausted.len();
        handle.shutdown();
        let busy = in_time("the end", move || serving.join().unwrap()).unwrap();
        assert_backs_off(busy, said);
        assert_eq!((handle.stats().failed, handle.stats().finished), (1, 2));
        assert_balanced(&handle.stats());
    });
}

/// A slow handler has the only thread. The next datagram waits until there is another,
/// and is not lost.
#[test]
#[cfg(target_os = "linux")]
fn without_threads_datagrams_wait_and_then_are_handled() {
    let test = "resources::without_threads_datagrams_wait_and_then_are_handled";
    in_own_process(test, || {
        let (key, gate) = gate();
        let (options, exhausted, _) = listening();
        let server = udp(options.stack_size(STACK), move |request: &mut UdpRequest| {
            if request.data() == b"slow" {
                gate.pass();
            }
            request.reply(request.data())
        });
        let slow = connect_udp(server.local_addr());
        let limit = {
            wait_until("the first receiver", || server.stats().threads == 1);
            leave_no_room_for_a_thread()
        };
        slow.send(b"slow").unwrap();
        wait_until("it is served", || server.stats().active == 1);
        let client = connect_udp(server.local_addr());
        client.send(b"fast").unwrap();
        exhausted.wait_for(2);
        assert_eq!(server.stats().accepted, 1);

        setrlimit(Resource::As, limit).unwrap();
        assert_eq!(receive(&client), b"fast");
        drop(key);
        assert_eq!(receive(&slow), b"slow");
        assert_eq!(ask_udp(&client, b"again"), b"again");
        assert_eq!(stop(server).finished, 3);
    });
}

/// The name of the thread that serves a new client, and the client.
fn visit_and_stay(address: SocketAddr) -> (String, TcpStream) {
    let mut client = connect(address);
    let mut name = [0; 100];
    let count = client.read(&mut name).unwrap();
    (String::from_utf8(name[..count].to_vec()).unwrap(), client)
}

/// Sends the name of the thread that serves, and stays until the client leaves.
fn say_thread(request: &mut TcpRequest) -> std::io::Result<()> {
    let name = thread::current().name().unwrap_or("?").to_owned();
    request.write_all(name.as_bytes())?;
    request.read(&mut [0]).map(drop)
}

#[test]
fn threads_have_the_name_that_was_asked_for_and_a_number() {
    let server = tcp(options().thread_name("worker"), say_thread);
    let (first, _stays) = visit_and_stay(server.local_addr());
    let (second, _stays_too) = visit_and_stay(server.local_addr());
    assert_eq!((first.as_str(), second.as_str()), ("worker-1", "worker-2"));
    let server = tcp(options(), say_thread);
    let (name, _stays) = visit_and_stay(server.local_addr());
    assert_eq!(name, format!("tcp-{}-1", server.local_addr().port()));
}

#[test]
fn a_thread_is_used_again() {
    let server = tcp(options(), say_thread);
    let names: HashSet<String> = (0..50)
        .map(|_| {
            let (name, client) = visit_and_stay(server.local_addr());
            drop(client);
            wait_until("it has left", || server.stats().active == 0);
            name
        })
        .collect();
    // A thread needs a moment between one client and the next.
    assert!(names.len() <= 10, "{} threads for 50 clients", names.len());
}

/// Its stack and caches are still warm.
#[test]
fn the_last_thread_to_finish_is_the_first_to_be_used_again() {
    let server = tcp(options(), say_thread);
    let leave = |client: TcpStream, left| {
        drop(client);
        wait_until("it has left", || server.stats().active == left);
        thread::sleep(Duration::from_millis(20)); // until its thread waits, probably
    };
    let last_is_first = || {
        let (_, first) = visit_and_stay(server.local_addr());
        let (last_name, last) = visit_and_stay(server.local_addr());
        leave(first, 1);
        leave(last, 0);
        let (name, client) = visit_and_stay(server.local_addr());
        leave(client, 0);
        name == last_name
    };
    // On a busy machine it might go wrong now and then.
    let results: Vec<bool> = (0..5).map(|_| last_is_first()).collect();
    assert!(results.iter().filter(|is_so| **is_so).count() >= 3, "{results:?}");
}

#[test]
fn idle_threads_leave_and_their_numbers_are_given_out_again() {
    let options = options().idle_thread_timeout(Duration::from_millis(30));
    let server = tcp(options.thread_name("t"), say_thread);
    let (first, client) = visit_and_stay(server.local_addr());
    let (second, other) = visit_and_stay(server.local_addr());
    assert_eq!(server.stats().threads, 2);
    drop((client, other));
    wait_until("both threads leave", || server.stats().threads == 0);
    let again = [(); 2].map(|()| visit_and_stay(server.local_addr()));
    let names: HashSet<&str> = again.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, HashSet::from([first.as_str(), second.as_str()]));
}

#[test]
fn a_server_that_has_ended_leaves_no_thread() {
    let left = || {
        let server = tcp(options().idle_thread_timeout(Duration::MAX), Echo);
        let mut clients: Vec<_> =
            (0..200).map(|_| connect(server.local_addr())).collect();
        clients.iter().for_each(|client| assert_echo(client, b"hello"));
        clients.truncate(100);
        wait_until("half of them have left", || server.stats().active == 100);
        assert_eq!(server.stats().threads, 200);
        let handle = server.handle();
        let left = stop(server).threads;
        wait_until("idle or not, all leave", || handle.stats().threads == 0);
        left
    };
    // The server waits for them, but only for a moment. On a busy machine that may be
    // too short now and then.
    assert!((0..5).any(|_| left() == 0), "the server does not wait for its threads");
}

/// A thousand clients at the same moment fit into the queue.
#[test]
fn a_burst_of_clients_is_served() {
    let server = tcp(options(), |request: &mut TcpRequest| request.write_all(b"!"));
    let begin = Instant::now();
    let clients: Vec<_> = (0..1000).map(|_| connect(server.local_addr())).collect();
    for client in clients {
        assert_eq!(read_all(client), b"!");
    }
    assert!(begin.elapsed() < crate::support::PATIENCE);
    assert_eq!(ask(server.local_addr(), b""), b"!");
    assert_eq!(stop(server).finished, 1001);
}
