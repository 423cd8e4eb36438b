//! What happens in a server of the library, as lines and as lanes of the timeline.
//!
//! A lesson passes one of these to `ServerBuilder::on_event`. The library calls it on the
//! thread where the event happens, so each thread gets its own lane.

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
        // `CutOff` has counted these. Their handlers end a moment later, or with the
        // program.
        Event::Ended { outcome: Outcome::CutOff, .. } => {}
        Event::Ended { client, outcome, .. } => say!("{client}: {outcome:?}"),
        _ => {}
    }
}

/// Prints which clients connect and leave. In a demonstration, the clients print that.
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

/// The same for datagrams, which arrive but don't leave.
pub(crate) fn come(event: &Event) {
    match event {
        _ if is_open() => {}
        Event::Started { client, .. } => say!("{client} sent a datagram"),
        _ => {}
    }
}

/// Makes the next output begin on a new line. (A demonstration stops without Ctrl-C.)
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
