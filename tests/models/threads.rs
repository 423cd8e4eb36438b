//! The cache of threads.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Barrier, Mutex};
use shuttle::thread;

use crate::shuttled::std::time::Instant;
use crate::state::threads::{Job, Threads};
use crate::{check, step};

/// Idle threads end as soon as they can.
const AT_ONCE: Duration = Duration::ZERO;

/// Idle threads end at any moment.
const ANY: Duration = Duration::from_millis(1);

/// Idle threads wait until the end.
const FOREVER: Duration = Duration::MAX;

/// Another one in each run.
fn any_of_them() -> Duration {
    [AT_ONCE, ANY, FOREVER][thread_rng().gen_range(0..3)]
}

fn threads(idle_timeout: Duration) -> Threads {
    Threads::new("model".into(), None, idle_timeout)
}

/// A job that counts itself after a moment.
fn job(done: &Arc<AtomicUsize>) -> Job {
    let done = Arc::clone(done);
    Box::new(move || {
        step();
        done.fetch_add(1, Ordering::SeqCst);
    })
}

#[test]
fn every_job_is_done_once() {
    check(|| {
        let threads = threads(any_of_them());
        let done: Vec<Arc<AtomicUsize>> = (0..5).map(|_| Arc::default()).collect();
        done.iter().for_each(|done| threads.run(job(done)).unwrap());
        threads.close(None);
        assert_eq!(threads.alive(), 0);
        let done = done.iter().map(|done| done.load(Ordering::SeqCst));
        assert!(done.clone().all(|count| count == 1), "{:?}", done.collect::<Vec<_>>());
    });
}

/// Jobs in groups: no job of a group ends before all have begun.
#[test]
fn no_job_waits_for_another_to_end() {
    check(|| {
        let threads = threads(any_of_them());
        for size in [3, 2, 3] {
            let (begun, ended) =
                (Arc::new(Barrier::new(size)), Arc::new(Barrier::new(size + 1)));
            for _ in 0..size {
                let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
                let job = move || {
                    begun.wait();
                    ended.wait();
                };
                threads.run(Box::new(job)).unwrap();
            }
            ended.wait();
        }
        threads.close(None);
        assert_eq!(threads.alive(), 0);
    });
}

/// One thread hands out jobs while another one closes the cache.
#[test]
fn closing_at_any_moment_leaves_no_thread_and_no_job() {
    check(|| {
        let cache = Arc::new(threads(any_of_them()));
        let done = Arc::new(AtomicUsize::new(0));
        let other = Arc::clone(&cache);
        let closer = thread::spawn(move || other.close(None));
        (0..4).for_each(|_| cache.run(job(&done)).unwrap());
        closer.join().unwrap();
        cache.close(None); // for those that came later
        assert_eq!((cache.alive(), done.load(Ordering::SeqCst)), (0, 4));
    });
}

#[test]
fn dropping_it_ends_the_threads() {
    check(|| {
        let threads = threads(FOREVER);
        let done = Arc::new(AtomicUsize::new(0));
        (0..3).for_each(|_| threads.run(job(&done)).unwrap());
        drop(threads); // a thread that kept sleeping would be a deadlock
    });
}

/// Counts the threads that have really ended.
#[derive(Default)]
struct AtTheEnd(Option<Arc<AtomicUsize>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        step();
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

shuttle::thread_local! {
    static AT_THE_END: RefCell<AtTheEnd> = RefCell::default();
}

#[test]
fn close_waits_for_what_is_thread_local_too() {
    check(|| {
        let threads = threads(any_of_them());
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        for _ in 0..3 {
            let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
            let job = move || {
                AT_THE_END.with(|end| {
                    if end.borrow_mut().0.replace(ended).is_none() {
                        begun.fetch_add(1, Ordering::SeqCst);
                    }
                });
            };
            threads.run(Box::new(job)).unwrap();
        }
        threads.close(None);
        let ended = ended.load(Ordering::SeqCst);
        assert_eq!(ended, begun.load(Ordering::SeqCst), "a thread is still there");
    });
}

#[test]
fn a_deadline_ends_the_wait_for_a_job_that_goes_on() {
    check(|| {
        let threads = threads(ANY);
        let may_end = Arc::new(Barrier::new(2));
        let barrier = Arc::clone(&may_end);
        threads
            .run(Box::new(move || {
                barrier.wait();
            }))
            .unwrap();
        threads.close(Some(Instant::now() + ANY));
        assert_eq!(threads.alive(), 1);
        may_end.wait();
        threads.close(None);
        assert_eq!(threads.alive(), 0);
    });
}

/// No two living threads have the same number, and no number exceeds the largest count
/// of living threads.
#[test]
fn numbers_are_given_out_once_at_a_time() {
    check(|| {
        let threads = threads(ANY);
        let names = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..5 {
            let names = Arc::clone(&names);
            let job = move || {
                let name = thread::current().name().unwrap().to_owned();
                let digits = name.strip_prefix("model-").unwrap();
                assert!((1..=5).contains(&digits.parse().unwrap()), "{name}");
                assert!(
                    names.lock().unwrap().insert(name.clone()),
                    "{name} is there twice"
                );
                step();
                names.lock().unwrap().remove(&name);
            };
            threads.run(Box::new(job)).unwrap();
        }
        threads.close(None);
    });
}
