//! Transcripts in the notes are really run, and the output must be what the note shows.
//!
//! ````text
//! ```console
//! server$ cargo run --example 02_echo -- serve
//! listening on 127.0.0.1:65432 (Ctrl-C stops it)
//! client$ cargo run --example 02_echo -- client
//! received Hello, world
//! server> 127.0.0.1:[PORT] connected
//! server^C
//! ```
//! ````
//!
//! | line | meaning |
//! |---|---|
//! | `$ command`, `server$ command`, `client2$ command` | starts a program: an actor |
//! | `server> text` | the next line that this actor prints |
//! | `client< Your line: Hello` | waits for the prompt, then types the rest |
//! | `client<< Hello` | types this, without a prompt |
//! | `client^D` | ends the actor's input |
//! | `server^C` | presses Ctrl-C |
//! | anything else | the next line that the last-named actor prints |
//!
//! `[..]` matches anything, `[PORT]` a port, and `[MS]` a number. `[...]` on a line of
//! its own matches any number of lines, up to the next one that is shown. Above the
//! fence, there can be `<!-- unordered -->` (the lines can come in any order),
//! `<!-- status: 2 -->` (the exit status of the last program that ends by itself),
//! `<!-- not run: why -->` and `<!-- needs: program -->`. The steps happen in the order
//! in which they are written: each step waits until all lines before it have been
//! printed. Servers run on free ports, and the test puts the default address back into
//! the output.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::files::{buildable, fence, lessons, needs, pages, read, short};
use super::programs::{self, DEADLINE, Program, closed_port, listening};

/// One `console` block of a page.
#[derive(Debug, Default)]
struct Block {
    /// Where it is, for the complaints.
    at: String,
    /// Its lines.
    lines: Vec<String>,
    /// Whether an actor's lines can come in any order.
    unordered: bool,
    /// The exit status of the last program that ends by itself.
    status: i32,
    /// Whether the page says why this isn't run.
    skipped: bool,
}

/// Runs all transcripts of all pages, several at a time.
pub(crate) fn transcripts(root: &Path) -> Vec<String> {
    let mut blocks = Vec::new();
    for page in pages(root) {
        let text = read(&page).unwrap_or_default();
        blocks.extend(blocks_of(&text, &short(&page, root)));
    }
    let _ = programs::example(""); // builds everything before the clocks run
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if let Err(complaint) = play(root, block) {
                        let complaint = format!("{}: {complaint}", block.at);
                        complaints.lock().push(complaint);
                    }
                }
            });
        }
    });
    let mut complaints = complaints.into_inner();
    complaints.sort();
    complaints
}

/// The `console` blocks of a page.
fn blocks_of(text: &str, name: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut next = Block::default();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(comment) =
            line.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"))
        {
            match comment.trim().split_once(':') {
                None if comment.trim() == "unordered" => next.unordered = true,
                Some(("status", number)) => {
                    next.status = number.trim().parse().unwrap_or(-1)
                }
                Some(("not run", _)) => next.skipped = true,
                Some(("needs", program)) => {
                    next.skipped |= !programs::is_there(program.trim());
                }
                _ => {}
            }
        } else if let Some((ticks, language)) = fence(line) {
            let body = lines.by_ref().map(|(_, line)| line.to_owned());
            let body: Vec<String> =
                body.take_while(|line| !line.starts_with(ticks)).collect();
            if language == "console" {
                next.at = format!("{name}:{}", index + 2);
                next.lines = body;
                blocks.push(std::mem::take(&mut next));
            }
            next = Block::default();
        } else if !line.trim().is_empty() {
            next = Block::default();
        }
    }
    blocks
}

