//! What all threads of one server share, and how the server ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::{Mutex, RwLock};

use crate::address::ClientAddress;
use crate::error::HandlerError;
use crate::event::Event;
use crate::options::{Hooks, Options};
use crate::socket::wake::after;
use crate::socket::wakes::Wakes;

pub(crate) mod complain;
pub(crate) mod connections;
pub(crate) mod guard;
pub(crate) mod handle;
mod signals;
mod threads;

use complain::complain;
use connections::{Registry, Stage};
use threads::Threads;

/// What all threads of one server share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) threads: Threads,
    /// Wakes the threads that wait for a socket. These threads and the server own it, so a
    /// handle that a program keeps for a long time keeps no file descriptor.
    wakes: Weak<Wakes>,
    /// Dropped when the server stops, which disconnects `stopping`.
    not_stopping: Mutex<Option<Sender<()>>>,
    stopping: Receiver<()>,
    /// The hooks, until the server has ended. A hook can own a handle, and so own this
    /// `Shared`: dropping the hooks breaks the cycle.
    ///
    /// Locked for reading while a hook runs. Always with `read_recursive`: if a hook causes
    /// another hook to be called, that one must not wait behind a thread that waits for the
    /// first one.
    hooks: RwLock<Option<Hooks>>,
    /// Set at the very end: no hook is called any more.
    has_ended: AtomicBool,
    /// How many signals there have been.
    signals: AtomicUsize,
}

impl Shared {
    /// How long the server's end waits for what can't be forced to end: hooks that run,
    /// handlers whose connections were cut off, threads. This is enough for handlers that
    /// only read and write.
    const GRACE: Duration = Duration::from_millis(250);

    /// `thread_name` is for servers without the option `thread_name`.
    pub(crate) fn new(
        mut options: Options,
        hooks: Hooks,
        thread_name: String,
        wakes: &Arc<Wakes>,
    ) -> Arc<Self> {
        let thread_name = options.thread_name.take().unwrap_or(thread_name);
        let threads =
            Threads::new(thread_name, options.stack_size, options.idle_thread_timeout);
        let (not_stopping, stopping) = bounded(0);
        Arc::new(Self {
            hooks: RwLock::new(Some(hooks)),
            has_ended: AtomicBool::new(false),
            options,
            registry: Registry::default(),
            threads,
            wakes: Arc::downgrade(wakes),
            not_stopping: Mutex::new(Some(not_stopping)),
            stopping,
            signals: AtomicUsize::new(0),
        })
    }

    /// Disconnected when the server stops.
    pub(crate) fn stopping(&self) -> Receiver<()> {
        self.stopping.clone()
    }

    /// Stops. Waits for nothing except the hook that it calls.
    pub(crate) fn shutdown(&self) {
        if let Some(active) = self.begin_to_stop() {
            self.event(|| Event::Draining { active });
            self.registry.announced();
        }
    }

    /// Stops, for callers that then wait for the end: a hook that blocks must not block
    /// them.
    pub(crate) fn shutdown_in_time(self: &Arc<Self>) {
        if let Some(active) = self.begin_to_stop() {
            self.tell_in_time(Event::Draining { active });
            self.registry.announced();
        }
    }

    /// Stops, and cuts off every connection that is still open.
    pub(crate) fn shutdown_now(&self) {
        let began = self.begin_to_stop();
        let cut = self.cut(); // before the hooks are called, which can take their time
        if let Some(active) = began {
            self.event(|| Event::Draining { active });
            self.registry.announced();
        }
        if let Some(connections) = cut {
            self.event(|| Event::CutOff { connections });
        }
    }

    /// Accepts no more clients, and wakes the threads that wait. If this call began the
    /// stop, returns how many connections are open; then the hook must be called.
    fn begin_to_stop(&self) -> Option<usize> {
        let began = self.registry.stop_accepting();
        // At every call, in case the system had no memory for it the first time.
        if let Some(wakes) = self.wakes.upgrade() {
            wakes.stop();
        }
        drop(self.not_stopping.lock().take());
        began
    }

    /// Cuts off every connection that is still open. Returns how many, if this call was the
    /// first.
    fn cut(&self) -> Option<usize> {
        let cut = self.registry.cut()?;
        // Only now, because a thread that wakes must find its connection cut off.
        if let Some(wakes) = self.wakes.upgrade() {
            wakes.cut.wake();
        }
        Some(cut)
    }

