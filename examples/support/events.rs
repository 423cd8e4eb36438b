//! What happens in a server of the library, as lines and as lanes of the timeline.
//!
//! A lesson hands one of these two to `ServerBuilder::on_event`. The library calls it on
//! the thread where the thing happens, so each thread gets its lane by itself.

use std::cell::Cell;

use socketserver::{Event, Outcome};

use super::stage::say;
use super::timeline::{Doing, Span, labelled, span};

thread_local! {
    /// What the current thread does, for the timeline.
    static DOING: Cell<Option<Span>> = const { Cell::new(None) };
}

/// Prints how a server ends, and records what its threads do.
pub(crate) fn tell(event: &Event) {
    record(event);
    match event {
        Event::Draining { active } => say!("draining: {active} may finish"),
        Event::CutOff { connections } => say!("cut off: {connections}"),
        // These have been told of. Their handlers end a moment later, or with the program.
        Event::Ended { outcome: Outcome::CutOff, .. } => {}
        Event::Ended { client, outcome, .. } => say!("{client}: {outcome:?}"),
        _ => {}
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
