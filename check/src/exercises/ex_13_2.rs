//! 13.2: say that the server is stopping, and finish the sentence.

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
            name: "a client in the middle of a sentence gets the line `(closing soon)`",
            test: told,
        },
        Promise {
            name: "after that line, it gets the rest of its sentence",
            test: rest,
        },
        Promise {
            name: "the rest comes as before: a word every tenth of a second",
            test: pace,
        },
        Promise {
            name: "it gets that line once, even if it sent two sentences",
            test: once,
        },
        Promise {
            name: "a client between two sentences doesn't get that line",
            test: silent,
        },
    ],
};

const SENTENCE: &str = "one two three four five six seven eight";
const NOTICE: &str = "(closing soon)\n";

fn words(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let mut client = Client::connect(&server)?;
    let wanted = SENTENCE.replace(' ', "\n") + "\n";
    client.send(format!("{SENTENCE}\n")).expect(wanted, |_| {
        "As long as the server isn't stopping, each word comes on a line of its own, \
         as before."
    })
}

/// What a client receives if Ctrl-C comes after the first word. (On a very busy machine,
/// Ctrl-C might come after the last word, so the check tries three times.)
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
        "`thread::sleep` always waits to its end. What waits for the same time, but \
         ends early when the server stops?",
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
        "all the other words, and the notice among them",
        "The notice must not replace a word. After it, the sentence goes on.",
    ))
}

fn pace(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_pace(program))
}

fn try_pace(program: &Program) -> Result<(), Broken> {
    let heard = one_sentence(program)?;
    let after = heard.text.split_once(NOTICE).map_or("", |(_, after)| after);
    // The first of these words can come at once; before each other one, there is a pause.
    let pauses = after.lines().count().saturating_sub(1) as u32;
    if heard.took >= Duration::from_millis(90) * pauses {
        return Ok(());
    }
    Err(heard
        .broken(
            &format!("{pauses} pauses between the words after the notice"),
            "A disconnected channel stays disconnected, so every later wait on it ends \
             at once. After the notice, sleep as before.",
        )
        .after(format!(
            "Everything had come {} ms after Ctrl-C.",
            heard.took.as_millis()
        )))
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
    Err(Broken::new(
        "Two lines had come before Ctrl-C. Answer both, but send the \
        notice only once.",
    )
    .sent(
        "\"one two three four five six\\nseven eight\\n\", and Ctrl-C after the \
            first word",
    )
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
        |_| "Between two lines, there is no sentence to finish, so just end the connection.",
    )
}
