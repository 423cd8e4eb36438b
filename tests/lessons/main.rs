//! The course is true: every excerpt, every transcript, every link and every program.
//!
//! The checks live in `tests/course`; the last section of this file breaks copies of the
//! course, and checks that they notice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use course::interop::{Over, Talk, talk};
use course::programs::{self, DEADLINE, Program, closed_port, run, taken_port};
use course::{
    english, excerpts, files, form, links, nothing_to_complain, pictures, transcripts,
};

#[path = "../course/mod.rs"]
mod course;
#[path = "../../examples/nonblocking/mod.rs"]
mod nonblocking; // this and the next two contain tests
#[path = "../../examples/chat/screen.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod screen;
#[path = "../../examples/select/mod.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod select;
#[path = "../../examples/support/mod.rs"]
mod support;

/// The conversations that must have the same bytes in Python and Rust. A new lesson adds
/// its own.
const TALKS: &[Talk] = &[
    Talk {
        lesson: "01_greeting",
        over: Over::Tcp,
        words: &[],
        typed: "",
        sends: b"",
        answers: b"Thank you for connecting",
    },
    Talk {
        lesson: "02_echo",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"Hello, world",
    },
    Talk {
        lesson: "02_echo",
        over: Over::Tcp,
        words: &["h\u{e9}, \u{4e16}\u{754c}"],
        typed: "",
        sends: "h\u{e9}, \u{4e16}\u{754c}".as_bytes(),
        answers: "h\u{e9}, \u{4e16}\u{754c}".as_bytes(),
    },
    Talk {
        lesson: "03_udp",
        over: Over::Udp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"OK...Hello, world",
    },
    Talk {
        lesson: "03_udp",
        over: Over::Udp,
        words: &[""],
        typed: "",
        sends: b"<empty>", // this is how the relay writes it down
        answers: b"OK...",
    },
    Talk {
        lesson: "05_closing",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"12 bytes", // only after the client has closed its half
    },
    Talk {
        lesson: "06_one_at_a_time",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"Hello, world",
    },
    Talk {
        lesson: "06_one_at_a_time",
        over: Over::Tcp,
        words: &[],
        typed: "one\ntwo\n",
        sends: b"onetwo",
        answers: b"onetwo",
    },
    Talk {
        lesson: "09_reverse",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "y\nabc\nn\n",
        sends: b"Hello, worldabc",
        answers: b"dlrow ,olleHcba",
    },
    Talk {
        lesson: "09_reverse",
        over: Over::Tcp,
        words: &["\u{e9}"],
        typed: "n\n",
        sends: b"\xc3\xa9",
        answers: b"\xa9\xc3",
    },
    Talk {
        lesson: "10_print_lock",
        over: Over::Tcp,
        words: &["Good", "morning"],
        typed: "y\n",
        sends: b"Good morning",
        answers: b"gninrom dooG",
    },
    Talk {
        lesson: "11_threaded_server",
        over: Over::Tcp,
        words: &["Hello,", "w\u{f6}rld"],
        typed: "",
        sends: "Hello, w\u{f6}rld\n".as_bytes(),
        answers: "HELLO, W\u{f6}RLD\n".as_bytes(), // ASCII letters only
    },
    Talk {
        lesson: "12_threaded_udp",
        over: Over::Udp,
        words: &[" \t\x0b\x0c\r\nHello,", "w\u{f6}rld \x0b\n"],
        typed: "",
        sends: " \t\x0b\x0c\r\nHello, w\u{f6}rld \x0b\n".as_bytes(),
        answers: "HELLO, W\u{f6}RLD".as_bytes(),
    },
    Talk {
        lesson: "12_threaded_udp",
        over: Over::Udp,
        words: &[" \n\x0b"],
        typed: "",
        sends: b" \n\x0b",
        answers: b"<empty>", // this is how the relay writes it down
    },
    Talk {
        lesson: "13_graceful_shutdown",
        over: Over::Tcp,
        words: &["one", "two"],
        typed: "",
        sends: b"one two\n",
        answers: b"one\ntwo\n",
    },
    Talk {
        lesson: "14_chat",
        over: Over::Tcp,
        words: &[],
        typed: "Is anybody here?\n/who\n/nick ada\n/nick h\u{e9} h\u{e9}\n/dance\n\n/quit\n",
        sends:
            "Is anybody here?\n/who\n/nick ada\n/nick h\u{e9} h\u{e9}\n/dance\n\n/quit\n"
                .as_bytes(),
        answers: b"-- you are guest-1: /nick NAME, /who, /quit\n\
            -- here: guest-1\n\
            -- guest-1 is now ada\n\
            -- a name has 1 to 20 letters, digits, - or _\n\
            -- there is no /dance, but /nick NAME, /who, /quit\n\
            -- goodbye\n",
    },
    Talk {
        lesson: "15_support_bot",
        over: Over::Tcp,
        words: &["no", "na \u{fffd}ve", "Yes!"],
        typed: "",
        sends: "no\nna \u{fffd}ve\nYes!\n".as_bytes(),
        answers: "Hello! I am the support bot of Hillside Internet.\n\
            Is the cable plugged in, at the router and at the wall? (yes, no)\n> \
            Please plug it in, at both ends, and wait for two minutes.\n\
            Does the internet work now? (yes, no)\n> \
            I do not understand \"na \u{fffd}ve\". Please answer: yes, no.\n> \
            I am glad to hear it. The diagnosis: a cable had come loose.\nGoodbye.\n"
            .as_bytes(),
    },
    Talk {
        lesson: "15_support_bot",
        over: Over::Udp,
        words: &["--udp", "yes", "off", "no"],
        typed: "",
        sends: b"helloyesoffno",
        answers: b"Hello! I am the support bot of Hillside Internet.\n\
            Is the cable plugged in, at the router and at the wall? (yes, no)\n> \
            Look at the router. What colour are its lights? (green, red, off)\n> \
            So it has no power. Please try another socket in the wall.\n\
            Are there any lights now? (yes, no)\n> \
            The diagnosis: the router is broken. I have opened ticket 1001: a new one will \
            come\nby mail.\nGoodbye.\n",
    },
    Talk {
        lesson: "17_nonblocking",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"",
    },
    Talk {
        lesson: "18_select",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"Hello, world",
    },
    Talk {
        lesson: "21_limits",
        over: Over::Tcp,
        words: &["Hello,", "world"],
        typed: "",
        sends: b"Hello, world",
        answers: b"Hello, world",
    },
];