/// What one line of a block asks for.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    /// Start a program.
    Start(&'a str, &'a str),
    /// See a line, of this actor or of the last one.
    See(Option<&'a str>, &'a str),
    /// Wait for the prompt at its beginning, then type the rest.
    Answer(&'a str, &'a str),
    /// Type a line.
    Type(&'a str, &'a str),
    /// End an actor's input.
    End(&'a str),
    /// Press Ctrl-C.
    Interrupt(&'a str),
}

/// Reads one line of a block.
fn step(line: &str) -> Step<'_> {
    let is_actor = |name: &str| {
        let word = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        ["", "server", "client"].contains(&word) && (!word.is_empty() || name.is_empty())
    };
    let split = |mark| line.split_once(mark).filter(|(name, _)| is_actor(name));
    if let Some((name, command)) = split("$ ") {
        Step::Start(name, command)
    } else if let Some((name, "")) = split("^C") {
        Step::Interrupt(name)
    } else if let Some((name, "")) = split("^D") {
        Step::End(name)
    } else if let Some((name, text)) = split("<< ").filter(|(name, _)| !name.is_empty())
    {
        Step::Type(name, text)
    } else if let Some((name, text)) = split("< ").filter(|(name, _)| !name.is_empty()) {
        Step::Answer(name, text)
    } else if let Some((name, text)) = split("> ").filter(|(name, _)| !name.is_empty()) {
        Step::See(Some(name), text)
    } else {
        Step::See(None, line)
    }
}

/// One program of a block.
struct Actor {
    /// Its name in the block.
    name: String,
    /// The process.
    program: Program,
    /// Whether it's a server, which doesn't end by itself.
    serves: bool,
    /// Whether Ctrl-C was pressed.
    interrupted: bool,
    /// Whether it shows what is typed into it from a pipe (see `support::ask`).
    echoes: bool,
    /// A line that was read already, to learn the address.
    first: Option<String>,
    /// Whether there can be lines that the block doesn't show, see `[...]`.
    skips: bool,
}

/// The address where programs of a block meet.
struct Address {
    /// As the note shows it.
    shown: String,
    /// As it is.
    real: String,
    /// Whether it's the lesson's own, which commands leave out.
    default: bool,
}

/// A block while it runs.
struct Stage<'a> {
    /// The project that the page belongs to.
    root: &'a Path,
    /// The programs that were started, in that order.
    actors: Vec<Actor>,
    /// The addresses of the servers.
    addresses: Vec<Address>,
    /// The sockets that hold a port on which nothing listens.
    closed: Option<programs::Closed>,
    /// When everything must have ended.
    end: Instant,
}

/// Runs one block.
fn play(root: &Path, block: &Block) -> Result<(), String> {
    if block.skipped {
        return Ok(());
    }
    let end = Instant::now() + DEADLINE;
    let mut stage = Stage { root, actors: vec![], addresses: vec![], closed: None, end };
    let mut speaker = String::new();
    let mut lines = block.lines.iter();
    while let Some(line) = lines.next() {
        match step(line) {
            Step::Start(name, command) => {
                if !stage.start(name, command)? {
                    return Ok(()); // no python3, as announced once
                }
                speaker = name.to_owned();
            }
            Step::See(name, text) => {
                if let Some(name) = name {
                    speaker = name.to_owned();
                }
                if text == "[...]" {
                    stage.actor(&speaker)?.skips = true;
                    continue;
                }
                let mut wanted = vec![text];
                let more = lines.clone().map_while(|line| match step(line) {
                    Step::See(None, text) => Some(text),
                    Step::See(Some(name), text) if name == speaker => Some(text),
                    _ => None,
                });
                if block.unordered {
                    wanted.extend(more);
                    for _ in 1..wanted.len() {
                        lines.next();
                    }
                }
                stage.see(&speaker, wanted)?;
            }
            Step::Answer(name, line) => {
                speaker = name.to_owned();
                let end = stage.end;
                let program = &mut stage.actor(name)?.program;
                let prompt = program.prompt(line, end)?;
                let Some(typed) =
                    line.strip_prefix(&prompt).filter(|_| !prompt.is_empty())
                else {
                    return Err(format!(
                        "the prompt is `{prompt}`, and not that of: {line}"
                    ));
                };
                program.type_line(typed)?;
                if stage.actor(name)?.echoes {
                    stage.see(name, vec![typed])?;
                }
            }
            Step::Type(name, text) => {
                speaker = name.to_owned();
                stage.actor(name)?.program.type_line(text)?;
            }
            Step::End(name) => {
                speaker = name.to_owned();
                stage.actor(name)?.program.close_input();
            }
            Step::Interrupt(name) => {
                speaker = name.to_owned();
                thread::sleep(Duration::from_millis(20)); // lines that nobody expects
                let actor = stage.actor(name)?;
                actor.interrupted = true;
                actor.program.interrupt()?;
            }
        }
    }
    stage.finish(block.status)
}

