//! Promises 8, 9 and 10: if something goes wrong with one client, or in a hook, the
//! others don't notice. A client that leaves isn't an error, and a client that is
//! rejected is never served.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::unbounded;
use socket2::SockRef;
use socketserver::{
    Event, HandlerError, Outcome, RequestHandler, ServerBuilder, TcpRequest, UdpRequest,
};

use crate::support::{
    Client, Echo, IS_PLAIN, Notes, PATIENCE, ask_udp, assert_echo, connect,
    connect_to_trouble, connect_udp, has_ended, is_reset, noting_errors, options,
    read_all, stop, tcp, udp, wait_until,
};

/// A handler that fails once, at one place; after that, it echoes.
struct Trouble {
    place: &'static str,
    panics: bool,
    /// Shared by all clones: it has not failed yet.
    ahead: Arc<AtomicBool>,
    /// The methods that were called, of all clones.
    calls: Notes<&'static str>,
    is_prototype: bool,
}

impl Trouble {
    fn new(place: &'static str, panics: bool) -> Self {
        let ahead = Arc::new(AtomicBool::new(true));
        Self { place, panics, ahead, calls: Notes::new(), is_prototype: true }
    }

    fn at(&self, place: &'static str) -> io::Result<()> {
        self.calls.add(place);
        if place != self.place || !self.ahead.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        assert!(!self.panics, "trouble in {place}");
        Err(io::Error::other(format!("trouble in {place}")))
    }
}

impl Clone for Trouble {
    fn clone(&self) -> Self {
        let _ = self.at("clone");
        let (ahead, calls) = (self.ahead.clone(), self.calls.clone());
        Self { ahead, calls, is_prototype: false, ..*self }
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        if !self.is_prototype {
            let _ = self.at("drop");
        }
    }
}

impl<R> RequestHandler<R> for Trouble
where
    Echo: RequestHandler<R>,
{
    fn setup(&mut self, _: &mut R) -> io::Result<()> {
        self.at("setup")
    }

    fn handle(&mut self, request: &mut R) -> io::Result<()> {
        self.at("handle")?;
        Echo.handle(request)
    }

    fn finish(&mut self, _: &mut R) -> io::Result<()> {
        self.at("finish")
    }
}

/// Where it fails, whether with a panic, and which methods are called then.
const TROUBLES: [(&str, bool, &[&str]); 8] = [
    ("clone", true, &["clone"]),
    ("setup", false, &["clone", "setup", "drop"]),
    ("setup", true, &["clone", "setup", "drop"]),
    ("handle", false, &["clone", "setup", "handle", "finish", "drop"]),
    ("handle", true, &["clone", "setup", "handle", "finish", "drop"]),
    ("finish", false, &["clone", "setup", "handle", "finish", "drop"]),
    ("finish", true, &["clone", "setup", "handle", "finish", "drop"]),
    ("drop", true, &["clone", "setup", "handle", "finish", "drop"]),
];

/// `finish` runs whenever `setup` succeeded, `handle_error` is called once, and the next
/// client is served.
#[test]
fn trouble_in_a_handler_ends_its_connection_and_no_other() {
    for (place, panics, expected) in TROUBLES {
        let what = format!("{place}, panics: {panics}");
        let (options, errors) = listening();
        let handler = Trouble::new(place, panics);
        let calls = handler.calls.clone();
        let server = tcp(options, handler);

        let (client, local) = connect_to_trouble(server.local_addr());
        let _ = client.shutdown(Shutdown::Write); // it may be reset already
        assert!(has_ended(client));
        wait_until("it is counted", || server.stats().accepted == 1);
        wait_until("it has ended", || server.stats().active == 0);
        assert_eq!(calls.all(), expected, "{what}");
        let words = format!("trouble in {place}");
        assert_eq!(errors.all(), [(local.to_string(), panics, words)], "{what}");

        assert_echo(connect(server.local_addr()), b"next");
        let stats = stop(server);
        let counts = (stats.panicked, stats.failed, stats.finished);
        assert_eq!(counts, (u64::from(panics), u64::from(!panics), 1), "{what}");
        assert_eq!(errors.len(), 1, "{what}");
    }
}

