//! `shutdown`, in every state of a server and from every kind of thread, a thousand
//! times. In every case, the server ends soon, and no client is left.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use socketserver::{
    Event, Handled, RunningServer, ServerBuilder, ServerHandle, Stats, TcpRequest,
    ThreadedServer, UdpRequest,
};

use crate::leaks::{Belongings, Random};
use crate::process::in_own_process;
use crate::support::{
    PATIENCE, assert_balanced, assert_echo, connect, connect_udp, options, wait_until,
};

/// What the server is doing when it is told to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// No client is connected.
    Idle,
    /// A client is silent.
    Reading,
    /// A client does not read its reply.
    Writing,
    /// Only one client is allowed, one is connected, and another one waits.
    Full,
    /// A client has just connected, a datagram has just been sent.
    Arriving,
    /// It has been stopped before.
    Stopping,
    /// It has been cut off before.
    Cut,
    /// It has not served yet.
    Bound,
    /// It serves one client only, and none has come.
    ServingOne,
}

/// Who stops it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Actor {
    /// The thread that will wait for the end.
    Owner,
    /// Two other threads at once.
    Others,
    /// A handler that serves another client.
    Handler,
    /// `verify_request`, for another client: on the serving thread of a TCP server.
    Verify,
    /// `on_event`, when another client is accepted.
    Listener,
    /// `service_actions`: on the serving thread.
    Actions,
    /// The thread that drops the running server.
    Drop,
}

const STATES: [State; 9] = [
    State::Idle,
    State::Reading,
    State::Writing,
    State::Full,
    State::Arriving,
    State::Stopping,
    State::Cut,
    State::Bound,
    State::ServingOne,
];

const ACTORS: [Actor; 7] = [
    Actor::Owner,
    Actor::Others,
    Actor::Handler,
    Actor::Verify,
    Actor::Listener,
    Actor::Actions,
    Actor::Drop,
];

/// The server, for a hook that stops it when the time has come.
#[derive(Clone, Default)]
struct Trigger {
    armed: Arc<AtomicBool>,
    server: Arc<Mutex<Option<ServerHandle>>>,
}

impl Trigger {
    /// The hooks own the server, and the server owns the hooks. This breaks the circle.
    fn forget(&self) {
        *self.server.lock() = None;
    }

    fn pull(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            // Not under the lock: `shutdown` may call a hook.
            let server = self.server.lock().clone();
            if let Some(server) = server {
                server.shutdown();
            }
        }
    }
}

/// Options in which `actor`, if it is a hook, pulls the trigger.
fn options_for(actor: Actor, trigger: &Trigger) -> ServerBuilder {
    let trigger = trigger.clone();
    // A client that does not read is cut off soon. The others hold up the drain for less
    // than that.
    let options =
        options().drain_timeout(Duration::from_millis(5)).handle_error(|_, _| ());
    match actor {
        Actor::Verify => options.verify_request(move |_| {
            trigger.pull();
            true
        }),
        Actor::Listener => options.on_event(move |event| {
            if matches!(event, Event::Accepted { .. }) {
                trigger.pull();
            }
        }),
        Actor::Actions => {
            options.service_actions(Duration::from_millis(1), move || trigger.pull())
        }
        _ => options,
    }
}

/// Echoes, but stops the server at a `!`. The reply to an `L` is more than a client that
/// does not read can take.
fn handle(request: &mut TcpRequest) -> std::io::Result<()> {
    let mut wish = [0];
    while request.read(&mut wish)? > 0 {
        match &wish {
            b"!" => request.server().shutdown(),
            b"L" => request.write_all(&vec![0; 16 * 1024 * 1024])?,
            _ => request.write_all(&wish)?,
        }
    }
    Ok(())
}

/// A running server, in any state.
enum Server {
    Running(RunningServer),
    Bound(ThreadedServer),
    ServingOne(ServerHandle, thread::JoinHandle<std::io::Result<Handled>>),
}

/// Brings `server` into `state`. Returns it with the clients that are there.
fn bring(server: ThreadedServer, state: State) -> (Server, Vec<TcpStream>) {
    let address = server.local_addr();
    if state == State::Bound {
        return (Server::Bound(server), Vec::new());
    }
    if state == State::ServingOne {
        let (handle, mut server) = (server.handle(), server);
        let serving = thread::spawn(move || server.handle_request(None));
        return (Server::ServingOne(handle, serving), Vec::new());
    }
    let server = server.spawn().unwrap();
    let mut clients = Vec::new();
    match state {
        State::Idle | State::Bound | State::ServingOne => {}
        State::Reading => {
            clients.push(connect(address));
            assert_echo(&clients[0], b"?");
        }
        State::Writing => {
            let mut client = connect(address);
            client.write_all(b"L").unwrap();
            client.read_exact(&mut [0]).unwrap();
            clients.push(client);
        }
        State::Full => {
            clients.push(connect(address));
            assert_echo(&clients[0], b"?");
            clients.push(connect(address));
        }
        State::Arriving => clients.push(connect(address)),
        State::Stopping => server.shutdown(),
        State::Cut => server.handle().shutdown_now(),
    }
    (Server::Running(server), clients)
}

