//! A number on several pages is the same everywhere, and agrees with the code.

use std::time::Duration;

use socketserver::ServerBuilder;

use crate::{cargo, file, nothing_to_complain, succeed, words_of};

/// The numbers that pages write as words.
const WORDS: [&str; 31] = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "twenty-one",
    "twenty-two",
    "twenty-three",
    "twenty-four",
    "twenty-five",
    "twenty-six",
    "twenty-seven",
    "twenty-eight",
    "twenty-nine",
    "thirty",
];

/// Checks that each page has its sentence, wherever its lines end.
fn pages_say(sentences: &[(&str, String)]) {
    let missing =
        sentences.iter().filter(|(page, words)| !words_of(page).contains(words));
    let complaints =
        missing.map(|(page, words)| format!("{page} does not say: {words}"));
    nothing_to_complain(&complaints.collect::<Vec<_>>());
}

/// A time, as the pages write it.
fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 60 == 0 => {
            format!("{} minutes", WORDS[usize::try_from(seconds / 60).unwrap()])
        }
        seconds if seconds > 12 => format!("{seconds} seconds"),
        seconds => format!("{} seconds", WORDS[usize::try_from(seconds).unwrap()]),
    }
}

/// The lessons of a table in this page: its rows' number and minutes.
fn lessons(page: &str) -> Vec<(String, u32)> {
    let text = std::fs::read_to_string(file(page)).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ["));
    rows.filter(|row| row.starts_with(|c: char| c.is_ascii_digit()))
        .map(|row| {
            let minutes = row
                .split(" | ")
                .find_map(|cell| cell.trim_end_matches([' ', '|']).parse::<u32>().ok());
            (row[..2].to_owned(), minutes.unwrap_or_else(|| panic!("{page}: {row}")))
        })
        .collect()
}

#[test]
fn the_defaults_are_the_same_on_every_page() {
    let (most, backlog) =
        (ServerBuilder::DEFAULT_MAX_CONNECTIONS, ServerBuilder::DEFAULT_BACKLOG);
    let line = format!("{} KiB", ServerBuilder::DEFAULT_MAX_LINE / 1024);
    let silence = time(ServerBuilder::DEFAULT_READ_TIMEOUT);
    let write = time(ServerBuilder::DEFAULT_WRITE_TIMEOUT);
    let drain = time(ServerBuilder::DEFAULT_DRAIN_TIMEOUT);
    let idle = time(ServerBuilder::DEFAULT_IDLE_THREAD_TIMEOUT);
    let coming = "lessons/coming-from-python.md";
    pages_say(&[
        ("README.md", format!("handles at most {most} clients at once")),
        ("README.md", format!("silent for {silence} is disconnected")),
        ("README.md", format!("a line has at most {line}.")),
        ("README.md", format!("up to a deadline: {drain}, or whatever you set")),
        ("lessons/11_threaded_server.md", format!("at most {most}; the next one waits")),
        ("lessons/11_threaded_server.md", format!("{silence}, then it is closed")),
        ("lessons/11_threaded_server.md", format!("waits {idle} for the next client")),
        ("lessons/14_chat.md", format!("when the drain's {drain} are over")),
        ("lessons/platforms.md", format!("`max_connections` of {most} is far below")),
        ("lessons/performance.md", format!("this library's is {backlog}.")),
        (coming, format!("| [`backlog`][backlog] | {backlog} |")),
        (coming, format!("| [`max_connections`][max_connections] | {most} |")),
        (
            coming,
            format!("At most {most} clients at once; {silence} of silence; lines of"),
        ),
        ("src/builder.rs", format!("can be open at once: {most} by default")),
        ("src/builder.rs", format!("can wait to be accepted: {backlog} by default")),
        ("src/builder.rs", format!("{line} by default")),
        ("src/builder.rs", format!("waits for a silent client: {silence} by default")),
        ("src/builder.rs", format!("that does not read: {write} by default")),
        ("src/builder.rs", format!("can go on after `shutdown()`: {drain} by default")),
    ]);
}

/// Linux gives a process 65,530 memory maps, and a thread takes four.
#[test]
fn the_number_of_threads_is_the_same_on_every_page() {
    assert_eq!(65_530 / 4 / 1000, 16);
    pages_say(&[
        ("lessons/platforms.md", "65,530".to_owned()),
        ("lessons/platforms.md", "there can be about 16,000 threads".to_owned()),
        (
            "lessons/reliability.md",
            "More than about 16,000 threads of your own".to_owned(),
        ),
        (
            "lessons/performance.md",
            "65,530 of them. In a trial by hand, 16,000 connections".to_owned(),
        ),
        ("src/builder.rs", "about 16,000 threads".to_owned()),
        ("src/state/threads.rs", "about 16,000 on Linux".to_owned()),
    ]);
}

#[test]
fn the_readme_and_the_index_list_the_same_lessons() {
    let list = lessons("lessons/README.md");
    assert!(list.len() >= 18, "{list:?}");
    assert_eq!(lessons("README.md"), list, "README.md, and lessons/README.md");
    let hours = list.iter().map(|(_, minutes)| minutes).sum::<u32>().div_ceil(60);
    let count = WORDS[list.len()];
    pages_say(&[
        ("README.md", format!("{count} lessons on network programming")),
        ("README.md", format!("about {hours} hours in all")),
    ]);
    let changes = words_of("CHANGELOG.md").to_lowercase();
    assert!(changes.contains(&format!("{count} lessons")), "CHANGELOG.md");
}

#[test]
fn the_readme_says_what_the_manifest_says() {
    let manifest = std::fs::read_to_string(file("Cargo.toml")).unwrap();
    let version = manifest.split("rust-version = \"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    pages_say(&[("README.md", format!("**Rust {version}** or newer"))]);

    let crates = |depth: &str, features: &str| {
        let args = ["tree", "--package=socketserver", "--edges=normal,build"];
        let more = ["--prefix=none", "--format={p}", depth, features];
        let printed = succeed(&mut cargo(&file("."), &[&args[..], &more].concat()));
        let mut names: Vec<_> =
            printed.lines().filter(|line| !line.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names.len() - 1 // not this one
    };
    if cfg!(target_os = "linux") {
        let direct = crates("--depth=1", "--features=");
        let all = crates("--depth=99", "--features=");
        let with_tls = crates("--depth=99", "--features=tls");
        let (direct_word, more) = (capital(WORDS[direct]), WORDS[all - direct]);
        let sentence = format!(
            "**{direct_word} dependencies**, which bring in {more} more on Linux"
        );
        // One of them is `rustls`.
        let for_tls = WORDS[with_tls - all - 1];
        let tls = format!("brings in `rustls` and {for_tls} more crates");
        pages_say(&[("README.md", sentence), ("README.md", tls)]);
    }
}

/// `word` at the beginning of a sentence.
fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
