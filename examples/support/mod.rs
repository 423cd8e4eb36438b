//! What all lessons share, so that a lesson's file contains only the lesson.
//!
//! No socket is opened here. A lesson binds, connects, reads and writes by itself; this
//! module reads its command line, prints its lines and explains its errors.
//!
//! - [`lesson`]: what an example is made of, and the three ways to run it
//! - [`args`]: the command line; [`address`]: addresses as a student writes them;
//!   [`help`]: the columns of `--help`
//! - [`hints`]: errors in words; [`mistake`]: an error that a lesson explains by itself
//! - [`host_name`]: the name of this machine
//! - [`stage`]: printing (`say!`, `show!`), the actors of a demonstration, the watchdog
//! - [`text`]: making text from outside safe for a screen, and checking names
//! - [`terminal`]: asking a question and reading the answer; the width of the window
//! - [`again`]: repeated calls: after a signal, after a pause, at another address
//! - [`events`]: what happens in a server of the library
//! - [`crowd`]: the same work on several threads at once
//! - [`timeline`]: what each thread did when, as a drawing; [`svg`]: the same as a file
//!
//! What only one lesson needs is in a directory with the lesson's name.
#![allow(dead_code, unused_imports, unused_macros, reason = "each lesson uses a part")]

use std::time::Duration;

pub(crate) mod address;
pub(crate) mod again;
pub(crate) mod args;
pub(crate) mod crowd;
pub(crate) mod events;
pub(crate) mod help;
pub(crate) mod hints;
pub(crate) mod host_name;
pub(crate) mod lesson;
pub(crate) mod mistake;
pub(crate) mod stage;
pub(crate) mod svg;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod timeline;

pub(crate) use again::{BackOff, any_of, keep_trying, retry, within};
pub(crate) use args::Args;
pub(crate) use host_name::host_name;
pub(crate) use lesson::{Lesson, NAME};
pub(crate) use mistake::mistake;
pub(crate) use stage::{Actor, actor, report, say, show};
pub(crate) use terminal::{ask, ask_until_yes, ask_yes_or_no};
pub(crate) use timeline::{Doing, during, span};

/// How long a lesson waits for one read, or for one write.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
