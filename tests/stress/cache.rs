//! The cache of threads: every job is done, once, whatever races with it.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::threads::Threads;
use crate::{FEW, MILLION, PATIENCE, Random, wait_until};

#[test]
fn every_job_is_done_once() {
    every_job(FEW);
}

#[test]
#[ignore = "takes long"]
fn every_job_is_done_once_a_million_times() {
    every_job(MILLION);
}

/// Three threads hand out jobs. An idle thread waits for about as long as it takes until
/// the next job comes. So again and again, it gives up at the very moment when it gets a
/// job.
fn every_job(count: usize) {
    let mut random = Random(1);
    // Each cache has another waiting time, zero too.
    for micros in [0, 20, 50, 100, 1000] {
        let each = count / 5;
        let idle_timeout = Duration::from_micros(micros);
        let threads = Arc::new(Threads::new("stress".into(), None, idle_timeout));
        let done: Arc<Vec<AtomicUsize>> =
            Arc::new((0..each).map(|_| AtomicUsize::new(0)).collect());
        let inside = Arc::new(AtomicUsize::new(0));
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                let mut random = Random(random.below(u64::MAX));
                let (threads, done, inside, next) = (&threads, &done, &inside, &next);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= each {
                            break;
                        }
                        // No more jobs at once than a server lets clients in.
                        wait_for_room(inside, 16);
                        inside.fetch_add(1, Ordering::SeqCst);
                        let (done, inside) = (Arc::clone(done), Arc::clone(inside));
                        let mut job_random = random.clone();
                        let job = move || {
                            job_random.dawdle();
                            done[number].fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            if number % 997 == 0 {
                                resume_unwind(Box::new("it takes its thread with it"));
                            }
                        };
                        threads.run(Box::new(job)).unwrap();
                        random.dawdle();
                    }
                });
            }
        });
        wait_until("all jobs are done", || inside.load(Ordering::SeqCst) == 0);
        assert!(done.iter().all(|times| times.load(Ordering::SeqCst) == 1));
        threads.close(Some(Instant::now() + PATIENCE));
        assert_eq!(threads.alive(), 0, "{micros}");
    }
}

/// Waits until fewer than `max` jobs are running.
fn wait_for_room(inside: &AtomicUsize, max: usize) {
    let until = Instant::now() + PATIENCE;
    while inside.load(Ordering::SeqCst) >= max {
        assert!(Instant::now() < until, "stuck: jobs are not done");
        thread::yield_now();
    }
}

#[test]
fn closing_at_any_moment_leaves_no_thread_and_no_job() {
    closing(FEW / 40);
}

#[test]
#[ignore = "takes long"]
fn closing_at_any_moment_leaves_no_thread_and_no_job_often() {
    closing(MILLION / 40);
}

/// One thread hands out jobs while another one closes the cache.
fn closing(rounds: usize) {
    let mut random = Random(2);
    for _ in 0..rounds {
        let idle_timeout = Duration::from_micros(random.below(100));
        let threads = Threads::new("stress".into(), None, idle_timeout);
        let done = Arc::new(AtomicUsize::new(0));
        let (mut here, mut there) =
            (Random(random.below(u64::MAX)), Random(random.below(u64::MAX)));
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..40 {
                    let done = Arc::clone(&done);
                    let job = move || {
                        done.fetch_add(1, Ordering::SeqCst);
                    };
                    threads.run(Box::new(job)).unwrap();
                    here.dawdle();
                }
            });
            (0..there.below(40)).for_each(|_| there.dawdle());
            threads.close(Some(Instant::now() + PATIENCE));
        });
        threads.close(Some(Instant::now() + PATIENCE)); // for those who came later
        assert_eq!((threads.alive(), done.load(Ordering::SeqCst)), (0, 40));
    }
}

#[test]
fn no_job_waits_for_another_to_end() {
    groups(FEW);
}

#[test]
#[ignore = "takes long"]
fn no_job_waits_for_another_to_end_a_million_times() {
    groups(MILLION);
}

/// Jobs in groups: no job ends before its whole group has begun. Idle threads give up
/// all the time; or never, so that no thread takes a job merely because it gives up.
fn groups(count: usize) {
    let mut random = Random(4);
    for micros in [0, 20, 50, 100, u64::MAX] {
        let threads = Threads::new("stress".into(), None, Duration::from_micros(micros));
        let ended = Arc::new(AtomicUsize::new(0));
        let mut begun = 0;
        while begun < count / 5 {
            let size = 1 + random.below(6) as usize;
            let arrived = Arc::new(AtomicUsize::new(0));
            for _ in 0..size {
                let (arrived, ended) = (Arc::clone(&arrived), Arc::clone(&ended));
                let job = move || {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    let until = Instant::now() + PATIENCE;
                    while arrived.load(Ordering::SeqCst) < size {
                        assert!(Instant::now() < until, "stuck");
                        thread::yield_now();
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                };
                threads.run(Box::new(job)).unwrap();
            }
            begun += size;
            // Sometimes the next group comes while this one is still there.
            if random.below(4) > 0 {
                let until = Instant::now() + PATIENCE;
                while ended.load(Ordering::SeqCst) < begun {
                    assert!(Instant::now() < until, "a job waits for another to end");
                    thread::yield_now();
                }
            }
            random.dawdle();
        }
        wait_until("all have ended", || ended.load(Ordering::SeqCst) == begun);
        threads.close(Some(Instant::now() + PATIENCE));
        assert_eq!(threads.alive(), 0);
    }
}

/// No two living threads have the same number, and no number exceeds the largest count
/// of living threads.
#[test]
fn numbers_are_given_out_once_at_a_time() {
    let threads = Threads::new("stress".into(), None, Duration::from_micros(20));
    let names = Arc::new(Mutex::new(HashSet::new()));
    let mut random = Random(3);
    let inside = Arc::new(AtomicUsize::new(0));
    for _ in 0..FEW / 10 {
        wait_for_room(&inside, 8);
        inside.fetch_add(1, Ordering::SeqCst);
        let (names, inside) = (Arc::clone(&names), Arc::clone(&inside));
        let mut random = Random(random.below(u64::MAX));
        let job = move || {
            let name = thread::current().name().unwrap().to_owned();
            assert!(names.lock().insert(name.clone()), "{name} is there twice");
            random.dawdle();
            names.lock().remove(&name);
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        threads.run(Box::new(job)).unwrap();
    }
    // A job that failed would be counted forever.
    wait_until("all jobs are done", || inside.load(Ordering::SeqCst) == 0);
    threads.close(Some(Instant::now() + PATIENCE));
    assert_eq!(threads.alive(), 0);
}