/// The same with datagrams.
#[test]
fn trouble_in_a_udp_handler_affects_one_datagram() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    for (place, panics, _) in TROUBLES {
        let what = format!("{place}, panics: {panics}");
        let (options, errors) = listening();
        let handler = Trouble::new(place, panics);
        let ahead = handler.ahead.clone();
        ahead.store(false, Ordering::SeqCst);
        // One receiver only: each one has a clone of the handler too.
        let server = udp(options.max_connections(1), handler);
        let client = connect_udp(server.local_addr());
        assert_eq!(ask_udp(&client, b"first"), b"first");
        wait_until("it has left", || server.stats().finished == 1);

        ahead.store(true, Ordering::SeqCst);
        client.send(b"trouble").unwrap();
        let words = format!("trouble in {place}");
        let local = client.local_addr().unwrap().to_string();
        assert_eq!(errors.wait_for(1), [(local, panics, words)], "{what}");
        if matches!(place, "finish" | "drop") {
            assert_eq!(crate::support::receive(&client), b"trouble", "{what}");
        }

        assert_eq!(ask_udp(&client, b"next"), b"next");
        let stats = stop(server);
        let counts = (stats.panicked, stats.failed, stats.finished);
        assert_eq!(counts, (u64::from(panics), u64::from(!panics), 2), "{what}");
        assert_eq!(errors.len(), 1, "{what}");
    }
}

/// Each clone's drop panics, the prototype's too: if no thread can be started, if one
/// can, and at the end.
#[test]
fn a_handler_whose_drop_always_panics_does_not_end_the_server() {
    #[derive(Clone)]
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("trouble in drop");
        }
    }
    impl RequestHandler for Fragile {
        fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
            Echo.handle(request)
        }
    }
    let (options, errors) = listening();
    let server = tcp(options, Fragile);
    let stays = connect(server.local_addr());
    assert_echo(&stays, b"hello");
    let leaves = connect(server.local_addr());
    assert_echo(&leaves, b"hello");
    drop(leaves);
    errors.wait_for(1);
    assert_eq!(stop(server).panicked, 2);
    assert!(has_ended(stays), "the server still drains");

    let (options, errors) = listening();
    let no_thread_has_such_a_stack = 1 << 46;
    let server = tcp(options.stack_size(no_thread_has_such_a_stack), Fragile);
    for count in 1..=3 {
        assert!(has_ended(connect_to_trouble(server.local_addr()).0));
        errors.wait_for(count);
    }
    let stats = stop(server);
    assert_eq!((stats.accepted, stats.failed, stats.threads), (3, 3, 0));
}

/// If every method of one connection fails, that's one error: the first.
#[test]
fn a_connection_is_reported_once_however_much_goes_wrong() {
    #[derive(Clone)]
    struct Worse;
    impl RequestHandler for Worse {
        fn handle(&mut self, _: &mut TcpRequest) -> io::Result<()> {
            Err(io::Error::other("the first"))
        }
        fn finish(&mut self, _: &mut TcpRequest) -> io::Result<()> {
            panic!("the second")
        }
    }
    let (options, errors) = listening();
    let server = tcp(options, Worse);
    assert!(is_reset(server.local_addr(), b""));
    let stats = stop(server);
    assert_eq!((stats.failed, stats.panicked), (1, 0));
    let errors = errors.all();
    assert_eq!((errors.len(), errors[0].2.as_str()), (1, "the first"));
}

/// A client that is being served goes on while another one's handler panics.
#[test]
fn a_panic_does_not_disturb_clients_that_are_being_served() {
    let (options, errors) = listening();
    let server = tcp(options, |request: &mut TcpRequest| {
        let mut line = String::new();
        while request.read_line(&mut line)? > 0 {
            assert_ne!(line, "panic\n");
            request.write_all(line.as_bytes())?;
            line.clear();
        }
        Ok(())
    });
    let client = connect(server.local_addr());
    assert_echo(&client, b"before\n");
    assert!(is_reset(server.local_addr(), b"panic\n"));
    assert_echo(&client, b"after\n");
    drop(client);
    let stats = stop(server);
    assert_eq!((stats.panicked, stats.finished, errors.len()), (1, 1, 1));
}

