//! The registry of connections: no connection is lost, none slips in, and the counts
//! agree.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use crate::connections::{Admission, Registry, Stage};
use crate::event::{Outcome, Stats};
use crate::socket::connection::{Connection, Received, Rhythm};
use crate::socket::wakes::Wakes;
use crate::{FEW, MILLION, PATIENCE, Random};

#[test]
fn no_client_is_lost_and_none_slips_in() {
    stop_at_any_moment(FEW / 40);
}

#[test]
#[ignore = "takes long"]
fn no_client_is_lost_and_none_slips_in_a_million_times() {
    stop_at_any_moment(MILLION / 40);
}

/// In each round, about forty connections come and go. At some moment, two threads stop
/// the server at once, and then it is cut off.
fn stop_at_any_moment(rounds: usize) {
    let mut random = Random(1);
    for _ in 0..rounds {
        let registry = Registry::default();
        let wakes = Arc::new(Wakes::new().unwrap());
        let entered = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        let cut = random.below(2) == 0;
        thread::scope(|scope| {
            let is_over = Over(&done);
            let workers = [(); 3].map(|()| {
                let (registry, wakes, entered) = (&registry, &wakes, &entered);
                let random = Random(random.below(u64::MAX));
                scope.spawn(move || come_and_go(registry, wakes, entered, random))
            });
            let looker = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_balanced(&registry.stats());
                    thread::yield_now();
                }
            });
            let stoppers = [(); 2].map(|()| {
                let (registry, wakes) = (&registry, &wakes);
                let mut random = Random(random.below(u64::MAX));
                scope.spawn(move || {
                    (0..random.below(20)).for_each(|_| random.dawdle());
                    let began = registry.stop_accepting().is_some();
                    wakes.stop();
                    let late = registry.enter(None, None);
                    assert!(matches!(late, Admission::Rejected(_)), "a client slips in");
                    if began {
                        random.dawdle(); // the hook is told
                        registry.announced();
                    }
                    let cut_off = cut && registry.cut().is_some();
                    (began, cut_off)
                })
            });
            let stops = stoppers.map(|stopper| stopper.join().unwrap());
            let count = |what: fn(&(bool, bool)) -> bool| {
                stops.iter().filter(|stop| what(stop)).count()
            };
            assert_eq!(count(|stop| stop.0), 1, "one begins it");
            assert_eq!(count(|stop| stop.1), usize::from(cut), "one cuts off");
            let until = Some(Instant::now() + PATIENCE);
            assert!(registry.wait_until_empty(Stage::Cut, until), "stuck");
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            drop(is_over);
            looker.join().unwrap();
        });
        let stats = registry.stats();
        assert_balanced(&stats);
        let served = stats.accepted - stats.rejected;
        assert_eq!((stats.active, served), (0, entered.into_inner() as u64), "{stats}");
    }
}

/// Ends the looker when it is dropped, even if an assertion fails. Otherwise the test would
/// wait for the looker forever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Connections, until no more are accepted. Some stay until they are told to end.
fn come_and_go(
    registry: &Registry,
    wakes: &Arc<Wakes>,
    entered: &AtomicUsize,
    mut random: Random,
) {
    const OUTCOMES: [Outcome; 4] =
        [Outcome::Finished, Outcome::Failed, Outcome::Panicked, Outcome::Disconnected];
    loop {
        let (stream, _client) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        stream.set_nonblocking(true).unwrap(); // as an accepted one is
        let connection = Arc::new(Connection::new(stream, Arc::clone(wakes)));
        let admission = registry.enter(Some(connection.clone()), None);
        let Admission::Entered(number) = admission else { return };
        entered.fetch_add(1, Ordering::SeqCst);
        random.dawdle();
        if random.below(8) == 0 {
            let until = Some(Instant::now() + PATIENCE);
            let received = connection
                .receive(&mut [0], &mut Rhythm::default(), || until, false)
                .unwrap();
            assert!(matches!(received, Received::WeEnd), "it is never told to end");
        }
        let outcome = OUTCOMES[random.below(4) as usize];
        let counted = registry.count(outcome);
        assert!(counted == outcome || counted == Outcome::CutOff);
        registry.leave(number, None);
    }
}

/// The reader must see that the server ended it. If it took that for the client's end, half a
/// line would be its client's last one.
#[test]
fn a_connection_that_is_cut_off_never_looks_as_if_the_client_were_done() {
    let wakes = Arc::new(Wakes::new().unwrap());
    let mut random = Random(2);
    for round in 0..FEW {
        let (stream, _client) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        stream.set_nonblocking(true).unwrap();
        let connection = Connection::new(stream, Arc::clone(&wakes));
        let begin = Barrier::new(2);
        thread::scope(|scope| {
            let mut random = Random(random.below(u64::MAX));
            let (connection, begin) = (&connection, &begin);
            scope.spawn(move || {
                begin.wait();
                random.dawdle();
                connection.cut();
            });
            begin.wait();
            let until = Instant::now() + PATIENCE;
            // It hardly ever waits, so it's often just about to read.
            loop {
                assert!(Instant::now() < until, "it is never told");
                let mut rhythm = Rhythm::default();
                let soon = || Some(Instant::now());
                match connection.receive(&mut [0], &mut rhythm, soon, false).unwrap() {
                    Received::TimedOut => {}
                    Received::WeEnd => return,
                    Received::Bytes(_) => panic!("in round {round}"),
                }
            }
        });
    }
}

/// Each client that was accepted is counted in exactly one other place.
fn assert_balanced(stats: &Stats) {
    let ends = stats.finished + stats.failed + stats.panicked + stats.disconnected;
    let elsewhere = stats.rejected + stats.active as u64 + ends + stats.cut_off;
    assert_eq!(stats.accepted, elsewhere, "{stats}");
}

#[test]
fn there_is_never_more_room_than_there_is_and_no_client_waits_forever() {
    room(FEW);
}

#[test]
#[ignore = "takes long"]
fn there_is_never_more_room_than_there_is_and_no_client_waits_forever_a_million_times() {
    room(MILLION);
}

/// One thread adds connections when there is a free place, as a server does, and others
/// remove them. If a wake-up were lost, all of them would stop.
fn room(count: usize) {
    const MAX: usize = 4;
    let registry = Registry::default();
    let (sender, numbers) = crossbeam_channel::unbounded();
    thread::scope(|scope| {
        for number in 0..3 {
            let (registry, numbers, mut random) =
                (&registry, numbers.clone(), Random(number));
            scope.spawn(move || {
                for number in numbers {
                    random.dawdle();
                    registry.count(Outcome::Finished);
                    registry.leave(number, None);
                }
            });
        }
        for _ in 0..count {
            let until = Some(Instant::now() + PATIENCE);
            let room = registry.wait_for_room(MAX, until);
            assert!(room.is_some(), "stuck: {}", registry.stats());
            let Admission::Entered(number) = registry.enter(None, None) else {
                panic!("rejected: {}", registry.stats());
            };
            sender.send(number).unwrap();
            assert!(registry.stats().active <= MAX);
        }
        drop(sender);
        let until = Some(Instant::now() + PATIENCE);
        assert!(registry.wait_until_empty(Stage::Serving, until), "stuck");
    });
    assert_eq!(registry.stats().finished, count as u64);
}