// ---- The notes ------------------------------------------------------------------------

#[test]
fn every_excerpt_is_the_code() {
    nothing_to_complain(current_excerpts());
}

/// The complaints about excerpts, after overwriting them if the user asked for that.
fn current_excerpts() -> &'static [String] {
    static COMPLAINTS: OnceLock<Vec<String>> = OnceLock::new();
    COMPLAINTS.get_or_init(|| excerpts::excerpts(&files::root(), overwrite()))
}

/// Whether to correct what can be generated.
fn overwrite() -> bool {
    std::env::var("LESSONS").is_ok_and(|value| value == "overwrite")
}

#[test]
fn every_picture_is_on_the_site() {
    nothing_to_complain(current_pictures());
}

/// The complaints about pictures, after overwriting them if the user asked for that.
fn current_pictures() -> &'static [String] {
    static COMPLAINTS: OnceLock<Vec<String>> = OnceLock::new();
    COMPLAINTS.get_or_init(|| pictures::pictures(&files::root(), overwrite()))
}

#[test]
fn every_transcript_is_what_happens() {
    nothing_to_complain(&transcripts::transcripts(&files::root()));
}

#[test]
fn every_lesson_is_complete() {
    nothing_to_complain(&files::completeness(&files::root()));
}

#[test]
fn the_teachers_minutes_add_up() {
    nothing_to_complain(&files::hours(&files::root()));
}

