//! Lesson 07: seven threads that count down, from a function and from a struct.

use std::io;
use std::process::ExitCode;
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use support::timeline::labelled;
use support::{Args, Doing, Lesson, say, span};

mod support;

fn main() -> ExitCode {
    Lesson::new("seven threads that count down", demonstration)
        .number_to("count", 3, 3, "the first number, 3 at most")
        .number_to("tick", 2000, 80, "milliseconds before each number, 2000 at most")
        .flag("no-join", "return from `main` without waiting for the threads")
        .timeline()
        .run()
}

fn demonstration(args: &Args) -> io::Result<()> {
    let tick = Duration::from_millis(args.number("tick") as u64);
    let threads = launch(args.number("count"), tick)?;
    say!("seven threads have been started");
    if !args.flag("no-join") {
        join(threads)?;
        say!("seven threads have ended");
    }
    say!("main returns");
    Ok(())
}

// [launch]
fn launch(count: usize, tick: Duration) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for number in 1..=4 {
        let name = format!("rocket {number}");
        let work = move || lift_off(count, tick);
        threads.push(Builder::new().name(name).spawn(work)?);
    }
    for number in 5..=7 {
        let name = format!("rocket {number}");
        threads.push(LiftOff { name, count, tick }.start()?);
    }
    Ok(threads)
}
// [/launch]

// [join]
fn join(threads: Vec<JoinHandle<()>>) -> io::Result<()> {
    let _span = span(Doing::Idle);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a thread panicked"))?;
    }
    Ok(())
}
// [/join]

// [function]
fn lift_off(count: usize, tick: Duration) {
    for number in (1..=count).rev() {
        let _span = labelled(Doing::Working, &number.to_string());
        thread::sleep(tick); // stands for work
        say!("{number}");
    }
}
// [/function]

// [struct]
struct LiftOff {
    name: String,
    count: usize,
    tick: Duration,
}

impl LiftOff {
    fn start(self) -> io::Result<JoinHandle<()>> {
        Builder::new().name(self.name.clone()).spawn(move || self.run())
    }

    fn run(mut self) {
        while self.count > 0 {
            let _span = labelled(Doing::Working, &self.count.to_string());
            thread::sleep(self.tick);
            say!("{}", self.count);
            self.count -= 1;
        }
    }
}
// [/struct]
