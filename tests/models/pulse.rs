//! The pulse: a thread that waits for a beat gets one, and the end wakes all of them.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use crate::check;
use crate::socket::pulse::Pulse;

#[test]
fn no_thread_waits_for_a_beat_forever() {
    check(|| {
        let pulse = Arc::new(Pulse::default());
        let waiters = [2, 1, 1].map(|beats| {
            let pulse = Arc::clone(&pulse);
            thread::spawn(move || {
                for _ in 0..beats {
                    // If it's gone already, the beat has been.
                    pulse.next_beat().upgrade().iter().for_each(|beat| beat.wait());
                }
            })
        });
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        pulse.stop();
        pulse.join();
    });
}

#[test]
fn a_stop_at_any_moment_wakes_all_and_ends_the_clock() {
    check(|| {
        let pulse = Arc::new(Pulse::default());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let waiters = [(); 3].map(|()| {
            let (pulse, is_stopped) = (Arc::clone(&pulse), Arc::clone(&is_stopped));
            thread::spawn(move || {
                for _ in 0..3 {
                    let was_stopped = is_stopped.load(Ordering::SeqCst);
                    let Some(beat) = pulse.next_beat().upgrade() else { continue };
                    assert!(!was_stopped, "a beat after the end");
                    beat.wait();
                }
            })
        });
        pulse.stop();
        is_stopped.store(true, Ordering::SeqCst);
        pulse.join();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}
