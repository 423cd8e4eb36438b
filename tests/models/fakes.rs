//! What the checked files need from the library, without a network: a socket is a queue,
//! and a thread that polls waits for [`CHANGED`].
//!
//! The modules have the same places as the library's. Those with an `include!` are the
//! library's own: receivers, pulse, wakes, registry, guard and threads.

use std::sync::PoisonError;

use crate::shuttled::std::time::Instant;
use crate::shuttled::{Condvar, StdMutex};

shuttle::lazy_static! {
    /// Something that can be polled has changed: a datagram, or a wake-up.
    static ref CHANGED: (StdMutex<()>, Condvar) = Default::default();
}

/// Changes something, and wakes all threads that poll.
fn change(what: impl FnOnce()) {
    let guard = CHANGED.0.lock().unwrap_or_else(PoisonError::into_inner);
    what();
    drop(guard);
    CHANGED.1.notify_all();
}

/// Waits until `look` finds something; `None` when it is `until`.
fn poll<T>(look: impl Fn() -> Option<T>, until: Option<Instant>) -> Option<T> {
    let mut guard = CHANGED.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        match until {
            None => CHANGED.1.wait(&mut guard),
            Some(until) => {
                if CHANGED.1.wait_until(&mut guard, until).timed_out() {
                    return look();
                }
            }
        }
    }
}

pub(crate) mod socket {
    use std::collections::VecDeque;
    use std::io;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::change;

    pub(crate) mod pulse {
        use crate::shuttled::{parking_lot, std};
        include!(concat!(env!("OUT_DIR"), "/pulse.rs"));
    }
    pub(crate) mod wakes {
        include!(concat!(env!("OUT_DIR"), "/wakes.rs"));
    }

    /// The file of a Unix socket.
    pub(crate) struct SocketFile;

    /// One end of a network: datagrams that have arrived and haven't been received yet.
    #[derive(Debug, Default, Clone)]
    pub(crate) struct Socket(Arc<Inside>);

    #[derive(Debug, Default)]
    struct Inside {
        queue: Mutex<VecDeque<u8>>,
        /// How many threads are receiving at the moment.
        receiving: AtomicUsize,
    }

    impl Socket {
        /// A datagram arrives.
        pub(crate) fn push(&self, datagram: u8) {
            change(|| self.0.queue.lock().unwrap().push_back(datagram));
        }

        pub(crate) fn local_addr(&self) -> io::Result<socket2::SockAddr> {
            Ok(SocketAddr::from(([127, 0, 0, 1], 1)).into())
        }

        /// Only the leading thread may call this.
        fn receive(&self) -> io::Result<u8> {
            let others = self.0.receiving.fetch_add(1, Ordering::SeqCst);
            assert_eq!(others, 0, "two receivers lead");
            crate::step();
            let datagram = self.0.queue.lock().unwrap().pop_front();
            self.0.receiving.fetch_sub(1, Ordering::SeqCst);
            datagram.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        }
    }

    impl wake::Readable for Socket {
        fn is_readable(&self) -> bool {
            !self.0.queue.lock().unwrap().is_empty()
        }
    }

    pub(crate) mod connection {
        /// What can be cut off. A datagram has nothing like that.
        pub(crate) struct Connection;

        impl Connection {
            pub(crate) fn cut(&self) {}
        }
    }

    pub(crate) mod datagrams {
        use std::io;

        use super::Socket;

        #[derive(Debug)]
        pub(crate) struct DatagramSocket(Socket);

        impl DatagramSocket {
            pub(crate) fn new(socket: Socket) -> io::Result<Self> {
                Ok(Self(socket))
            }

            pub(crate) fn receive(&self) -> io::Result<u8> {
                self.0.receive()
            }

            /// In the library, this is a smart pointer.
            pub(crate) fn socket(&self) -> Box<Socket> {
                Box::new(self.0.clone())
            }
        }
    }

    pub(crate) mod wake {
        use std::io;
        use std::sync::atomic::{AtomicBool, Ordering};

        use crate::fakes::{change, poll};
        use crate::shuttled::std::time::{Duration, Instant};

        #[derive(Debug, Default)]
        pub(crate) struct Wake(AtomicBool);

        impl Wake {
            pub(crate) fn new() -> io::Result<Self> {
                Ok(Self::default())
            }

