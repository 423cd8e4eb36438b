//! What you write: the handler.

use std::io;

use crate::error::HandlerError;
use crate::request::stream::TcpRequest;

/// Serves one client.
///
/// It mirrors `BaseRequestHandler` of Python's `socketserver`: the three methods are
/// called in the order `setup`, `handle`, `finish`, and only `handle` must be written.
///
/// # A handler of its own for each connection
///
/// The handler that is given to the server is a *prototype*. Each connection gets a
/// clone of it, just as each request gets a new handler object in Python. So a plain field
/// belongs to one connection, and a field that all connections share is an
/// `Arc<Mutex<..>>`.
///
/// ```
/// use std::io::{self, Write};
/// use std::sync::{Arc, Mutex};
///
/// use socketserver::{RequestHandler, TcpRequest};
///
/// #[derive(Clone, Default)]
/// struct Greeter {
///     lines: usize,                // of this connection
///     visitors: Arc<Mutex<usize>>, // of all connections
/// }
///
/// impl RequestHandler for Greeter {
///     fn setup(&mut self, request: &mut TcpRequest) -> io::Result<()> {
///         let number = {
///             let mut visitors = self.visitors.lock().expect("nothing panics under it");
///             *visitors += 1;
///             *visitors // the lock is released before anything is sent
///         };
///         writeln!(request, "you are visitor {number}")
///     }
///
///     fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
///         while request.next_line()?.is_some() {
///             self.lines += 1;
///         }
///         Ok(())
///     }
///
///     fn finish(&mut self, request: &mut TcpRequest) -> io::Result<()> {
///         writeln!(request, "you said {} lines", self.lines)
///     }
/// }
/// ```
///
/// # Which kind of request
///
/// `impl RequestHandler for Echo` handles TCP connections. `impl
/// RequestHandler<UdpRequest> for Echo` handles datagrams. One type can do both.
///
/// # Closures
///
/// A closure is a handler too, if it can be cloned. It must name the type of its
/// argument:
///
/// ```no_run
/// use std::io::Write;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::tcp("127.0.0.1:1234", |request: &mut TcpRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors and panics
///
/// An error or a panic in one of the methods ends this connection and no other. The
/// server counts it and calls its
/// [`handle_error`](crate::ServerBuilder::handle_error) hook, once. (If you build your
/// program with `panic = "abort"`, a panic ends it; no library can prevent that.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler for requests of type `{R}`",
    label = "this cannot handle a `{R}`",
    note = "a TCP server wants `impl RequestHandler for ..`, a UDP server \
            `impl RequestHandler<UdpRequest> for ..`",
    note = "a closure must name its argument, `|request: &mut TcpRequest| ..`, and what it \
            captures must be `Clone` and `Send`"
)]
// The compiler shows these lines when a bound is not met, so they say why it is there.
pub trait RequestHandler<R = TcpRequest>:
    Clone // each connection gets a clone of the handler: add `#[derive(Clone)]`
    + Send // the clone goes to another thread: share with `Arc<Mutex<..>>`, not `Rc`
    + 'static // and it can live there for any time: own data, do not borrow it
{
    /// Called first. When it fails, the connection ends: `handle` and `finish` are not
    /// called.
    ///
    /// # Errors
    ///
    /// Any error ends the connection.
    fn setup(&mut self, request: &mut R) -> io::Result<()> {
        let _ = request;
        Ok(())
    }

    /// Does the work: reads what the client sends, and replies.
    ///
    /// A TCP handler reads until end of file: then the client is done sending, or the
    /// server stops.
    ///
    /// # Errors
    ///
    /// Any error ends the connection, so you can use `?` for most.
    fn handle(&mut self, request: &mut R) -> io::Result<()>;

    /// Called last, whenever `setup` succeeded, even if `handle` failed or panicked.
    ///
    /// # Errors
    ///
    /// An error is counted and reported, unless `handle` has failed already.
    fn finish(&mut self, request: &mut R) -> io::Result<()> {
        let _ = request;
        Ok(())
    }
}

impl<R, F> RequestHandler<R> for F
where
    F: FnMut(&mut R) -> io::Result<()> + Clone + Send + 'static,
{
    fn handle(&mut self, request: &mut R) -> io::Result<()> {
        self(request)
    }
}

/// Serves one request, from `setup` to the handler's drop. The first error is the result.
pub(crate) fn run<R>(
    mut handler: impl RequestHandler<R>,
    request: &mut R,
) -> Result<(), HandlerError> {
    let served = guard(|| handler.setup(request)).and_then(|()| {
        let handled = guard(|| handler.handle(request));
        let finished = guard(|| handler.finish(request));
        HandlerError::first(handled, finished)
    });
    let dropped = HandlerError::catch(|| drop(handler));
    HandlerError::first(served, dropped)
}

/// Runs code that isn't ours: an error or a panic in it is the result.
fn guard(code: impl FnOnce() -> io::Result<()>) -> Result<(), HandlerError> {
    HandlerError::catch(code).and_then(|result| result.map_err(HandlerError::Io))
}
