//! Ctrl-C: which servers a signal is for.

use std::io;
use std::process;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use parking_lot::Mutex;

use super::Shared;

/// The servers that asked for it. Weak: a server isn't kept for the sake of a signal.
static SERVERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Lets signals stop `server`, from now on.
pub(super) fn stop_at_signals(server: &Arc<Shared>) -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let mut servers = SERVERS.lock();
    servers.retain(|server| server.strong_count() > 0);
    let this = Arc::downgrade(server);
    // Asking twice must not make one signal count as two.
    if !servers.iter().any(|server| server.ptr_eq(&this)) {
        servers.push(this);
    }
    drop(servers);

    let installed = INSTALLED.get_or_init(|| {
        // Not `try_set_handler`: it takes a signal that is ignored, as by a program that a
        // script runs in the background, for one that has a handler.
        ctrlc::set_handler(on_signal).map_err(|error| error.to_string())
    });
    installed.clone().map_err(|error| {
        let message = format!("cannot catch Ctrl-C: {error}");
        io::Error::new(io::ErrorKind::AlreadyExists, message)
    })
}

/// What a signal does: the first stops the servers, the second cuts everybody off, and one
/// that finds no server any more ends the program. `ctrlc` calls this on a thread of its
/// own, not inside the signal handler, so it may take locks.
fn on_signal() {
    let servers = SERVERS.lock().clone();
    let servers = servers.iter().filter_map(Weak::upgrade);
    let stops: Vec<_> =
        servers.filter_map(|server| Some((server.count_signal()?, server))).collect();
    if stops.is_empty() {
        process::exit(130); // the status that a shell shows for a program ended by Ctrl-C
    }
    for (before, server) in stops {
        let stop = move || match before {
            0 => server.shutdown(), // which the program may have done itself
            _ => server.shutdown_now(),
        };
        // Each on a thread of its own, because they call hooks. If one blocks, the others
        // must still be stopped, and the next signal must still be heard.
        let thread = thread::Builder::new().name("signal".to_owned());
        if thread.spawn(stop.clone()).is_err() {
            stop();
        }
    }
}
