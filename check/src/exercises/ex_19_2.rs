//! 19.2: JSON objects, for a client that asks for them.

use std::collections::BTreeMap;

use crate::broken::Broken;
use crate::program::Server;
use crate::websocket::{Guest, Heard};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "19.2",
    title: "JSON as a protocol on top",
    lesson: "19_websocket",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "a client that names no protocol gets lines, as before",
            test: lines,
        },
        Promise {
            name: "a client that names `chat.json` is told that it was chosen",
            test: chosen,
        },
        Promise { name: "news comes as `{\"news\": ..}`", test: news },
        Promise {
            name: "what somebody says comes as `{\"from\": .., \"text\": ..}`",
            test: says,
        },
        Promise { name: "quotes, backslashes and tabs survive", test: quotes },
        Promise { name: "so do letters beyond ASCII", test: letters },
        Promise { name: "`chat.json` is found among others", test: among },
        Promise { name: "an unknown protocol isn't chosen", test: unknown },
        Promise { name: "both kinds of clients are in one room", test: both },
    ],
};

/// The header.
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// A guest that asked for JSON, and has its greeting.
fn enters(server: &Server<'_>) -> Result<Guest, Broken> {
    let mut guest = Guest::connect(server, &[(PROTOCOL, "chat.json")])?;
    is_object(&guest.hears(), "a newcomer", &[("news", None)], "")?;
    Ok(guest)
}

/// Checks that a text is an object with these members, and no others.
/// Whether a text has escapes that only Rust knows.
fn is_rust(text: &str) -> bool {
    ["\\u{", "\\'", "\\0"].iter().any(|escape| text.contains(escape))
}

fn is_object(
    heard: &Heard,
    after: &str,
    members: &[(&str, Option<&str>)],
    thought: &str,
) -> Result<(), Broken> {
    let object = match heard {
        Heard::Text(text) => object(text),
        _ => None,
    };
    let is_it = |(name, value): &(&str, Option<&str>)| {
        let found = object.as_ref().and_then(|object| object.get(*name));
        found.is_some_and(|found| value.is_none_or(|value| found == value))
    };
    let count = object.as_ref().map_or(0, BTreeMap::len);
    if count == members.len() && members.iter().all(is_it) {
        return Ok(());
    }
    let wanted = members.iter().map(|(name, value)| match value {
        Some(value) => format!("{name:?}: a string of JSON for {value:?}"),
        None => format!("{name:?}: .."),
    });
    let thought = match (&object, thought) {
        (None, _) if matches!(heard, Heard::Text(text) if is_rust(text)) => {
            "`{:?}` writes text as Rust does, but JSON has no `\\u{..}`, `\\'` or `\\0`."
        }
        (None, _) => {
            "This isn't a JSON object whose members are strings. Is something in it \
             that needs a backslash before it?"
        }
        (_, "") => "The exercise says which members each object has.",
        (_, thought) => thought,
    };
    Err(Broken::new(thought)
        .sent(after)
        .expected(format!("{{{}}}", wanted.collect::<Vec<_>>().join(", ")))
        .received(heard.to_string()))
}

fn lines(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut guest = Guest::connect(&server, &[])?;
    names(&guest, "no protocol", &[])?;
    match guest.hears() {
        Heard::Text(text) if text.starts_with("-- you are guest-") => Ok(()),
        other => Err(Broken::new(
            "The page of the lesson names no protocol, and shows what it gets.",
        )
        .expected("a text that begins with \"-- you are guest-\"")
        .received(other.to_string())),
    }
}

/// Checks which protocol the response names.
fn names(guest: &Guest, asked: &str, wanted: &[&str]) -> Result<(), Broken> {
    let found = guest.header(PROTOCOL);
    if found == wanted {
        return Ok(());
    }
    let told = |names: &[&str]| match names {
        [] => format!("a 101 without {PROTOCOL}"),
        names => format!("a 101 with {PROTOCOL}: {}", names.join(", and again: ")),
    };
    Err(Broken::new(
        "The server chooses one of the protocols that the client named, or none. A browser \
         ends the connection if the answer names another one, or several.",
    )
    .sent(format!("the request of a client that names {asked}"))
    .expected(told(wanted))
    .received(told(&found)))
}

fn chosen(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let guest = Guest::connect(&server, &[(PROTOCOL, "chat.json")])?;
    names(&guest, "chat.json", &["chat.json"])
}

fn news(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = enters(&server)?;
    ada.says("/nick ada");
    let thought = "The news is the line without the `-- ` at its beginning.";
    let wanted = [("news", Some("guest-1 is now ada"))];
    is_object(&ada.hears(), "/nick ada", &wanted, thought)?;
    let _bob = enters(&server)?;
    let wanted = [("news", Some("guest-2 joined"))];
    is_object(&ada.hears(), "a second guest", &wanted, thought)
}