    /// Counts a signal. Returns how many came before; `None` if the server has ended.
    pub(crate) fn count_signal(&self) -> Option<usize> {
        (!self.has_ended()).then(|| self.signals.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits until all clients have left, and cuts off those that take too long.
    pub(crate) fn drain(self: &Arc<Self>) {
        self.threads.dismiss(); // the accept loop has ended, so there are no more jobs
        // The drain begins when the hook has been called. But a hook that blocks must not
        // keep the server from ending.
        self.registry.wait_until_announced(after(Self::GRACE));
        let until = self.options.drain_timeout.and_then(after);
        if self.registry.wait_until_empty(Stage::Draining, until) {
            return;
        }
        if let Some(connections) = self.cut() {
            self.tell_in_time(Event::CutOff { connections });
        }
        self.registry.wait_until_empty(Stage::Cut, after(Self::GRACE));
    }

    /// Ends what is left when all clients have gone: the threads, and the hooks.
    pub(crate) fn end(&self) {
        self.threads.close(after(Self::GRACE));
        self.has_ended.store(true, Ordering::Release);
        self.drop_hooks(Self::GRACE);
    }

    /// Whether the server has ended, and nothing of it goes on.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Asks the `verify_request` hook about a client. A hook that panics rejects it.
    pub(crate) fn verify(&self, client: &ClientAddress) -> bool {
        let verified = self.with_hooks(|hooks| {
            let Some(verify) = &hooks.verify_request else { return Ok(true) };
            HandlerError::catch(|| verify(client))
        });
        match verified {
            Some(Ok(verified)) => verified,
            Some(Err(error)) => {
                self.report(client, &error);
                false
            }
            None => false, // the server has ended
        }
    }

    /// Calls the `handle_error` hook; without one, reports to the log or the terminal.
    pub(crate) fn report(&self, client: &ClientAddress, error: &HandlerError) {
        self.with_hooks(|hooks| {
            let Some(handle_error) = &hooks.handle_error else {
                return complain(format_args!("{client}: {error}"));
            };
            if let Err(error) = HandlerError::catch(|| handle_error(client, error)) {
                complain(format_args!("handle_error: {error}"));
            }
        });
    }

    /// Calls the `on_event` hook. Returns whether there is one.
    pub(crate) fn event(&self, event: impl FnOnce() -> Event) -> bool {
        let told = self.with_hooks(|hooks| {
            let Some(on_event) = &hooks.on_event else { return false };
            if let Err(error) = HandlerError::catch(|| on_event(&event())) {
                complain(format_args!("on_event: {error}"));
            }
            true
        });
        told.unwrap_or(false)
    }

    /// Calls the `on_event` hook on another thread, and waits for it only for a while.
    fn tell_in_time(self: &Arc<Self>, event: Event) {
        let shared = Arc::clone(self);
        let (done, is_done) = bounded::<()>(0);
        let tell = move || {
            shared.event(|| event);
            drop(done);
        };
        let name = format!("{}-stop", self.threads.prefix());
        let Ok(thread) = thread::Builder::new().name(name).spawn(tell) else { return };
        // No message is ever sent. When the thread is done, its end of the channel is gone.
        if is_done.recv_timeout(Self::GRACE) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join(); // a hook's panic was caught
        }
    }

    /// Calls the hooks; `None` when the server has ended.
    fn with_hooks<T>(&self, call: impl FnOnce(&Hooks) -> T) -> Option<T> {
        let hooks = self.hooks.read_recursive();
        let called = hooks.as_ref().filter(|_| !self.has_ended()).map(call);
        drop(hooks);
        // If the server's end gave up on waiting for this hook, dropping the hooks is left
        // to us.
        if self.has_ended() {
            self.drop_hooks(Duration::ZERO);
        }
        called
    }

    /// Drops the hooks, unless one of them still runs after `time`.
    fn drop_hooks(&self, time: Duration) {
        let hooks = self.hooks.try_write_for(time).and_then(|mut hooks| hooks.take());
        if let Err(error) = HandlerError::catch(|| drop(hooks)) {
            complain(format_args!("a hook's drop: {error}"));
        }
    }
}
