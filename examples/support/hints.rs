//! Errors in words: what happened, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{ToSocketAddrs, UdpSocket};

use rustix::io::Errno;

use super::args::{Args, Role};
use super::mistake;

/// What the student reads, and how the program ends.
#[derive(Debug)]
pub(crate) struct Hint {
    /// Two sentences.
    pub(crate) text: String,
    /// The exit status.
    pub(crate) status: u8,
}

/// An error about another address than that of `--addr`.
#[derive(Debug)]
struct Elsewhere {
    /// That address.
    addr: String,
    /// The error.
    error: io::Error,
}

/// Marks `error` as being about `addr`, not about the address of `--addr`.
pub(crate) fn at(addr: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Elsewhere { addr: addr.to_owned(), error })
}

impl Error for Elsewhere {}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// Explains the error that ended a lesson's program.
pub(crate) fn explain(error: &io::Error, args: &Args) -> Hint {
    if let Some(text) = mistake::sentences(error) {
        return Hint { text, status: 2 };
    }
    let demonstrates = args.role() == Role::Demonstration;
    if let Some(text) = no_loopback(error) {
        if demonstrates || is_loopback(args.addr()) {
            return Hint { text: text.to_owned(), status: 2 };
        }
    }
    if demonstrates {
        return Hint { text: format!("The demonstration failed: {error}."), status: 1 };
    }
    let elsewhere = error.get_ref().and_then(|inner| inner.downcast_ref::<Elsewhere>());
    let addr = elsewhere.map_or(args.addr(), |elsewhere| &elsewhere.addr);
    let serves = args.role() == Role::Serve;
    let serve = args.command("serve", addr);
    let here = args.command("serve", args.default_addr()); // where any user can listen
    let any = args.command("serve", "127.0.0.1:0");
    let text = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "Another program already listens on {addr}; perhaps this server runs in \
             another terminal.\nStop that one with Ctrl-C, or use any free port: {any}"
        ),
        ErrorKind::ConnectionRefused => format!(
            "Nobody listens on {addr}.\nStart the server first, in another terminal: {serve}"
        ),
        ErrorKind::PermissionDenied if serves => format!(
            "This system doesn't let you listen on {addr}; ports below 1024 are often \
             reserved for the administrator.\nUse any free port: {any}"
        ),
        ErrorKind::PermissionDenied => format!(
            "This system doesn't let you send to {addr}.\nTry a server on this machine: \
             {here}"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "{addr} is not an address of this machine.\nUse 127.0.0.1 for clients on this \
             machine only, or 0.0.0.0 for clients everywhere."
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => format!(
            "There is no route from this machine to {addr}.\nCheck the address and the \
             network, or start a server on this machine: {here}"
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!(
            "{addr} did not answer in time, or did not read what was sent.\nCheck that the \
             server is running and what it printed. To start it: {serve}"
        ),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => {
            format!(
                "{addr} closed the connection abruptly.\nSee what the server printed in its \
                 terminal, then run the client again."
            )
        }
        ErrorKind::UnexpectedEof => format!(
            "{addr} closed the connection before its reply was complete{}.\nSee what the \
             server printed in its terminal, then run the client again.",
            error.get_ref().map(|inner| format!(" ({inner})")).unwrap_or_default()
        ),
        ErrorKind::InvalidInput if addr.starts_with("[fe80:") => format!(
            "{addr} can be on any network that this machine is in.\nAdd the number of a \
             network interface, as in \"[fe80::1%2]:1234\"; `ip link` shows the numbers."
        ),
        // The standard library has no kind for this.
        _ if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
            "This is too long for one datagram.\nMake it shorter: 65,507 bytes at most, \
             and on some systems less."
                .to_owned()
        }
        _ if addr.to_socket_addrs().is_err() => {
            let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
            let like = if elsewhere.is_some() && !serves {
                "http://127.0.0.1:9016/"
            } else {
                "--addr 127.0.0.1:1234"
            };
            format!(
                "No host called `{host}` can be found.\nCheck the spelling, or write the \
                 address in numbers, as in `{like}`."
            )
        }
        _ => return Hint { text: format!("{addr}: {error}."), status: 1 },
    };
    Hint { text, status: 2 }
}

/// Whether `addr` is an address at which this machine talks to itself.
fn is_loopback(addr: &str) -> bool {
    let found = addr.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.is_some_and(|addr| addr.ip().is_loopback())
}

