//! Small pieces of text: tokens, numbers, hosts, and text for the screen.

use std::net::Ipv6Addr;

use crate::support::text;

/// Whether this can be a method or the name of a header.
pub(crate) fn is_token(name: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_part)
}

/// The text without the white space around it. In HTTP, only the space and the tab are
/// white space.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A number of digits only: no sign, no space, and not too large.
pub(crate) fn number(digits: &str, radix: u32) -> Option<u64> {
    let only = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    only.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// Host and port of `localhost:80`, `[::1]:80` or `localhost`; `None` if the text looks
/// different. The host can be empty here, but not in [`is_host`].
pub(crate) fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let digits = port.unwrap_or_default().bytes().all(|byte| byte.is_ascii_digit());
    (digits && (host.is_empty() || is_host(host))).then_some((host, port))
}

/// Whether this looks like a host in a URL: a name, an IPv4 address, or an IPv6 address
/// in brackets.
pub(crate) fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    !host.is_empty() && misplaced(host, b"-._~!$&'()*+,;=").is_none()
}

/// The first character that isn't allowed in this part of a URL. Allowed are ASCII
/// letters, digits, `marks`, and a percent sign with two digits after it.
pub(crate) fn misplaced(text: &str, marks: &[u8]) -> Option<char> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let is_fine = |at: usize| match bytes[at] {
        b'%' => is_digit(bytes.get(at + 1)) && is_digit(bytes.get(at + 2)),
        byte => byte.is_ascii_alphanumeric() || marks.contains(&byte),
    };
    text.char_indices().find(|(at, _)| !is_fine(*at)).map(|(_, letter)| letter)
}

/// Bytes from the network, safe for the screen.
pub(crate) fn printable(bytes: &[u8]) -> String {
    text::shown(&String::from_utf8_lossy(bytes))
}

/// The beginning of a text, in quotes, for a message.
pub(crate) fn shortened(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    format!("`{}`", printable(beginning.as_bytes()))
}

/// A text with `mark` before each of its lines.
pub(crate) fn marked(mark: &str, text: &str) -> String {
    let marked = |line: &str| format!("{mark} {line}").trim_end().to_owned();
    text.lines().map(marked).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!((number("007", 10), number("Ff", 16)), (Some(7), Some(255)));
        for text in ["", "+5", "-5", " 5", "5 ", "5_0", "0x5", "\u{665}", "5.0"] {
            assert_eq!((number(text, 10), number(text, 16)), (None, None), "{text}");
        }
        assert_eq!(number("18446744073709551615", 10), Some(u64::MAX));
        assert_eq!(number("18446744073709551616", 10), None);
        assert_eq!(number("10000000000000000", 16), None);
        assert_eq!(number("f", 10), None);
    }

    #[test]
    fn white_space_is_the_space_and_the_tab() {
        assert_eq!(trimmed(" \t a b\t "), "a b");
        assert_eq!(trimmed("\u{a0}\x0b5\u{2003}"), "\u{a0}\x0b5\u{2003}");
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("127.0.0.1:80", "127.0.0.1", Some("80")),
            ("[::1]:9016", "[::1]", Some("9016")),
            ("[::1]", "[::1]", None),
            ("a-b.example:", "a-b.example", Some("")),
            ("h%C3%A9", "h%C3%A9", None),
            ("", "", None),
        ] {
            assert_eq!(host_and_port(text), Some((host, port)), "{text}");
        }
        for text in [
            "a b",
            "a/b",
            "me@h",
            "me:secret@h",
            "::1",
            "[::1",
            "[x]",
            "h:80:80",
            "h:+1",
            "h: 80",
            "h%",
            "h%4",
            "h%zz",
            "h\u{e9}",
            "h\\x",
            "h?",
            "\"h\"",
        ] {
            assert_eq!(host_and_port(text), None, "{text}");
        }
    }

    #[test]
    fn text_from_the_network_cannot_control_the_screen() {
        assert_eq!(printable(b"a\x1b[2Jb\r\n\xff\tc"), "a\u{fffd}[2Jb\n\u{fffd}\tc");
    }
}