/// Has `actor` stop the server. `visit` causes a hook to be called.
fn act(actor: Actor, server: &Server, trigger: &Trigger, visit: impl FnOnce(&[u8])) {
    let handle = match server {
        Server::Running(server) => server.handle(),
        Server::Bound(server) => server.handle(),
        Server::ServingOne(handle, _) => handle.clone(),
    };
    *trigger.server.lock() = Some(handle.clone());
    match actor {
        Actor::Owner => handle.shutdown(),
        Actor::Others => {
            let other = handle.clone();
            thread::spawn(move || other.shutdown());
            thread::spawn(move || handle.shutdown());
        }
        Actor::Handler => visit(b"!"),
        Actor::Verify | Actor::Listener => {
            trigger.armed.store(true, Ordering::SeqCst);
            visit(b"?");
        }
        Actor::Actions => trigger.armed.store(true, Ordering::SeqCst),
        Actor::Drop => {}
    }
}

/// Waits for the end.
fn end(actor: Actor, server: Server) -> Stats {
    match server {
        Server::Running(server) => {
            let handle = server.handle();
            if actor == Actor::Drop {
                drop(server);
            } else {
                server.join().unwrap();
            }
            handle.stats()
        }
        Server::Bound(server) => {
            let handle = server.handle();
            if actor == Actor::Drop {
                drop(server);
            } else {
                server.serve_forever().unwrap();
            }
            handle.stats()
        }
        Server::ServingOne(handle, serving) => {
            let handled = serving.join().unwrap().unwrap();
            assert!(matches!(handled, Handled::Served | Handled::Stopped));
            handle.stats()
        }
    }
}

/// Whether `actor` can stop a server in `state` at all: hooks for new clients are not
/// called when the server is full, and only `serve_forever` calls the others.
fn is_possible(state: State, actor: Actor) -> bool {
    let needs_a_client =
        matches!(actor, Actor::Handler | Actor::Verify | Actor::Listener);
    match state {
        State::Full => !needs_a_client,
        State::ServingOne => !matches!(actor, Actor::Actions | Actor::Drop),
        _ => true,
    }
}

/// Five hundred rounds, each in a random state and by a random actor.
fn play_all(test: &str, play: impl Fn(State, Actor)) {
    in_own_process(test, || {
        let before = Belongings::now();
        let mut random = Random(5);
        let mut slowest = Duration::ZERO;
        for _ in 0..500 {
            let (state, actor) = loop {
                let state = STATES[random.below(STATES.len() as u64) as usize];
                let actor = ACTORS[random.below(ACTORS.len() as u64) as usize];
                if is_possible(state, actor) {
                    break (state, actor);
                }
            };
            let begin = Instant::now();
            eprintln!("{state:?}, by {actor:?}"); // so that we know it if it hangs
            play(state, actor);
            slowest = slowest.max(begin.elapsed());
            before.assert_back(&format!("{state:?}, by {actor:?}"));
        }
        assert!(slowest < PATIENCE, "{slowest:?}");
    });
}

#[test]
fn a_tcp_server_can_be_stopped_in_every_state_from_every_thread() {
    let test = "states::a_tcp_server_can_be_stopped_in_every_state_from_every_thread";
    play_all(test, |state, actor| {
        let trigger = Trigger::default();
        let mut options = options_for(actor, &trigger);
        if state == State::Full {
            options = options.max_connections(1);
        }
        let server = options.tcp("127.0.0.1:0", handle).unwrap();
        let address = server.local_addr();
        let (server, clients) = bring(server, state);
        let mut visitor = None;
        act(actor, &server, &trigger, |wish| visitor = visit(address, wish));
        let stats = end(actor, server);
        trigger.forget();
        assert_balanced(&stats);
        assert_eq!(stats.active, 0, "{stats}");
        drop((clients, visitor));
    });
}

/// Another client, which sends its request; `None` if the server has gone already.
fn visit(address: SocketAddr, wish: &[u8]) -> Option<TcpStream> {
    let mut client = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    client.write_all(wish).ok()?;
    Some(client)
}

/// A datagram server has no connections, so there are fewer states: with `Reading` a
/// slow handler runs, with `Full` it is the only one that may.
#[test]
fn a_udp_server_can_be_stopped_in_every_state_from_every_thread() {
    let test = "states::a_udp_server_can_be_stopped_in_every_state_from_every_thread";
    play_all(test, |state, actor| {
        let trigger = Trigger::default();
        let mut options = options_for(actor, &trigger).drain_timeout(PATIENCE);
        if state == State::Full {
            options = options.max_connections(1);
        }
        let handler = |request: &mut UdpRequest| {
            match request.data() {
                b"!" => request.server().shutdown(),
                b"slow" => drop(request.server().stopping().recv_timeout(PATIENCE)),
                _ => {}
            }
            request.reply(request.data())
        };
        let server = options.udp("127.0.0.1:0", handler).unwrap();
        let client = connect_udp(server.local_addr());
        let send = |data: &[u8]| drop(client.send(data)); // it may have gone
        let simple = match state {
            State::Reading | State::Writing | State::Full | State::Arriving => {
                State::Idle
            }
            other => other,
        };
        let (server, _) = bring(server, simple);
        if let Server::Running(server) = &server {
            match state {
                State::Reading | State::Full => {
                    send(b"slow");
                    wait_until("it is slow", || server.stats().active == 1);
                }
                State::Writing => (0..100).for_each(|_| send(b"?")),
                State::Arriving => send(b"?"),
                _ => {}
            }
        }
        act(actor, &server, &trigger, send);
        let stats = end(actor, server);
        trigger.forget();
        assert_balanced(&stats);
        assert_eq!(stats.active, 0, "{stats}");
        assert_eq!(stats.cut_off, 0, "{stats}");
    });
}
