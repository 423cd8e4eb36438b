//! The echo with one thread that waits for all clients, as in lesson 18.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::support::{BackOff, keep_trying, report, retry, within};
use crate::work::Work;

// [serve]
pub(crate) fn serve(listener: TcpListener, work: Work) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut clients: Vec<Client> = Vec::new();
    let mut back_off = BackOff::default();
    loop {
        let accepts = back_off.left().is_none();
        let mut sockets = vec![PollFd::new(&listener, reads_if(accepts))];
        sockets.extend(clients.iter().map(Client::waits_for));
        let pause = back_off.left();
        keep_trying(|| {
            within(pause, |left| poll(&mut sockets, timespec(left).as_ref()))
        }); // the thread sleeps here
        let ready: Vec<bool> =
            sockets.iter().map(|it| !it.revents().is_empty()).collect();
        let mut of_client = ready[1..].iter();
        clients.retain_mut(|it| of_client.next() != Some(&true) || it.goes_on(work));
        let next = ready[0].then(|| listener.accept());
        if let Some((stream, _)) = next.and_then(|it| back_off.check(it)) {
            stream.set_nonblocking(true)?;
            clients.push(Client { stream, unsent: Vec::new() });
        }
    }
}

struct Client {
    stream: TcpStream,
    unsent: Vec<u8>, // what was read and isn't sent yet
}

impl Client {
    fn waits_for(&self) -> PollFd<'_> {
        let reads = self.unsent.is_empty();
        PollFd::new(&self.stream, if reads { PollFlags::IN } else { PollFlags::OUT })
    }

    fn read_and_write(&mut self, work: Work) -> io::Result<bool> {
        if self.unsent.is_empty() {
            let mut data = [0; 1024];
            let count = retry(|| self.stream.read(&mut data))?;
            if count == 0 {
                return Ok(false);
            }
            work.before_replying_to(&data[..count]); // the whole server sleeps here
            self.unsent.extend_from_slice(&data[..count]);
        }
        let count = retry(|| self.stream.write(&self.unsent))?;
        self.unsent.drain(..count); // the rest waits for `OUT`
        Ok(true)
    }

    /// Does one step. Returns whether the client stays.
    fn goes_on(&mut self, work: Work) -> bool {
        match self.read_and_write(work) {
            Ok(stays) => stays,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            failed => {
                report(failed);
                false
            }
        }
    }
}
// [/serve]

/// What to watch the listener for.
fn reads_if(accepts: bool) -> PollFlags {
    if accepts { PollFlags::IN } else { PollFlags::empty() }
}

/// A time in the form that `poll` takes.
fn timespec(time: Option<std::time::Duration>) -> Option<Timespec> {
    time.and_then(|time| Timespec::try_from(time).ok())
}
