//! How the serving thread waits: when the system has run out of something, and for the next
//! call of `service_actions`.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::HandlerError;
use crate::event::Event;
use crate::options::ServiceActions;
use crate::state::Shared;
use crate::state::complain::complain;

/// Waits longer and longer while the system has no file descriptor or thread for us:
/// *exponential back-off*.
#[derive(Default)]
pub(crate) struct BackOff {
    /// How long the last wait was; zero when all is well.
    last: Duration,
}

impl BackOff {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Reports the error and waits: 5 milliseconds at first, up to a second. The wait ends
    /// when a connection after the first `departures` ends, because that frees what it used.
    /// It also ends when the server stops.
    pub(crate) fn wait(
        &mut self,
        shared: &Shared,
        error: &impl fmt::Display,
        departures: u64,
    ) {
        self.last = (self.last * 2).clamp(Self::SHORTEST, Self::LONGEST);
        let (error, retry_in) = (error.to_string(), self.last);
        let complaint = format!("cannot take another client now: {error}");
        if !shared.event(|| Event::Exhausted { error, retry_in }) {
            complain(format_args!("{complaint}"));
        }
        let until = Instant::now().checked_add(self.last);
        shared.registry.wait_for_departure(departures, until);
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

/// Calls the `service_actions` hook when it is due.
pub(crate) struct Ticker {
    actions: Option<ServiceActions>,
    due: Instant,
}

impl Ticker {
    /// A period longer than this means never.
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);

    pub(crate) fn new(actions: Option<ServiceActions>) -> Self {
        Self { actions, due: Instant::now() }
    }

    /// Calls the hook if it is time, and returns when the next time is.
    pub(crate) fn tick(&mut self) -> Option<Instant> {
        let actions = self.actions.as_mut()?;
        let now = Instant::now();
        if now >= self.due {
            self.due = now + actions.period.min(Self::LONGEST);
            if let Err(error) = HandlerError::catch(|| (actions.action)()) {
                complain(format_args!("service_actions: {error}"));
            }
        }
        Some(self.due)
    }
}