#[test]
fn a_panic_in_verify_request_rejects_and_is_reported_once() {
    let (options, errors) = listening();
    let ahead = AtomicBool::new(true);
    let options = options.verify_request(move |_| {
        assert!(!ahead.swap(false, Ordering::SeqCst), "trouble in verify_request");
        true
    });
    let server = tcp(options, Echo);
    assert!(has_ended(connect_to_trouble(server.local_addr()).0));
    assert_echo(connect(server.local_addr()), b"next");
    let stats = stop(server);
    assert_eq!((stats.rejected, stats.panicked, stats.finished), (1, 0, 1));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors.all()[0].2, "trouble in verify_request");
}

/// These hooks panic every time, and the server does all its work.
#[test]
fn a_panic_in_any_other_hook_does_not_affect_clients() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    for kind in ["tcp", "udp"] {
        let calls = Notes::new();
        let (in_error, in_event, in_actions) =
            (calls.clone(), calls.clone(), calls.clone());
        let panic_in = |calls: &Notes<&'static str>, hook| {
            calls.add(hook);
            panic!("trouble in {hook}")
        };
        // A panic in here is reported to `handle_error` on the serving thread.
        let first = AtomicBool::new(true);
        let options = options()
            .verify_request(move |_| !first.swap(false, Ordering::SeqCst) || panic!())
            .handle_error(move |_, _| panic_in(&in_error, "handle_error"))
            .on_event(move |_| panic_in(&in_event, "on_event"))
            .service_actions(Duration::from_millis(5), move || {
                panic_in(&in_actions, "service_actions");
            });
        let count = |hook| calls.all().iter().filter(|call| **call == hook).count();
        let stats = if kind == "tcp" {
            let server = tcp(options, Trouble::new("handle", false));
            assert!(has_ended(connect_to_trouble(server.local_addr()).0));
            assert!(is_reset(server.local_addr(), b""));
            assert_echo(connect(server.local_addr()), b"next");
            wait_until("it is called again", || count("service_actions") > 2);
            stop(server)
        } else {
            let server = udp(options, Trouble::new("handle", false));
            let client = connect_udp(server.local_addr());
            client.send(b"refused").unwrap();
            wait_until("it is refused", || server.stats().rejected == 1);
            client.send(b"trouble").unwrap();
            wait_until("it has failed", || server.stats().failed == 1);
            assert_eq!(ask_udp(&client, b"next"), b"next");
            wait_until("it is called again", || count("service_actions") > 2);
            stop(server)
        };
        assert_eq!((stats.rejected, stats.failed, stats.finished), (1, 1, 1), "{kind}");
        assert_eq!(count("handle_error"), 2, "{kind}");
        assert!(count("on_event") >= 7, "{kind}: {:?}", calls.all());
    }
}

/// Python prints a traceback for each of these.
#[test]
fn a_client_that_goes_away_is_counted_and_not_reported() {
    let (options, errors) = listening();
    let (ending, ended) = unbounded();
    let (beginning, began) = unbounded();
    let server = tcp(options, move |request: &mut TcpRequest| {
        let mut wish = [0];
        request.read_exact(&mut wish)?;
        beginning.send(()).unwrap();
        let result = match &wish {
            b"w" => loop {
                if let Err(error) = request.write_all(&[0; 4096]) {
                    break Err(error);
                }
            },
            _ => request.read_exact(&mut [0; 100]),
        };
        ending.send(result.as_ref().unwrap_err().kind()).unwrap();
        result
    });
    let address = server.local_addr();
    let send = |bytes: &[u8]| {
        let mut client = connect(address);
        client.write_all(bytes).unwrap();
        if !bytes.is_empty() {
            began.recv_timeout(PATIENCE).unwrap(); // a reset would take the bytes away
        }
        client
    };
    let next = || ended.recv_timeout(PATIENCE).unwrap();

    drop(send(b"read, but"));
    assert_eq!(next(), ErrorKind::UnexpectedEof);

    reset(send(b"reset"));
    assert_eq!(next(), ErrorKind::ConnectionReset);

    let mut client = send(b"w");
    client.read_exact(&mut [0; 4096]).unwrap();
    reset(client); // in the middle of a large reply
    let kind = next();
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));

    send(b"").shutdown(Shutdown::Write).unwrap();
    wait_until("it has left", || server.stats().disconnected == 4);
    let stats = stop(server);
    assert_eq!((stats.disconnected, stats.failed, stats.finished), (4, 0, 0), "{stats}");
    assert!(errors.all().is_empty(), "{:?}", errors.all());
}