impl Stage<'_> {
    /// Starts a program. Returns `false` if it needs Python, one of Python's packages,
    /// or another package of this workspace, that isn't here.
    fn start(&mut self, name: &str, line: &str) -> Result<bool, String> {
        let words = split_words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (mut command, lesson, args) = match words[..] {
            ["cargo", "run", "--example", lesson, ref rest @ ..]
            | ["cargo", "run", "-q", "--example", lesson, ref rest @ ..] => {
                let needs = needs(lesson);
                let Some(args) = rest.strip_prefix(needs) else {
                    return Err(format!("{lesson} needs {} here", needs.join(" ")));
                };
                let args = args.strip_prefix(&["--"]).unwrap_or(args);
                let (all, here) = (lessons(self.root), buildable(self.root));
                if all.iter().any(|it| it == lesson)
                    && !here.iter().any(|it| it == lesson)
                {
                    return Ok(false);
                }
                (Command::new(programs::example(lesson)), lesson, args)
            }
            ["python3", script, ref args @ ..]
                if script.starts_with("lessons/python/") =>
            {
                let lesson = script.trim_start_matches("lessons/python/");
                let lesson = lesson.trim_end_matches(".py");
                let Some(python) = programs::python_for(lesson) else {
                    return Ok(false);
                };
                let mut command = Command::new(python);
                command.arg(script);
                (command, lesson, args)
            }
            _ => {
                return Err(format!(
                    "the test cannot run `{line}`: it knows `cargo run --example ..` and \
                     `python3 lessons/python/..`. Put `<!-- not run: WHY -->` above the fence."
                ));
            }
        };
        let serves = args.first() == Some(&"serve");
        let echoes = words[0] == "cargo";
        command.current_dir(self.root);
        let shown = shown_address(lesson, args);
        command.args(self.mapped(args, serves, shown.as_ref())?);
        let mut actor = Actor {
            name: name.to_owned(),
            program: Program::start(&mut command)?,
            serves,
            interrupted: false,
            echoes,
            first: None,
            skips: false,
        };
        if serves {
            let first = actor.program.line(self.end)?;
            let real = first.as_deref().and_then(listening);
            if let (Some(real), Some((shown, default))) = (real, shown) {
                self.addresses
                    .insert(0, Address { shown, real: real.to_string(), default });
            }
            actor.first = first;
        }
        self.actors.push(actor);
        Ok(true)
    }

    /// The arguments, with the addresses at which the programs really meet.
    fn mapped(
        &mut self,
        args: &[&str],
        serves: bool,
        shown: Option<&(String, bool)>,
    ) -> Result<Vec<String>, String> {
        let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let role = args.first().map(String::as_str);
        let (Some((shown, default)), Some("serve" | "client")) = (shown, role) else {
            return Ok(args);
        };
        let known = self.addresses.iter().find(|known| known.shown == *shown);
        let explicit = args.iter().any(|arg| arg.contains(shown.as_str()));
        let real = match (known, shown.parse::<SocketAddr>()) {
            (Some(known), _) => known.real.clone(), // a second server, or a client
            (None, Ok(mut addr)) if serves => {
                addr.set_port(0);
                addr.to_string()
            }
            (None, Ok(_)) if !explicit => {
                let (socket, addr) = closed_port()?;
                self.closed = Some(socket);
                let (shown, real) = (shown.clone(), addr.to_string());
                self.addresses.push(Address {
                    shown,
                    real: real.clone(),
                    default: *default,
                });
                real
            }
            _ => return Ok(args), // no address, and the note shows what happens
        };
        for known in &self.addresses {
            // Lesson 20 has a folder of files for each port.
            let [shown, real] = [&known.shown, &known.real].map(|addr| port(addr));
            for arg in &mut args {
                *arg =
                    arg.replace(&format!("20_tls/{shown}"), &format!("20_tls/{real}"));
            }
        }
        if explicit {
            for arg in &mut args {
                *arg = arg.replace(shown.as_str(), &real);
            }
        } else {
            args.splice(1..1, ["--addr".to_owned(), real]);
        }
        Ok(args)
    }

    /// The last actor of this name.
    fn actor(&mut self, name: &str) -> Result<&mut Actor, String> {
        let found = self.actors.iter_mut().rev().find(|actor| actor.name == name);
        found.ok_or_else(|| {
            format!("nobody is called `{name}`: start it with `{name}$ ..`.")
        })
    }

    /// What was printed, as the note would show it.
    fn as_shown(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for Address { shown, real, default } in &self.addresses {
            if *default {
                line = line.replace(&format!(" --addr {real}"), "");
            }
            line = line.replace(real, shown).replace(port(real), port(shown));
        }
        line
    }

    /// Checks that an actor prints these lines now; several lines can come in any order.
    fn see(&mut self, name: &str, wanted: Vec<&str>) -> Result<(), String> {
        let end = self.end;
        let mut printed = Vec::new();
        for text in &wanted {
            printed.push(loop {
                let actor = self.actor(name)?;
                let skips = actor.skips;
                let line = match actor.first.take() {
                    Some(line) => Ok(Some(line)),
                    None => actor.program.line(end),
                };
                let line =
                    line.map_err(|error| format!("{error}\n  expected: {text}"))?;
                let Some(line) = line else {
                    return Err(different(
                        name,
                        text,
                        "(nothing: the program has ended)",
                    ));
                };
                let line = self.as_shown(&line);
                if !skips || is_like(&line, text) {
                    self.actor(name)?.skips = false;
                    break line;
                }
            });
        }
        // Exact lines first, so that a `[..]` doesn't match another line's output.
        let mut wanted = wanted;
        wanted.sort_by_key(|text| text.contains('['));
        for text in &wanted {
            match printed.iter().position(|line| is_like(line, text)) {
                Some(at) => drop(printed.remove(at)),
                None => {
                    return Err(different(name, text, &printed.join("\n            ")));
                }
            }
        }
        Ok(())
    }

    /// Waits for the programs that end by themselves, and checks that they printed
    /// nothing more.
    fn finish(mut self, status: i32) -> Result<(), String> {
        let last = self.actors.iter().rposition(|actor| !actor.serves || status != 0);
        for index in 0..self.actors.len() {
            let end = self.end;
            let actor = &mut self.actors[index];
            let wanted = if Some(index) == last { status } else { 0 };
            let mut rest: Vec<String> = actor.first.take().into_iter().collect();
            if actor.serves && !actor.interrupted && wanted == 0 {
                thread::sleep(Duration::from_millis(20)); // lines that nobody expects
                if actor.program.has_ended() {
                    return Err(format!(
                        "`{}` has ended, and it is a server.",
                        actor.name
                    ));
                }
                rest.extend(actor.program.lines_now());
            } else {
                let ended = actor.program.status(end)?;
                rest.extend(actor.program.rest(end)?);
                let by_signal = actor.interrupted
                    && ended.code().is_none_or(|code| code == 130 || cfg!(not(unix)));
                if !by_signal && ended.code() != Some(wanted) {
                    return Err(format!(
                        "`{}` ended with {ended}, not with {wanted}. It printed: {}\nCorrect \
                         the program, or put `<!-- status: N -->` above the fence.",
                        actor.name,
                        rest.join("\n")
                    ));
                }
            }
            if let Some(line) = rest.first() {
                let line = self.as_shown(line);
                return Err(different(
                    &self.actors[index].name,
                    "(nothing more)",
                    &line,
                ));
            }
        }
        Ok(())
    }
}

