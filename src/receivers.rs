//! The receivers of a datagram server, and their supervisor.
//!
//! To hand each datagram to another thread costs two thirds of the speed. So the thread
//! that receives a datagram handles it as well, and then receives the next. That is
//! fast as long as handlers are short. When one takes its time, somebody else must
//! receive meanwhile:
//!
//! - At any time at most one thread waits for datagrams: the one that has the *turn*.
//!   It gives the turn up when a datagram has come, and takes it again when it has
//!   handled it. If another thread has got the turn by then, it leaves.
//! - The serving thread supervises. While there is traffic it looks once in a
//!   millisecond. If a datagram is waiting, the turn is free, and nobody has received
//!   anything since the last look, then all receivers are busy: it adds one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::connections::Stage;
use crate::datagram::DatagramRequest;
use crate::event::{ClientAddress, Event, HandlerError};
use crate::handle::ServerHandle;
use crate::handler::{self, RequestHandler};
use crate::server::{BackOff, Handled, Service, Ticker};
use crate::shared::Seat;
use crate::transport::Datagrams;
use crate::wake::is_readable;

/// How often the supervisor looks while there is traffic.
const LOOK: Duration = Duration::from_millis(1);

/// After so many looks at which nothing happened, the supervisor sleeps until the next
/// datagram comes.
const QUIET_LOOKS: u32 = 50;

/// Serves datagrams.
pub(crate) struct Receivers<S: Datagrams, H> {
    /// Dropped first: removes a Unix socket's file while its socket is still open.
    _file: Option<Box<dyn Send>>,
    common: Arc<Common<S>>,
    /// Each receiver gets a clone, and clones that for each datagram.
    prototype: H,
    ticker: Ticker,
    back_off: BackOff,
}

/// What the receivers of one server share.
struct Common<S: Datagrams> {
    socket: Arc<S>,
    server: ServerHandle<S::Address>,
    /// Whether somebody has the turn to receive.
    turn_taken: AtomicBool,
    /// How many receivers there are.
    receivers: AtomicUsize,
    /// How many datagrams have been received.
    received: AtomicU64,
}

impl<S, H> Receivers<S, H>
where
    S: Datagrams,
    H: RequestHandler<DatagramRequest<S>>,
{
    pub(crate) fn new(
        socket: S,
        file: Option<Box<dyn Send>>,
        prototype: H,
        server: ServerHandle<S::Address>,
    ) -> Self {
        let common = Common {
            socket: Arc::new(socket),
            server,
            turn_taken: AtomicBool::new(false),
            receivers: AtomicUsize::new(0),
            received: AtomicU64::new(0),
        };
        let (ticker, back_off) = (Ticker::default(), BackOff::default());
        Self { _file: file, common: Arc::new(common), prototype, ticker, back_off }
    }

    /// Looks once in a millisecond whether another receiver is needed, until nothing
    /// has happened for a while or the server stops.
    fn supervise(&mut self) -> io::Result<()> {
        let mut quiet = 0;
        let mut received = self.common.received.load(Ordering::Relaxed);
        while quiet < QUIET_LOOKS && self.common.is_serving() {
            self.ticker.tick(self.common.server.shared());
            self.common.server.shared().wake.pause(LOOK)?;
            let now = self.common.received.load(Ordering::Relaxed);
            if now != received {
                received = now;
                quiet = 0;
            } else if self.common.is_stuck() && self.add_receiver() {
                received += 1; // the one that the new receiver will find
                quiet = 0;
            } else {
                quiet += 1;
            }
        }
        Ok(())
    }

    /// Adds a receiver, unless that would be one too many or the system has no thread
    /// for it.
    fn add_receiver(&mut self) -> bool {
        let shared = self.common.server.shared();
        // One that has just been added may not have begun: count the receivers, not the
        // datagrams that are being handled.
        let receivers = self.common.receivers.load(Ordering::SeqCst);
        if receivers >= shared.options.max_connections {
            return false;
        }
        let receiver = Receiver::new(&self.common);
        let added = HandlerError::catch(|| self.prototype.clone())
            .map_err(io::Error::from)
            .and_then(|prototype| {
                let work = move || receiver.0.receive_and_serve(prototype);
                shared.threads.run(Box::new(work))
            });
        match &added {
            Ok(()) => self.back_off.reset(),
            Err(error) => self.back_off.wait(shared, error),
        }
        added.is_ok()
    }
}

