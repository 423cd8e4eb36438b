//! What happens in a server of the library, as lines and as lanes of the timeline.
//!
//! A lesson hands one of these to `ServerBuilder::on_event`. The library calls it on
//! the thread where the thing happens, so each thread gets its lane by itself.

use std::cell::Cell;

use socketserver::{Event, Outcome};

use super::stage::{end_line, is_open, say};
use super::timeline::{Doing, Span, labelled, span};

thread_local! {
    /// What the current thread does, for the timeline.
    static DOING: Cell<Option<Span>> = const { Cell::new(None) };
}

/// Prints how a server ends, and records what its threads do.
pub(crate) fn tell(event: &Event) {
    record(event);
    match event {
        Event::Draining { active } => {
            at_ctrl_c();
            say!("draining: {active} may finish");
        }
        Event::CutOff { connections } => say!("cut off: {connections}"),
        // These have been told of. Their handlers end a moment later, or with the program.
        Event::Ended { outcome: Outcome::CutOff, .. } => {}
        Event::Ended { client, outcome, .. } => say!("{client}: {outcome:?}"),
        _ => {}
    }
}

/// Prints who comes and who goes. In a demonstration, the clients speak for themselves.
pub(crate) fn come_and_go(event: &Event) {
    match event {
        _ if is_open() => {}
        Event::Started { client, .. } => say!("{client} connected"),
        Event::Ended { client, outcome: Outcome::Finished, .. } => say!("{client} left"),
        Event::Ended { client, outcome, .. } => say!("{client} left: {outcome:?}"),
        Event::Draining { .. } => at_ctrl_c(),
        _ => {}
    }
}

/// The same for datagrams, which come and do not go.
pub(crate) fn come(event: &Event) {
    match event {
        _ if is_open() => {}
        Event::Started { client, .. } => say!("{client} sent a datagram"),
        _ => {}
    }
}

/// What comes next begins on a line of its own. (A demonstration stops without Ctrl-C.)
fn at_ctrl_c() {
    if !is_open() {
        end_line();
    }
}

// [record]
/// Records what the current thread does from now on.
pub(crate) fn record(event: &Event) {
    match event {
        Event::Started { .. } => DOING.set(Some(span(Doing::Serving))),
        Event::Ended { .. } => DOING.set(Some(span(Doing::Idle))),
        Event::Draining { .. } => DOING.set(Some(labelled(Doing::Working, "drains"))),
        _ => {}
    }
}
// [/record]
