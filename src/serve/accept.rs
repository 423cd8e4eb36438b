//! The accept loop of stream servers: it accepts clients, and gives each one a thread.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use socket2::Socket;

use super::pacing::{BackOff, Ticker};
use super::{Handled, Service, ThreadedServer};
use crate::address::{Address, ClientAddress};
use crate::error::HandlerError;
use crate::handler::{self, RequestHandler};
use crate::options::Setup;
use crate::request::stream::StreamRequest;
use crate::socket::SocketFile;
use crate::socket::bind::must_set_options;
use crate::socket::connection::{self, Connection};
use crate::socket::datagrams::DatagramSocket;
use crate::socket::wake::{self, Waited};
use crate::socket::wakes::Wakes;
use crate::state::connections::Stage;
use crate::state::guard::ClientGuard;
use crate::state::handle::ServerHandle;

/// Serves streams.
struct StreamServer<A, H> {
    listener: Socket,
    /// Whether the options of each connection must be set.
    must_set_options: bool,
    /// Each connection gets a clone of it.
    prototype: H,
    server: ServerHandle<A>,
    wakes: Arc<Wakes>,
    ticker: Ticker,
    back_off: BackOff,
}

/// The result of waiting for the next client.
enum Next {
    /// It came, and it has a thread.
    Admitted,
    TimedOut,
    Stopped,
}

/// Makes a server for connections.
pub(crate) fn server<A: Address, H: RequestHandler<StreamRequest<A>>>(
    listener: Socket,
    file: Option<SocketFile>,
    prototype: H,
    mut setup: Setup,
) -> io::Result<ThreadedServer<A>> {
    listener.set_nonblocking(true)?;
    let address = A::new(&listener.local_addr()?)?;
    let ticker = Ticker::new(setup.service_actions.take());
    let thread_name = address.thread_name("tcp");
    let must_set_options = must_set_options(&listener, &setup.options.socket);
    ThreadedServer::new(thread_name, address, file, setup, |server, wakes| {
        StreamServer {
            listener,
            must_set_options,
            prototype,
            server,
            wakes,
            ticker,
            back_off: BackOff::default(),
        }
    })
}