#[test]
fn every_link_leads_somewhere() {
    nothing_to_complain(&links::links(&files::root()));
}

#[test]
fn every_lesson_has_its_form() {
    nothing_to_complain(&form::form(&files::root()));
}

/// CONTRIBUTING has ten rules for plain English. This finds what a search can find.
#[test]
fn the_english_is_plain() {
    nothing_to_complain(&english::english(&files::root()));
}

// ---- The programs ---------------------------------------------------------------------

#[test]
fn every_demonstration_ends_well_and_soon() {
    let complaints = files::buildable(&files::root())
        .iter()
        .filter_map(|name| {
            let mut command = Command::new(programs::example(name));
            demonstration(&mut command).err().map(|error| format!("{name}: {error}"))
        })
        .collect::<Vec<_>>();
    nothing_to_complain(&complaints);
}

#[test]
fn python_and_rust_say_the_same_bytes() {
    let here = files::buildable(&files::root());
    let talks = TALKS.iter().filter(|talk| here.iter().any(|name| name == talk.lesson));
    let complaints: Vec<String> = talks.flat_map(talk).collect();
    nothing_to_complain(&complaints);
}

#[test]
fn every_python_version_explains_itself() -> Result<(), String> {
    for name in files::numbered(&files::root().join("lessons/python"), "py") {
        let Some(python) = programs::python_for(&name) else { continue };
        let mut command = Command::new(python);
        command.arg(format!("lessons/python/{name}.py")).arg("--help");
        let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
        assert!(output.status.success(), "{name}.py --help: {output:?}");
    }
    Ok(())
}

#[test]
fn a_python_version_answers_a_wrong_address_in_a_line() -> Result<(), String> {
    let (_closed, closed) = closed_port()?;
    let closed = closed.to_string();
    for name in files::numbered(&files::root().join("lessons/python"), "py") {
        let Some(python) = programs::python_for(&name) else { continue };
        let asked = |words: &[&str]| {
            let mut command = Command::new(python);
            command.arg(format!("lessons/python/{name}.py")).args(words);
            let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok::<_, String>((printed, output.status.code()))
        };
        if !asked(&["--help"])?.0.contains("{serve,client}") {
            continue;
        }
        for words in [
            ["serve", "--addr", "127.0.0.1:65536"],
            ["client", "--addr", "nonsense"],
            ["client", "--addr", &closed],
        ] {
            let (printed, status) = asked(&words)?;
            assert!(printed.contains("error: "), "{name}.py {words:?}: {printed}");
            assert!(!printed.contains("Traceback"), "{name}.py {words:?}: {printed}");
            assert_eq!(status, Some(1), "{name}.py {words:?}: {printed}");
        }
    }
    Ok(())
}

/// Runs a program of Python as if a package weren't installed.
const WITHOUT: &str = "import runpy, sys; sys.path.insert(0, 'lessons/python'); \
    sys.modules[sys.argv.pop(1)] = None; sys.argv.pop(0); \
    runpy.run_path(sys.argv[0], run_name='__main__')";

#[test]
fn a_python_version_says_which_package_it_needs() -> Result<(), String> {
    let Some(python) = programs::python() else { return Ok(()) };
    for name in files::numbered(&files::root().join("lessons/python"), "py") {
        let Some(package) = programs::package(&name) else { continue };
        let mut command = Command::new(python);
        command.args(["-c", WITHOUT, &package, &format!("lessons/python/{name}.py")]);
        let (output, _) = run(command.arg("serve"), Instant::now() + DEADLINE)?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}.py: {printed}");
        let install = format!("python3 -m pip install {package}");
        assert!(printed.contains(&install), "{name}.py: {printed}");
        assert_eq!(printed.lines().count(), 1, "{name}.py: {printed}");
    }
    Ok(())
}

