//! What all lessons share, so that a lesson's file holds the lesson.
//!
//! No socket is opened here. A lesson binds, connects, reads and writes by itself; this
//! module reads its command line, prints its lines and explains its errors.
//!
//! - [`lesson`]: what an example is made of, and the three ways to run it
//! - [`args`]: the command line
//! - [`hints`]: errors in words
//! - [`stage`]: who speaks (`say!`), the actors of a demonstration, the watchdog
//! - [`terminal`]: a question, and the line that answers it
//! - [`timeline`]: what each thread did when, as a drawing; [`svg`]: the same as a file
#![allow(dead_code, unused_imports, unused_macros, reason = "each lesson uses a part")]

pub(crate) mod args;
pub(crate) mod hints;
pub(crate) mod lesson;
pub(crate) mod stage;
pub(crate) mod svg;
pub(crate) mod terminal;
pub(crate) mod timeline;

pub(crate) use args::Args;
pub(crate) use lesson::Lesson;
pub(crate) use stage::{Actor, actor, say};
pub(crate) use terminal::ask;
pub(crate) use timeline::{Doing, span};
