//! WRONG: they are joined afterwards, in either order
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    let work = Duration::from_millis(crate::number("work", 250) as u64);
    let mut threads = Vec::new();
    for name in ["north", "east", "south", "north-north-west"] {
        println!("       | starts {name}");
        let fails = crate::option("fail").as_deref() == Some(name);
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || task(name, work, fails, done));
        let how = if thread.join().is_ok() { "" } else { ", which panicked" };
        threads.push(format!("       | joined {name}{how}"));
        println!("{}", threads[threads.len() - 1]);
        drop(is_done);
    }
    if crate::flag("last-first") {
        threads.reverse(); // too late
    }
    Ok(())
}

fn task(name: &str, work: Duration, fails: bool, done: mpsc::Sender<()>) {
    println!("{name:6} | begins; the system calls it {name}");
    thread::sleep(work);
    assert!(!fails, "no wind");
    println!("{name:6} | ends");
    let _ = done.send(());
}