/// Whether an error means that the client has gone.
#[test]
fn only_the_errors_of_a_client_that_goes_away_are_disconnects() {
    let is_disconnect = |kind: ErrorKind| HandlerError::Io(kind.into()).is_disconnect();
    assert!(is_disconnect(ErrorKind::BrokenPipe));
    assert!(is_disconnect(ErrorKind::ConnectionReset));
    assert!(is_disconnect(ErrorKind::ConnectionAborted));
    assert!(is_disconnect(ErrorKind::UnexpectedEof));
    assert!(!is_disconnect(ErrorKind::TimedOut));
    assert!(!is_disconnect(ErrorKind::InvalidData));
    assert!(!is_disconnect(ErrorKind::NotFound));
    assert!(!is_disconnect(ErrorKind::Other));
}

#[test]
fn a_rejected_client_reads_end_of_file_and_no_handler_runs() {
    if !IS_PLAIN {
        return; // before the handshake, no end is a clean one
    }
    let events = Notes::new();
    let note = events.clone();
    let (asking, asked) = unbounded();
    let options = options()
        .on_event(move |event| note.add(event.clone()))
        .verify_request(move |client| {
            asking.send(client.clone()).unwrap();
            false
        });
    let handler = Trouble::new("nowhere", false);
    let calls = handler.calls.clone();
    let server = tcp(options, handler);
    for _ in 0..3 {
        let client = connect(server.local_addr());
        let local = client.local_addr().unwrap();
        assert!(read_all(client).is_empty());
        let client = asked.recv_timeout(PATIENCE).unwrap();
        assert_eq!(client.socket_addr(), Some(local));
        wait_until("it is said", || {
            let is_said = |event: &Event| matches!(event, Event::Rejected { client: who, .. } if *who == client);
            events.all().iter().any(is_said)
        });
    }
    let stats = stop(server);
    assert_eq!((stats.accepted, stats.rejected, stats.threads), (3, 3, 0));
    assert!(calls.all().is_empty(), "{:?}", calls.all());
}

/// One client is rejected, and the others are served.
#[test]
fn verify_request_decides_about_each_client() {
    let turn = AtomicBool::new(false);
    let options =
        options().verify_request(move |_| !turn.fetch_xor(true, Ordering::SeqCst));
    let server = tcp(options, Echo);
    assert_echo(connect(server.local_addr()), b"first");
    assert!(has_ended(connect_to_trouble(server.local_addr()).0));
    assert_echo(connect(server.local_addr()), b"third");
    assert_eq!(stop(server).rejected, 1);
}

#[test]
fn a_rejected_datagram_is_not_handled() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let turn = AtomicBool::new(false);
    let options =
        options().verify_request(move |_| turn.fetch_xor(true, Ordering::SeqCst));
    let server = udp(options, Echo);
    let client = connect_udp(server.local_addr());
    client.send(b"refused").unwrap();
    assert_eq!(ask_udp(&client, b"second"), b"second");
    let stats = stop(server);
    assert_eq!((stats.rejected, stats.finished), (1, 1));
}

/// Accepted, started and ended, in this order, with the client's address and, at the
/// end, how it ended.
#[test]
fn events_tell_the_story_of_each_connection() {
    let events = Notes::new();
    let note = events.clone();
    let options = options()
        .handle_error(|_, _| ())
        .on_event(move |event| note.add((std::thread::current().id(), event.clone())));
    let server = tcp(options, Trouble::new("handle", true));
    for (number, outcome) in [(1, Outcome::Panicked), (2, Outcome::Finished)] {
        let before = events.len();
        let (client, local) = connect_to_trouble(server.local_addr());
        let address = socketserver::ClientAddress::from(local);
        let _ = client.shutdown(Shutdown::Write); // it may be reset already
        assert!(has_ended(&client));
        let story = events.wait_for(before + 3).split_off(before);
        let client = || address.clone();
        let told: Vec<_> = story.iter().map(|(_, event)| event.clone()).collect();
        let expected = [
            Event::Accepted { number, client: client() },
            Event::Started { number, client: client() },
            Event::Ended { number, client: client(), outcome },
        ];
        assert_eq!(told, expected);
        assert_ne!(story[0].0, story[1].0, "accepted on the serving thread");
        assert_eq!(story[1].0, story[2].0, "started and ended on the handler's");
    }
    stop(server);
    assert_eq!(events.all().last().unwrap().1, Event::Draining { active: 0 });
}

