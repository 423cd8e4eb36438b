//! Errors in words: what happened, and what to do about it.

use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs;

use super::args::{Args, Role};
use super::mistake;

/// What to tell the student, and how the program ends.
#[derive(Debug)]
pub(crate) struct Hint {
    /// Two sentences.
    pub(crate) text: String,
    /// The exit status.
    pub(crate) status: u8,
}

/// Explains the error that ended a lesson's program.
pub(crate) fn explain(error: &io::Error, args: &Args) -> Hint {
    if let Some(text) = mistake::sentences(error) {
        return Hint { text, status: 2 };
    }
    if args.role() == Role::Demonstration {
        return Hint { text: format!("The demonstration failed: {error}."), status: 1 };
    }
    let addr = args.addr();
    let serves = args.role() == Role::Serve;
    let serve = args.command("serve", addr);
    let elsewhere = args.command("serve", "127.0.0.1:0");
    let text = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "Another program already listens on {addr}: perhaps this server runs in \
             another terminal.\nStop that one with Ctrl-C, or take any free port: {elsewhere}"
        ),
        ErrorKind::ConnectionRefused => format!(
            "Nobody listens on {addr}.\nStart the server first, in another terminal: {serve}"
        ),
        ErrorKind::PermissionDenied if serves => format!(
            "This system does not let you listen on {addr}: ports below 1024 are often \
             kept for the administrator.\nTake any free port: {elsewhere}"
        ),
        ErrorKind::PermissionDenied => format!(
            "This system does not let you send to {addr}.\nTry a server on this machine: \
             {serve}"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "{addr} is not an address of this machine.\nUse 127.0.0.1 to be reached from \
             this machine only, or 0.0.0.0 to be reached from everywhere."
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => format!(
            "No way leads from here to {addr}.\nCheck the address and the network, or \
             start a server on this machine: {}",
            args.command("serve", "127.0.0.1:0")
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!(
            "{addr} did not answer in time.\nSee whether the server runs, and what it \
             printed; this starts it: {serve}"
        ),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => {
            format!(
                "{addr} broke off the connection.\nSee what the server printed in its \
                 terminal, then run the client again."
            )
        }
        ErrorKind::UnexpectedEof => format!(
            "{addr} closed the connection before its answer was complete.\nSee what the \
             server printed in its terminal, then run the client again."
        ),
        _ if addr.to_socket_addrs().is_err() => {
            let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
            format!(
                "No host called `{host}` can be found.\nCheck the spelling, or write the \
                 address in numbers, as in `--addr 127.0.0.1:1234`."
            )
        }
        _ => return Hint { text: format!("{addr}: {error}."), status: 1 },
    };
    Hint { text, status: 2 }
}
