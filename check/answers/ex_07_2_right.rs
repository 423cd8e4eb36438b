//! RIGHT
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) fn main() -> io::Result<()> {
    let (tick, count) = (crate::number("tick", 80), crate::number("count", 3));
    let slow = crate::number("slow", 0);
    let mut threads: Vec<JoinHandle<Duration>> = Vec::new();
    for number in 1..=7 {
        let tick = if number == slow { 10 * tick } else { tick };
        let tick = Duration::from_millis(tick as u64);
        threads.push(thread::spawn(move || {
            let begin = Instant::now();
            for number in (1..=count).rev() {
                thread::sleep(tick);
                println!("rocket | {number}");
            }
            begin.elapsed()
        }));
    }
    let mut slowest = (Duration::ZERO, 0);
    for (index, thread) in threads.into_iter().enumerate() {
        let took = thread.join().map_err(|_| io::Error::other("a rocket panicked"))?;
        slowest = slowest.max((took, index + 1));
    }
    println!("the slowest was rocket {}", slowest.1);
    Ok(())
}