/// The address of a command: its `--addr`, or the lesson's own. Also whether it's the
/// lesson's own.
fn shown_address(lesson: &str, args: &[&str]) -> Option<(String, bool)> {
    let help = Command::new(programs::example(lesson)).arg("--help").output().ok()?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let (_, rest) = help.split_once("--addr HOST:PORT")?;
    let default = rest.split_once("(default ")?.1.split_once(')')?.0;
    let given =
        args.iter().position(|arg| *arg == "--addr").and_then(|at| args.get(at + 1));
    let shown = given.copied().unwrap_or(default);
    Some((shown.to_owned(), shown == default))
}

/// The port of an address. (A note can also show an address without one, as a mistake.)
fn port(addr: &str) -> &str {
    addr.rsplit_once(':').map_or(addr, |(_, port)| port)
}

/// The complaint about a line that differs from the note.
fn different(name: &str, expected: &str, printed: &str) -> String {
    let who = if name.is_empty() { "the program" } else { name };
    format!(
        "{who} prints something else.\n  expected: {expected}\n  printed:  {printed}\nRun \
         the command yourself, then correct the note (or the program, if the note is right)."
    )
}

/// Splits a command as a shell does: quotes hold words together.
fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => (quote, begun) = (Some(letter), true),
            (None, ' ') if begun => {
                words.push(std::mem::take(&mut word));
                begun = false;
            }
            (None, ' ') => {}
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Whether a printed line matches a pattern with `[..]`, `[PORT]` and `[MS]`.
fn is_like(line: &str, pattern: &str) -> bool {
    matches(line.trim_end(), pattern.trim_end())
}

