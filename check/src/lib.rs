//! The checker of the course's exercises.
//!
//! An [`Exercise`] is a list of promises, from the simple to the difficult. A promise
//! starts the [`Program`] that might be a solution and talks to it, as its clients do (or
//! as its server does). If something was wrong with what came back, it returns
//! [`Broken`]. It doesn't check anything else, so a solution can be written in any
//! language.
//!
//! - `program`: builds, starts and stops a solution
//! - `client`: clients that talk to it over TCP or UDP, and wait only for a limited time
//! - `server`: servers for solutions that are clients
//! - `websocket`: the same for lesson 19
//! - `broken`: what a check saw, and a helpful thought
//! - `learner`: where a solution goes, and how far a learner has got
//! - `exercises`: a file for each exercise that can be judged

use std::fmt::{self, Arguments};
use std::io::{self, Write};

/// Prints a line, like `println!`, which would panic if nobody reads it (`| head -1`).
macro_rules! show {
    ($($word:tt)*) => { $crate::show(format_args!($($word)*)) };
}

pub use broken::Broken;
pub use exercises::EXERCISES;
pub use learner::{Language, list, note_down, root, start};
pub use program::Program;

mod broken;
mod client;
mod exercises;
mod learner;
mod program;
mod server;
mod websocket;

/// Prints a line, if anybody reads it.
pub fn show(line: Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What a solution must do.
#[derive(Debug)]
pub struct Exercise {
    /// Lesson and number: `09.2`.
    pub id: &'static str,
    /// Its title, in a few words.
    pub title: &'static str,
    /// The lesson it belongs to, by the name of its program.
    pub lesson: &'static str,
    /// What a learner begins with.
    pub begin: Begin,
    /// What must be true, from the simple to the difficult. A question (*say why*) has no
    /// promises.
    pub promises: &'static [Promise],
}

/// What a learner begins with.
#[derive(Debug)]
pub enum Begin {
    /// The lesson's program, which doesn't solve the exercise yet.
    Lesson,
    /// The lesson's program, with a mistake in it.
    Mistake(Mistake),
    /// Nothing.
    Empty,
}

/// A change to a lesson's program.
#[derive(Debug)]
pub struct Mistake {
    /// The only line that contains these words.
    pub line: &'static str,
    /// Whether it stays, with the new lines after it.
    pub stays: bool,
    /// The new lines.
    pub lines: &'static str,
}

/// One thing that a solution must do.
#[derive(Debug)]
pub struct Promise {
    /// What it must do, in a few words.
    pub name: &'static str,
    /// Tries it.
    pub test: fn(&Program) -> Result<(), Broken>,
}

impl Exercise {
    /// The note that has it.
    pub fn note(&self) -> String {
        format!("lessons/{}.md", self.lesson)
    }

    /// Its number in that note.
    pub fn number(&self) -> &'static str {
        self.id.split('.').next_back().unwrap_or_default()
    }
}

/// How a solution did.
#[derive(Debug)]
pub struct Report {
    kept: usize,
    total: usize,
    broken: Option<(&'static str, Broken)>,
    hint: String,
}

impl Report {
    /// Whether every promise was kept.
    pub fn is_right(&self) -> bool {
        self.broken.is_none()
    }

    /// The first promise that was not kept, and what was seen.
    pub fn broken(&self) -> Option<(&'static str, &Broken)> {
        self.broken.as_ref().map(|(name, broken)| (*name, broken))
    }

    /// The verdict in a few words.
    pub fn verdict(&self) -> String {
        let Self { kept, total, broken, .. } = self;
        let verdict = if broken.is_none() { "right" } else { "not yet" };
        format!("{verdict}: {kept} of {total}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((name, broken)) = &self.broken else {
            return write!(f, "Right: all {}.", self.total);
        };
        writeln!(f, "  NO   {name}")?;
        for line in broken.to_string().lines() {
            writeln!(f, "       {line}")?;
        }
        write!(f, "Not yet: {} of {}. {}", self.kept, self.total, self.hint)
    }
}

/// For promises that can fail on a busy machine: tries up to three times, and one success
/// is enough. A wrong program is wrong every time.
pub(crate) fn one_of_three(
    mut test: impl FnMut() -> Result<(), Broken>,
) -> Result<(), Broken> {
    test().or_else(|_| test()).or_else(|_| test())
}

/// Checks a program. It's started again for each promise, and the first broken promise
/// ends the check. `kept` is called with each promise that is kept.
///
/// # Errors
///
/// The program can't be built or started, so there's no verdict.
pub fn run(
    exercise: &Exercise,
    program: &Program,
    mut kept: impl FnMut(&str),
) -> Result<Report, String> {
    let program = &program.build()?;
    let hint = format!(
        "There is a hint in {}, exercise {}.",
        exercise.note(),
        exercise.number()
    );
    let total = exercise.promises.len();
    let mut report = Report { kept: 0, total, broken: None, hint };
    for promise in exercise.promises {
        let outcome = (promise.test)(program);
        let last_words = program.last_words();
        if let Some(why) = program.not_started() {
            return Err(why);
        }
        if let Err(broken) = outcome {
            report.broken = Some((promise.name, broken.last_words(last_words)));
            break;
        }
        kept(promise.name);
        report.kept += 1;
    }
    Ok(report)
}
