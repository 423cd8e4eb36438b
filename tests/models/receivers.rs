//! The receivers of datagrams, their lead and their supervisor.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::sync::Barrier;
use shuttle::thread;

use crate::options::{Options, Setup};
use crate::request::datagram::DatagramRequest;
use crate::serve::ThreadedServer;
use crate::serve::receive::server;
use crate::socket::Socket;
use crate::{check, step};

type Datagram = DatagramRequest<SocketAddr>;

/// Serves `count` datagrams, with at most `max` receivers, and stops.
///
/// The socket itself checks that no two threads receive at once.
fn serve(count: u8, max: usize, handler: impl Fn(u8) + Clone + Send + Sync + 'static) {
    let inside = Arc::new(AtomicUsize::new(0));
    let all = Arc::new(Barrier::new(usize::from(count) + 1));
    let handled = Arc::clone(&all);
    let handler = move |datagram: &mut Datagram| {
        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(now <= max, "{now} are handled at once");
        handler(datagram.data());
        inside.fetch_sub(1, Ordering::SeqCst);
        let handled = Arc::clone(&handled);
        thread::spawn(move || handled.wait()); // the last one opens the barrier
    };
    let options = Options {
        max_connections: max,
        max_connections_per_address: None,
        max_packet_size: 1,
    };
    let idle_thread_timeout = Duration::from_millis(1);
    let setup = Setup { options, service_actions: None, idle_thread_timeout };
    let socket = Socket::default();
    let server = server::<SocketAddr, _>(socket.clone(), None, handler, setup).unwrap();
    let ThreadedServer { handle, wakes, mut service } = server;
    let serving = thread::spawn(move || {
        service.serve().unwrap();
        drop(service.close());
    });
    (0..count).for_each(|number| socket.push(number));
    all.wait(); // a datagram that isn't received is a deadlock, or takes too many steps

    let shared = handle.shared();
    assert!(shared.registry.stop_accepting().is_some());
    wakes.stop();
    shared.registry.announced();
    serving.join().unwrap();
    shared.threads.close(None);
    assert_eq!(shared.threads.alive(), 0);
    let stats = shared.registry.stats();
    assert_eq!((stats.accepted, stats.finished), (count.into(), count.into()));
}

#[test]
fn every_datagram_is_handled() {
    check(|| serve(4, 2, |_| step()));
}

#[test]
fn a_stop_wakes_those_that_wait_for_the_first_datagram() {
    check(|| serve(0, 2, |_| {}));
}

/// No handler ends before all have begun, so there must be as many receivers as
/// datagrams.
#[test]
fn slow_handlers_do_not_delay_others_while_more_are_allowed() {
    check(|| {
        let all = Arc::new(Barrier::new(3));
        serve(3, 3, move |_| {
            all.wait();
        });
    });
}

/// The first handler ends only after all others.
#[test]
fn one_slow_handler_does_not_delay_others() {
    check(|| {
        let others = Arc::new(Barrier::new(4));
        serve(4, 2, move |number| {
            let others = Arc::clone(&others);
            if number == 0 {
                others.wait();
            } else {
                thread::spawn(move || others.wait());
            }
        });
    });
}
