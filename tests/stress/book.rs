//! The book of connections: nobody is lost, nobody slips in, and the counts agree.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::connections::{Connections, ShutDown, Stage};
use crate::event::{Outcome, Stats};
use crate::{FEW, MILLION, PATIENCE, Random};

/// A socket that writes down how it is shut down.
#[derive(Default)]
struct Socket {
    read: AtomicUsize,
    both: AtomicUsize,
}

impl ShutDown for Socket {
    fn shut_down(&self, how: Shutdown) {
        match how {
            Shutdown::Read => self.read.fetch_add(1, Ordering::SeqCst),
            _ => self.both.fetch_add(1, Ordering::SeqCst),
        };
    }
}

impl Socket {
    fn is_shut(&self) -> bool {
        self.read.load(Ordering::SeqCst) + self.both.load(Ordering::SeqCst) > 0
    }
}

#[test]
fn nobody_is_lost_and_nobody_slips_in() {
    stop_at_any_moment(FEW / 40);
}

#[test]
#[ignore = "takes long"]
fn nobody_is_lost_and_nobody_slips_in_a_million_times() {
    stop_at_any_moment(MILLION / 40);
}

/// In each round some forty connections come and go, and at some moment the server is
/// stopped, by two at once, and cut off.
fn stop_at_any_moment(rounds: usize) {
    let mut random = Random(1);
    for _ in 0..rounds {
        let book = Connections::default();
        let entered = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        let cut = random.below(2) == 0;
        thread::scope(|scope| {
            let workers = [(); 3].map(|()| {
                let (book, entered) = (&book, &entered);
                let random = Random(random.below(u64::MAX));
                scope.spawn(move || come_and_go(book, entered, random))
            });
            let looker = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_balanced(&book.stats());
                    thread::yield_now();
                }
            });
            let stoppers = [(); 2].map(|()| {
                let (book, mut random) = (&book, Random(random.below(u64::MAX)));
                scope.spawn(move || {
                    (0..random.below(20)).for_each(|_| random.dawdle());
                    let began = book.drain().is_some();
                    assert!(book.enter(None).is_none(), "somebody slips in");
                    let cut_off = cut && book.cut().is_some();
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
            assert!(book.wait_until_empty(Stage::Cut, until), "stuck");
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            done.store(true, Ordering::SeqCst);
            looker.join().unwrap();
        });
        let stats = book.stats();
        assert_balanced(&stats);
        let served = stats.accepted - stats.refused;
        assert_eq!((stats.active, served), (0, entered.into_inner() as u64), "{stats}");
    }
}

/// Connections, until nobody is let in any more. Some stay until they are shut down.
fn come_and_go(book: &Connections, entered: &AtomicUsize, mut random: Random) {
    const OUTCOMES: [Outcome; 4] =
        [Outcome::Finished, Outcome::Failed, Outcome::Panicked, Outcome::Disconnected];
    loop {
        let socket = Arc::new(Socket::default());
        let Some(entry) = book.enter(Some(socket.clone())) else {
            assert!(!socket.is_shut());
            return;
        };
        entered.fetch_add(1, Ordering::SeqCst);
        random.dawdle();
        if random.below(8) == 0 {
            let until = Instant::now() + PATIENCE;
            while !socket.is_shut() {
                assert!(Instant::now() < until, "it is never told to end");
                thread::yield_now();
            }
        }
        let outcome = OUTCOMES[random.below(4) as usize];
        let counted = book.leave(entry, outcome);
        assert!(counted == outcome || counted == Outcome::CutOff);
        assert!(socket.read.load(Ordering::SeqCst) <= 1, "it is told twice");
        assert!(socket.both.load(Ordering::SeqCst) <= 1, "it is told twice");
    }
}

/// Each client that was accepted is counted in exactly one other place.
fn assert_balanced(stats: &Stats) {
    let ends = stats.finished + stats.failed + stats.panicked + stats.disconnected;
    let elsewhere = stats.refused + stats.active as u64 + ends + stats.cut_off;
    assert_eq!(stats.accepted, elsewhere, "{stats}");
}

#[test]
fn there_is_never_more_room_than_there_is_and_nobody_waits_for_ever() {
    room(FEW);
}

#[test]
#[ignore = "takes long"]
fn there_is_never_more_room_than_there_is_and_nobody_waits_for_ever_a_million_times() {
    room(MILLION);
}

/// One thread lets connections in when there is room, as a server does, and others lead
/// them out. A wake-up that is lost would stop them all.
fn room(count: usize) {
    const MAX: usize = 4;
    let book = Connections::default();
    let (sender, entries) = crossbeam_channel::unbounded();
    thread::scope(|scope| {
        for number in 0..3 {
            let (book, entries, mut random) = (&book, entries.clone(), Random(number));
            scope.spawn(move || {
                for entry in entries {
                    random.dawdle();
                    book.leave(entry, Outcome::Finished);
                }
            });
        }
        for _ in 0..count {
            let until = Some(Instant::now() + PATIENCE);
            assert!(book.wait_for_room(MAX, until), "stuck: {}", book.stats());
            sender.send(book.enter(None).unwrap()).unwrap();
            assert!(book.stats().active <= MAX);
        }
        drop(sender);
        let until = Some(Instant::now() + PATIENCE);
        assert!(book.wait_until_empty(Stage::Serving, until), "stuck");
    });
    assert_eq!(book.stats().finished, count as u64);
}