/// The client, whether it was a panic, and the message.
type Report = (String, bool, String);

/// Options with a `handle_error` hook that writes down what it is given.
fn listening() -> (ServerBuilder, Notes<Report>) {
    let errors = Notes::new();
    let note = errors.clone();
    let options = options().handle_error(move |client, error| {
        let (is_panic, words) = match error {
            HandlerError::Panic(words) => (true, words.clone()),
            error => (false, error.to_string()),
        };
        note.add((client.to_string(), is_panic, words));
    });
    (options, errors)
}

/// Ends the connection the hard way.
fn reset(client: Client) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A closure that panics is treated like any other handler.
#[test]
fn a_closure_that_panics_ends_its_connection_only() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let (options, errors) = listening();
    let server = udp(options, |request: &mut UdpRequest| {
        assert!(!request.data().is_empty(), "an empty one");
        request.reply(request.data())
    });
    let client = connect_udp(server.local_addr());
    client.send(b"").unwrap();
    assert_eq!(ask_udp(&client, b"full"), b"full");
    assert_eq!(stop(server).panicked, 1);
    assert_eq!(errors.all()[0].2, "an empty one");
}

/// The kinds of error that a client causes by going away.
const GONE: [ErrorKind; 4] = [
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionAborted,
    ErrorKind::ConnectionReset,
    ErrorKind::UnexpectedEof,
];

/// A handler that connects onward has two connections, and either of them can break. If it
/// is the other one, the client hasn't gone: nobody but the operator can be told.
#[test]
fn an_error_of_the_handlers_own_connection_is_a_failure() {
    for kind in GONE {
        let (options, errors) = noting_errors(options());
        let server = tcp(options, move |request: &mut TcpRequest| {
            request.next_line()?;
            Err(io::Error::new(kind, "the database"))
        });
        let mut client = connect_to_trouble(server.local_addr()).0;
        client.write_all(b"question\n").unwrap();
        assert!(has_ended(client));
        let stats = stop(server);
        assert_eq!((stats.failed, stats.disconnected), (1, 0), "{kind}: {stats}");
        assert_eq!(errors.all(), ["the database"], "{kind}");
    }
}

#[test]
fn an_error_of_a_datagram_handlers_own_connection_is_a_failure() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    for kind in GONE {
        let (options, errors) = noting_errors(options());
        let server = udp(options, move |request: &mut UdpRequest| {
            request.reply(b"wait")?;
            Err(io::Error::new(kind, "the database"))
        });
        ask_udp(&connect_udp(server.local_addr()), b"question");
        errors.wait_for(1);
        let stats = stop(server);
        assert_eq!((stats.failed, stats.disconnected), (1, 0), "{kind}: {stats}");
        assert_eq!(errors.all(), ["the database"], "{kind}");
    }
}

/// An error that a handler makes because its client has ended too early is an ordinary
/// disconnect, even if it isn't the request's own error.
#[test]
fn a_handlers_error_about_a_client_that_has_ended_is_a_disconnect() {
    for kind in GONE {
        let (options, errors) = noting_errors(options());
        let server =
            tcp(options, move |request: &mut TcpRequest| match request.next_line()? {
                Some(_) => Ok(()),
                None => Err(io::Error::new(kind, "a frame was cut short")),
            });
        let client = connect_to_trouble(server.local_addr()).0;
        client.shutdown(Shutdown::Write).unwrap();
        assert!(has_ended(client));
        let stats = stop(server);
        assert_eq!((stats.failed, stats.disconnected), (0, 1), "{kind}: {stats}");
        assert!(errors.all().is_empty(), "{kind}");
    }
}
