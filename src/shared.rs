//! What all threads of one server share, and a client's seat in it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::connections::{Connections, Entry, ShutDown, Stage};
use crate::event::{ClientAddress, Event, HandlerError, Outcome};
use crate::options::Options;
use crate::threads::Threads;
use crate::wake::{Wake, after};

/// What all threads of one server share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) connections: Connections,
    pub(crate) threads: Threads,
    /// Wakes the threads that wait for a socket when the server stops.
    pub(crate) wake: Wake,
    /// Dropped when the server stops, which disconnects `stopping`.
    not_stopping: Mutex<Option<Sender<()>>>,
    stopping: Receiver<()>,
}

impl Shared {
    /// How long the end of the drain waits for handlers whose connections have been cut
    /// off, and for threads to end; and before it, for the hook that is told. A moment is
    /// enough for those who read or write.
    const GRACE: Duration = Duration::from_millis(250);

    /// `thread_name` is for threads whose name the user left to us.
    pub(crate) fn new(options: Options, thread_name: String) -> io::Result<Arc<Self>> {
        let thread_name = options.thread_name.clone().unwrap_or(thread_name);
        let threads =
            Threads::new(thread_name, options.stack_size, options.idle_thread_timeout);
        let (not_stopping, stopping) = bounded(0);
        Ok(Arc::new(Self {
            options,
            connections: Connections::default(),
            threads,
            wake: Wake::new()?,
            not_stopping: Mutex::new(Some(not_stopping)),
            stopping,
        }))
    }

    /// Disconnected when the server stops.
    pub(crate) fn stopping(&self) -> Receiver<()> {
        self.stopping.clone()
    }

    /// Begins to stop; says whether this call began it.
    pub(crate) fn shutdown(&self) -> bool {
        let Some(active) = self.connections.close_doors() else { return false };
        // Told first: what follows makes handlers end, and the server too.
        self.event(|| Event::Draining { active });
        self.wake.wake();
        drop(self.not_stopping.lock().take());
        self.connections.half_close();
        true
    }

    /// Cuts off whoever is still here.
    pub(crate) fn cut(&self) {
        if let Some(connections) = self.connections.cut() {
            self.event(|| Event::CutOff { connections });
        }
    }

    /// Waits until everybody has left, and cuts off those who take too long.
    pub(crate) fn drain(&self) {
        self.connections.wait_until_announced(Instant::now() + Self::GRACE);
        let until = self.options.drain_timeout.and_then(after);
        let all_left = self.connections.wait_until_empty(Stage::Draining, until);
        let until = Instant::now() + Self::GRACE;
        if !all_left {
            self.cut();
            self.connections.wait_until_empty(Stage::Cut, Some(until));
        }
        self.threads.close(until);
    }

    /// Asks the `verify_request` hook about a client. A hook that panics says no.
    pub(crate) fn verify(&self, client: &ClientAddress) -> bool {
        let Some(verify) = &self.options.verify_request else { return true };
        HandlerError::catch(|| verify(client)).unwrap_or_else(|error| {
            self.report(client, &error);
            false
        })
    }

    /// Tells the `handle_error` hook; without one, the log or the terminal.
    pub(crate) fn report(&self, client: &ClientAddress, error: &HandlerError) {
        let Some(handle_error) = &self.options.handle_error else {
            return complain(format_args!("{client}: {error}"));
        };
        if let Err(error) = HandlerError::catch(|| handle_error(client, error)) {
            complain(format_args!("handle_error: {error}"));
        }
    }

    /// Tells the `on_event` hook, if there is one.
    pub(crate) fn event(&self, event: impl FnOnce() -> Event) {
        let Some(on_event) = &self.options.on_event else { return };
        if let Err(error) = HandlerError::catch(|| on_event(&event())) {
            complain(format_args!("on_event: {error}"));
        }
    }
}

/// A client's place in the server, from when it is let in to when it has gone.
///
/// Dropping it gives the place back, so that it cannot be forgotten, whatever happens.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    client: ClientAddress,
    /// Taken when the client leaves.
    entry: Option<Entry>,
}

impl Seat {
    /// Lets a client in, unless the server has begun to stop.
    ///
    /// `socket` is what can be shut down to end its connection, if it has one.
    pub(crate) fn take(
        shared: &Arc<Shared>,
        client: ClientAddress,
        socket: Option<Arc<dyn ShutDown>>,
    ) -> Option<Self> {
        let entry = Some(shared.connections.enter(socket)?);
        shared.event(|| Event::Accepted { client: client.clone() });
        Some(Self { shared: Arc::clone(shared), client, entry })
    }

    /// The handler starts, on this thread.
    pub(crate) fn start(&self) {
        self.shared.event(|| Event::Started { client: self.client.clone() });
    }

    /// The client has been served. Reports what went wrong, if it is worth it.
    pub(crate) fn leave(mut self, result: Result<(), HandlerError>) {
        let outcome = Outcome::from(&result);
        if let Err(error) = result {
            let cut = self.shared.connections.stage() == Stage::Cut;
            // Whoever was cut off sees all kinds of errors; only a panic is news.
            if outcome == Outcome::Panicked || (outcome == Outcome::Failed && !cut) {
                self.shared.report(&self.client, &error);
            }
        }
        self.give_back(outcome);
    }

    fn give_back(&mut self, outcome: Outcome) {
        let Some(entry) = self.entry.take() else { return };
        let outcome = self.shared.connections.leave(entry, outcome);
        self.shared.event(|| Event::Ended { client: self.client.clone(), outcome });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_back(Outcome::Failed); // nobody has served it
    }
}

/// Says what went wrong when no hook wants to know: to the log, or to the terminal of a
/// program that keeps no log. A student must not have to guess why nothing comes back.
pub(crate) fn complain(what: fmt::Arguments<'_>) {
    if log::max_level() == log::LevelFilter::Off {
        // As one write, so that lines do not mix; and `eprintln!` would panic if nobody
        // can read it.
        let line = format!("socketserver: {what}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    } else {
        log::error!("{what}");
    }
}