            pub(crate) fn wake(&self) {
                change(|| self.0.store(true, Ordering::SeqCst));
            }

            /// Waits until another thread wakes us, or until `time` is over.
            pub(crate) fn pause_or_sleep(&self, time: Duration) {
                poll(|| self.is_woken(), Some(Instant::now() + time));
                // A thread that looks again and again lets others run in between, even
                // in an unfair order.
                shuttle::thread::yield_now();
            }

            /// Waits until another thread wakes us.
            pub(crate) fn wait(&self) {
                poll(|| self.is_woken(), None);
            }

            fn is_woken(&self) -> Option<Waited> {
                self.0.load(Ordering::SeqCst).then_some(Waited::Woken)
            }
        }

        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Waited {
            Ready,
            Woken,
            TimedOut,
        }

        /// What can be polled.
        pub(crate) trait Readable {
            fn is_readable(&self) -> bool;
        }

        pub(crate) fn wait_readable(
            socket: &impl Readable,
            wakes: [Option<&Wake>; 2],
            until: Option<Instant>,
        ) -> io::Result<Waited> {
            let look = || {
                let ready = socket.is_readable().then_some(Waited::Ready);
                ready.or_else(|| wakes.iter().flatten().find_map(|wake| wake.is_woken()))
            };
            Ok(poll(look, until).unwrap_or(Waited::TimedOut))
        }

        pub(crate) fn is_readable(socket: &impl Readable) -> bool {
            socket.is_readable()
        }

        pub(crate) fn is_no_news(error: &io::Error) -> bool {
            error.kind() == io::ErrorKind::WouldBlock
        }
    }
}

pub(crate) mod state {
    use std::sync::Arc;

    use connections::Registry;
    use threads::Threads;

    use crate::address::ClientAddress;
    use crate::error::HandlerError;
    use crate::event::Event;
    use crate::options::Options;

    pub(crate) mod threads {
        use crate::shuttled::std;
        include!(concat!(env!("OUT_DIR"), "/threads.rs"));
    }
    pub(crate) mod connections {
        use crate::shuttled::{parking_lot, std};
        include!(concat!(env!("OUT_DIR"), "/connections.rs"));
    }
    pub(crate) mod guard {
        include!(concat!(env!("OUT_DIR"), "/guard.rs"));
    }

    pub(crate) mod complain {
        use std::fmt;

        pub(crate) fn complain(complaint: fmt::Arguments<'_>) {
            panic!("nothing fails in a model: {complaint}");
        }
    }

    pub(crate) mod handle {
        use std::marker::PhantomData;
        use std::sync::Arc;

        use super::Shared;

        pub(crate) struct ServerHandle<A>(pub(crate) Arc<Shared>, PhantomData<A>);

        impl<A> ServerHandle<A> {
            pub(crate) fn new(shared: Arc<Shared>) -> Self {
                Self(shared, PhantomData)
            }

            pub(crate) fn shared(&self) -> &Arc<Shared> {
                &self.0
            }
        }
    }

    pub(crate) struct Shared {
        pub(crate) options: Options,
        pub(crate) registry: Registry,
        pub(crate) threads: Threads,
    }

    impl Shared {
        pub(crate) fn new(options: Options, threads: Threads) -> Arc<Self> {
            Arc::new(Self { options, registry: Registry::default(), threads })
        }

        pub(crate) fn verify(&self, _client: &ClientAddress) -> bool {
            true
        }

        pub(crate) fn event(&self, _event: impl FnOnce() -> Event) -> bool {
            false
        }

        pub(crate) fn report(&self, client: &ClientAddress, error: &HandlerError) {
            panic!("{client}: {error}");
        }
    }
}

pub(crate) mod options {
    use crate::shuttled::std::time::Duration;

    pub(crate) struct Options {
        pub(crate) max_connections: usize,
        pub(crate) max_connections_per_address: Option<usize>,
        pub(crate) max_packet_size: usize,
    }

    pub(crate) struct Setup {
        pub(crate) options: Options,
        pub(crate) service_actions: Option<()>,
        pub(crate) idle_thread_timeout: Duration,
    }