impl<A: Address, H: RequestHandler<StreamRequest<A>>> StreamServer<A, H> {
    /// Accepts one client, if one comes before `until`.
    fn next(&mut self, until: Option<Instant>) -> io::Result<Next> {
        loop {
            if let Some((stream, client)) = self.accept(until)? {
                if self.admit(stream, client) {
                    return Ok(Next::Admitted);
                }
            } else if self.server.is_shutting_down() {
                return Ok(Next::Stopped);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Next::TimedOut);
            }
        }
    }

    /// Waits until there is space for a client, and then for a client. `None` if the server
    /// stops, at `until`, or after the system ran out of something.
    fn accept(&mut self, until: Option<Instant>) -> io::Result<Option<(Socket, A)>> {
        let shared = self.server.shared();
        // Space first: a client that isn't accepted yet waits in the system's queue, where it
        // takes nothing from us.
        let max = shared.options.max_connections;
        let Some(departures) = shared.registry.wait_for_room(max, until) else {
            return Ok(None);
        };
        loop {
            let accepted = connection::accept(&self.listener)
                .and_then(|(stream, client)| Ok((stream, A::new(&client)?)));
            let error = match accepted {
                Ok(client) => return Ok(Some(client)),
                Err(error) => error,
            };
            match error.kind() {
                // No client waits, or another process that shares the listener was faster.
                io::ErrorKind::WouldBlock => {
                    let wakes = [Some(&self.wakes.stop), None];
                    match wake::wait_readable(&self.listener, wakes, until) {
                        Ok(Waited::Ready) => {}
                        Ok(_) => return Ok(None),
                        Err(error) => {
                            self.back_off.wait(shared, &error, departures);
                            return Ok(None);
                        }
                    }
                }
                // The client came and went while it waited in the queue.
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted => {}
                // The client has gone, and has no address any more (seen on macOS). This
                // error comes from our own code, not from the system.
                io::ErrorKind::InvalidInput if error.raw_os_error().is_none() => {}
                // This isn't a listening socket any more.
                io::ErrorKind::InvalidInput => return Err(error),
                // The system ran out of something. Wait for a client to leave, counted from
                // before we tried: one might have left in the meantime.
                _ => {
                    self.back_off.wait(shared, &error, departures);
                    return Ok(None);
                }
            }
        }
    }

    /// Enters a client and gives it a thread. Returns whether it has one.
    fn admit(&mut self, stream: Socket, client: A) -> bool {
        let shared = self.server.shared();
        let address: ClientAddress = client.clone().into();
        let connection = Arc::new(Connection::new(stream, Arc::clone(&self.wakes)));
        let admitted =
            ClientGuard::admit(shared, address.clone(), Some(Arc::clone(&connection)));
        let Some(mut guard) = admitted else {
            // End of file is kinder than a reset. (This fails if the client has gone.)
            let _ = connection.socket().shutdown(Shutdown::Write);
            return false;
        };
        // Here and not on the client's thread, because handlers don't have to be `Sync`.
        let handler = match HandlerError::catch(|| self.prototype.clone()) {
            Ok(handler) => handler,
            Err(error) => {
                connection.reset(); // end of file would look like an empty reply
                guard.served(Err(error), true);
                return false;
            }
        };
        if self.must_set_options {
            connection.set_options(&shared.options.socket);
        }
        let (server, again) = (self.server.clone(), Arc::clone(&connection));
        // The request is made on the client's thread, so that it's on that thread's stack.
        // The job itself stays on the heap for as long as the connection lasts.
        let job = move || {
            serve(handler, StreamRequest::new(connection, client, server), guard);
        };
        match shared.threads.run(Box::new(job)) {
            Ok(()) => {
                self.back_off.reset();
                true
            }
            Err(error) => {
                again.reset();
                drop(again); // the next client might need its file descriptor
                // The job was dropped, and the client's guard with it. Only clients that leave
                // after that give a thread back.
                let departures = shared.registry.departures();
                let error = HandlerError::Spawn(error);
                shared.report(&address, &error);
                self.back_off.wait(shared, &error, departures);
                false
            }
        }
    }
}

/// The work of a client's thread.
fn serve<A: Address>(
    handler: impl RequestHandler<StreamRequest<A>>,
    mut request: StreamRequest<A>,
    guard: ClientGuard,
) {
    #[cfg(feature = "tls")]
    if let Err(error) = request.prepare() {
        return end(request, Err(error), guard);
    }
    guard.start();
    let result = handler::run(handler, &mut request);
    end(request, result, guard);
}

/// Ends a connection.
fn end<A: Address>(
    request: StreamRequest<A>,
    result: Result<(), HandlerError>,
    mut guard: ClientGuard,
) {
    let is_here = result.is_err() && !request.has_ended();
    let (result, ending) = request.finish(result);
    // Count first: when the client finds the end, it has been counted.
    guard.served(result, is_here);
    ending.say();
    guard.announce();
    ending.linger();
}

impl<A: Address, H: RequestHandler<StreamRequest<A>>> Service for StreamServer<A, H> {
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let until = self.ticker.tick();
            if matches!(self.next(until)?, Next::Stopped) {
                return Ok(());
            }
        }
    }

    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled> {
        match self.next(until)? {
            Next::TimedOut => return Ok(Handled::TimedOut),
            Next::Stopped => return Ok(Handled::Stopped),
            Next::Admitted => {}
        }
        let shared = self.server.shared();
        if !shared.registry.wait_until_empty(Stage::Serving, None) {
            shared.drain(); // stopped while it was being served
        }
        Ok(Handled::Served)
    }

    fn close(self: Box<Self>) -> Option<Arc<DatagramSocket>> {
        None
    }
}
