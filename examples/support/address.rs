//! Addresses as a student writes them, and as one is told.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// `addr`, if it has the form `HOST:PORT`; whether the host exists is seen later.
///
/// # Errors
///
/// What is wrong with it, in two sentences.
pub(crate) fn checked_address(addr: String, to_listen: bool) -> Result<String, String> {
    let reason = match addr.rsplit_once(':') {
        None => "the port is missing",
        Some(_) if addr.starts_with('[') && addr.ends_with(']') => "the port is missing",
        Some(("", _)) => "the host is missing",
        Some((host, _)) if host.starts_with('[') != host.ends_with(']') => {
            "an IPv6 address stands in brackets, and the bracket is missing on one side"
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
                    "Nobody can be reached on {addr}: port 0 means any free port, and the \
                     server has got a real one. Use the port that the server printed."
                ));
            }
            Ok(_) => return Ok(addr),
        },
    };
    Err(format!(
        "`{addr}` is not an address: {reason}. Write host, colon, port, as in \
         `--addr 127.0.0.1:1234`."
    ))
}

/// Where a client finds a server that listens on `addr`: "every address" (`0.0.0.0`,
/// `[::]`) is no place to connect to, so this machine's own stands for it.
pub(crate) fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

/// `addr` as it is typed: to some shells, brackets without quotes are a pattern.
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
