//! The receivers of a datagram server, and their supervisor.
//!
//! Handing each datagram to another thread would cost two thirds of the speed. So the thread
//! that receives a datagram also handles it, and then receives the next one. The usual name
//! for this is *leader and followers*. It is fast as long as handlers are short. When a
//! handler takes its time, another thread must receive in the meantime:
//!
//! - At any time at most one thread waits for datagrams: the one that has the *lead*. It
//!   gives up the lead when a datagram comes, and takes it again after handling it. If
//!   another thread has the lead by then, this one ends.
//! - The serving thread supervises. While there is traffic, it checks once a millisecond. If
//!   a datagram waits, no thread has the lead, and since the last check only new receivers
//!   have received anything, then all receivers are busy. So it doubles their number.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::pacing::{BackOff, Ticker};
use super::{Handled, Service, ThreadedServer};
use crate::address::{Address, ClientAddress};
use crate::error::HandlerError;
use crate::handler::{self, RequestHandler};
use crate::options::Setup;
use crate::request::datagram::DatagramRequest;
use crate::socket::SocketFile;
use crate::socket::datagrams::DatagramSocket;
use crate::socket::wake::{self, Waited};
use crate::socket::wakes::Wakes;
use crate::state::complain::complain;
use crate::state::connections::Stage;
use crate::state::guard::ClientGuard;
use crate::state::handle::ServerHandle;

/// How often the supervisor checks while there is traffic.
const LOOK: Duration = Duration::from_millis(1);

/// After this many checks without traffic, the supervisor sleeps until the next datagram
/// comes.
const QUIET_LOOKS: u32 = 50;

/// How long to wait after cloning the prototype has panicked.
const CLONE_PAUSE: Duration = Duration::from_millis(50);

/// The longest time a receiver waits before it tries a failing socket again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves datagrams.
struct DatagramServer<A, H> {
    /// Only this owns it, except for the moment of a call. So the server's end closes it.
    socket: Arc<DatagramSocket>,
    group: Arc<Group<A>>,
    /// Each receiver gets a clone of it, and clones that again for each datagram.
    prototype: H,
    ticker: Ticker,
    back_off: BackOff,
}

/// What the receivers of one server share.
///
/// The atomics order nothing except themselves. That is enough, because each datagram is
/// entered under the lock of the registry.
struct Group<A> {
    socket: Weak<DatagramSocket>,
    server: ServerHandle<A>,
    wakes: Arc<Wakes>,
    /// Whether a receiver has the lead.
    has_leader: AtomicBool,
    /// How many receivers there are.
    receivers: AtomicUsize,
    /// How many datagrams have been received.
    received: AtomicU64,
}

/// Makes a server for datagrams.
pub(crate) fn server<A: Address, H: RequestHandler<DatagramRequest<A>>>(
    socket: Socket,
    file: Option<SocketFile>,
    prototype: H,
    mut setup: Setup,
) -> io::Result<ThreadedServer<A>> {
    setup.check_datagrams()?; // `from_socket` hasn't checked this
    let address = A::new(&socket.local_addr()?)?;
    let socket = Arc::new(DatagramSocket::new(socket)?);
    let ticker = Ticker::new(setup.service_actions.take());
    let thread_name = address.thread_name("udp");
    ThreadedServer::new(thread_name, address, file, setup, |server, wakes| {
        let group = Arc::new(Group {
            socket: Arc::downgrade(&socket),
            server,
            wakes,
            has_leader: AtomicBool::new(false),
            receivers: AtomicUsize::new(0),
            received: AtomicU64::new(0),
        });
        let back_off = BackOff::default();
        DatagramServer { socket, group, prototype, ticker, back_off }
    })
}

impl<A: Address, H: RequestHandler<DatagramRequest<A>>> DatagramServer<A, H> {
    /// Checks once a millisecond whether more receivers are needed, until there has been no
    /// traffic for a while or the server stops.
    fn supervise(&mut self) {
        let (mut seen, mut added, mut quiet) = (self.group.received(), 0, 0);
        while quiet < QUIET_LOOKS && self.group.is_serving() {
            self.ticker.tick();
            self.group.wakes.stop.pause_or_sleep(LOOK);
            let now = self.group.received();
            // A datagram waits, no thread leads, and the only ones to receive anything since
            // the last check were those that it added: all are busy. With twice as many each
            // time, even hundreds of slow handlers are outnumbered soon.
            let is_stuck = now - seen <= added && self.group.is_stuck(&self.socket);
            let most = self.group.receivers().max(1);
            added = if is_stuck { self.add_receivers(most) } else { 0 };
            quiet = if now != seen || added > 0 { 0 } else { quiet + 1 };
            seen = now;
        }
    }

    /// Adds up to `count` receivers, as many as are allowed. Returns how many it added.
    fn add_receivers(&mut self, count: usize) -> u64 {
        let shared = self.group.server.shared();
        // Count the receivers, not the datagrams that are being handled: a receiver that was
        // just added might not have begun.
        let space =
            shared.options.max_connections.saturating_sub(self.group.receivers());
        let mut added = 0;
        for _ in 0..count.min(space) {
            // Each receiver has its own prototype, because handlers don't have to be `Sync`.
            let prototype = match HandlerError::catch(|| self.prototype.clone()) {
                Ok(prototype) => prototype,
                Err(error) => {
                    // The handler's own code failed, and trying again at once won't help.
                    complain(format_args!("the prototype's clone: {error}"));
                    self.group.wakes.stop.pause_or_sleep(CLONE_PAUSE);
                    break;
                }
            };
            let receiver = Receiver::new(&self.group, prototype);
            if let Err(error) = shared.threads.run(Box::new(move || receiver.run())) {
                let departures = shared.registry.departures();
                self.back_off.wait(shared, &error, departures);
                break;
            }
            self.back_off.reset();
            added += 1;
        }
        added
    }
}