/// See [`is_like`].
fn matches(line: &str, pattern: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("[..]") {
        let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        return ends.any(|at| matches(&line[at..], rest));
    }
    let number = [("[PORT]", ""), ("[MS]", ".")]
        .iter()
        .find_map(|(mark, point)| Some((pattern.strip_prefix(mark)?, point)));
    if let Some((rest, point)) = number {
        let is_digit = |letter: char| letter.is_ascii_digit() || point.contains(letter);
        let without = line.trim_start_matches(is_digit);
        return without.len() < line.len() && matches(without, rest);
    }
    match (line.chars().next(), pattern.chars().next()) {
        (None, None) => true,
        (Some(left), Some(right)) if left == right => {
            matches(&line[left.len_utf8()..], &pattern[right.len_utf8()..])
        }
        _ => false,
    }
}

#[test]
fn patterns_stand_for_what_changes() {
    assert!(is_like(
        "127.0.0.1:5000 left after 3.25 ms ",
        "127.0.0.1:[PORT] left after [MS] ms"
    ));
    assert!(is_like("one two three", "one [..]ee"));
    assert!(!is_like("one two", "one"));
    assert!(!is_like("port x", "port [PORT]"));
    assert!(is_like("[1, 2]", "[1, 2]"));
}

#[test]
fn steps_are_read() {
    assert_eq!(step("$ ls"), Step::Start("", "ls"));
    assert_eq!(step("client2$ ls -l"), Step::Start("client2", "ls -l"));
    assert_eq!(step("server> text"), Step::See(Some("server"), "text"));
    assert_eq!(step("server | text > more"), Step::See(None, "server | text > more"));
    assert_eq!(step("client< Name: Ada"), Step::Answer("client", "Name: Ada"));
    assert_eq!(step("client<< Ada"), Step::Type("client", "Ada"));
    assert_eq!(step("server^C"), Step::Interrupt("server"));
    assert_eq!(step("client^D"), Step::End("client"));
    assert_eq!(step("it cost 5$ more"), Step::See(None, "it cost 5$ more"));
    assert_eq!(split_words("a \"b c\" '' d"), ["a", "b c", "", "d"]);
}
