//! Drawings of `--timeline` in the notes. Every run draws something different, but always
//! the same lanes, with the same bars in the same order.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

use super::files::{read, root};
use super::programs::{DEADLINE, example, lanes, run};

/// A lane's name, and its bars with one character for each moment.
pub(crate) type Lane = (String, String);

/// The letters of a bar: see `examples/support/timeline.rs`.
const FILLS: &str = "▓░█▒·";

/// A bar this short (in columns) might be in one drawing and not in the next.
const SHORT: usize = 2;

/// How many times we run a demonstration until it shows what happens at the same time.
const CHANCES: usize = 6;

/// What a demonstration prints.
pub(crate) fn printed(lesson: &str, args: &[&str]) -> Result<Vec<String>, String> {
    let mut command = Command::new(example(lesson));
    let (output, _) = run(command.args(args), Instant::now() + DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{lesson} {args:?} ended with {}:\n{text}", output.status));
    }
    Ok(text.lines().map(str::to_owned).collect())
}

/// Checks that a lesson's note shows a drawing like that of a real run with these
/// arguments, and that the lanes of that run pass `look`.
///
/// What threads do at the same time depends on the clock: on a busy machine, one thread
/// might begin only after another has ended. So there are several tries. Other tests
/// check what must hold in every run.
pub(crate) fn as_in_the_note(
    lesson: &str,
    args: &[&str],
    look: impl Fn(&[Lane]) -> Result<(), String>,
) -> Result<(), String> {
    let note = read(&root().join(format!("lessons/{lesson}.md")))?;
    let shown = lanes(&note.lines().map(str::to_owned).collect::<Vec<_>>());
    let run = || {
        let drawn = lanes(&printed(lesson, &[&["--timeline"], args].concat())?);
        same(
            &shown.iter().map(outline).collect(),
            &drawn.iter().map(outline).collect(),
            &format!("the drawing in lessons/{lesson}.md and that of `--timeline`"),
        )?;
        look(&drawn).map_err(|why| format!("{why}: {drawn:#?}"))
    };
    (1..CHANCES).find_map(|_| run().ok()).map_or_else(run, Ok)
}

/// Checks that the SVG file beside a note is like the one that a real run saves.
pub(crate) fn as_in_the_picture(lesson: &str) -> Result<(), String> {
    let file = format!("{}/{lesson}.svg", env!("CARGO_TARGET_TMPDIR"));
    printed(lesson, &[&format!("--timeline={file}")])?;
    same(
        &words(&read(&root().join(format!("lessons/{lesson}.svg")))?),
        &words(&read(file.as_ref())?),
        &format!("lessons/{lesson}.svg and the file of `--timeline=FILE.svg`"),
    )
}

/// Complains if two sets differ.
fn same(
    left: &BTreeSet<String>,
    right: &BTreeSet<String>,
    what: &str,
) -> Result<(), String> {
    if left == right && !left.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{what} differ in more than lengths:\n  {left:?}\n  {right:?}\nDraw it again."
    ))
}

/// A lane's name, and its bars with one letter for each, however long it is.
fn outline((name, bars): &Lane) -> String {
    let mut fills = String::new();
    for (fill, length) in runs(bars) {
        if length > SHORT && !fills.ends_with(fill) {
            fills.push(fill);
        }
    }
    format!("{name} {fills}")
}

/// The bars of a lane: letter, and length. A word on a bar counts as part of the bar.
fn runs(bars: &str) -> Vec<(char, usize)> {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for letter in bars.chars() {
        match runs.last_mut() {
            Some((last, length)) if *last == letter || !FILLS.contains(letter) => {
                *length += 1;
            }
            _ if FILLS.contains(letter) => runs.push((letter, 1)),
            _ => {} // before the first bar
        }
    }
    runs
}

/// The names of the lanes and of the colours in a picture.
fn words(svg: &str) -> BTreeSet<String> {
    let texts = svg.split("<text ").skip(1).filter(|text| !text.contains("middle"));
    let words = texts.filter_map(|text| text.split_once('>')?.1.split_once('<'));
    words.map(|(word, _)| word.to_owned()).collect()
}

/// The first and the last column in which a lane shows one of these fills.
pub(crate) fn extent(
    lanes: &[Lane],
    name: &str,
    fills: &str,
) -> Result<[usize; 2], String> {
    let lane = lanes.iter().find(|lane| lane.0 == name);
    let (_, bars) = lane.ok_or(format!("no lane `{name}` in {lanes:?}"))?;
    let is_shown = |letter: char| fills.contains(letter);
    let first = bars.chars().position(is_shown);
    let last = (0..).zip(bars.chars()).filter(|(_, c)| is_shown(*c)).last();
    match (first, last) {
        (Some(first), Some((last, _))) => Ok([first, last]),
        _ => Err(format!("the lane `{name}` shows no {fills}: {bars}")),
    }
}

#[test]
fn drawings_are_alike_whatever_their_lengths() {
    let outline = |bars: &str| outline(&("me".to_owned(), bars.to_owned()));
    assert_eq!(outline("▓▓▓▓ 3 ▓▓▓▓▓▓ 2 ▓▓"), "me ▓");
    assert_eq!(outline("   ░░░░░█████  "), outline("░░░░░░░░░██ me █████"));
    assert_eq!(outline("█▒▒▒▒▒█"), outline("▒▒▒▒▒▒▒▒▒▒██"));
    assert_ne!(outline("░░░░░"), outline("█████"));
}