impl<A: Address> Group<A> {
    /// Waits for a datagram; `None` if the server stops, or at `until`.
    fn receive(
        &self,
        buffer: &mut Box<[u8]>,
        until: Option<Instant>,
    ) -> Option<DatagramRequest<A>> {
        let socket = self.socket.upgrade()?; // `None`: the server has ended
        let mut pause = LOOK;
        // Checked before each datagram, not only when there is none: datagrams might come
        // faster than they are handled.
        while self.is_serving() {
            let error = match DatagramRequest::receive(&socket, &self.server, buffer) {
                Ok(datagram) => {
                    self.received.fetch_add(1, Ordering::Relaxed);
                    return Some(datagram);
                }
                // That's how Windows reports that an earlier reply didn't reach its client.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => continue,
                Err(error) if wake::is_no_news(&error) => {
                    let wakes = [Some(&self.wakes.stop), None];
                    match wake::wait_readable(&*socket.socket(), wakes, until) {
                        Ok(Waited::TimedOut) => return None,
                        Ok(_) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // The error might be about one datagram only. But it might also come again each
            // time, so don't spin.
            pause = (pause * 2).min(LONGEST_PAUSE);
            if pause == LONGEST_PAUSE {
                complain(format_args!("cannot receive datagrams: {error}"));
            }
            let left =
                until.map_or(pause, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            self.wakes.stop.pause_or_sleep(pause.min(left));
        }
        None
    }

    /// Handles one datagram, unless its client is rejected. Returns whether it was handled.
    fn handle<H>(&self, datagram: &mut DatagramRequest<A>, prototype: &H) -> bool
    where
        H: RequestHandler<DatagramRequest<A>>,
    {
        let client: ClientAddress = datagram.client().clone().into();
        let Some(mut guard) = ClientGuard::admit(self.server.shared(), client, None)
        else {
            return false;
        };
        guard.start();
        let handler = HandlerError::catch(|| prototype.clone());
        let result = handler.and_then(|handler| handler::run(handler, datagram));
        guard.served(result, !datagram.has_failed());
        true
    }

    /// Takes the lead, unless another receiver has it.
    fn take_lead(&self) -> Option<Lead<'_>> {
        // Not `then_some`: that would make a `Lead` in any case, and dropping it would give up
        // another thread's lead.
        (!self.has_leader.swap(true, Ordering::Acquire)).then(|| Lead(&self.has_leader))
    }

    /// Whether a datagram waits and no thread receives.
    fn is_stuck(&self, socket: &DatagramSocket) -> bool {
        !self.has_leader.load(Ordering::Acquire) && wake::is_readable(&*socket.socket())
    }

    fn is_serving(&self) -> bool {
        self.server.shared().registry.stage() == Stage::Serving
    }

    fn receivers(&self) -> usize {
        self.receivers.load(Ordering::Relaxed)
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn new_buffer(&self) -> Box<[u8]> {
        let size = self.server.shared().options.max_packet_size.saturating_add(1);
        vec![0; size].into()
    }
}

impl<A: Address, H: RequestHandler<DatagramRequest<A>>> Service
    for DatagramServer<A, H>
{
    fn serve(&mut self) -> io::Result<()> {
        // (After an error it waits, so this loop doesn't spin.)
        while self.group.is_serving() && self.add_receivers(1) == 0 {}
        while self.group.is_serving() {
            let tick = self.ticker.tick();
            let wakes = [Some(&self.group.wakes.stop), None];
            match wake::wait_readable(&*self.socket.socket(), wakes, tick) {
                Ok(Waited::Ready) => self.supervise(),
                Ok(_) => {}
                Err(_) => self.group.wakes.stop.pause_or_sleep(LONGEST_PAUSE), // no memory
            }
        }
        Ok(())
    }

    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled> {
        let mut buffer = self.group.new_buffer();
        while let Some(mut datagram) = self.group.receive(&mut buffer, until) {
            if self.group.handle(&mut datagram, &self.prototype) {
                return Ok(Handled::Served);
            }
            buffer = datagram.into_buffer();
            if until.is_some_and(|until| Instant::now() >= until) {
                break; // otherwise a stream of rejected datagrams would keep us here
            }
        }
        Ok(if self.group.is_serving() { Handled::TimedOut } else { Handled::Stopped })
    }

    fn close(self: Box<Self>) -> Option<Arc<DatagramSocket>> {
        Some(self.socket)
    }
}

/// A receiver. It is counted for as long as this exists. Dropping it uncounts the receiver,
/// even if it never got a thread.
struct Receiver<A, H> {
    group: Arc<Group<A>>,
    prototype: H,
}

impl<A: Address, H: RequestHandler<DatagramRequest<A>>> Receiver<A, H> {
    fn new(group: &Arc<Group<A>>, prototype: H) -> Self {
        group.receivers.fetch_add(1, Ordering::Relaxed);
        Self { group: Arc::clone(group), prototype }
    }

    /// Receives, handles, receives again: until another leads, or the server stops.
    fn run(self) {
        let mut buffer = self.group.new_buffer();
        while let Some(lead) = self.group.take_lead() {
            let Some(mut datagram) = self.group.receive(&mut buffer, None) else {
                return;
            };
            drop(lead); // while this thread handles the datagram, another one can receive
            self.group.handle(&mut datagram, &self.prototype);
            buffer = datagram.into_buffer();
        }
    }
}

impl<A, H> Drop for Receiver<A, H> {
    fn drop(&mut self) {
        self.group.receivers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to receive. Dropping it gives it up.
struct Lead<'a>(&'a AtomicBool);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
