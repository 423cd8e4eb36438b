//! Printing lines on the screen, the actors of a demonstration, and the watchdog.
//!
//! A demonstration runs server and clients as threads of one process. Each thread has a
//! name, and `say!` puts it before the line. A program that's alone in a terminal
//! (`serve`, `client`) prints lines without a name.
//!
//! A line can contain text from anywhere, so it's made safe for a screen here: see
//! [`text`](super::text).

use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::hints::no_loopback;
use super::text::shown;

/// How long a demonstration can take. It usually takes far less, but a machine can be
/// slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(8);

/// Whether a demonstration runs, so that lines need a name.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Whether output was lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether the student asked for a run that takes longer.
static TAKES_LONGER: AtomicBool = AtomicBool::new(false);

/// The actors that are still running.
static CAST: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Prints one line, like `println!`; in a demonstration, with the thread's name.
///
/// The whole line is written at once, so the lines of two threads never mix.
macro_rules! say {
    ($($word:tt)*) => { $crate::support::stage::speak(format_args!($($word)*)) };
}
pub(crate) use say;

/// Prints one line without a name, even in a demonstration; for tables.
///
/// Unlike `println!`, it doesn't panic when the reader is gone (`| head -1`).
macro_rules! show {
    ($($word:tt)*) => { $crate::support::stage::show_line(format_args!($($word)*)) };
}
pub(crate) use show;

/// An actor of a demonstration: a thread with a name.
#[derive(Debug)]
#[must_use = "wait for the actor with `end`"]
pub(crate) struct Actor {
    /// Its thread.
    thread: JoinHandle<()>,
}

/// Starts an actor. If its part ends with an error, so does the whole demonstration.
///
/// # Errors
///
/// The system has no thread left.
pub(crate) fn actor<F>(name: &str, part: F) -> io::Result<Actor>
where
    F: FnOnce() -> io::Result<()> + Send + 'static,
{
    CAST.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let leave = Leave;
        if let Err(error) = part() {
            speak(format_args!("error: {error}"));
            if let Some(hint) = no_loopback(&error) {
                complain(hint);
                process::exit(2);
            }
            process::exit(1);
        }
        drop(leave);
    })?;
    Ok(Actor { thread })
}

impl Actor {
    /// Waits until the actor ends.
    ///
    /// # Errors
    ///
    /// The actor panicked.
    pub(crate) fn end(self) -> io::Result<()> {
        self.thread.join().map_err(|_| io::Error::other("an actor panicked"))
    }
}

/// Removes the current thread's name from the list of actors.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        let mut cast = CAST.lock().unwrap_or_else(PoisonError::into_inner);
        let current = thread::current();
        if let Some(place) = cast.iter().position(|name| Some(&**name) == current.name())
        {
            cast.remove(place);
        }
        drop(cast);
        if thread::panicking() {
            process::exit(1); // the others might wait for this actor forever
        }
    }
}

/// Opens the stage: lines get names, and the watchdog watches.
pub(crate) fn open() {
    OPEN.store(true, Ordering::Relaxed);
    let started = thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
        thread::sleep(DEADLINE);
        if TAKES_LONGER.load(Ordering::Relaxed) {
            return;
        }
        complain(&too_long(DEADLINE));
        process::exit(1);
    });
    if let Err(error) = started {
        complain(&format!("no watchdog: {error}"));
    }
}

/// Turns the watchdog off: the student has asked for a run that takes longer.
pub(crate) fn takes_longer() {
    TAKES_LONGER.store(true, Ordering::Relaxed);
}

/// Whether a demonstration runs.
pub(crate) fn is_open() -> bool {
    OPEN.load(Ordering::Relaxed)
}

/// What the watchdog says.
fn too_long(deadline: Duration) -> String {
    let cast = CAST.lock().unwrap_or_else(PoisonError::into_inner);
    let who = if cast.is_empty() { "nobody".to_owned() } else { cast.join(", ") };
    format!(
        "The demonstration did not end within {} seconds; still running: {who}.\n\
         If you changed something, look there first: which actor waits for which? If \
         the machine is very busy, just run it again.",
        deadline.as_secs()
    )
}

