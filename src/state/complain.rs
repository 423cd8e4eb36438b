//! What is said when no hook wants to know.

use std::fmt;
use std::io::{self, Write};

use crate::error::HandlerError;

/// Says what went wrong: to the log, or to the terminal of a program that keeps no log. A
/// student must not have to guess why nothing comes back.
pub(crate) fn complain(what: fmt::Arguments<'_>) {
    // A logger isn't ours: it may panic, and there is nobody left to tell.
    let _ = HandlerError::catch(|| {
        if log::max_level() > log::LevelFilter::Off {
            log::error!("{what}");
            return;
        }
        // As one write, so that lines don't mix; and `eprintln!` would panic if nobody
        // can read it.
        let line = format!("socketserver: {what}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    });
}