#[test]
fn every_mistake_is_answered_in_words() -> Result<(), String> {
    let (_tcp, _udp, taken) = taken_port()?;
    let (_closed, closed) = closed_port()?;
    let (taken, closed) = (taken.to_string(), closed.to_string());
    for name in files::buildable(&files::root()) {
        let (help, status) = output(&name, &["--help"])?;
        assert_eq!(status, Some(0), "{name} --help:\n{help}");
        assert!(help.starts_with(&format!("{name}: ")), "{name} --help:\n{help}");

        let mut mistakes = vec![(vec!["--no-such-option"], "has no option")];
        if help.contains("-- serve") {
            mistakes.extend([
                (vec!["server"], "is not a way to run"),
                (vec!["serve", "--addr", taken.as_str()], "already listens on"),
                (vec!["serve", "--addr", "nonsense"], "is not an address"),
                (vec!["serve", "--addr", "no..host:4000"], "can be found"),
                (vec!["client", "--addr", "nonsense"], "is not an address"),
                (vec!["client", "--addr", "no..host:4000"], "can be found"),
                (vec!["client", "--addr", closed.as_str()], "Nobody listens on"),
            ]);
        }
        for (args, words) in mistakes {
            let (printed, status) = output(&name, &args)?;
            assert!(
                printed.contains(words),
                "{name} {args:?}, no `{words}` in:\n{printed}"
            );
            assert_eq!(status, Some(2), "{name} {args:?}: the exit status");
            assert!(
                sentences(&printed) >= 2,
                "{name} {args:?}: two sentences\n{printed}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_server_says_where_it_listens_and_how_to_reach_it() -> Result<(), String> {
    for name in files::buildable(&files::root()) {
        if !output(&name, &["--help"])?.0.contains("-- serve") {
            continue;
        }
        let mut command = Command::new(programs::example(&name));
        let (mut server, addr) =
            Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
        let hint = server.line(Instant::now() + DEADLINE)?.unwrap_or_default();
        let words =
            [&["cargo", "run", "--example", &name], files::needs(&name)].concat();
        let expected = format!("{} -- client --addr {addr}", words.join(" "));
        assert!(hint.ends_with(&expected), "{name} prints as its second line: {hint}");
        server.interrupt()?;
        server.status(Instant::now() + DEADLINE)?;
    }
    Ok(())
}

/// Runs a demonstration: status 0, under five seconds, and something on the screen.
fn demonstration(command: &mut Command) -> Result<(), String> {
    let (output, took) = run(command, Instant::now() + 3 * DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("it ended with {}. It printed:\n{printed}", output.status));
    }
    if printed.is_empty() {
        return Err("it prints nothing: show what happens with `say!`.".to_owned());
    }
    if took > longest_demonstration() {
        return Err(format!(
            "it took {took:?}: a demonstration takes under five seconds."
        ));
    }
    Ok(())
}

/// Five seconds; longer only if the machine has more to do than it can.
fn longest_demonstration() -> Duration {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let is_busy = load.is_some_and(|load| load > 2.0 * cores as f64);
    if is_busy { 3 * DEADLINE } else { Duration::from_secs(5) }
}

/// What an example prints with these arguments, and its exit status.
fn output(name: &str, args: &[&str]) -> Result<(String, Option<i32>), String> {
    let mut command = Command::new(programs::example(name));
    let (output, _) = run(command.args(args), Instant::now() + DEADLINE)
        .map_err(|error| format!("{name} {args:?}: {error}"))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

/// How many sentences a text has, more or less: ends of lines, and full stops inside.
fn sentences(text: &str) -> usize {
    text.lines().count() + text.matches(". ").count()
}

// ---- The checks are checked -----------------------------------------------------------

/// A copy of the course that a test can break.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> std::io::Result<Self> {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        for dir in ["examples", "benches", "lessons", "src", "tests"] {
            let from = files::root().join(dir);
            if from.exists() {
                copy_folder(&from, &copy.join(dir))?; // the package doesn't contain `benches`
            }
        }
        Ok(Self(copy))
    }

    fn change(&self, file: &str, from: &str, to: &str) -> std::io::Result<()> {
        let text = fs::read_to_string(self.0.join(file))?;
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(self.0.join(file), text.replacen(from, to, 1))
    }
}

