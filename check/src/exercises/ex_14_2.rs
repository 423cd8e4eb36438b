//! 14.2: /me and /msg.

use crate::broken::{Broken, shown};
use crate::client::{Client, Got};
use crate::program::Server;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "14.2",
    title: "/me and /msg",
    lesson: "14_chat",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "the others see `/me waves` as `* ada waves`", test: me },
        Promise {
            name: "bob sees `/msg bob Hello` as `ada whispers: Hello`",
            test: msg,
        },
        Promise { name: "nobody else sees it, not even its speaker", test: private },
        Promise { name: "if there is no such name, the speaker is told", test: ghost },
        Promise { name: "you can whisper to yourself", test: oneself },
        Promise { name: "without a text, both only say how to use them", test: no_text },
        Promise { name: "/message and /men aren't commands", test: unknown },
    ],
};

/// A guest in the room.
struct Guest(Client);

impl Guest {
    /// Enters, and takes a name.
    fn enter(server: &Server<'_>, name: &str) -> Result<Self, Broken> {
        let mut guest = Self(Client::connect(server)?);
        guest.0.send(format!("/nick {name}\n"));
        guest.hears_eventually(&format!("is now {name}"))?;
        Ok(guest)
    }

    fn says(&mut self, line: &str) -> &mut Self {
        self.0.send(format!("{line}\n"));
        self
    }

    /// Reads until a line contains these words.
    fn hears_eventually(&mut self, words: &str) -> Result<(), Broken> {
        for _ in 0..40 {
            let Got { bytes, end } = self.0.line();
            if String::from_utf8_lossy(&bytes).contains(words) {
                return Ok(());
            }
            if bytes.is_empty() {
                return Err(Broken::new(
                    "Everything else in the room must work as in the lesson: names, \
                     joins and lines.",
                )
                .expected(format!("a line with {words:?}"))
                .received(Got { bytes, end }.to_string()));
            }
        }
        Ok(())
    }

    /// The next line must be this one.
    fn hears(&mut self, said: &str, line: &str, thought: &str) -> Result<(), Broken> {
        let got = self.0.line();
        if got.bytes == format!("{line}\n").as_bytes() {
            return Ok(());
        }
        Err(Broken::new(thought)
            .sent(format!("{said:?}, by ada"))
            .expected(format!("{line:?}"))
            .received(got.to_string()))
    }

    /// The next line must be news that begins like this.
    fn is_told(&mut self, said: &str, begin: &str, thought: &str) -> Result<(), Broken> {
        let got = self.0.line();
        if got.bytes.starts_with(begin.as_bytes()) && got.bytes.ends_with(b"\n") {
            return Ok(());
        }
        Err(Broken::new(thought)
            .sent(format!("{said:?}, by ada"))
            .expected(format!("a line for ada that begins with {begin:?}"))
            .received(shown(&got.bytes)))
    }
}

/// Ada, Bob and Cem, after each has read the others' names.
fn room(server: &Server<'_>) -> Result<[Guest; 3], Broken> {
    let mut ada = Guest::enter(server, "ada")?;
    let mut bob = Guest::enter(server, "bob")?;
    let cem = Guest::enter(server, "cem")?;
    ada.hears_eventually("is now cem")?;
    bob.hears_eventually("is now cem")?;
    Ok([ada, bob, cem])
}

fn me(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, mut cem] = room(&server)?;
    let thought = "All the others read a star, the name and the rest: `* ada waves`.";
    ada.says("/me waves to all");
    bob.hears("/me waves to all", "* ada waves to all", thought)?;
    cem.hears("/me waves to all", "* ada waves to all", thought)?;
    let thought =
        "A speaker doesn't see its own `/me`, just as it doesn't see its own lines.";
    bob.says("Hello, ada");
    ada.hears("/me waves to all", "bob: Hello, ada", thought)
}

fn msg(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, _cem] = room(&server)?;
    ada.says("/msg bob Hello, you there");
    let thought = "The first word is the name, and all the rest is the text.";
    bob.hears("/msg bob Hello, you there", "ada whispers: Hello, you there", thought)
}

fn private(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, mut cem] = room(&server)?;
    ada.says("/msg bob Hello").says("aloud");
    bob.hears("/msg bob Hello", "ada whispers: Hello", "Only bob reads it.")?;
    let thought = "The others don't read the whisper. The next line for them is the \
        one that ada says aloud.";
    cem.hears("/msg bob Hello", "ada: aloud", thought)?;
    cem.says("aloud, too");
    ada.hears(
        "/msg bob Hello",
        "cem: aloud, too",
        "ada knows what she said, so she gets no copy of it.",
    )
}

fn ghost(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, _cem] = room(&server)?;
    ada.says("/msg ghost Hello").says("aloud");
    let thought = "If a message reaches nobody, the speaker must find out.";
    ada.hears("/msg ghost Hello", "-- nobody here is called ghost", thought)?;
    bob.hears("/msg ghost Hello", "ada: aloud", "Only the speaker gets that line.")
}

fn oneself(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, _bob, _cem] = room(&server)?;
    ada.says("/msg ada Hello");
    let thought =
        "ada is in the room, too. Does `/msg` take a lock twice, or leave her out?";
    ada.hears("/msg ada Hello", "ada whispers: Hello", thought)
}

fn no_text(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, _cem] = room(&server)?;
    let thought = "Without a text, there is nothing to pass on. Say so to the speaker, \
        and to nobody else.";
    for line in ["/me", "/me  ", "/msg", "/msg bob", "/msg bob  "] {
        ada.says(line).is_told(line, "-- ", thought)?;
    }
    ada.says("aloud");
    bob.hears("/msg bob", "ada: aloud", thought)
}

fn unknown(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let [mut ada, mut bob, _cem] = room(&server)?;
    let thought = "A command is a whole word: `/men` isn't `/me` with an n.";
    for line in ["/men at work", "/message bob Hello"] {
        ada.says(line).is_told(line, "-- there is no /", thought)?;
    }
    ada.says("aloud");
    bob.hears("/men at work", "ada: aloud", thought)
}
