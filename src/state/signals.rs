//! Ctrl-C: which servers a signal stops.

use std::io;
use std::process;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use parking_lot::Mutex;

use super::Shared;

/// The servers that signals stop. Weak, so that this keeps no server in memory.
static SERVERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Lets signals stop `server`, from now on.
pub(super) fn stop_at_signals(server: &Arc<Shared>) -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let mut servers = SERVERS.lock();
    servers.retain(|server| server.strong_count() > 0);
    let this = Arc::downgrade(server);
    // A server that asks twice must not count one signal as two.
    if !servers.iter().any(|server| server.ptr_eq(&this)) {
        servers.push(this);
    }
    drop(servers);

    let installed = INSTALLED.get_or_init(|| {
        // Not `try_set_handler`: that fails if a signal is ignored, as it is for programs
        // that a script runs in the background.
        ctrlc::set_handler(on_signal).map_err(|error| error.to_string())
    });
    installed.clone().map_err(|error| {
        let message = format!("cannot catch Ctrl-C: {error}");
        io::Error::new(io::ErrorKind::AlreadyExists, message)
    })
}

/// What a signal does: the first stops the servers, the second cuts off all clients, and a
/// signal after the last server has ended ends the program. `ctrlc` calls this on a thread
/// of its own, not inside the signal handler, so it can take locks.
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
            0 => server.shutdown(), // harmless if the program has called it already
            _ => server.shutdown_now(),
        };
        // Each on a thread of its own, because they call hooks. If one hook blocks, the
        // other servers must still stop, and the next signal must still arrive.
        let thread = thread::Builder::new().name("signal".to_owned());
        if thread.spawn(stop.clone()).is_err() {
            stop();
        }
    }
}