    impl Setup {
        pub(crate) fn check_datagrams(&self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

pub(crate) mod handler {
    use crate::error::HandlerError;

    pub(crate) trait RequestHandler<R>: Clone + Send + 'static {
        fn handle(&mut self, request: &mut R);
    }

    impl<R, F: FnMut(&mut R) + Clone + Send + 'static> RequestHandler<R> for F {
        fn handle(&mut self, request: &mut R) {
            self(request);
        }
    }

    pub(crate) fn run<R>(
        mut handler: impl RequestHandler<R>,
        request: &mut R,
    ) -> Result<(), HandlerError> {
        handler.handle(request);
        Ok(())
    }
}

pub(crate) mod request {
    pub(crate) mod datagram {
        use std::io;
        use std::marker::PhantomData;
        use std::net::{Ipv4Addr, SocketAddr};
        use std::sync::Arc;

        use crate::address::Address;
        use crate::socket::datagrams::DatagramSocket;
        use crate::state::handle::ServerHandle;

        pub(crate) struct DatagramRequest<A> {
            buffer: Box<[u8]>,
            client: A,
            of: PhantomData<A>,
        }

        impl<A: Address> DatagramRequest<A> {
            pub(crate) fn receive(
                socket: &Arc<DatagramSocket>,
                _server: &ServerHandle<A>,
                buffer: &mut Box<[u8]>,
            ) -> io::Result<Self> {
                buffer[0] = socket.receive()?;
                let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 2));
                let client = A::new(&client.into())?;
                Ok(Self { buffer: std::mem::take(buffer), client, of: PhantomData })
            }

            pub(crate) fn has_failed(&self) -> bool {
                false
            }

            pub(crate) fn into_buffer(self) -> Box<[u8]> {
                self.buffer
            }

            pub(crate) fn client(&self) -> &A {
                &self.client
            }

            pub(crate) fn data(&self) -> u8 {
                self.buffer[0]
            }
        }
    }
}

pub(crate) mod serve {
    use std::io;
    use std::sync::Arc;

    use crate::options::Setup;
    use crate::shuttled::std::time::Instant;
    use crate::socket::SocketFile;
    use crate::socket::datagrams::DatagramSocket;
    use crate::socket::wakes::Wakes;
    use crate::state::Shared;
    use crate::state::handle::ServerHandle;
    use crate::state::threads::Threads;

    pub(crate) mod receive {
        use crate::shuttled::std;
        /// The library uses nothing else from that crate here.
        mod socket2 {
            pub(crate) use crate::socket::Socket;
        }
        include!(concat!(env!("OUT_DIR"), "/receive.rs"));
    }

    pub(crate) mod pacing {
        use crate::shuttled::std::time::Instant;
        use crate::state::Shared;

        #[derive(Default)]
        pub(crate) struct BackOff(());

        impl BackOff {
            pub(crate) fn wait(&mut self, _: &Shared, error: &std::io::Error, _: u64) {
                panic!("nothing fails in a model: {error}");
            }

            pub(crate) fn reset(&mut self) {}
        }

        pub(crate) struct Ticker;

        impl Ticker {
            pub(crate) fn new(_actions: Option<()>) -> Self {
                Self
            }

            pub(crate) fn tick(&mut self) -> Option<Instant> {
                None
            }
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) enum Handled {
        Served,
        TimedOut,
        Stopped,
    }

    pub(crate) trait Service: Send {
        fn serve(&mut self) -> io::Result<()>;
        fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled>;
        fn close(self: Box<Self>) -> Option<Arc<DatagramSocket>>;
    }

    pub(crate) struct ThreadedServer<A> {
        pub(crate) handle: ServerHandle<A>,
        pub(crate) wakes: Arc<Wakes>,
        pub(crate) service: Box<dyn Service>,
    }

    impl<A> ThreadedServer<A> {
        pub(crate) fn new<S: Service + 'static>(
            thread_name: String,
            _address: A,
            _file: Option<SocketFile>,
            setup: Setup,
            service: impl FnOnce(ServerHandle<A>, Arc<Wakes>) -> S,
        ) -> io::Result<Self> {
            let threads = Threads::new(thread_name, None, setup.idle_thread_timeout);
            let shared = Shared::new(setup.options, threads);
            let wakes = Arc::new(Wakes::new()?);
            let handle = ServerHandle::new(shared);
            let service =
                service(ServerHandle::new(Arc::clone(&handle.0)), wakes.clone());
            Ok(Self { handle, wakes, service: Box::new(service) })
        }
    }
}