/// Prints a line; `say!` is the way to call it.
pub(crate) fn speak(line: Arguments<'_>) {
    if !is_open() {
        return show_line(line);
    }
    let current = thread::current();
    print(&labelled(current.name().unwrap_or("?"), &shown(&line.to_string())));
}

/// Prints a line without a name; `show!` is the way to call it.
pub(crate) fn show_line(line: Arguments<'_>) {
    print(&(shown(&line.to_string()) + "\n"));
}

/// Prints the error of a result, if it has one; for a loop or a thread that goes on.
pub(crate) fn report<T>(result: io::Result<T>) {
    if let Err(error) = result {
        speak(format_args!("error: {error}"));
    }
}

/// `text` with `name` before each of its lines.
fn labelled(name: &str, text: &str) -> String {
    let name = if name == "main" { "" } else { name };
    let bar = if name.is_empty() { " " } else { "|" };
    let mut lines = String::new();
    for line in text.split('\n') {
        lines += format!("{name:6} {bar} {line}").trim_end();
        lines.push('\n');
    }
    lines
}

/// Writes `text` to the screen unchanged, all at once. It isn't an error if the reader is
/// gone (`| head -1`). Any other failure, such as a full disk, is reported once, on
/// stderr, and makes the program's exit status 1: see [`output_is_lost`].
pub(crate) fn print(text: &str) {
    if cfg!(test) {
        return print!("{text}"); // so that the test harness captures it
    }
    let mut screen = io::stdout().lock();
    let written = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
    drop(screen);
    let Err(error) = written else { return };
    let fails = error.kind() != io::ErrorKind::BrokenPipe;
    if fails && !LOST.swap(true, Ordering::Relaxed) {
        complain(&format!(
            "The output cannot be written: {error}.\nWhat this program prints from here on \
             may be missing."
        ));
    }
}

/// Ends the line on which the terminal shows Ctrl-C as `^C`, once. In a file or a pipe
/// there is no such line.
pub(crate) fn end_line() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    if io::stdout().is_terminal() && !ENDED.swap(true, Ordering::Relaxed) {
        print("\n");
    }
}

/// Whether something was not printed that should have been.
pub(crate) fn output_is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes `text` to stderr.
pub(crate) fn complain(text: &str) {
    let mut screen = io::stderr().lock();
    let _ = writeln!(screen, "{}", shown(text));
}

/// A signal between two actors, for a demonstration in which one waits for the other.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// Whether it was given.
    given: Mutex<bool>,
    /// Wakes the threads that wait.
    changed: Condvar,
}

impl Signal {
    /// Gives the signal, now and for all later waits.
    pub(crate) fn give(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for the signal, but not forever.
    ///
    /// # Errors
    ///
    /// The signal was not given in time.
    pub(crate) fn wait(&self) -> io::Result<()> {
        let end = Instant::now() + DEADLINE;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        while !*given {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let waited = self.changed.wait_timeout(given, left);
            given = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_speaker() {
        assert_eq!(labelled("server", "one\ntwo"), "server | one\nserver | two\n");
        assert_eq!(labelled("main", "the end"), "         the end\n");
        assert_eq!(labelled("client-12", ""), "client-12 |\n");
    }

    #[test]
    fn the_watchdog_names_who_is_still_on_stage() -> io::Result<()> {
        let leave = std::sync::Arc::new(Signal::default());
        let waits = std::sync::Arc::clone(&leave);
        let late = actor("latecomer", move || waits.wait())?;
        let message = too_long(Duration::from_secs(8));
        assert!(message.contains("within 8 seconds; still running:"), "{message}");
        assert!(message.contains("latecomer"), "{message}");
        leave.give();
        late.end()?;
        assert!(!too_long(DEADLINE).contains("latecomer"));
        Ok(())
    }
}
