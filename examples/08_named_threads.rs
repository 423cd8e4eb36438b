//! Lesson 08: four named threads, started one after the other.

use std::fs;
use std::io;
use std::process::ExitCode;
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use support::{Args, Doing, Lesson, mistake, say, span};

mod support;

const NAMES: [&str; 4] = ["north", "east", "south", "north-north-west"];

fn main() -> ExitCode {
    Lesson::new("four threads with names", demonstration)
        .number_to("work", 2000, 250, "milliseconds that a thread works, 2000 at most")
        .flag("last-first", "first join the thread that was started last")
        .text("fail", "NAME", "let this thread panic")
        .timeline()
        .run()
}

fn demonstration(args: &Args) -> io::Result<()> {
    if let Some(name) = args.text("fail").filter(|name| !NAMES.contains(name)) {
        let names = NAMES.join(", "); // otherwise, a misspelt name would change nothing
        return Err(mistake(format!("No thread is called `{name}`.\nTry {names}.")));
    }
    let mut threads = start(args)?;
    if args.flag("last-first") {
        threads.reverse();
    }
    join(threads);
    Ok(())
}

// [start]
fn start(args: &Args) -> io::Result<Vec<JoinHandle<()>>> {
    let work = Duration::from_millis(args.number("work") as u64);
    let mut threads = Vec::new();
    for name in NAMES {
        if !threads.is_empty() {
            thread::sleep(work * 9 / 10); // the previous one still works
        }
        say!("starts {name}");
        let fails = args.text("fail") == Some(name);
        let thread = Builder::new().name(name.to_owned());
        threads.push(thread.spawn(move || task(work, fails))?);
    }
    Ok(threads)
}
// [/start]

// [join]
fn join(threads: Vec<JoinHandle<()>>) {
    let _span = span(Doing::Idle);
    for thread in threads {
        let name = thread.thread().name().unwrap_or("?").to_owned();
        match thread.join() {
            Ok(()) => say!("joined {name}"),
            Err(_) => say!("joined {name}, which panicked"),
        }
    }
}
// [/join]

// [task]
fn task(work: Duration, fails: bool) {
    let _span = span(Doing::Working);
    say!("begins; the system calls it {}", name_outside());
    thread::sleep(work); // stands for work
    assert!(!fails, "no wind");
    say!("ends");
}

/// The current thread's name as other programs see it, where Linux shows it.
fn name_outside() -> String {
    let name = fs::read_to_string("/proc/thread-self/comm");
    name.map_or("nothing".to_owned(), |name| name.trim_end().to_owned())
}
// [/task]
