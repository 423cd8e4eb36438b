//! The registry: a thread that waits for a change is woken, whatever races with it.

use std::sync::Arc;

use shuttle::thread;

use crate::event::Outcome;
use crate::state::connections::{Admission, Registry, Stage};
use crate::{check, step};

#[test]
fn no_client_slips_in_after_the_stop_and_the_end_is_noticed() {
    check(|| {
        let registry = Arc::new(Registry::default());
        let clients = [(); 3].map(|()| {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let Admission::Entered(number) = registry.enter(None, None) else {
                    return;
                };
                step();
                registry.count(Outcome::Finished);
                registry.leave(number, None);
            })
        });
        assert!(registry.stop_accepting().is_some());
        let late = registry.enter(None, None);
        assert!(matches!(late, Admission::Rejected(_)), "a client slips in");
        registry.announced();
        assert!(registry.wait_until_empty(Stage::Draining, None));
        clients.into_iter().for_each(|client| client.join().unwrap());
        let stats = registry.stats();
        assert_eq!(stats.accepted, 4);
        assert_eq!((stats.finished + stats.rejected, stats.active), (4, 0));
    });
}

#[test]
fn no_more_are_inside_than_allowed() {
    check(|| {
        let registry = Arc::new(Registry::default());
        let clients = [(); 4].map(|()| {
            assert!(registry.wait_for_room(2, None).is_some());
            let Admission::Entered(number) = registry.enter(None, None) else {
                panic!("rejected")
            };
            assert!(registry.stats().active <= 2, "too many are inside");
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                registry.count(Outcome::Finished);
                registry.leave(number, None);
            })
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
}

/// A client is inside all the time, so no thread notices the stop just because a client
/// leaves.
#[test]
fn each_stage_of_the_stop_ends_the_waits_for_it() {
    fn waits(registry: &Arc<Registry>, wait: fn(&Registry)) -> thread::JoinHandle<()> {
        let registry = Arc::clone(registry);
        thread::spawn(move || wait(&registry))
    }

    check(|| {
        let registry = Arc::new(Registry::default());
        let Admission::Entered(number) = registry.enter(None, None) else {
            panic!("rejected")
        };
        let room = waits(&registry, |registry| {
            assert!(registry.wait_for_room(1, None).is_none());
        });
        let departure =
            waits(&registry, |registry| registry.wait_for_departure(0, None));
        assert!(registry.stop_accepting().is_some());
        room.join().unwrap();
        departure.join().unwrap();

        let announced = waits(&registry, |registry| {
            registry.wait_until_announced(None);
            assert!(registry.stage() >= Stage::Draining);
        });
        registry.announced();
        announced.join().unwrap();

        let empty = waits(&registry, |registry| {
            assert!(!registry.wait_until_empty(Stage::Draining, None));
        });
        assert_eq!(registry.cut(), Some(1));
        empty.join().unwrap();

        let empty = waits(&registry, |registry| {
            assert!(registry.wait_until_empty(Stage::Cut, None));
        });
        assert_eq!(registry.count(Outcome::Finished), Outcome::CutOff);
        registry.leave(number, None);
        empty.join().unwrap();
    });
}

#[test]
fn a_cut_at_any_moment_counts_every_client_once() {
    check(|| {
        let registry = Arc::new(Registry::default());
        let clients = [(); 3].map(|()| {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let Admission::Entered(number) = registry.enter(None, None) else {
                    return;
                };
                registry.count(Outcome::Finished);
                registry.leave(number, None);
            })
        });
        let other = Arc::clone(&registry);
        let cutter = thread::spawn(move || other.cut().is_some());
        let waiter = Arc::clone(&registry);
        let waiter =
            thread::spawn(move || waiter.wait_until_empty(Stage::Draining, None));
        if registry.stop_accepting().is_some() {
            registry.announced();
        }
        registry.wait_until_announced(None);
        let cut_here = registry.cut().is_some();
        assert_ne!(cut_here, cutter.join().unwrap(), "it is cut once");
        waiter.join().unwrap();
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(registry.wait_until_empty(Stage::Cut, None));
        let stats = registry.stats();
        assert_eq!(stats.finished + stats.cut_off + stats.rejected, 3);
        assert_eq!((stats.accepted, stats.active), (3, 0));
    });
}
