//! Addresses, as a student types them and as a program prints them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Returns `addr` if it has the form `HOST:PORT`. Whether the host exists turns out
/// later.
///
/// # Errors
///
/// Two sentences that say what is wrong with `addr`.
pub(crate) fn checked_address(addr: String, to_listen: bool) -> Result<String, String> {
    let reason = match addr.rsplit_once(':') {
        None => "the port is missing",
        Some(_) if addr.starts_with('[') && addr.ends_with(']') => "the port is missing",
        Some(("", _)) => "the host is missing",
        Some((host, _)) if host.starts_with('[') != host.ends_with(']') => {
            "an IPv6 address needs two brackets, and one of them is missing"
        }
        Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
            "an IPv6 address needs brackets, as in [::1]:1234"
        }
        Some((_, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => {
            "the port is not a number from 0 to 65535"
        }
        Some((_, port)) => match port.parse::<u16>() {
            Err(_) => "the port is not a number from 0 to 65535",
            Ok(0) if !to_listen => {
                return Err(format!(
                    "No server can be reached on {addr}, because port 0 means any free port.\n\
                     Use the port that the server printed."
                ));
            }
            Ok(_) => return Ok(addr),
        },
    };
    Err(format!(
        "`{addr}` is not an address: {reason}.\nWrite host, colon, port, as in \
         127.0.0.1:1234."
    ))
}

/// Where a client finds a server that listens on `addr`. A client can't connect to "every
/// address" (`0.0.0.0`, `[::]`), so it gets this machine's own instead.
pub(crate) fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

/// `addr` as you type it: some shells take brackets without quotes for a pattern.
pub(crate) fn quoted(addr: &str) -> String {
    if addr.contains('[') { format!("\"{addr}\"") } else { addr.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_server_is_reached_and_how_that_is_typed() {
        let everywhere: SocketAddr = ([0, 0, 0, 0], 80).into();
        assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:80");
        assert_eq!(quoted("[::1]:80"), "\"[::1]:80\"");
        assert_eq!(quoted("127.0.0.1:80"), "127.0.0.1:80");
        assert!(checked_address("127.0.0.1:0".to_owned(), true).is_ok());
        assert!(checked_address("127.0.0.1:0".to_owned(), false).is_err());
    }
}
