//! 13.2: say that the server stops, and finish the sentence.

use std::time::{Duration, Instant};

use crate::broken::{Broken, shown};
use crate::client::Client;
use crate::program::Server;
use crate::{Begin, Exercise, Program, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "13.2",
    title: "closing soon",
    lesson: "13_graceful_shutdown",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "a sentence comes back word by word", test: words },
        Promise {
            name: "a client in the middle of a sentence is told that the server stops",
            test: told,
        },
        Promise { name: "and then hears the rest of it", test: rest },
        Promise { name: "in its own time: a word each tenth of a second", test: pace },
        Promise { name: "it is told once, whatever else it has asked for", test: once },
        Promise { name: "a client between two sentences is told nothing", test: silent },
    ],
};

const SENTENCE: &str = "one two three four five six seven eight";
const NOTICE: &str = "(closing soon)\n";

fn words(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let mut client = Client::connect(&server)?;
    let wanted = SENTENCE.replace(' ', "\n") + "\n";
    client.send(format!("{SENTENCE}\n")).expect(wanted, |_| {
        "While the server doesn't stop, nothing changes: each word on a line of its own."
    })
}

/// What a client hears of its lines when Ctrl-C comes after the first word. (On a very busy
/// machine it may come when all is said, so this is tried three times.)
struct Heard {
    text: String,
    /// From Ctrl-C to the end.
    took: Duration,
}

fn stopped(server: &Server<'_>, lines: &str) -> Result<Heard, Broken> {
    let mut client = Client::connect(server)?;
    client.send(lines).expect("one\n", |_| "Each word comes on a line of its own.")?;
    let begin = Instant::now();
    server.interrupt();
    let got = client.read_while(Duration::from_secs(6), |bytes| bytes.len() < 10_000);
    let text = String::from_utf8_lossy(&got.bytes).into_owned();
    Ok(Heard { text, took: begin.elapsed() })
}

impl Heard {
    fn broken(&self, expected: &str, thought: &str) -> Broken {
        Broken::new(thought)
            .sent(format!("\"{SENTENCE}\\n\", and Ctrl-C after the first word"))
            .expected(expected)
            .received(format!("{} after the first word", shown(self.text.as_bytes())))
    }
}

fn one_sentence(program: &Program) -> Result<Heard, Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    stopped(&server, &format!("{SENTENCE}\n"))
}

fn told(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_told(program))
}

fn try_told(program: &Program) -> Result<(), Broken> {
    let heard = one_sentence(program)?;
    if heard.text.contains(NOTICE) || !cfg!(unix) {
        return Ok(());
    }
    Err(heard.broken(
        "\"(closing soon)\\n\" among the words",
        "`thread::sleep` hears nothing. What waits just as long, and ends early when the \
         server stops?",
    ))
}

fn rest(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_rest(program))
}

fn try_rest(program: &Program) -> Result<(), Broken> {
    let heard = one_sentence(program)?;
    let words: Vec<&str> =
        heard.text.lines().filter(|line| *line != NOTICE.trim_end()).collect();
    let wanted: Vec<&str> = SENTENCE.split(' ').skip(1).collect();
    if words == wanted || !cfg!(unix) {
        return Ok(());
    }
    Err(heard.broken(
        "all other words, and the notice among them",
        "The notice is one line more, not one word less: after it, the sentence goes on.",
    ))
}

fn pace(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_pace(program))
}

fn try_pace(program: &Program) -> Result<(), Broken> {
    let heard = one_sentence(program)?;
    let after = heard.text.split_once(NOTICE).map_or("", |(_, after)| after);
    // The first of these words may come at once; before each other one is a pause.
    let pauses = after.lines().count().saturating_sub(1) as u32;
    if heard.took >= Duration::from_millis(90) * pauses {
        return Ok(());
    }
    Err(heard
        .broken(
            &format!("{pauses} pauses between the words after the notice"),
            "When the channel is disconnected, it stays so: every later wait on it ends at once. \
             After the notice, sleep as before.",
        )
        .after(format!("All was said {} ms after Ctrl-C.", heard.took.as_millis())))
}

fn once(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_once(program))
}

fn try_once(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let heard = stopped(&server, "one two three four five six\nseven eight\n")?;
    let count = heard.text.matches(NOTICE).count();
    let words = heard.text.lines().count() - count;
    if (count, words) == (1, 7) || !cfg!(unix) {
        return Ok(());
    }
    Err(Broken::new("Two lines had come before Ctrl-C. Both are answered, and the notice is for both.")
        .sent("\"one two three four five six\\nseven eight\\n\", and Ctrl-C after the first word")
        .expected("all words, and the notice once")
        .received(shown(heard.text.as_bytes())))
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let mut client = Client::connect(&server)?;
    client.send("one\n").expect("one\n", |_| "Each word comes on a line of its own.")?;
    if !server.interrupt() {
        return Ok(());
    }
    client.expect_last(
        "",
        |_| "Between two lines there is no sentence to finish: just close.",
    )
}