/// Copies a folder with everything in it, except what was built there.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if entry.is_file() {
            fs::copy(entry, to.join(name))?;
        } else if name != "target" {
            copy_folder(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

/// Checks that some complaint contains all of these words.
fn complains(complaints: &[String], words: &[&str]) {
    let all = |complaint: &String| words.iter().all(|word| complaint.contains(word));
    assert!(complaints.iter().any(all), "no complaint has {words:?}: {complaints:#?}");
}

#[test]
fn a_changed_excerpt_is_noticed_and_overwritten() -> std::io::Result<()> {
    current_excerpts();
    let copy = Copy::new("excerpt")?;
    assert_eq!(excerpts::excerpts(&copy.0, false), [""; 0]);
    let before = fs::read_to_string(copy.0.join("lessons/02_echo.md"))?;
    copy.change("lessons/02_echo.md", "let mut total = 0;", "let mut total = 1;")?;
    complains(
        &excerpts::excerpts(&copy.0, false),
        &[
            "lessons/02_echo.md:",
            "total = 1",
            "total = 0",
            "LESSONS=overwrite cargo test",
        ],
    );
    assert_eq!(excerpts::excerpts(&copy.0, true), [""; 0]);
    assert_eq!(fs::read_to_string(copy.0.join("lessons/02_echo.md"))?, before);

    copy.change("lessons/02_echo.md", "02_echo.rs#echo", "02_echo.rs#nothing")?;
    complains(&excerpts::excerpts(&copy.0, false), &["has no part `nothing`: mark it"]);
    copy.change("lessons/02_echo.md", "02_echo.rs#nothing", "20_echo.rs#echo")?;
    complains(&excerpts::excerpts(&copy.0, false), &["no file examples/20_echo.rs"]);
    copy.change("lessons/02_echo.md", "```rust", "```rust,ignore")?;
    complains(&excerpts::excerpts(&copy.0, false), &["fence is ```rust or"]);
    Ok(())
}

#[test]
fn a_picture_that_is_not_on_the_site_is_noticed() -> std::io::Result<()> {
    current_pictures();
    let copy = Copy::new("picture")?;
    assert_eq!(pictures::pictures(&copy.0, false), [""; 0]);
    copy.change("lessons/10_print_lock.svg", "better 1", "worse 1")?;
    let site = "src/pages/pictures/10_print_lock.md";
    complains(&pictures::pictures(&copy.0, false), &[site, "LESSONS=overwrite"]);
    assert_eq!(pictures::pictures(&copy.0, true), [""; 0]);
    assert_eq!(pictures::pictures(&copy.0, false), [""; 0]);
    copy.change("lessons/10_print_lock.md", "![Timeline", "[Timeline")?;
    complains(&pictures::pictures(&copy.0, false), &["does not show its picture"]);
    let line = " \"10_print_lock.md\";";
    copy.change("src/pages/lessons.rs", line, ";")?;
    complains(&pictures::pictures(&copy.0, false), &["src/pages/lessons.rs", line]);
    copy.change("lessons/02_echo.md", "# 02", "<img src=\"x.svg\">\n\n# 02")?;
    complains(&pictures::pictures(&copy.0, false), &["02_echo.md", "no `<img`"]);
    Ok(())
}

#[test]
fn a_changed_line_of_output_is_noticed() -> std::io::Result<()> {
    let copy = Copy::new("output")?;
    for page in files::pages(&copy.0) {
        if !page.ends_with("02_echo.md") {
            fs::remove_file(page)?;
        }
    }
    let note = "lessons/02_echo.md";
    copy.change(
        note,
        "client | received Hello, world",
        "client | received Hello, moon",
    )?;
    complains(
        &transcripts::transcripts(&copy.0),
        &[
            "lessons/02_echo.md:",
            "Hello, moon",
            "received Hello, world",
            "correct the note",
        ],
    );
    // It also notices what a program prints and the note leaves out.
    let text = "```console\n$ cargo run --example 02_echo -- --help\n```\n";
    fs::write(copy.0.join(note), text)?;
    complains(&transcripts::transcripts(&copy.0), &["(nothing more)", "02_echo:"]);
    let text = "```console\n$ cargo run --example 02_echo -- --helo\n02_echo has no \
                option `--helo`.\n[..]\n```\n";
    fs::write(copy.0.join(note), text)?;
    complains(&transcripts::transcripts(&copy.0), &["exit status: 2", "status: N"]);
    let text = "```console\n$ nc 127.0.0.1 65432\n```\n";
    fs::write(copy.0.join(note), text)?;
    complains(&transcripts::transcripts(&copy.0), &["cannot run `nc", "not run: WHY"]);
    Ok(())
}

#[test]
fn what_is_typed_is_typed_at_its_prompt() -> std::io::Result<()> {
    if programs::python().is_none() {
        return Ok(());
    }
    let copy = Copy::new("typed")?;
    for page in files::pages(&copy.0) {
        fs::remove_file(page)?;
    }
    let script = "name = input('Your name: ')\nprint('Hello', name)\nwhile True:\n    \
                  try:\n        print('more', input())\n    except EOFError:\n        break\n";
    fs::write(copy.0.join("lessons/python/98_typed.py"), script)?;
    let note = copy.0.join("lessons/98_typed.md");
    let text = "```console\nclient$ python3 lessons/python/98_typed.py\n\
                client< Your name: Ada\nHello Ada\nclient<< and more\nmore and more\n\
                client^D\n```\n";
    fs::write(&note, text)?;
    assert_eq!(transcripts::transcripts(&copy.0), [""; 0]);
    fs::write(&note, text.replace("Your name:", "Name:"))?;
    complains(
        &transcripts::transcripts(&copy.0),
        &["98_typed.md:2", "the prompt is `Your name: `"],
    );
    Ok(())
}

#[test]
fn a_missing_file_of_a_lesson_is_noticed() -> std::io::Result<()> {
    let copy = Copy::new("missing")?;
    assert_eq!(files::completeness(&copy.0), [""; 0]);
    fs::write(copy.0.join("README.md"), "You need a terminal and some Rust.\n")?;
    complains(&files::completeness(&copy.0), &["need the same paragraph"]);
    fs::remove_file(copy.0.join("README.md"))?;
    fs::remove_file(copy.0.join("lessons/02_echo.md"))?;
    complains(
        &files::completeness(&copy.0),
        &["lessons/02_echo.md is missing", "Write it"],
    );
    fs::remove_file(copy.0.join("lessons/python/02_echo.py"))?;
    complains(&files::completeness(&copy.0), &["lessons/python/02_echo.py is missing"]);
    fs::write(copy.0.join("lessons/98_new.md"), "")?;
    complains(&files::completeness(&copy.0), &["examples/98_new.rs is missing"]);
    complains(
        &files::completeness(&copy.0),
        &["lessons/README.md doesn't name lesson 98"],
    );
    complains(
        &files::completeness(&copy.0),
        &["src/pages/lessons.rs doesn't name lesson 98"],
    );
    complains(
        &files::completeness(&copy.0),
        &["src/pages/labels.md doesn't name lesson 98"],
    );
    assert_eq!(files::hours(&copy.0), [""; 0]);
    copy.change("lessons/README.md", " | 25 | – |", " | 30 | – |")?;
    complains(&files::hours(&copy.0), &["**", "the sum of all"]);
    complains(&files::hours(&copy.0), &["01 02 04 05 06 take", "not 155"]);
    copy.change("lessons/README.md", "][lesson_02] | ", "][lesson_02] |  | ")?;
    complains(&files::completeness(&copy.0), &["a row needs", "lesson_02"]);
    Ok(())
}

#[test]
fn a_broken_link_is_noticed() -> std::io::Result<()> {
    let copy = Copy::new("link")?;
    fs::create_dir_all(copy.0.join("examples"))?;
    assert_eq!(links::links(&copy.0), [""; 0]);
    let note = "lessons/02_echo.md";
    copy.change(note, "[python]: ", "[lesson_02]: 02_echo.md#no-such-part\n[python]: ")?;
    complains(&links::links(&copy.0), &["lessons/02_echo.md:", "no such heading"]);
    copy.change(note, "[python]: python/02_echo.py", "[python]: python/20_echo.py")?;
    complains(&links::links(&copy.0), &["python/20_echo.py leads nowhere"]);
    copy.change(note, "[index]: ", "[indec]: ")?;
    complains(&links::links(&copy.0), &["[index] is not defined"]);
    complains(&links::links(&copy.0), &["does not know [indec]"]);
    fs::write(copy.0.join(note), "see [the index](README.md)\n")?;
    complains(&links::links(&copy.0), &["breaks on the documentation site"]);
    Ok(())
}

#[test]
fn a_note_or_an_example_out_of_form_is_noticed() -> std::io::Result<()> {
    let copy = Copy::new("form")?;
    assert_eq!(form::form(&copy.0), [""; 0]);
    copy.change(
        "lessons/02_echo.md",
        "two_writes_may_be_one_read",
        "two_writes_are_one",
    )?;
    complains(&form::form(&copy.0), &["02_echo.md", "no test `two_writes_are_one`"]);
    copy.change(
        "lessons/02_echo.md",
        "## You can now",
        "Next: [03][lesson_03].\n\n## Now",
    )?;
    complains(&form::form(&copy.0), &["02_echo.md", "doesn't lead on", "[lesson_03]"]);
    copy.change("lessons/02_echo.md", "## Predict", "## Guess")?;
    complains(&form::form(&copy.0), &["02_echo.md", "in this order", "Guess"]);
    copy.change("examples/02_echo.rs", "fn main", "//\nlet x = y.unwrap();\nfn main")?;
    complains(&form::form(&copy.0), &["02_echo.rs", "no `.unwrap()`"]);
    let long = format!("{}// {}\n", "let x = 1;\n".repeat(80), "-".repeat(90));
    fs::write(copy.0.join("examples/02_echo.rs"), format!("{long}\nmod support;\n"))?;
    complains(&form::form(&copy.0), &["81 lines of code: a lesson has fewer than 80"]);
    complains(&form::form(&copy.0), &["line 81 has 90 columns"]);
    fs::write(copy.0.join("examples/02_echo.rs"), long.repeat(2))?;
    complains(&form::form(&copy.0), &["160 lines of code: a lesson has fewer than 135"]);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_program_that_hangs_or_fails_is_noticed() -> Result<(), String> {
    let mut program = Program::start(Command::new("sleep").arg("60"))?;
    let soon = Instant::now() + Duration::from_millis(50);
    complains(
        &[program.line(soon).expect_err("a line")],
        &["it hangs", "Bound every wait"],
    );
    complains(&[program.status(soon).map(|_| ()).expect_err("an end")], &["it hangs"]);
    let hung =
        run(Command::new("sleep").arg("60"), soon).map(|_| ()).expect_err("an end");
    complains(&[hung], &["it hangs"]);

    let failed = demonstration(&mut Command::new("false")).expect_err("status 1");
    complains(&[failed], &["it ended with exit status: 1"]);
    let silent = demonstration(&mut Command::new("true")).expect_err("no output");
    complains(&[silent], &["prints nothing"]);
    Ok(())
}

#[test]
fn other_bytes_are_noticed() {
    let wrong = Talk { answers: b"Thank you", ..TALKS[0] };
    complains(
        &talk(&wrong),
        &["01_greeting", "other bytes than agreed", "agreed: Thank you"],
    );
}
