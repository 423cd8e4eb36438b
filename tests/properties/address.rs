//! `--addr`: any word either is an address or is rejected with an explanation. An address
//! has a host and a port that the standard library takes.

use crate::choices::{Choices, check, same};
use crate::support::address::{checked_address, quoted};

/// A word that looks like an address, and often is one.
fn any_word(choices: &mut Choices<'_, '_>) -> String {
    choices
        .up_to(8, |choices| {
            choices.one_of(&[
                "1",
                "80",
                ":",
                "localhost",
                "127.0.0.1",
                "[",
                "]",
                "::1",
                "0",
                "65535",
                "65536",
                "+",
                "-",
                " ",
                "\u{1b}",
                "\u{e9}",
                "\u{661}",
                "http",
                "%",
            ])
        })
        .concat()
}

#[test]
fn any_word_is_an_address_or_is_rejected_in_words() {
    check(|choices| {
        let word = any_word(choices);
        let to_listen = choices.below(2) == 1;
        match checked_address(word.clone(), to_listen) {
            Err(why) => {
                let fine = why.contains(&word) && why.matches(".\n").count() == 1;
                same(&fine, &true, format!("{word:?}: {why}"))
            }
            Ok(addr) => {
                let port = addr.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                let port = port.and_then(Result::ok);
                let fine = port.is_some_and(|port| port > 0 || to_listen);
                let host = addr.rsplit_once(':').map_or("", |(host, _)| host);
                let brackets = host.starts_with('[') == host.ends_with(']');
                same(&(fine && brackets && !host.is_empty()), &true, &addr)?;
                same(&addr, &word, "it is taken as it is")
            }
        }
    });
}

/// If the standard library takes numbers as an address, so do we.
#[test]
fn an_address_in_numbers_is_taken() {
    check(|choices| {
        let word = any_word(choices);
        let Ok(addr) = word.parse::<std::net::SocketAddr>() else { return Ok(()) };
        same(&checked_address(word.clone(), true).is_ok(), &true, &word)?;
        same(&checked_address(word.clone(), false).is_ok(), &(addr.port() > 0), word)
    });
}

/// A shell passes on what was quoted.
#[test]
fn quotes_surround_or_are_nowhere() {
    check(|choices| {
        let word = any_word(choices);
        let typed = quoted(&word);
        let inside = typed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        same(&inside.unwrap_or(&typed), &word.as_str(), &word)
    });
}
