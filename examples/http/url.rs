//! The URL that a client fetches.

use std::net::SocketAddr;

use super::text::{host_and_port, misplaced, number};

/// The parts of a URL such as `http://127.0.0.1:9016/bytes/10?a=b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Where to connect to: host and port.
    pub(crate) addr: String,
    /// What the `Host` header says: the same, as written in the URL.
    pub(crate) host: String,
    /// What to ask for: path and query. It begins with `/`.
    pub(crate) target: String,
}

impl Url {
    /// The first page of the server at `addr`.
    pub(crate) fn home(addr: SocketAddr) -> Self {
        let addr = addr.to_string();
        Self { host: addr.clone(), addr, target: "/".to_owned() }
    }

    /// Another page of the same server; `target` begins with `/`.
    pub(crate) fn page(&self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self.clone() }
    }

    /// The URL on a command line; without one, the first page of the server at `addr`.
    ///
    /// # Errors
    ///
    /// Two sentences, if there is more than that, or if it isn't the URL of a page.
    pub(crate) fn wanted(
        words: &[String],
        addr: &str,
        default_addr: &str,
    ) -> Result<Self, String> {
        match words {
            [] => Self::parse(&format!("http://{addr}/")),
            [_] if addr != default_addr => {
                Err("The URL says where the server is.\nLeave out --addr, or the URL."
                    .to_owned())
            }
            [url] => Self::parse(url),
            [_, next, ..] => Err(format!(
                "`{}` is one word too many.\nGive one URL, and write %20 for a space in it.",
                next.escape_debug()
            )),
        }
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Two sentences for the student, if this isn't the URL of a page.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!(
                "`{}` is not a URL.\nWrite one that begins with http://, as in \
                 http://127.0.0.1:9016/",
                text.escape_debug()
            ));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => {
                return Err("https is HTTP inside an encrypted connection, and this \
                     client does not encrypt.\nTry the same URL with http://, or give \
                     it to curl."
                    .to_owned());
            }
            _ => {
                return Err(format!(
                    "This client speaks HTTP and not `{}`.\nWrite a URL that begins \
                     with http://",
                    scheme.escape_debug()
                ));
            }
        }
        let rest = rest.split('#').next().unwrap_or_default(); // that part isn't sent
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some(letter) = misplaced(target, b"-._~!$&'()*+,;=:@/?") {
            let lone = if letter == '%' { "lone " } else { "" };
            return Err(format!(
                "A URL can't have a {lone}`{}` in it.\nWrite each such byte as a percent \
                 sign and two digits, as in %20 for a space.",
                letter.escape_default()
            ));
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        Ok(Self { addr: address(host)?, host: host.to_owned(), target })
    }
}

/// Host and port of a URL's middle part. The default port is 80.
fn address(text: &str) -> Result<String, String> {
    if text.contains('@') {
        return Err(
            "This client sends no name and no password.\nLeave out the `@`, and \
             everything before it."
                .to_owned(),
        );
    }
    let reason = match host_and_port(text) {
        Some(("", _)) => "the host is missing",
        Some((host, port)) => match number(port.unwrap_or("80"), 10) {
            Some(0) => {
                "port 0 means any free port, so use the one that the server printed"
            }
            Some(port @ ..=65535) => return Ok(format!("{host}:{port}")),
            _ => "the port is not a number from 0 to 65535",
        },
        None if text.matches(':').count() > 1 && !text.starts_with('[') => {
            "an IPv6 address needs brackets, as in http://[::1]:9016/"
        }
        None => "it is not a host, or the port is not a number from 0 to 65535",
    };
    Err(format!(
        "`{}` is not a place to connect to: {reason}.\nWrite a host and a port, as in \
         http://127.0.0.1:9016/",
        text.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() -> Result<(), String> {
        for (text, addr, host, target) in [
            ("http://127.0.0.1:9016/a/b", "127.0.0.1:9016", "127.0.0.1:9016", "/a/b"),
            ("http://example.org", "example.org:80", "example.org", "/"),
            ("HTTP://[::1]:9016/", "[::1]:9016", "[::1]:9016", "/"),
            ("http://[::1]/", "[::1]:80", "[::1]", "/"),
            ("http://h?q=1#part", "h:80", "h", "/?q=1"),
            ("http://h/a%20b?", "h:80", "h", "/a%20b?"),
            ("http://h/a://b:c@d", "h:80", "h", "/a://b:c@d"),
        ] {
            let expected =
                Url { addr: addr.into(), host: host.into(), target: target.into() };
            assert_eq!(Url::parse(text)?, expected, "{text}");
        }
        let home = Url::home(([127, 0, 0, 1], 9016).into());
        assert_eq!(home, Url::parse("http://127.0.0.1:9016")?);
        assert_eq!(home.page("/a"), Url::parse("http://127.0.0.1:9016/a")?);
        Ok(())
    }

    #[test]
    fn what_is_not_a_url_is_explained_in_words() {
        for (text, words) in [
            ("127.0.0.1:9016", "is not a URL"),
            ("https://example.org/", "does not encrypt"),
            ("ftp://example.org/", "not `ftp`"),
            ("http://", "the host is missing"),
            ("http:///a", "the host is missing"),
            ("http://:80/", "the host is missing"),
            ("http://h:/", "not a number from 0"),
            ("http://h:65536/", "not a number from 0"),
            ("http://h:+1/", "not a number from 0"),
            ("http://::1/", "needs brackets"),
            ("http://[::g]/", "is not a host"),
            ("http://me:secret@h/", "no password"),
            ("http://a b/", "is not a host"),
            ("http://h\r\nX: y/", "is not a host"),
            ("http://h/a b", "a ` ` in it"),
            ("http://h/\r\nX: y", "a `\\r` in it"),
            ("http://h/\u{e9}", "a `\\u{e9}` in it"),
            ("http://h/<a>", "a `<` in it"),
            ("http://h/100%", "a lone `%` in it"),
        ] {
            let message = Url::parse(text).expect_err(text);
            assert!(message.contains(words), "{text}: {message}");
            assert_eq!(message.lines().count(), 2, "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
