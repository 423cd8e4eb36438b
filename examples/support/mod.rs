//! What all lessons share, so that a lesson's file holds the lesson.
//!
//! No socket is opened here. A lesson binds, connects, reads and writes by itself; this
//! module reads its command line, prints its lines and explains its errors.
//!
//! - [`lesson`]: what an example is made of, and the three ways to run it
//! - [`args`]: the command line
//! - [`hints`]: errors in words
//! - [`mistake`]: an error that a lesson explains by itself
//! - [`host_name`]: the name of this machine
//! - [`screen`]: a screen on which somebody types while lines arrive
//! - [`stage`]: who speaks (`say!`, `show!`), the actors of a demonstration, the watchdog
//! - [`events`]: what happens in a server of the library
//! - [`terminal`]: a question, and the line that answers it
//! - [`held_lock`]: no support, but the server that lesson 10 warns of
//! - [`calls`]: how many calls, how many in vain, how long they took
//! - [`crowd`]: the same work on several threads at once
//! - [`echo`]: one client of an echo server that must never wait
//! - [`timeline`]: what each thread did when, as a drawing; [`svg`]: the same as a file
#![allow(dead_code, unused_imports, unused_macros, reason = "each lesson uses a part")]

pub(crate) mod args;
pub(crate) mod calls;
pub(crate) mod crowd;
pub(crate) mod echo;
pub(crate) mod events;
pub(crate) mod held_lock;
pub(crate) mod hints;
pub(crate) mod host_name;
pub(crate) mod lesson;
pub(crate) mod mistake;
pub(crate) mod screen;
pub(crate) mod stage;
pub(crate) mod svg;
pub(crate) mod terminal;
pub(crate) mod timeline;

pub(crate) use args::Args;
pub(crate) use calls::{Calls, PATIENCE};
pub(crate) use echo::Echo;
pub(crate) use host_name::host_name;
pub(crate) use lesson::Lesson;
pub(crate) use mistake::mistake;
pub(crate) use stage::{Actor, actor, report, say, show};
pub(crate) use terminal::ask;
pub(crate) use timeline::{Doing, during, span};
