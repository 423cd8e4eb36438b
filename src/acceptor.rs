//! The accept loop: lets clients in and gives each a thread.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use crate::connections::{ShutDown, Stage};
use crate::event::{ClientAddress, Event, HandlerError};
use crate::handle::ServerHandle;
use crate::handler::{self, RequestHandler};
use crate::server::{BackOff, Handled, Service, Ticker};
use crate::shared::Seat;
use crate::stream::StreamRequest;
use crate::transport::{Listener, Stream};

/// Serves streams.
pub(crate) struct Acceptor<L: Listener, H> {
    /// Dropped first: removes a Unix socket's file while its socket is still open.
    _file: Option<Box<dyn Send>>,
    listener: Arc<L>,
    /// Whether a thread may sleep in its `accept`: shutting it down will wake it. (When
    /// there is a time to wake up at, `poll` waits here too. `accept` does not wait after
    /// it: on Linux a client that has gone again stays in the queue.)
    may_sleep: bool,
    /// Each connection gets a clone of it.
    prototype: H,
    server: ServerHandle<<L::Stream as Stream>::Address>,
    ticker: Ticker,
    back_off: BackOff,
}

/// A connection, and whose it is.
type Arrival<L> = (<L as Listener>::Stream, <<L as Listener>::Stream as Stream>::Client);

impl<L, H> Acceptor<L, H>
where
    L: Listener,
    H: RequestHandler<StreamRequest<L::Stream>>,
{
    pub(crate) fn new(
        listener: L,
        may_sleep: bool,
        file: Option<Box<dyn Send>>,
        prototype: H,
        server: ServerHandle<<L::Stream as Stream>::Address>,
    ) -> Self {
        let listener = Arc::new(listener);
        if may_sleep {
            server.shared().wake.shut_down_on_wake(Arc::downgrade(&listener));
        }
        let (ticker, back_off) = (Ticker::default(), BackOff::default());
        Self { _file: file, listener, may_sleep, prototype, server, ticker, back_off }
    }

    /// Lets one client in, if one comes before `until`.
    fn next(&mut self, until: Option<Instant>) -> io::Result<Handled> {
        loop {
            if let Some((stream, client)) = self.accept(until)? {
                if self.admit(stream, client) {
                    return Ok(Handled::Served);
                }
            } else if self.server.is_shutting_down() {
                return Ok(Handled::Stopped);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Handled::TimedOut);
            }
        }
    }

    /// Waits for room and for a client; `None` when the server stops, when it is
    /// `until`, or when the system has nothing left for us.
    fn accept(&mut self, until: Option<Instant>) -> io::Result<Option<Arrival<L>>> {
        let shared = self.server.shared();
        // Room first: a client that is not accepted waits in the system's queue, where
        // it costs us nothing.
        if !shared.connections.wait_for_room(shared.options.max_connections, until) {
            return Ok(None);
        }
        loop {
            let may_sleep = self.may_sleep && until.is_none();
            if !may_sleep && !shared.wake.wait_readable(&*self.listener, until)? {
                return Ok(None);
            }
            let error = match self.listener.accept() {
                Ok(arrival) => return Ok(Some(arrival)),
                Err(error) => error,
            };
            match error.kind() {
                // That client came and went while it waited in the queue, or another
                // process was faster.
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted => {}
                // This is not a listening socket any more.
                io::ErrorKind::InvalidInput => {
                    return if self.server.is_shutting_down() {
                        Ok(None)
                    } else {
                        Err(error)
                    };
                }
                // The system has nothing left for us. That matters when a client waits.
                _ => {
                    if shared.wake.wait_readable(&*self.listener, until)? {
                        self.back_off.wait(shared, &error);
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Lets a client in and gives it a thread. Says whether it has got one.
    fn admit(
        &mut self,
        stream: L::Stream,
        client: <L::Stream as Stream>::Client,
    ) -> bool {
        let shared = self.server.shared();
        let address: ClientAddress = client.clone().into();
        if !shared.verify(&address) {
            shared.connections.refuse();
            shared.event(|| Event::Refused { client: address });
            stream.shut_down(Shutdown::Write);
            return false;
        }
        let stream = Arc::new(stream);
        let Some(seat) = Seat::take(shared, address.clone(), Some(stream.clone()))
        else {
            return false; // the server stops
        };
        // Here and not on the client's thread, because a handler need not be `Sync`.
        let handler = match HandlerError::catch(|| self.prototype.clone()) {
            Ok(handler) => handler,
            Err(error) => {
                seat.leave(Err(error));
                return false;
            }
        };
        let server = self.server.clone();
        // The request is made on the thread, in its stack: a job that travels is memory
        // on the heap, for as long as the connection lasts.
        let job =
            move || serve(handler, StreamRequest::new(stream, client, server), seat);
        match shared.threads.run(Box::new(job)) {
            Ok(()) => {
                self.back_off.reset();
                true
            }
            Err(error) => {
                // The job was dropped, and with it the seat and the connection.
                let error = HandlerError::Spawn(error);
                shared.report(&address, &error);
                self.back_off.wait(shared, &error);
                false
            }
        }
    }
}

/// What a client's thread does.
fn serve<S: Stream>(
    handler: impl RequestHandler<StreamRequest<S>>,
    mut request: StreamRequest<S>,
    seat: Seat,
) {
    seat.start();
    let prepared = request.prepare().map_err(HandlerError::Io);
    let result = prepared.and_then(|()| handler::run(handler, &mut request));
    request.close();
    seat.leave(result);
}

impl<L, H> Service for Acceptor<L, H>
where
    L: Listener,
    H: RequestHandler<StreamRequest<L::Stream>>,
{
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let until = self.ticker.tick(self.server.shared());
            if self.next(until)? == Handled::Stopped {
                return Ok(());
            }
        }
    }

    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled> {
        let handled = self.next(until)?;
        let shared = self.server.shared();
        if handled == Handled::Served
            && !shared.connections.wait_until_empty(Stage::Serving, None)
        {
            shared.drain(); // stopped while it was being served
        }
        Ok(handled)
    }
}
