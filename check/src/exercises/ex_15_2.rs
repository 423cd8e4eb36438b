//! 15.2: ranges of numbers as answers.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::client::Client;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "15.2",
    title: "numbers as answers",
    lesson: "15_support_bot",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "9 is under 10", test: under },
        Promise { name: "10 and 1000 are not under 10", test: from },
        Promise { name: "0 and a billion are numbers, too", test: extremes },
        Promise { name: "a number can be among other words", test: among },
        Promise {
            name: "what is not a number is nonsense, and the bot asks again",
            test: nonsense,
        },
        Promise { name: "a step can have both words and ranges", test: mixed },
        Promise {
            name: "a number in a gap is nonsense, and a gap isn't a mistake",
            test: gap,
        },
        Promise {
            name: "the server reports `under ten` as a mistake, with its line",
            test: not_a_number,
        },
        Promise {
            name: "the server reports two ranges that overlap, too",
            test: overlap,
        },
    ],
};

const SPEED: &str = "- under 10: slow\n- from 10: fine\n";

/// A dialogue in a file of its own, which is removed at the end.
struct Dialogue(PathBuf);

impl Dialogue {
    /// One question with these answers.
    fn new(answers: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("check-15-2-{}-{number}.txt", process::id());
        let path = env::temp_dir().join(name);
        let text = format!(
            "[speed]\nHow many Mbit a second?\n{answers}\n[slow]\nThat is slow.\n\n\
             [fine]\nThat is fine.\n"
        );
        let _ = fs::write(&path, text); // if not, the server says so
        Self(path)
    }

    fn file(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives these answers, one after the other. All but the last are nonsense, and the last
/// one leads to the step that says `end`.
fn talk(
    program: &Program,
    answers: &str,
    said: &[&str],
    end: &str,
    thought: &str,
) -> Result<(), Broken> {
    let dialogue = Dialogue::new(answers);
    let server = program.serve(&["--dialogue", &dialogue.file()])?;
    let mut client = Client::connect(&server)?;
    let mut heard = String::new();
    for line in said {
        heard.push_str(&prompt(&mut client));
        client.send(format!("{line}\n"));
    }
    let got = client.read_while(Duration::from_secs(4), |bytes| {
        !String::from_utf8_lossy(bytes).contains(end)
    });
    let last = String::from_utf8_lossy(&got.bytes).into_owned();
    let early = ["That is slow.", "That is fine."].iter().any(|it| heard.contains(it));
    if last.contains(end) && !early {
        return Ok(());
    }
    Err(Broken::new(thought)
        .after(format!("A step with the answers {answers:?}"))
        .sent(format!("{said:?}"))
        .expected(match said.len() {
            1 => format!("{end:?}"),
            count => format!("the question again ({} times), then {end:?}", count - 1),
        })
        .received(shown((heard + &last).as_bytes())))
}

/// Reads until the bot waits for an answer.
fn prompt(client: &mut Client) -> String {
    let got = client.read_while(Duration::from_secs(4), |bytes| !bytes.ends_with(b"> "));
    String::from_utf8_lossy(&got.bytes).into_owned()
}

fn under(program: &Program) -> Result<(), Broken> {
    talk(
        program,
        SPEED,
        &["9"],
        "That is slow.",
        "9 is below 10. (As texts, \"9\" comes after \"10\".)",
    )
}

fn from(program: &Program) -> Result<(), Broken> {
    for number in ["10", "1000"] {
        let thought = "`from 10` matches 10 and each number above it, and `under 10` \
            doesn't match 10.";
        talk(program, SPEED, &[number], "That is fine.", thought)?;
    }
    Ok(())
}

fn extremes(program: &Program) -> Result<(), Broken> {
    let thought = "The exercise allows whole numbers from 0 to a billion. Which type \
        can hold them?";
    talk(program, SPEED, &["0"], "That is slow.", thought)?;
    talk(program, SPEED, &["1000000000"], "That is fine.", thought)
}

fn among(program: &Program) -> Result<(), Broken> {
    let thought = "Split the answer into words. One of them is a number.";
    talk(program, SPEED, &["it is 8, I think"], "That is slow.", thought)
}

fn nonsense(program: &Program) -> Result<(), Broken> {
    let thought = "An answer that matches nothing is nonsense. The bot asks again, and \
        takes the next answer.";
    talk(program, SPEED, &["banana", "12"], "That is fine.", thought)?;
    let thought = "8 and 80 lead to different steps, so the bot can't know which one \
        the customer means.";
    talk(program, SPEED, &["8 or 80", "8"], "That is slow.", thought)
}

fn mixed(program: &Program) -> Result<(), Broken> {
    let answers = "- unknown, never: slow\n- from 10: fine\n";
    let thought = "A step can have words and ranges, so try both.";
    talk(program, answers, &["never"], "That is slow.", thought)?;
    talk(program, answers, &["11"], "That is fine.", thought)
}

fn gap(program: &Program) -> Result<(), Broken> {
    let answers = "- under 10: slow\n- from 20: fine\n";
    let thought = "15 matches neither range, so it is nonsense, like `banana`.";
    talk(program, answers, &["15", "20"], "That is fine.", thought)
}

/// The server must not start with these answers, and must name this line.
fn refused(
    program: &Program,
    answers: &str,
    line: usize,
    thought: &str,
) -> Result<(), Broken> {
    let dialogue = Dialogue::new(answers);
    let file = dialogue.file();
    let args = ["serve", "--addr", "127.0.0.1:0", "--dialogue", &file];
    let ran = program.run(&args, Duration::from_secs(4))?;
    let wanted = format!("line {line}");
    let said = [ran.errors.join(" "), ran.lines.join(" ")].concat();
    if ran.status.is_some_and(|status| !status.success()) && said.contains(&wanted) {
        return Ok(());
    }
    let end = ran.status.map_or("it serves".to_owned(), |status| status.to_string());
    Err(Broken::new(thought)
        .after(format!("A step whose answers begin in line 3: {answers:?}"))
        .sent("serve --addr 127.0.0.1:0 --dialogue FILE")
        .expected(format!("it ends with an error that says {wanted:?}"))
        .received(format!("{end}; it printed {}", shown(said.as_bytes()))))
}

fn not_a_number(program: &Program) -> Result<(), Broken> {
    let thought =
        "`ten` isn't a number. Tell the author of the file in which line it is.";
    refused(program, "- from 10: fine\n- under ten: slow\n", 4, thought)
}

fn overlap(program: &Program) -> Result<(), Broken> {
    let thought = "Some number matches both ranges. Which step would come next?";
    refused(program, "- under 10: slow\n- from 5: fine\n", 4, thought)?;
    refused(program, "- from 10: fine\n- from 20: slow\n", 4, thought)?;
    refused(program, "- never: slow\n- under 5: fine\n- under 10: slow\n", 5, thought)
}