/// What ada gets when bob says something.
fn hears_of(program: &Program, text: &str, thought: &str) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = enters(&server)?;
    let mut bob = enters(&server)?;
    ada.hears_eventually("the news that guest-2 has joined", |it| {
        it.contains("joined")
    })?;
    bob.says(text);
    let wanted = [("from", Some("guest-2")), ("text", Some(text))];
    is_object(&ada.hears(), &format!("{text:?}, by guest-2"), &wanted, thought)
}

fn says(program: &Program) -> Result<(), Broken> {
    hears_of(program, "Hello", "The name ends at the first `: ` of the line.")?;
    let thought = "Only the first `: ` of a line ends the name. The rest is text.";
    hears_of(program, "note: guest-1: -- hello", thought)
}

fn quotes(program: &Program) -> Result<(), Broken> {
    let thought = "A JSON string has a backslash before `\"` and before `\\`.";
    hears_of(program, "say \"Hello\"", thought)?;
    hears_of(program, "C:\\new\\table \\\" \\u0041 {}", thought)?;
    let thought = "In a JSON string, a tab is written `\\t`.";
    hears_of(program, "one\ttwo", thought)
}

fn letters(program: &Program) -> Result<(), Broken> {
    let thought =
        "JSON is UTF-8: a letter is itself, or `\\u` and its number in UTF-16.";
    hears_of(
        program,
        "Gr\u{fc}\u{df}e, 5\u{a0}km, \u{4e16}\u{754c} \u{1f600} </script>",
        thought,
    )
}

fn among(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for headers in [
        &[(PROTOCOL, "fancy, chat.json")][..],
        &[(PROTOCOL, "chat.json,fancy")],
        &[(PROTOCOL, "fancy"), ("sec-websocket-protocol", "x,chat.json")],
    ] {
        let mut guest = Guest::connect(&server, headers)?;
        let asked = headers.iter().map(|(_, value)| *value).collect::<Vec<_>>();
        names(&guest, &asked.join(", and in a second header "), &["chat.json"])?;
        is_object(&guest.hears(), "a newcomer", &[("news", None)], "")?;
    }
    Ok(())
}

fn unknown(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for asked in ["fancy", "chat.jsonx, xchat.json", "chat json"] {
        let mut guest = Guest::connect(&server, &[(PROTOCOL, asked)])?;
        names(&guest, asked, &[])?;
        let heard = guest.hears();
        if !matches!(&heard, Heard::Text(text) if text.starts_with("-- you are ")) {
            return Err(Broken::new("A client that didn't ask for JSON gets lines.")
                .sent(format!("the request of a client that names {asked}"))
                .expected("a text that begins with \"-- you are \"")
                .received(heard.to_string()));
        }
    }
    Ok(())
}

fn both(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = enters(&server)?;
    let mut bob = Guest::connect(&server, &[])?;
    let is_greeting = |text: &str| text.starts_with("-- you are ");
    bob.hears_eventually("a text that begins with \"-- you are \"", is_greeting)?;
    ada.hears_eventually("the news that guest-2 has joined", |it| {
        it.contains("joined")
    })?;
    bob.says("from bob");
    let wanted = [("from", Some("guest-2")), ("text", Some("from bob"))];
    is_object(&ada.hears(), "\"from bob\", by guest-2", &wanted, "")?;
    ada.says("{\"from ada\"}");
    match bob.hears() {
        Heard::Text(text) if text == "guest-1: {\"from ada\"}" => Ok(()),
        other => Err(Broken::new(
            "What a client sends is a line, and bob, who names no protocol, gets lines.",
        )
        .sent("{\"from ada\"}, by guest-1")
        .expected("the text \"guest-1: {\\\"from ada\\\"}\"")
        .received(other.to_string())),
    }
}

// ---- As much JSON as we need ----------------------------------------------------------

/// An object whose values are strings; `None` if the text is anything else.
fn object(text: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = text.trim_matches(WHITE).strip_prefix('{')?.trim_start_matches(WHITE);
    let mut object = BTreeMap::new();
    loop {
        let (name, after) = string(rest)?;
        let after = after.trim_start_matches(WHITE).strip_prefix(':')?;
        let (value, after) = string(after.trim_start_matches(WHITE))?;
        if object.insert(name, value).is_some() {
            return None;
        }
        let after = after.trim_start_matches(WHITE);
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(WHITE),
            None => return (after == "}").then_some(object),
        }
    }
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A string, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.chars();
    let mut units = Vec::new();
    loop {
        match letters.next()? {
            '"' => return Some((String::from_utf16(&units).ok()?, letters.as_str())),
            '\\' => units.push(match letters.next()? {
                letter @ ('"' | '\\' | '/') => letter as u16,
                'b' => 8,
                't' => 9,
                'n' => 10,
                'f' => 12,
                'r' => 13,
                'u' => {
                    let (digits, after) = letters.as_str().split_at_checked(4)?;
                    letters = after.chars();
                    u16::from_str_radix(digits, 16).ok()?
                }
                _ => return None,
            }),
            control if control < ' ' => return None,
            letter => units.extend(letter.encode_utf16(&mut [0; 2]).iter()),
        }
    }
}
