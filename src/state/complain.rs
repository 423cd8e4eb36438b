//! Reports errors that have no hook.

use std::fmt;
use std::io::{self, Write};

use crate::error::HandlerError;

/// Reports what went wrong: to the log, or to the terminal if the program has no logger. So
/// you never have to guess why a server doesn't reply.
pub(crate) fn complain(what: fmt::Arguments<'_>) {
    // The logger isn't ours, so it might panic. There is no other place to report that.
    let _ = HandlerError::catch(|| {
        if log::max_level() > log::LevelFilter::Off {
            log::error!("{what}");
            return;
        }
        // One write, so that lines don't mix. `eprintln!` would panic if stderr is closed.
        let line = format!("socketserver: {what}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    });
}