impl<S: Datagrams> Common<S> {
    /// What a receiver does: receive, handle, receive again, until it has lost its turn
    /// or the server stops.
    fn receive_and_serve(&self, prototype: impl RequestHandler<DatagramRequest<S>>) {
        let mut buffer = self.new_buffer();
        while let Some(turn) = Turn::take(&self.turn_taken) {
            let Some(mut request) = self.receive(&mut buffer, None) else { return };
            drop(turn);
            self.serve(&mut request, &prototype);
            buffer = request.into_buffer();
        }
    }

    /// Waits for a datagram; `None` when the server stops, or it is `until`.
    fn receive(
        &self,
        buffer: &mut Box<[u8]>,
        until: Option<Instant>,
    ) -> Option<DatagramRequest<S>> {
        let shared = self.server.shared();
        loop {
            match DatagramRequest::receive(&self.socket, &self.server, buffer) {
                Ok(request) => {
                    self.received.fetch_add(1, Ordering::Relaxed);
                    return Some(request);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_readable = shared.wake.wait_readable(&*self.socket, until);
                    if !is_readable.unwrap_or(false)
                        && until.is_some_and(|until| Instant::now() >= until)
                    {
                        return None;
                    }
                }
                // It is about a datagram sent earlier, or one too long for Windows. The
                // next may be better; but never spin.
                Err(_) => shared.wake.pause(LOOK).unwrap_or(()),
            }
            if !self.is_serving() {
                return None;
            }
        }
    }

    /// Handles one datagram, if its client may come in. Says whether it may.
    fn serve<H>(&self, request: &mut DatagramRequest<S>, prototype: &H) -> bool
    where
        H: RequestHandler<DatagramRequest<S>>,
    {
        let shared = self.server.shared();
        let client: ClientAddress = request.client().clone().into();
        if !shared.verify(&client) {
            shared.connections.refuse();
            shared.event(|| Event::Refused { client });
            return false;
        }
        let Some(seat) = Seat::take(shared, client, None) else { return false };
        seat.start();
        let handler = HandlerError::catch(|| prototype.clone());
        seat.leave(handler.and_then(|handler| handler::run(handler, request)));
        true
    }

    fn new_buffer(&self) -> Box<[u8]> {
        let size = self.server.shared().options.max_packet_size.saturating_add(1);
        vec![0; size].into()
    }

    fn is_serving(&self) -> bool {
        self.server.shared().connections.stage() == Stage::Serving
    }

    /// Whether a datagram waits and nobody receives.
    fn is_stuck(&self) -> bool {
        !self.turn_taken.load(Ordering::SeqCst) && is_readable(&*self.socket)
    }
}

impl<S, H> Service for Receivers<S, H>
where
    S: Datagrams,
    H: RequestHandler<DatagramRequest<S>>,
{
    fn serve(&mut self) -> io::Result<()> {
        while self.common.is_serving() && !self.add_receiver() {}
        while self.common.is_serving() {
            let pause = self.ticker.tick(self.common.server.shared());
            let shared = self.common.server.shared();
            if shared.wake.wait_readable(&*self.common.socket, pause)? {
                self.supervise()?;
            }
        }
        Ok(())
    }

    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled> {
        let mut buffer = self.common.new_buffer();
        while let Some(mut request) = self.common.receive(&mut buffer, until) {
            if self.common.serve(&mut request, &self.prototype) {
                return Ok(Handled::Served);
            }
            buffer = request.into_buffer();
        }
        Ok(if self.common.is_serving() { Handled::TimedOut } else { Handled::Stopped })
    }
}

/// A receiver, counted as long as this exists. Dropping it counts it off, whether it
/// has left or never got a thread.
struct Receiver<S: Datagrams>(Arc<Common<S>>);

impl<S: Datagrams> Receiver<S> {
    fn new(common: &Arc<Common<S>>) -> Self {
        common.receivers.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(common))
    }
}

impl<S: Datagrams> Drop for Receiver<S> {
    fn drop(&mut self) {
        self.0.receivers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The turn to receive. Dropping it gives it up.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    /// Takes the turn, if it is free.
    fn take(taken: &'a AtomicBool) -> Option<Self> {
        // Not `then_some`: it would make a turn in any case, and its drop would give up
        // the turn of another thread.
        (!taken.swap(true, Ordering::SeqCst)).then(|| Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