/// What an error at a loopback address means if the loopback network is off.
pub(crate) fn no_loopback(error: &io::Error) -> Option<&'static str> {
    let kinds = [ErrorKind::AddrNotAvailable, ErrorKind::NetworkUnreachable];
    let reach_itself = || UdpSocket::bind("127.0.0.1:0")?.connect("127.0.0.1:9");
    (kinds.contains(&error.kind()) && reach_itself().is_err()).then_some(
        "This machine cannot reach itself: its loopback network (127.0.0.1) is off.\nSwitch \
         it on, as in `ip link set lo up`, or run this on another machine.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::args::{Parsed, Spec};

    /// What `explain` says to a client or a server on `addr`.
    fn told(error: io::Error, role: &str, addr: &str) -> Hint {
        let mut spec = Spec::new("99_test", "nothing");
        spec.default_addr = Some("127.0.0.1:4242");
        let line = [role, "--addr", addr].map(Into::into);
        match spec.parse(line.into_iter()) {
            Ok(Parsed::Run(args)) => explain(&error, &args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_error_has_two_sentences_and_says_what_to_do() {
        for (kind, role, what, cure) in [
            (
                ErrorKind::AddrInUse,
                "serve",
                "already listens",
                "serve --addr 127.0.0.1:0",
            ),
            (ErrorKind::ConnectionRefused, "client", "Nobody listens", "-- serve"),
            (ErrorKind::PermissionDenied, "serve", "let you listen", "any free port"),
            (ErrorKind::PermissionDenied, "client", "let you send", "-- serve"),
            (ErrorKind::AddrNotAvailable, "serve", "not an address of", "0.0.0.0"),
            (ErrorKind::NetworkUnreachable, "client", "no route from", "-- serve"),
            (ErrorKind::InvalidInput, "client", "any network", "\"[fe80::1%2]:1234\""),
            (ErrorKind::TimedOut, "client", "did not answer", "-- serve"),
            (ErrorKind::WouldBlock, "client", "did not answer", "-- serve"),
            (ErrorKind::ConnectionReset, "client", "abruptly", "run the client again"),
            (ErrorKind::BrokenPipe, "client", "abruptly", "run the client again"),
            (ErrorKind::UnexpectedEof, "client", "before its reply", "client again"),
        ] {
            let link_local = kind == ErrorKind::InvalidInput;
            let addr = if link_local { "[fe80::1]:4242" } else { "127.0.0.1:4242" };
            let hint = told(kind.into(), role, addr);
            let lines: Vec<&str> = hint.text.lines().collect();
            assert_eq!((lines.len(), hint.status), (2, 2), "{kind}: {}", hint.text);
            assert!(lines[0].contains(what) && lines[1].contains(cure), "{}", hint.text);
        }
    }

    #[test]
    fn what_no_datagram_can_hold_is_said() -> io::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let to_itself = socket.local_addr()?;
        let error =
            socket.send_to(&[b'x'; 66_000], to_itself).expect_err("66,000 bytes");
        let hint = told(error, "client", "127.0.0.1:4242");
        assert!(hint.text.contains("too long for one datagram"), "{}", hint.text);
        assert_eq!((hint.text.lines().count(), hint.status), (2, 2));
        Ok(())
    }

    #[test]
    fn a_host_that_cannot_be_found_is_named() {
        let hint = told(io::Error::other("no address"), "client", "no..host:80");
        assert!(hint.text.contains("No host called `no..host`"), "{}", hint.text);
        assert!(hint.text.contains("--addr 127.0.0.1:1234"), "{}", hint.text);
        assert_eq!(hint.status, 2);
        let error = at("no..host:80", io::Error::other("no address")); // from a URL
        let hint = told(error, "client", "127.0.0.1:4242");
        assert!(hint.text.contains("No host called `no..host`"), "{}", hint.text);
        assert!(hint.text.contains("as in `http://127.0.0.1:9016/`"), "{}", hint.text);
        let far =
            told(ErrorKind::PermissionDenied.into(), "client", "255.255.255.255:9");
        assert!(far.text.ends_with("99_test -- serve"), "on this machine: {}", far.text);
        let hint = told(io::Error::other("strange"), "client", "127.0.0.1:80");
        assert_eq!((hint.text.as_str(), hint.status), ("127.0.0.1:80: strange.", 1));
    }
}
