//! Answers to the exercises, right ones and wrong ones: they are there to test the checker.
//! If you want to solve an exercise, look away: everything is given away here.
//!
//! `answers NAME serve --addr 127.0.0.1:0` runs one, and `answers` alone lists them. The
//! first line of an answer says `RIGHT`, or `WRONG:` and the promise that it breaks first.
//! Wrong answers that differ from the right one in a few lines are in the `.diff` files.

use std::env;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

mod websocket;

/// Its name, its first line, and its `main`.
type Answer = (&'static str, &'static str, fn() -> io::Result<()>);

// A module for each answer, and `ANSWERS`, the list of all: see `build.rs`.
include!(concat!(env!("OUT_DIR"), "/list.rs"));

fn main() -> ExitCode {
    let Some(wanted) = env::args().nth(1) else {
        for (name, first, _) in ANSWERS {
            println!("{name} {first}");
        }
        return ExitCode::SUCCESS;
    };
    let Some((_, _, answer)) = ANSWERS.iter().find(|(name, ..)| *name == wanted) else {
        eprintln!("there is no answer `{wanted}`");
        return ExitCode::from(2);
    };
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What follows `--name`.
fn option(name: &str) -> Option<String> {
    let name = format!("--{name}");
    env::args().skip_while(|arg| *arg != name).nth(1)
}

/// Whether `--name` is there.
fn flag(name: &str) -> bool {
    env::args().any(|arg| arg == format!("--{name}"))
}

/// The number that follows `--name`.
fn number(name: &str, default: usize) -> usize {
    option(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The address that follows `--addr`.
fn addr() -> String {
    option("addr").unwrap_or_default()
}

/// The words after `client --addr ADDRESS`, or all of them.
fn words() -> Vec<String> {
    let words = env::args().skip(2);
    let skip = if flag("addr") { 3 } else { 0 };
    words.skip(skip).collect()
}

/// Binds to the address of `--addr`, and says so.
fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addr())?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Serves one client after the other.
fn serve(attend: impl Fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = listen()?;
    loop {
        report(listener.accept().and_then(|(stream, _)| attend(stream)));
    }
}

/// Serves each client on a thread of its own.
fn serve_all(attend: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = listen()?;
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || report(attend(stream)));
    }
}

/// Says an error, and goes on.
fn report<T>(result: io::Result<T>) {
    if let Err(error) = result {
        println!("error: {error}");
    }
}
